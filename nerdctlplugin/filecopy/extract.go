package filecopy

import (
	"archive/tar"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Extract reads a tar archive into a directory of a tree that there is.
func Extract(in io.Reader, t *Tree, to string) (err error) {
	below, err := t.resolve(to, true)
	if err != nil {
		return err
	}
	root, err := t.root.OpenRoot(below)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s", to)
	}
	if err != nil {
		return err
	}
	return errors.Join(extract(in, root), root.Close())
}

// extract reads a tar archive into a directory. What an entry's name leads out of it,
// by itself or over a link, is an error. Links are made as they are, and neither
// owners nor bits such as setuid are taken over.
func extract(in io.Reader, root *os.Root) error {
	archive := tar.NewReader(in)
	var directories []*tar.Header // to be finished when nothing is put into them any more
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if header.Typeflag == tar.TypeDir {
			directories = append(directories, header)
		}
		if err := extractEntry(archive, root, header); err != nil {
			return fmt.Errorf("%q: %w", header.Name, err)
		}
	}
	for i := len(directories) - 1; i >= 0; i-- {
		name := entryName(directories[i])
		if name == "." {
			continue // it was there
		}
		if err := errors.Join(root.Chmod(name, permissions(directories[i])), setTime(root, name, directories[i])); err != nil {
			return err
		}
	}
	return nil
}

// entryName is the path of an entry below the directory that an archive is read
// into. What it says about directories above that the root refuses.
func entryName(header *tar.Header) string { return filepath.Clean(filepath.FromSlash(header.Name)) }

func permissions(header *tar.Header) fs.FileMode { return header.FileInfo().Mode().Perm() }

func extractEntry(content io.Reader, root *os.Root, header *tar.Header) error {
	name := entryName(header)
	if header.Typeflag == tar.TypeDir {
		return makeDirectory(root, name)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temporary := path.Join(filepath.Dir(name), ".wasmfile-"+rand.Text()[:8])
	var err error
	switch header.Typeflag {
	case tar.TypeReg:
		err = writeFile(content, root, temporary, header)
	case tar.TypeSymlink:
		err = root.Symlink(header.Linkname, temporary)
	case tar.TypeLink:
		err = root.Link(filepath.Clean(filepath.FromSlash(header.Linkname)), temporary)
	default:
		return fmt.Errorf("an entry of type %q is neither a file nor a directory nor a link", header.Typeflag)
	}
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		if removeErr := root.Remove(temporary); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// makeDirectory makes a directory that is to be open to who makes it until it is
// finished.
func makeDirectory(root *os.Root, name string) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	return root.Chmod(name, 0o755)
}

func writeFile(content io.Reader, root *os.Root, name string, header *tar.Header) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, permissions(header))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err := errors.Join(err, file.Chmod(permissions(header)), file.Close()); err != nil {
		return err
	}
	return setTime(root, name, header)
}

// setTime takes over when something was changed, if that is known.
func setTime(root *os.Root, name string, header *tar.Header) error {
	if header.ModTime.IsZero() || header.ModTime.Equal(time.Unix(0, 0)) {
		return nil
	}
	return root.Chtimes(name, time.Time{}, header.ModTime)
}
