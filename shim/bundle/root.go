package bundle

import (
	"errors"
	"os"
	"path/filepath"
)

// MakeRoot makes the directory that becomes a WebAssembly container's root:
// mount points and nothing else. They are all made here, because in a user
// namespace the runtime may not make any.
func MakeRoot(dir string) error {
	for _, d := range append([]string{"", GuestDir, EngineDir, ExecDir, "/etc"}, engineDirs...) {
		if err := MakeDir(filepath.Join(dir, d)); err != nil {
			return err
		}
	}
	for _, file := range resolverFiles {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
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
