package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/errdef"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// readReferrers makes a referrer of each in-toto statement in a directory that
// may not be there. It returns their manifests, and a store with all that
// belongs to them.
func readReferrers(ctx context.Context, dir string, subject ocispec.Descriptor) ([]ocispec.Descriptor, *memory.Store, error) {
	store := memory.New()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, store, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the attestations: %w", err)
	}
	var manifests []ocispec.Descriptor
	for _, entry := range entries {
		statement, err := readStatement(filepath.Join(dir, entry.Name()), entry)
		if err != nil {
			return nil, nil, &problem{fmt.Sprintf("the generator of --sbom wrote %q: %v", entry.Name(), err)}
		}
		blobs, err := artifact.Referrer(subject, statement)
		if err != nil {
			return nil, nil, err
		}
		for _, b := range blobs {
			if err := store.Push(ctx, b.Descriptor, b.Reader()); err != nil && !errors.Is(err, errdef.ErrAlreadyExists) {
				return nil, nil, fmt.Errorf("keep the attestation: %w", err)
			}
		}
		manifests = append(manifests, blobs[len(blobs)-1].Descriptor)
	}
	return manifests, store, nil
}

func readStatement(path string, entry fs.DirEntry) (artifact.Statement, error) {
	if !entry.Type().IsRegular() {
		return artifact.Statement{}, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return artifact.Statement{}, err
	}
	defer file.Close()
	return artifact.ReadStatement(file)
}
