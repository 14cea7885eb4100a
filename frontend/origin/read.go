package origin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Finder finds origins by a build's own means.
type Finder struct {
	// Client is the build's.
	Client client.Client
	// Platform is that of ordinary images.
	Platform ocispec.Platform
	// ResolveMode is how BuildKit resolves references to images.
	ResolveMode string
	// Location is where the Wasmfile asks for what is fetched.
	Location llb.ConstraintsOpt
}

// blobName is the file that holds a blob.
const blobName = "blob"

// readFile reads a file of a state, no more of it than a document may have.
func (f *Finder) readFile(ctx context.Context, state llb.State, name string) ([]byte, error) {
	reference, err := f.solve(ctx, state)
	if err != nil {
		return nil, err
	}
	return readFile(ctx, reference, name)
}

func (f *Finder) solve(ctx context.Context, state llb.State) (client.Reference, error) {
	definition, err := state.Marshal(ctx, llb.WithCaps(f.Client.BuildOpts().LLBCaps), llb.Platform(f.Platform))
	if err != nil {
		return nil, err
	}
	solved, err := f.Client.Solve(ctx, client.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}
	return solved.SingleRef()
}

func readFile(ctx context.Context, reference client.Reference, name string) ([]byte, error) {
	return reference.ReadFile(ctx, client.ReadRequest{
		Filename: name,
		Range:    &client.FileRange{Length: artifact.MaxDocumentSize + 1},
	})
}

// document is what a manifest or an index may be, before it is checked.
type document struct {
	MediaType string          `json:"mediaType"`
	Manifests json.RawMessage `json:"manifests"`
}

// describe makes the descriptor of a manifest or an index, whose digest may be
// known. What is neither is found out when it is read.
func describe(content []byte, known digest.Digest) ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: known, Size: int64(len(content))}
	if known == "" {
		desc.Digest = digest.FromBytes(content)
	}
	var d document
	if err := json.Unmarshal(content, &d); err == nil && d.Manifests != nil {
		desc.MediaType = ocispec.MediaTypeImageIndex
	}
	return desc
}

// reader reads a document by digest.
type reader func(ctx context.Context, d digest.Digest) ([]byte, error)

// Fetch makes a reader an artifact.Fetcher.
func (r reader) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	content, err := r(ctx, desc.Digest)
	return io.NopCloser(bytes.NewReader(content)), err
}

// layersOf are the layers of a manifest, or of the Wasm manifest that an index
// has; nil when it has none.
func layersOf(ctx context.Context, content []byte, known digest.Digest, read reader) ([]ocispec.Descriptor, error) {
	first := reader(func(context.Context, digest.Digest) ([]byte, error) { return content, nil })
	desc := describe(content, known)
	if artifact.IsIndex(desc.MediaType) {
		index, err := artifact.ReadIndex(ctx, first, desc)
		if err != nil {
			return nil, err
		}
		entry := wasmManifest(index)
		if entry == nil {
			return nil, nil
		}
		desc, first = *entry, read
	}
	manifest, err := artifact.ReadManifest(ctx, first, desc)
	return manifest.Layers, err
}

// wasmManifest is the best manifest for Wasm in an index; one without a
// platform counts when it is the only one.
func wasmManifest(index ocispec.Index) *ocispec.Descriptor {
	var best *ocispec.Descriptor
	bestRank := 0
	for i, m := range index.Manifests {
		if !artifact.IsManifest(m.MediaType) {
			continue
		}
		rank, ok := artifact.WasmRank(m.Platform)
		if !ok && (m.Platform != nil || len(index.Manifests) > 1) {
			continue
		}
		if best == nil || rank < bestRank {
			best, bestRank = &index.Manifests[i], rank
		}
	}
	return best
}

// Build finds the artifact that another build has made, whose result is an OCI
// image layout as files; nil when the result is something else.
func (f *Finder) Build(ctx context.Context, name string, result llb.State) (*Origin, error) {
	reference, err := f.solve(ctx, result)
	if err != nil {
		return nil, err
	}
	if _, err := reference.StatFile(ctx, client.StatRequest{Path: ocispec.ImageLayoutFile}); err != nil {
		return nil, nil
	}
	index, err := readFile(ctx, reference, ocispec.ImageIndexFile)
	if err != nil {
		return nil, nil
	}
	blobPath := func(d digest.Digest) string {
		return path.Join("/", ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
	}
	layers, err := layersOf(ctx, index, "", func(ctx context.Context, d digest.Digest) ([]byte, error) {
		return readFile(ctx, reference, blobPath(d))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return newOrigin(name, name, layers, func(l ocispec.Descriptor) (llb.State, string) {
		return result, blobPath(l.Digest)
	})
}
