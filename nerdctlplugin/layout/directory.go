package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// directory is a layout's directory. os.Root keeps symbolic links from leading
// outside.
type directory struct{ root *os.Root }

func openDirectory(name string) (files, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return directory{root}, nil
}

func (d directory) open(name string) (io.ReaderAt, int64, io.Closer, error) {
	// Opening a named pipe would block.
	info, err := d.root.Stat(name)
	if err != nil {
		return nil, 0, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, nil, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := d.root.Open(name)
	if err != nil {
		return nil, 0, nil, err
	}
	info, err = file.Stat()
	if err != nil {
		return nil, 0, nil, errors.Join(err, file.Close())
	}
	return file, info.Size(), file, nil
}

func (d directory) top() ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func (d directory) Close() error { return d.root.Close() }
