package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	configName = "config.json"

	// maxConfigSize is the most bytes that a config.json may have. Clients
	// write it, through containerd, which itself stops at 16 MiB.
	maxConfigSize = 16 << 20
)

// ErrInvalid is returned for a config that cannot be the one of a WebAssembly
// container.
var ErrInvalid = errors.New("invalid container config")

// Read reads the runtime-spec config of the bundle in dir. It returns an
// error that matches ErrInvalid for one that is too large, damaged, or has no
// process or root.
func Read(dir string) (_ *specs.Spec, err error) {
	path := filepath.Join(dir, configName)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the container config: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	encoded, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(encoded) > maxConfigSize {
		return nil, fmt.Errorf("%w: %s has over %d bytes", ErrInvalid, path, maxConfigSize)
	}
	return parse(encoded)
}

func parse(encoded []byte) (*specs.Spec, error) {
	var spec specs.Spec
	if err := json.Unmarshal(encoded, &spec); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if spec.Process == nil || spec.Root == nil || spec.Linux == nil {
		return nil, fmt.Errorf("%w: it needs a process, a root and a linux section", ErrInvalid)
	}
	return &spec, nil
}

// Write replaces the runtime-spec config of the bundle in dir, whole or not
// at all.
func Write(dir string, spec *specs.Spec) error {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode the container config: %w", err)
	}
	path := filepath.Join(dir, configName)
	if err := os.WriteFile(path+".new", encoded, 0o600); err != nil {
		return fmt.Errorf("write the container config: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("replace the container config: %w", err)
	}
	return nil
}
