package unpack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// NoPlatformError is returned for an index that has no manifest for Wasm, or
// none for the platform that was asked for.
type NoPlatformError struct {
	// Index is the index's descriptor.
	Index ocispec.Descriptor
	// Wanted is the platform that was asked for, empty for any that is Wasm.
	Wanted string
	// Offered are the platforms that there are.
	Offered []string
}

func (e *NoPlatformError) Error() string {
	wanted := cmp.Or(e.Wanted, "Wasm (for example wasip2/wasm)")
	if len(e.Offered) == 0 {
		return fmt.Sprintf("index %s has no manifests", e.Index.Digest)
	}
	return fmt.Sprintf("index %s has no manifest for %s, only for %s", e.Index.Digest, wanted, strings.Join(e.Offered, ", "))
}

// AmbiguousError is returned for an index with several manifests that are as
// good as each other.
type AmbiguousError struct {
	// Index is the index's descriptor.
	Index ocispec.Descriptor
	// Manifests are the ones to choose from, in its order.
	Manifests []ocispec.Descriptor
}

func (e *AmbiguousError) Error() string {
	var list []string
	for _, m := range e.Manifests {
		list = append(list, fmt.Sprintf("%s (%s)", m.Digest, platforms.Format(*m.Platform)))
	}
	return fmt.Sprintf("index %s has several manifests for Wasm: %s: name the one that you want by its digest, or by --platform where that differs",
		e.Index.Digest, strings.Join(list, ", "))
}

// Is makes errors.Is(err, artifact.ErrNoWasm) true.
func (e *NoPlatformError) Is(target error) bool { return target == artifact.ErrNoWasm }

// Choose finds and checks the artifact that a descriptor leads to: the one
// manifest, or of an index the one that fits platform, or when that is empty
// the best one for Wasm. It returns a NoPlatformError, an AmbiguousError, or what
// artifact.Read returns.
func Choose(ctx context.Context, f artifact.Fetcher, root ocispec.Descriptor, platform string) (*artifact.Artifact, error) {
	return choose(ctx, f, root, platform, anyOf)
}

// choose is Choose among those manifests of an index that are available.
func choose(ctx context.Context, f artifact.Fetcher, root ocispec.Descriptor, platform string, available func(ocispec.Descriptor) bool) (*artifact.Artifact, error) {
	manifests, err := manifestsOf(ctx, f, root)
	if err != nil {
		return nil, err
	}
	return chooseAmong(ctx, f, root, manifests, platform, available)
}

// manifestsOf are those of a root that is an index, none of one that is not.
func manifestsOf(ctx context.Context, f artifact.Fetcher, root ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if !artifact.IsIndex(root.MediaType) {
		return nil, nil
	}
	index, err := artifact.ReadIndex(ctx, f, root)
	return index.Manifests, err
}

// anyOf takes all manifests of an index for available.
func anyOf(ocispec.Descriptor) bool { return true }

// chooseAmong is choose when the manifests of the root are known.
func chooseAmong(ctx context.Context, f artifact.Fetcher, root ocispec.Descriptor, manifests []ocispec.Descriptor, platform string, available func(ocispec.Descriptor) bool) (*artifact.Artifact, error) {
	if !artifact.IsIndex(root.MediaType) {
		a, err := artifact.Read(ctx, f, root)
		if err != nil {
			return nil, err
		}
		return a, checkPlatform(a, platform)
	}
	candidates, err := candidates(root, slices.DeleteFunc(slices.Clone(manifests), func(m ocispec.Descriptor) bool { return !available(m) }), platform)
	if err != nil {
		return nil, err
	}
	for _, candidate := range candidates {
		a, err := artifact.Read(ctx, f, candidate)
		switch {
		case errors.Is(err, artifact.ErrNoWasm) && candidate.Platform == nil:
			continue // it did not claim to be Wasm
		case err != nil:
			return nil, err
		}
		if checkPlatform(a, platform) == nil {
			return a, nil
		}
	}
	return nil, &NoPlatformError{Index: root, Wanted: platform, Offered: offered(manifests)}
}

// candidates are the manifests of an index that may be Wasm, best first.
func candidates(index ocispec.Descriptor, manifests []ocispec.Descriptor, platform string) ([]ocispec.Descriptor, error) {
	matches := func(ocispec.Platform) bool { return true }
	if platform != "" {
		wanted, err := platforms.Parse(platform)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", platform, err)
		}
		matches = platforms.OnlyStrict(wanted).Match
	}
	var found []ocispec.Descriptor
	for _, m := range manifests {
		if !artifact.IsManifest(m.MediaType) {
			continue
		}
		if _, ok := artifact.WasmRank(m.Platform); m.Platform == nil || ok && matches(*m.Platform) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, &NoPlatformError{Index: index, Wanted: platform, Offered: offered(manifests)}
	}
	slices.SortStableFunc(found, func(a, b ocispec.Descriptor) int {
		first, _ := artifact.WasmRank(a.Platform)
		second, _ := artifact.WasmRank(b.Platform)
		return cmp.Compare(first, second)
	})
	return found, ambiguity(index, found)
}

// ambiguity returns an AmbiguousError when the first of the candidates is not
// the only one of its rank.
func ambiguity(index ocispec.Descriptor, candidates []ocispec.Descriptor) error {
	first, ok := artifact.WasmRank(candidates[0].Platform)
	if !ok {
		return nil
	}
	var same []ocispec.Descriptor
	for _, c := range candidates {
		rank, ok := artifact.WasmRank(c.Platform)
		if ok && rank == first && !slices.ContainsFunc(same, func(s ocispec.Descriptor) bool { return s.Digest == c.Digest }) {
			same = append(same, c)
		}
	}
	if len(same) > 1 {
		return &AmbiguousError{Index: index, Manifests: same}
	}
	return nil
}

// checkPlatform returns an error when an artifact is not for the platform
// that was asked for.
func checkPlatform(a *artifact.Artifact, platform string) error {
	if platform == "" {
		return nil
	}
	wanted, err := platforms.Parse(platform)
	if err != nil {
		return fmt.Errorf("platform %q: %w", platform, err)
	}
	if !platforms.OnlyStrict(wanted).Match(a.Config.Platform) {
		return fmt.Errorf("%w: %s is for %s, not for %s", artifact.ErrInvalid, a.Descriptor.Digest, platforms.Format(a.Config.Platform), platform)
	}
	return nil
}

func offered(manifests []ocispec.Descriptor) []string {
	var names []string
	for _, m := range manifests {
		name := m.MediaType
		if m.Platform != nil {
			name = platforms.Format(*m.Platform)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
