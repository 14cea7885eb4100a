package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// metaDigest and metaDescriptor are result metadata with the artifact's
	// digest and, in JSON, its descriptor. Clients write result metadata that
	// begins with "frontend." into the file of --metadata-file.
	metaDigest     = "frontend.wasmfile.digest"
	metaDescriptor = "frontend.wasmfile.descriptor"

	// metaImageGuard is result metadata that only image exporters read, and
	// on which they fail with "unrecognized annotation type " and this
	// sentence. The type of an annotation may have no other characters.
	metaImageGuard = "annotation-" +
		"of-this-build-which-makes-a-wasm-artifact-and-no-image" +
		"--write-its-layout-with---output-type-local-or---output-type-tar-and-push-that" +
		"--or-build-an-image-with---platform-wasi-wasm" +
		".wasmfile"
)

// result describes the layout.
func (b *build) result(ctx context.Context, reference client.Reference) (*client.Result, error) {
	descriptor, err := readDescriptor(ctx, reference)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(descriptor)
	if err != nil {
		return nil, err
	}
	// Exporters of files look at the platform and nothing else of a config.
	config, err := json.Marshal(ocispec.Image{Platform: b.ui.BuildPlatforms[0], RootFS: ocispec.RootFS{Type: "layers"}})
	if err != nil {
		return nil, err
	}
	result := client.NewResult()
	result.SetRef(reference)
	result.AddMeta(metaDigest, []byte(descriptor.Digest))
	result.AddMeta(metaDescriptor, encoded)
	result.AddMeta(exptypes.ExporterImageConfigKey, config)
	result.AddMeta(metaImageGuard, []byte("x"))
	return result, nil
}

// problem returns what the assembly found wrong, at the line at fault.
func (b *build) problem(ctx context.Context, reference client.Reference) error {
	entries, err := reference.ReadDir(ctx, client.ReadDirRequest{Path: "/", IncludePattern: assemble.ProblemFile})
	if err != nil {
		return fmt.Errorf("read the result of the assembly: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	content, err := readBounded(ctx, reference, entries[0])
	if err != nil {
		return err
	}
	var problem assemble.Problem
	if err := json.Unmarshal(content, &problem); err != nil {
		return fmt.Errorf("read what is wrong with the artifact: %w", err)
	}
	return b.problemError(&problem)
}

// problemError puts a problem at the instructions that it is about. The first
// location is the one that is shown last and closest to the message.
func (b *build) problemError(problem *assemble.Problem) error {
	var err error = problem
	switch {
	case problem.Subject == assemble.SubjectComponent:
		for _, ordinal := range problem.Ordinals {
			if ordinal >= 1 && ordinal <= len(b.file.Components) {
				err = parser.WithLocation(err, b.file.Components[ordinal-1].Location)
			}
		}
	case b.file.Entrypoint != nil:
		err = parser.WithLocation(err, b.file.Entrypoint.Location)
	case b.file.Cmd != nil:
		err = parser.WithLocation(err, b.file.Cmd.Location)
	default:
		err = parser.WithLocation(err, b.file.Components[len(b.file.Components)-1].Location)
	}
	return err
}

func readDescriptor(ctx context.Context, reference client.Reference) (ocispec.Descriptor, error) {
	var index ocispec.Index
	stat, err := reference.StatFile(ctx, client.StatRequest{Path: ocispec.ImageIndexFile})
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("the assembly made no layout: %w", err)
	}
	stat.Path = ocispec.ImageIndexFile
	content, err := readBounded(ctx, reference, stat)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := json.Unmarshal(content, &index); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("read the layout's index: %w", err)
	}
	if len(index.Manifests) != 1 {
		return ocispec.Descriptor{}, errors.New("the assembly's layout does not have exactly one manifest")
	}
	descriptor := index.Manifests[0]
	return ocispec.Descriptor{MediaType: descriptor.MediaType, Digest: descriptor.Digest, Size: descriptor.Size}, nil
}

func readBounded(ctx context.Context, reference client.Reference, stat *fstypes.Stat) ([]byte, error) {
	if stat.Size > artifact.MaxDocumentSize {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", stat.Path, stat.Size, artifact.MaxDocumentSize)
	}
	content, err := reference.ReadFile(ctx, client.ReadRequest{Filename: stat.Path})
	if err != nil {
		return nil, fmt.Errorf("read %s of the assembly: %w", stat.Path, err)
	}
	return content, nil
}
