package launch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/wasmfile/wasmfile/shim/filelock"
	"github.com/wasmfile/wasmfile/shim/share"
)

const (
	// maxOOMScore is the kernel's OOM_SCORE_ADJ_MAX.
	maxOOMScore = 1000

	// maxProcs is the most processors that a shim uses at a time, as
	// containerd's library has it.
	maxProcs = 4
)

// daemon is the process that serves.
type daemon struct {
	namespace string
	id        string
	// containerd is the address of its gRPC.
	containerd string
	// environment is what it has besides ours.
	environment []string
}

// socket is the path of the socket of a group in a namespace: the one that
// containerd's library removes when the shim of that ID ends.
func (d daemon) socket(dir, group string) string {
	sum := sha256.Sum256([]byte(path.Join(d.containerd, d.namespace, group)))
	return fmt.Sprintf("%s/%x", dir, sum)
}

// ensure starts the daemon unless one listens at the socket.
func (d daemon) ensure(socket string) error {
	listener, err := listen(socket)
	if errors.Is(err, syscall.EADDRINUSE) {
		if connects(socket) {
			return nil
		}
		if err := os.Remove(socket); err != nil {
			return err
		}
		listener, err = listen(socket)
	}
	if err != nil {
		return err
	}
	if err := d.begin(listener); err != nil {
		return errors.Join(err, listener.Close(), os.Remove(socket))
	}
	return listener.Close()
}

// ensureAlone is ensure for a socket at which others may start the daemon at the same
// time: a socket that nobody listens at yet is then not taken for one that was left,
// and one of a start that does not get to the daemon is not used.
func (d daemon) ensureAlone(socket string) (err error) {
	if err := os.MkdirAll(path.Dir(socket), 0o700); err != nil {
		return err
	}
	lock, err := filelock.Wait(share.LockPath(socket))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, filelock.Remove(lock)) }()
	return d.ensure(socket)
}

// listen makes a socket to which only the same user can connect.
func listen(socket string) (_ *os.File, err error) {
	if err := os.MkdirAll(path.Dir(socket), 0o700); err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), socket)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Nobody can connect before it listens.
	if err := errors.Join(os.Chmod(socket, 0o600), syscall.Listen(fd, syscall.SOMAXCONN)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(socket))
	}
	return f, nil
}

// connects reports whether somebody listens at a socket.
func connects(socket string) bool {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
	return err == nil || errors.Is(err, syscall.EAGAIN) // many others are connecting
}

// begin starts the daemon in this directory, with the listener as its file 3.
func (d daemon) begin(listener *os.File) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	process, err := os.StartProcess(executable, []string{executable, "-namespace", d.namespace, "-id", d.id, "-address", d.containerd}, &os.ProcAttr{
		Env:   withEnvironment(os.Environ(), append(d.environment, fmt.Sprintf("GOMAXPROCS=%d", procs(runtime.NumCPU())))...),
		Files: []*os.File{null, null, null, listener},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	if err := preferOverContainerd(process.Pid); err != nil {
		return errors.Join(err, process.Kill())
	}
	return process.Release()
}

// procs is how many processors a shim uses at a time where there are some: half of
// them, because a shim mostly waits, and a second thread that looks for something
// to do costs more than it does.
func procs(there int) int { return max(1, min(maxProcs, there/2)) }

// preferOverContainerd has the kernel, when it is out of memory, kill a process
// rather than containerd, which is this one's parent.
func preferOverContainerd(pid int) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", os.Getppid()))
	if err != nil {
		return err
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	score = min(score+1, maxOOMScore)
	return os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(score)), 0)
}
