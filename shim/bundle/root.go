package bundle

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// MakeRoot makes the directory that becomes a WebAssembly container's root:
// mount points and nothing else. All that mounts need are made here, because in a
// user namespace the runtime may not make any.
func MakeRoot(dir string, mounts []specs.Mount) error {
	for _, d := range append([]string{"", GuestDir, EngineDir, ExecDir}, engineDirs...) {
		if err := MakeDir(filepath.Join(dir, d)); err != nil {
			return err
		}
	}
	for _, m := range mounts {
		point := path.Clean("/" + m.Destination)
		if !slices.Contains(resolverFiles, point) {
			continue
		}
		file := filepath.Join(dir, point)
		if err := errors.Join(MakeDir(filepath.Dir(file)), os.WriteFile(file, nil, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// MakeDir makes a directory, if it is not there, that everyone may read, whatever the
// umask is.
func MakeDir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(path, 0o755)
}
