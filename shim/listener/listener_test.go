package listener

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen listens as the engine does, which knows TCP of one path only.
func listen(t *testing.T, on string) (net.Listener, netip.AddrPort) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	server, err := config.Listen(t.Context(), "tcp", on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, server.Addr().(*net.TCPAddr).AddrPort()
}

// find finds a listener of this process, of whose sockets it gets descriptors
// of its own as it would of another's.
func find(t *testing.T, addr netip.AddrPort) (*Listener, error) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Find(os.Getpid(), pidfd, addr)
	if err == nil {
		t.Cleanup(func() { l.Close() })
	}
	return l, err
}

func dial(t *testing.T, addr netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// passes checks that what is sent on one end comes out of the other.
func passes(t *testing.T, from, to net.Conn) {
	t.Helper()
	got := make([]byte, 2)
	if _, err := from.Write([]byte("hi")); err != nil {
		t.Error(err)
	} else if _, err := io.ReadFull(to, got); err != nil || string(got) != "hi" {
		t.Errorf("%q arrives: %v", got, err)
	}
}

// becomes waits until the server is busy, or is not.
func becomes(t *testing.T, l *Listener, busy bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		got, err := l.Busy()
		if err != nil {
			t.Fatal(err)
		}
		if got == busy {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("whether it is busy is still %t", got)
		}
	}
}

// Given a server with one connection that it has accepted and one that it has
// not, it keeps both, and new ones are refused.
func TestRefuse(t *testing.T) {
	for _, on := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(on, func(t *testing.T) {
			server, addr := listen(t, on)
			l, err := find(t, addr)
			if err != nil {
				t.Fatal(err)
			}
			becomes(t, l, false)
			first := dial(t, addr)
			accepted, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			becomes(t, l, true)
			second := dial(t, addr)
			if err := l.Refuse(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := net.Dial("tcp", addr.String()); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("a new connection gives %v", err)
				}
			}
			passes(t, first, accepted)
			passes(t, accepted, first)
			late, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer late.Close()
			passes(t, second, late)
			accepted.Close()
			becomes(t, l, true)
			late.Close()
			becomes(t, l, false)
		})
	}
}

// Given a client that has not confirmed its connection, the server is busy, and
// gets the connection although others are refused.
func TestHalfOpen(t *testing.T) {
	for _, on := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(on, func(t *testing.T) {
			server, addr := listen(t, on)
			l, err := find(t, addr)
			if err != nil {
				t.Fatal(err)
			}
			// So that the kernel takes no confirmation but the first data.
			if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 60); err != nil {
				t.Fatal(err)
			}
			client := dial(t, addr)
			becomes(t, l, true)
			if err := l.Refuse(); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
			accepted, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			accepted.Close()
			becomes(t, l, false)
		})
	}
}

// Given a connection that nobody accepts, resetting it tells its client, and
// the server goes on to wait for others without an error.
func TestReset(t *testing.T) {
	server, addr := listen(t, "127.0.0.1:0")
	l, err := find(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	waiting := dial(t, addr)
	becomes(t, l, true)
	l.Reset()
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client gets %v", err)
	}
	becomes(t, l, false)
	client := dial(t, addr)
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	passes(t, client, accepted)
}

// Of sockets with the same port, the one of the address is found, and only if
// it listens.
func TestFind(t *testing.T) {
	_, addr := listen(t, "127.0.0.1:0")
	other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), addr.Port())))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	client := dial(t, addr)
	for _, absent := range []netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), addr.Port()),
		netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()),
		netip.AddrPortFrom(addr.Addr(), addr.Port()+1),
		client.LocalAddr().(*net.TCPAddr).AddrPort(),
	} {
		if _, err := find(t, absent); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s gives %v", absent, err)
		}
	}
	if _, err := find(t, addr); err != nil {
		t.Error(err)
	}
}
