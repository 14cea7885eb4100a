package layout

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// maxEntries is how many entries a tar may have: more than any artifact needs,
// and few enough to remember.
const maxEntries = 1 << 16

// archive is a layout in a tar file. Entries are read where they are.
type archive struct {
	file    *os.File
	entries map[string]entry
}

type entry struct{ offset, size int64 }

// compressions are what a tar is often wrapped in, by the first bytes.
var compressions = map[string][]byte{
	"gzip":  {0x1f, 0x8b},
	"zstd":  {0x28, 0xb5, 0x2f, 0xfd},
	"xz":    {0xfd, '7', 'z', 'X', 'Z', 0},
	"bzip2": {'B', 'Z', 'h'},
}

func openTar(name string) (files, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is neither a directory nor a tar file", ErrNotLayout)
	}
	var entries map[string]entry
	if err == nil {
		entries, err = readEntries(file, info.Size())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &archive{file: file, entries: entries}, nil
}

// readEntries finds the regular files of a tar.
func readEntries(file io.ReaderAt, size int64) (map[string]entry, error) {
	var magic [8]byte
	n, err := file.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for name, prefix := range compressions {
		if bytes.HasPrefix(magic[:n], prefix) {
			return nil, fmt.Errorf("%w: it is compressed with %s: decompress it first", ErrNotLayout, name)
		}
	}
	section := io.NewSectionReader(file, 0, size)
	reader := tar.NewReader(section)
	entries := make(map[string]entry)
	for range maxEntries {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: not a tar file: %w", ErrNotLayout, err)
		}
		if header.Typeflag != tar.TypeReg || isSparse(header) {
			continue
		}
		// The reader takes nothing of the content before it is asked to, so
		// the content is here.
		offset, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if header.Size < 0 || header.Size > size-offset {
			return nil, fmt.Errorf("%w: %.80q is cut off", ErrNotLayout, header.Name)
		}
		name := path.Clean(strings.TrimPrefix(header.Name, "./"))
		if _, again := entries[name]; again {
			return nil, fmt.Errorf("%w: %.80q is there twice", ErrNotLayout, name)
		}
		entries[name] = entry{offset: offset, size: header.Size}
	}
	return nil, fmt.Errorf("%w: it has more than %d entries", ErrNotLayout, maxEntries)
}

// isSparse reports whether an entry's content is not stored as it is.
func isSparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (a *archive) open(name string) (io.ReaderAt, int64, io.Closer, error) {
	found, ok := a.entries[name]
	if !ok {
		return nil, 0, nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NewSectionReader(a.file, found.offset, found.size), found.size, io.NopCloser(nil), nil
}

func (a *archive) top() ([]string, error) {
	var names []string
	for name := range a.entries {
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (a *archive) Close() error { return a.file.Close() }
