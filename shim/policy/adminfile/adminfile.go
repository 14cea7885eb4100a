// Package adminfile reads the file in which the administrator of a host says
// what the shim may do. It is apart from what the file means because the shim's
// start reads one key of it, and has no time to load all that.
package adminfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"syscall"
)

const (
	// Env is the environment variable, of containerd and so of the shim, that
	// names the file.
	Env = "WASMFILE_CONFIG"

	// Default is the file otherwise.
	Default = "/etc/wasmfile/shim.toml"

	// rootless is the file of a rootless containerd, below its user's directory
	// for configuration.
	rootless = "wasmfile/shim.toml"

	// envRootless is the environment variable by which RootlessKit tells the
	// containerd in its namespaces, and so the shim, where they are.
	envRootless = "ROOTLESSKIT_STATE_DIR"

	maxSize = 1 << 20
)

// Read reads the file: the one that Env names, which must be there, else
// Default. The administrator of a rootless containerd is its user, whose file is
// wasmfile/shim.toml in XDG_CONFIG_HOME or ~/.config instead: in a user namespace,
// a file of root's cannot be told from one of any other user's. content is nil when
// there is none. It is an error when others than root and the user of this process
// may write it.
func Read() (name string, content []byte, err error) {
	name, named := os.LookupEnv(Env)
	if !named || name == "" {
		named = false
		if name, err = usual(); err != nil {
			return name, nil, err
		}
	}
	if !path.IsAbs(name) {
		return name, nil, fmt.Errorf("%s is %q: it must be an absolute path", Env, name)
	}
	content, err = read(name)
	if errors.Is(err, os.ErrNotExist) && !named {
		return name, nil, nil
	}
	return name, content, err
}

// usual is where the file is when nobody names it.
func usual() (string, error) {
	if os.Getenv(envRootless) == "" {
		return Default, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the configuration of containerd's user: %w", err)
	}
	return path.Join(dir, rootless), nil
}

func read(name string) (_ []byte, err error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s must be a file of at most %d bytes", name, maxSize)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && (info.Mode().Perm()&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid()) {
		return nil, fmt.Errorf("%s must belong to root, or the user of a rootless containerd, and be writable by nobody else: chown, chmod go-w", name)
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}
