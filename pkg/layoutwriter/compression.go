package layoutwriter

import (
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Algorithm is a way to compress a filesystem layer, by the name that
// BuildKit's exporters use.
type Algorithm string

const (
	// Gzip is what every reader of images knows.
	Gzip Algorithm = "gzip"
	// Zstd is smaller and faster; readers know it since OCI image-spec 1.1.
	Zstd Algorithm = "zstd"
	// Uncompressed is a plain tar.
	Uncompressed Algorithm = "uncompressed"
)

// Compression is how the filesystem layer is compressed. The zero value is
// gzip at its default level. Each value gives the same bytes on every machine:
// the compressors run in one goroutine, and their assembly and Go versions
// agree.
type Compression struct {
	// Algorithm is Gzip when empty.
	Algorithm Algorithm `json:"algorithm,omitempty"`
	// Level is from 0 to 9 for Gzip and to 22 for Zstd, fast to small; nil is
	// the algorithm's default.
	Level *int `json:"level,omitempty"`
}

// maxLevels are the highest levels, the same as of BuildKit's exporters. An
// algorithm that has no levels is not there.
var maxLevels = map[Algorithm]int{Gzip: 9, Zstd: 22}

// ParseCompression returns the compression of this name, at its default level;
// an empty name is gzip.
func ParseCompression(name string) (Compression, error) {
	switch algorithm := Algorithm(name); algorithm {
	case "", Gzip: // the same value for the same bytes
		return Compression{}, nil
	case Zstd, Uncompressed:
		return Compression{Algorithm: algorithm}, nil
	case "estargz":
		return Compression{}, fmt.Errorf("compression estargz helps only with a snapshotter of its own, which an artifact cannot rely on: use %s or %s", Gzip, Zstd)
	}
	return Compression{}, fmt.Errorf("there is no compression %q: it is %s, %s or %s", name, Gzip, Zstd, Uncompressed)
}

// WithLevel returns the compression at another level, which is written as a
// number; an empty one is the default.
func (c Compression) WithLevel(level string) (Compression, error) {
	if level == "" {
		return c, nil
	}
	limit, ok := maxLevels[c.algorithm()]
	if !ok {
		return c, fmt.Errorf("compression %s has no levels", c.algorithm())
	}
	n, err := strconv.Atoi(level)
	if err != nil || n < 0 || n > limit {
		return c, fmt.Errorf("compression %s has no level %q: levels are 0 to %d", c.algorithm(), level, limit)
	}
	c.Level = &n
	return c, nil
}

func (c Compression) algorithm() Algorithm {
	if c.Algorithm == "" {
		return Gzip
	}
	return c.Algorithm
}

// mediaType is that of the layer.
func (c Compression) mediaType() string {
	switch c.algorithm() {
	case Zstd:
		return ocispec.MediaTypeImageLayerZstd
	case Uncompressed:
		return ocispec.MediaTypeImageLayer
	default:
		return ocispec.MediaTypeImageLayerGzip
	}
}

// writer compresses what is written to it into out.
func (c Compression) writer(out io.Writer) (io.WriteCloser, error) {
	switch c.algorithm() {
	case Gzip:
		level := gzip.DefaultCompression
		if c.Level != nil {
			level = *c.Level
		}
		return gzip.NewWriterLevel(out, level)
	case Zstd:
		options := []zstd.EOption{zstd.WithEncoderConcurrency(1)}
		if c.Level != nil {
			options = append(options, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(*c.Level)))
		}
		return zstd.NewWriter(out, options...)
	case Uncompressed:
		return plainWriter{out}, nil
	}
	return nil, fmt.Errorf("%w: no compression %q", artifact.ErrInvalid, c.Algorithm)
}

// plainWriter is a writer without a compressor to close.
type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
