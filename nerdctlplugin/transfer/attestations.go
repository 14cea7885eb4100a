package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// attestations are the blobs of what a layout has to say about its image, each
// with the manifest last.
func attestations(ctx context.Context, s *source.Source) ([][]artifact.Blob, error) {
	if s.Layout == nil {
		return nil, nil
	}
	statements, strangers, err := s.Layout.Attestations()
	if err != nil {
		return nil, err
	}
	if len(strangers) > 0 {
		log.G(ctx).Warnf("%s: %s is about another image than the one in the layout, and is not pushed", s.Name, strings.Join(strangers, ", "))
	}
	var referrers [][]artifact.Blob
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		blobs, err := artifact.Referrer(s.Root, statements[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", s.Name, name, err)
		}
		referrers = append(referrers, blobs)
	}
	return referrers, nil
}

// pushReferrers pushes attestations of subject to a repository, so that its
// registry lists them.
func pushReferrers(ctx context.Context, resolver remotes.Resolver, repository string, subject digest.Digest, referrers [][]artifact.Blob) error {
	var manifests []ocispec.Descriptor
	for _, blobs := range referrers {
		for _, b := range blobs {
			if err := pushBlob(ctx, resolver, repository+"@"+b.Descriptor.Digest.String(), b); err != nil {
				return fmt.Errorf("push an attestation: %w", err)
			}
		}
		manifests = append(manifests, blobs[len(blobs)-1].Descriptor)
	}
	if len(manifests) == 0 {
		return nil
	}
	return listReferrers(ctx, resolver, repository, subject, manifests)
}

func pushBlob(ctx context.Context, resolver remotes.Resolver, ref string, b artifact.Blob) error {
	pusher, err := resolver.Pusher(ctx, ref)
	if err != nil {
		return err
	}
	writer, err := pusher.Push(ctx, b.Descriptor)
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = content.Copy(ctx, writer, b.Reader(), b.Descriptor.Size, b.Descriptor.Digest)
	return errors.Join(err, writer.Close())
}

// maxListings is how often a list of referrers is written that others write, too.
const maxListings = 5

// listReferrers makes sure that the manifests are found from their subject: a
// registry without the referrers API needs an index with the tag that the
// distribution specification says. Who else writes that index at the same time may
// have read it before, so it is read again.
func listReferrers(ctx context.Context, resolver remotes.Resolver, repository string, subject digest.Digest, manifests []ocispec.Descriptor) error {
	fetcher, err := resolver.Fetcher(ctx, repository+"@"+subject.String())
	if err != nil {
		return err
	}
	lister, ok := fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return fmt.Errorf("list the attestations of %s: %w", subject, errdefs.ErrNotImplemented)
	}
	tag := repository + ":" + strings.Replace(subject.String(), ":", "-", 1)
	for range maxListings {
		listed, err := lister.FetchReferrers(ctx, subject)
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("list the attestations of %s: %w", subject, err)
		}
		index, err := indexWith(listed, manifests)
		if index == nil || err != nil {
			return err
		}
		if err := pushBlob(ctx, resolver, tag+"@"+index.Descriptor.Digest.String(), *index); err != nil {
			return fmt.Errorf("push the list of attestations: %w", err)
		}
	}
	return nil
}

// indexWith is an index of what is listed and of manifests, nil when all are listed.
func indexWith(listed, manifests []ocispec.Descriptor) (*artifact.Blob, error) {
	added := slices.Clone(listed)
	for _, m := range manifests {
		if !slices.ContainsFunc(added, func(d ocispec.Descriptor) bool { return d.Digest == m.Digest }) {
			added = append(added, m)
		}
	}
	if len(added) == len(listed) {
		return nil, nil
	}
	encoded, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: added,
	})
	if err != nil {
		return nil, err
	}
	index := artifact.NewBlob(ocispec.MediaTypeImageIndex, encoded)
	return &index, nil
}
