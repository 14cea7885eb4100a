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

	maxSize = 1 << 20
)

// Read reads the file: the one that Env names, which must be there, else
// Default. content is nil when there is none. It is an error when others than
// root and the user of this process may write it.
func Read() (name string, content []byte, err error) {
	name, named := os.LookupEnv(Env)
	if !named || name == "" {
		name, named = Default, false
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
		return nil, fmt.Errorf("%s must belong to root and be writable by nobody else: chown root, chmod go-w", name)
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}
