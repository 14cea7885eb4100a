package artifact

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// WasmArchitecture is what every Wasm platform has as its architecture.
const WasmArchitecture = "wasm"

// preferredSystems are the operating systems that Wasm artifacts name, the
// preferred one first.
var preferredSystems = []string{"wasip2", "wasip1", "wasip3", "wasi"}

// WasmRank orders platforms by how well they suit Wasm: 0 is best. It reports
// whether the platform is one for Wasm at all.
func WasmRank(p *ocispec.Platform) (rank int, ok bool) {
	if p == nil || p.Architecture != WasmArchitecture {
		return len(preferredSystems) + 1, false
	}
	if i := slices.Index(preferredSystems, p.OS); i >= 0 {
		return i, true
	}
	return len(preferredSystems), true
}

// WasmPlatforms are the platforms that Wasm artifacts name, in the order of WasmRank.
func WasmPlatforms() []ocispec.Platform {
	platforms := make([]ocispec.Platform, 0, len(preferredSystems))
	for _, os := range preferredSystems {
		platforms = append(platforms, ocispec.Platform{OS: os, Architecture: WasmArchitecture})
	}
	return platforms
}

// ReadIndex fetches and checks the index that desc names. It returns errors
// that match ErrTooLarge, ErrDigestMismatch, ErrSizeMismatch or ErrInvalid.
func ReadIndex(ctx context.Context, f Fetcher, desc ocispec.Descriptor) (ocispec.Index, error) {
	var index ocispec.Index
	encoded, err := ReadDocument(ctx, f, desc)
	if err != nil {
		return index, fmt.Errorf("read index: %w", err)
	}
	if err := json.Unmarshal(encoded, &index); err != nil {
		return index, fmt.Errorf("%w: index %s: %w", ErrInvalid, desc.Digest, err)
	}
	if n := len(index.Manifests); n > MaxLayers {
		return index, fmt.Errorf("index %s: %w: %d manifests, the limit is %d", desc.Digest, ErrTooLarge, n, MaxLayers)
	}
	return index, nil
}
