package filecopy

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Source is what is to be copied: a file, a link, or a directory with all in it.
type Source struct {
	// base is the last name of its path.
	base string
	dir  bool
	// contents says that what a directory holds is meant, and not itself.
	contents bool
	// write writes it to a tar stream, under a name, "." for what a directory holds.
	write func(out *tar.Writer, name string) error
}

// Source finds what a path of the tree leads to. When that is a link, the link is
// meant, or what it leads to if follow is set. It returns an error that matches
// fs.ErrNotExist when there is nothing.
func (t *Tree) Source(from string, follow bool) (*Source, error) {
	below, err := t.resolve(from, follow || endsAsDirectory(from))
	if err != nil {
		return nil, err
	}
	info, err := t.root.Lstat(below)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s: %w", from, fs.ErrNotExist)
	case err != nil:
		return nil, err
	case !info.IsDir() && endsAsDirectory(from):
		return nil, fmt.Errorf("%s is not a directory", from)
	}
	s := &Source{base: path.Base(path.Clean("/" + from)), dir: info.IsDir()}
	s.contents = s.dir && (endsAsContents(from) || s.base == "/")
	s.write = func(out *tar.Writer, name string) error {
		if !s.dir {
			return writeEntry(out, t.root, below, name, info)
		}
		return writeTree(out, t.root, below, name)
	}
	return s, nil
}

// name is that of the source in a directory, "." for what a directory holds.
func (s *Source) name() string {
	if s.contents {
		return "."
	}
	return s.base
}

// FileSource is a file whose content is not in a tree.
func FileSource(name string, size int64, write func(io.Writer) error) *Source {
	return &Source{base: path.Base(name), write: func(out *tar.Writer, name string) error {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
			return err
		}
		return write(out)
	}}
}

// WriteTar writes sources as a tar archive, until the context ends.
func WriteTar(ctx context.Context, out io.Writer, sources ...*Source) error {
	archive := tar.NewWriter(contextWriter{ctx, out})
	for _, s := range sources {
		if err := s.write(archive, s.name()); err != nil {
			return err
		}
	}
	return archive.Close()
}

// contextWriter writes until a context ends.
type contextWriter struct {
	ctx context.Context
	io.Writer
}

// Write writes, and returns why the context ended when it has.
func (w contextWriter) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

// CopyTo copies the source to a path of a tree: into a directory that there is, over
// a file, or under a new name in a directory that there is. When the context ends
// before that is done, the error is why.
func (s *Source) CopyTo(ctx context.Context, t *Tree, to string) (err error) {
	at, err := t.target(to, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.root.Close()) }()
	in, out := io.Pipe()
	written := make(chan error, 1)
	go func() {
		archive := tar.NewWriter(contextWriter{ctx, out})
		err := s.write(archive, at.name)
		if err == nil {
			err = archive.Close()
		}
		written <- errors.Join(err, out.CloseWithError(err))
	}()
	err = extract(in, at.root)
	_ = in.Close() // which ends the writing, if it has not ended
	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, io.ErrClosedPipe) {
		return writeErr
	}
	return err
}

// writeTree writes a directory of a root under another name.
func writeTree(out *tar.Writer, root *os.Root, below, name string) error {
	return fs.WalkDir(root.FS(), filepath.ToSlash(below), func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(below, at)
		if err != nil {
			return err
		}
		info, err := root.Lstat(at)
		if err != nil {
			return err
		}
		return writeEntry(out, root, at, path.Join(name, filepath.ToSlash(relative)), info)
	})
}

// writeEntry writes a file, a link, or a directory without what it holds. What else
// there may be, such as devices, is left out.
func writeEntry(out *tar.Writer, root *os.Root, at, name string, info fs.FileInfo) error {
	link := ""
	switch {
	case info.IsDir(), info.Mode().IsRegular():
	case info.Mode().Type() == fs.ModeSymlink:
		var err error
		if link, err = root.Readlink(at); err != nil {
			return err
		}
	default:
		return nil
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = name
	if info.IsDir() {
		header.Name += "/"
	}
	if err := out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := root.Open(at)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.CopyN(out, file, info.Size()); err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	return nil
}
