package layoutwriter

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// hashBuffer is how many bytes of a file are read at a time to hash it: what
// fits into a processor's cache.
const hashBuffer = 256 << 10

func (w layoutWriter) blobDir() string {
	return filepath.Join(w.dir, ocispec.ImageBlobsDir, digest.SHA256.String())
}

func (w layoutWriter) jsonBlob(mediaType string, content any) (ocispec.Descriptor, error) {
	return w.blob(mediaType, func(out *os.File) (digest.Digest, error) {
		encoded, err := encodeDocument(mediaType, content)
		if err != nil {
			return "", err
		}
		_, err = out.Write(encoded)
		return digest.FromBytes(encoded), err
	})
}

// encodeDocument makes no document that Read would refuse.
func encodeDocument(what string, content any) ([]byte, error) {
	encoded, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if len(encoded) > artifact.MaxDocumentSize {
		return nil, fmt.Errorf("%w: the %s has %d bytes, the limit is %d", artifact.ErrTooLarge, what, len(encoded), artifact.MaxDocumentSize)
	}
	return encoded, nil
}

// streamBlob writes a blob of what write produces.
func (w layoutWriter) streamBlob(mediaType string, write func(io.Writer) error) (ocispec.Descriptor, error) {
	return w.blob(mediaType, func(out *os.File) (digest.Digest, error) {
		hash := sha256.New()
		err := write(io.MultiWriter(out, hash))
		return digest.NewDigest(digest.SHA256, hash), err
	})
}

// copyBlob makes a blob of a file. The kernel copies it, which on some file
// systems costs nothing, while it is hashed.
func (w layoutWriter) copyBlob(mediaType, path string) (ocispec.Descriptor, error) {
	return w.blob(mediaType, func(out *os.File) (_ digest.Digest, err error) {
		in, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, in.Close()) }()
		stat, err := in.Stat()
		if err != nil {
			return "", err
		}
		copied := make(chan error, 1)
		go func() { copied <- copyFile(out, in, stat.Size()) }()
		hash := sha256.New()
		_, err = io.CopyBuffer(hash, io.NewSectionReader(in, 0, stat.Size()), make([]byte, min(stat.Size()+1, hashBuffer)))
		return digest.NewDigest(digest.SHA256, hash), errors.Join(err, <-copied)
	})
}

// copyFile fails when the file does not have exactly size bytes.
func copyFile(out, in *os.File, size int64) error {
	n, err := io.Copy(out, in)
	if err == nil && n != size {
		return fmt.Errorf("%s has %d bytes instead of %d: it changes while it is read", in.Name(), n, size)
	}
	return err
}

// blob names a blob by the digest that write returns.
func (w layoutWriter) blob(mediaType string, write func(*os.File) (digest.Digest, error)) (_ ocispec.Descriptor, err error) {
	file, err := os.CreateTemp(w.blobDir(), ".incomplete-")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	name, err := write(file)
	if err := errors.Join(err, file.Chmod(0o644)); err != nil {
		return ocispec.Descriptor{}, errors.Join(err, file.Close())
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err := errors.Join(err, file.Close()); err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: name, Size: size}
	return desc, os.Rename(file.Name(), filepath.Join(w.blobDir(), desc.Digest.Encoded()))
}
