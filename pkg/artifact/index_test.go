package artifact_test

import (
	"errors"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestWasmRank(t *testing.T) {
	last := -1
	for _, system := range []string{"wasip2", "wasip1", "wasip3", "wasi", "wasix"} {
		rank, ok := artifact.WasmRank(&ocispec.Platform{OS: system, Architecture: "wasm"})
		if !ok || rank <= last {
			t.Errorf("%s has rank %d (%t) after %d", system, rank, ok, last)
		}
		last = rank
	}
	for i, p := range artifact.WasmPlatforms() {
		if rank, ok := artifact.WasmRank(&p); !ok || rank != i {
			t.Errorf("%+v has rank %d, not %d", p, rank, i)
		}
	}
	for _, p := range []*ocispec.Platform{nil, {OS: "linux", Architecture: "amd64"}, {OS: "wasip2", Architecture: "amd64"}} {
		if _, ok := artifact.WasmRank(p); ok {
			t.Errorf("%+v passes as Wasm", p)
		}
	}
}

func TestReadIndexRefuses(t *testing.T) {
	s := make(store)
	many := s.putJSON(t, ocispec.MediaTypeImageIndex, ocispec.Index{Manifests: make([]ocispec.Descriptor, artifact.MaxLayers+1)})
	if _, err := artifact.ReadIndex(t.Context(), s, many); !errors.Is(err, artifact.ErrTooLarge) {
		t.Errorf("too many manifests: %v", err)
	}
	if _, err := artifact.ReadIndex(t.Context(), s, s.put(ocispec.MediaTypeImageIndex, []byte("[]"))); !errors.Is(err, artifact.ErrInvalid) {
		t.Errorf("not an object: %v", err)
	}
}
