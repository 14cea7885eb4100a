package codecache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// envState is the environment variable, of containerd and so of the
	// shim, that names the shim's own directory.
	envState = "WASMFILE_STATE"

	// stateName is that directory below containerd's root by default.
	stateName = "io.containerd.wasmfile.v1"
)

// StateDir is the shim's own directory, where engines, locks and the key are:
// what the environment says, else below containerd's root, which is empty when
// it is not known.
func StateDir(containerd string) (string, error) {
	if dir := os.Getenv(envState); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("%s is %q: it must be an absolute path", envState, dir)
		}
		return dir, nil
	}
	if containerd == "" {
		return "", errors.New("containerd does not tell its root directory: name a directory for engines in its environment as " + envState)
	}
	return filepath.Join(containerd, stateName), nil
}
