// Package filecopy copies files and directories as `docker cp` does, from and to
// directories that may be anybody's: of a container, or of an image. Links in such a
// directory lead to where they would inside, and what is copied leaves neither
// directory.
package filecopy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// Tree is a directory whose paths are looked up as if it were the root of all.
type Tree struct {
	dir  string
	root *os.Root
}

// OpenTree opens the tree of a directory.
func OpenTree(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Tree{dir: filepath.Clean(dir), root: root}, nil
}

// Close closes the tree.
func (t *Tree) Close() error { return t.root.Close() }

// Glob returns the paths that match a pattern, as of path.Match.
func (t *Tree) Glob(pattern string) ([]string, error) {
	matches, err := fs.Glob(t.root.FS(), strings.TrimPrefix(path.Clean("/"+pattern), "/"))
	for i := range matches {
		matches[i] = "/" + matches[i]
	}
	return matches, err
}

// resolve returns where a path leads to below the tree's directory, with links
// followed as far as there is anything: the last one when follow is set. Who owns
// the directory may change it in the meantime, but not make the root leave it.
func (t *Tree) resolve(name string, follow bool) (string, error) {
	name = filepath.Clean("/" + name)
	above, base := filepath.Split(name)
	if follow || base == "" {
		above, base = name, ""
	}
	joined, err := securejoin.SecureJoin(t.dir, above)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	below, err := filepath.Rel(t.dir, filepath.Join(joined, base))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return below, nil
}

// target is where something is to be put: in a directory, by a name of its own, or
// as what the directory holds when the name is ".".
type target struct {
	root *os.Root
	name string
}

// target returns where a source goes that is copied to a path. The caller closes its
// root.
func (t *Tree) target(to string, s *Source) (_ target, err error) {
	below, err := t.resolve(to, true)
	if err != nil {
		return target{}, err
	}
	info, err := t.root.Stat(below)
	switch {
	case err == nil && info.IsDir():
		root, err := t.root.OpenRoot(below)
		return target{root, s.name()}, err
	case err == nil && s.dir:
		return target{}, fmt.Errorf("%s is a file, and a directory cannot be copied to one", to)
	case err == nil && endsAsDirectory(to):
		return target{}, fmt.Errorf("%s is not a directory", to)
	case err == nil && !info.Mode().IsRegular():
		return target{}, fmt.Errorf("%s is neither a file nor a directory, and would be replaced by one", to)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return target{}, err
	case err != nil && !s.dir && endsAsDirectory(to):
		return target{}, fmt.Errorf("there is no directory %s: make it, or leave out the end of the path", to)
	}
	above, err := t.root.OpenRoot(filepath.Dir(below))
	if errors.Is(err, fs.ErrNotExist) {
		return target{}, fmt.Errorf("there is no directory %s to put %s in", path.Dir(path.Clean(to)), path.Base(to))
	}
	if err != nil || !s.dir {
		return target{above, filepath.Base(below)}, err
	}
	defer above.Close()
	if err := above.Mkdir(filepath.Base(below), 0o755); err != nil {
		return target{}, err
	}
	root, err := above.OpenRoot(filepath.Base(below))
	return target{root, "."}, err
}

// endsAsDirectory reports whether a path says by its end that it is a directory's.
func endsAsDirectory(name string) bool {
	return strings.HasSuffix(name, "/") || endsAsContents(name)
}

// endsAsContents reports whether a path stands for what a directory holds.
func endsAsContents(name string) bool { return name == "." || strings.HasSuffix(name, "/.") }
