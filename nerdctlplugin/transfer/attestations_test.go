package transfer

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/registrytest"
)

// TestListReferrersBesideOthers: given another client that has read the list of referrers
// before this one's were in it, and writes it after that, the list has those of both.
func TestListReferrersBesideOthers(t *testing.T) {
	describe := func(content string) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(content), Size: int64(len(content))}
	}
	own, others, subject := describe("own"), describe("others"), digest.FromString("subject")
	written, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{others}})
	if err != nil {
		t.Fatal(err)
	}
	tag := strings.Replace(subject.String(), ":", "-", 1)
	s := registrytest.New(t)
	s.Overwrite = map[string][]byte{"x:" + tag: written}
	s.Start()
	err = registry{host: s.Host(), tracker: docker.NewInMemoryTracker()}.with(t.Context(), func(ctx context.Context, resolver remotes.Resolver) error {
		return listReferrers(ctx, resolver, s.Host()+"/x", subject, []ocispec.Descriptor{own})
	})
	if err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(s.Manifests["x:"+tag], &index); err != nil {
		t.Fatal(err)
	}
	for _, d := range []digest.Digest{own.Digest, others.Digest} {
		if !slices.ContainsFunc(index.Manifests, func(m ocispec.Descriptor) bool { return m.Digest == d }) {
			t.Errorf("the list has no %s: %v", d, index.Manifests)
		}
	}
}
