// Package share lets containers that belong to no pod share a shim, one for
// each namespace of containerd, where the administrator wants that: a container
// then costs the start of no shim, and they end together when it is killed.
//
// A shim that is shared goes on when its last container has ended, for the next
// one. What keeps it from ending while it is given a container is a lock file
// beside its socket: whoever starts a container holds the lock while it looks for
// the shim and notes the time, and the shim holds it while it looks for such a
// time and removes its socket.
package share

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmfile/wasmfile/shim/filelock"
	"github.com/wasmfile/wasmfile/shim/policy/adminfile"
)

// EnvLock is the environment variable by which a shim is told that it is
// shared: the path of its lock.
const EnvLock = "WASMFILE_SHIM_LOCK"

// byNamespace is the one way to share.
const byNamespace = "namespace"

// Settings are the section of the administrator's file.
type Settings struct {
	// Share says who shares a shim: "namespace", all containers of a
	// namespace; empty, those of a pod.
	Share string `toml:"share"`
}

// Check returns an error for a value that is not known.
func (s Settings) Check() error {
	if s.Share != "" && s.Share != byNamespace {
		return fmt.Errorf("share is %q: the one way to share is %q", s.Share, byNamespace)
	}
	return nil
}

// Wanted reports whether the administrator wants shims to be shared. A file
// that cannot be read is an error when the container is created.
func Wanted() bool {
	_, content, err := adminfile.Read()
	if err != nil || !bytes.Contains(content, []byte(byNamespace)) {
		return false
	}
	var file struct {
		Shim Settings `toml:"shim"`
	}
	return toml.Unmarshal(content, &file) == nil && file.Shim.Share == byNamespace
}

// ID names a shared shim among those of a namespace. Another executable, as
// after an upgrade, and another environment, as after containerd was configured
// anew, make another shim; the containers of the old one stay with it. No
// container's ID has the form of it.
func ID(executable os.FileInfo, environment []string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %d ", executable.Size(), executable.ModTime().UnixNano())
	if st, ok := executable.Sys().(*syscall.Stat_t); ok {
		fmt.Fprintf(sum, "%d %d", st.Dev, st.Ino)
	}
	environment = slices.Sorted(slices.Values(environment))
	fmt.Fprintf(sum, "\x00%s", strings.Join(environment, "\x00"))
	return fmt.Sprintf("shared/%x", sum.Sum(nil)[:8])
}

// LockPath is where the lock of the shim is that listens at a socket.
func LockPath(socket string) string { return socket + ".lock" }

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Acquire waits for a lock.
func Acquire(path string) (*Lock, error) {
	f, err := filelock.Wait(path)
	if err != nil {
		return nil, err
	}
	return &Lock{f}, nil
}

// Release lets others have the lock.
func (l *Lock) Release() error { return l.file.Close() }
