package listener

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotFound is returned for a process that does not listen at an address.
var ErrNotFound = errors.New("the process does not listen there")

// nowhere is the index of a network interface that there is not: the kernel
// counts them from 1, and an administrator could ask for this one only.
const nowhere = math.MaxInt32

// Listener is the socket on which another process listens.
type Listener struct {
	process process
	addr    netip.AddrPort
	fd      int
}

// Find returns the socket on which a process listens for TCP connections at an
// address. It returns an error that matches ErrNotFound when there is none.
//
// The pidfd has to be of the process with that number. It is closed with the
// Listener, or before an error is returned. The caller needs the right to trace
// the process (ptrace(2)), and Linux 5.6.
func Find(pid, pidfd int, addr netip.AddrPort) (*Listener, error) {
	p := process{pid, pidfd}
	fd, err := p.find(addr)
	if err != nil {
		_ = unix.Close(pidfd)
		return nil, fmt.Errorf("process %d and %s: %w", pid, addr, err)
	}
	return &Listener{process: p, addr: addr, fd: fd}, nil
}

// find returns a descriptor of the socket that listens at an address.
func (p process) find(addr netip.AddrPort) (int, error) {
	found, failed := -1, ErrNotFound
	err := p.eachSocket(func(fd int) (more bool) {
		if !addr.IsValid() || !listens(fd) || localAddr(fd) != addr {
			return true
		}
		found, failed = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return false
	})
	if err != nil {
		return -1, err
	}
	return found, failed
}

// Refuse has the kernel refuse connections from now on, as if nobody listened.
// The process sees nothing of it: what it has accepted goes on, and it can
// accept the connections that were made before.
//
// A socket that is bound to an interface gets connections from that one only.
// So this one is bound to an interface that there is not, which is asked of a
// socket that listens as of any other (SO_BINDTOIFINDEX, Linux 5.1).
func (l *Listener) Refuse() error {
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, nowhere); err != nil {
		return fmt.Errorf("refuse connections to %s: %w", l.addr, err)
	}
	return nil
}

// Busy reports whether there are connections to the server: accepted, not yet,
// or about to be made, of which the kernel has answered the first packet.
func (l *Listener) Busy() (bool, error) {
	info, err := unix.GetsockoptTCPInfo(l.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false, os.NewSyscallError("getsockopt", err)
	}
	if info.Unacked > 0 { // of a socket that listens, those that were not accepted
		return true, nil
	}
	busy := false
	err = l.process.eachSocket(func(fd int) (more bool) {
		busy = !listens(fd) && localAddr(fd).Port() == l.addr.Port()
		return !busy
	})
	for _, table := range []string{"tcp", "tcp6"} {
		if busy || err != nil {
			break
		}
		busy, err = halfOpen(l.process.path("net", table), l.addr.Port())
	}
	return busy, err
}

// Reset resets the connections that the server has not accepted. The socket
// must be one that does not block.
func (l *Listener) Reset() {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil { // mostly EAGAIN: there is none
			return
		}
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Close(fd)
	}
}

// Close forgets the socket, which stays as it is.
func (l *Listener) Close() error {
	return errors.Join(unix.Close(l.fd), unix.Close(l.process.pidfd))
}

type process struct{ pid, pidfd int }

func (p process) path(names ...string) string {
	return filepath.Join("/proc", strconv.Itoa(p.pid), filepath.Join(names...))
}

// eachSocket calls visit with a descriptor of each of the process's sockets,
// which it closes, until visit wants no more.
func (p process) eachSocket(visit func(fd int) (more bool)) error {
	dir, err := os.Open(p.path("fd"))
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, end := dir.Readdirnames(256) // A guest may have a million.
		for _, name := range names {
			fd, err := p.socket(dir.Name(), name)
			if err != nil {
				return err
			}
			if fd < 0 {
				continue
			}
			more := visit(fd)
			_ = unix.Close(fd)
			if !more {
				return nil
			}
		}
		if errors.Is(end, io.EOF) {
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// socket returns a descriptor of a file in the directory of the process's, and -1
// when it is no socket, or is closed by now.
func (p process) socket(dir, name string) (int, error) {
	kind, err := os.Readlink(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(kind, "socket:") {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	number, err := strconv.Atoi(name)
	if err != nil {
		return -1, err
	}
	fd, err := unix.PidfdGetfd(p.pidfd, number, 0)
	if err == unix.EBADF {
		return -1, nil
	}
	return fd, os.NewSyscallError("pidfd_getfd", err)
}

func listens(fd int) bool {
	yes, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && yes != 0
}

// localAddr is the address of a TCP socket, invalid for any other.
func localAddr(fd int) netip.AddrPort {
	if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
		return netip.AddrPort{}
	}
	switch a, _ := unix.Getsockname(fd); a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
