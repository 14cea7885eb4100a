package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// echoes listens on loopback, by TCP and by UDP on the same port, and answers
// everything.
func echoes(t *testing.T) (port string) {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(tcp.Addr().String())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	go func() {
		for connection, err := tcp.Accept(); err == nil; connection, err = tcp.Accept() {
			go func() {
				defer connection.Close()
				_, _ = io.Copy(connection, connection)
			}()
		}
	}()
	go func() {
		buffer := make([]byte, 2048)
		for n, from, err := udp.ReadFrom(buffer); err == nil; n, from, err = udp.ReadFrom(buffer) {
			_, _ = udp.WriteTo(buffer[:n], from)
		}
	}()
	_, port, _ = net.SplitHostPort(tcp.Addr().String())
	return port
}

// onHost is a command line for a guest in the host's network.
func onHost(ref, annotations string, args ...string) []string {
	run := append([]string{"nerdctl", "wasm", "run", "--rm", "-q", "--net", "host"}, annotated(annotations)...)
	return append(append(run, ref), args...)
}

// TestSockets: given commands of WASI 0.2 and 0.3, they connect, send and look
// names up when they may use the network, and only then.
func TestSockets(t *testing.T) {
	port := echoes(t)
	for _, guest := range []string{"net", "net3"} {
		ref := publishGuest(t, guest)
		must(t, "nerdctl", "wasm", "pull", "-q", ref)
		for _, verb := range []string{"tcp", "udp", "name"} {
			t.Run(guest+"/"+verb, func(t *testing.T) {
				t.Parallel()
				must(t, onHost(ref, "network=allow", verb, port)...)
				for _, denied := range []string{"", "network=deny", "network=http"} {
					fails(t, []string{"unreachable"}, onHost(ref, denied, verb, port)...)
				}
			})
		}
	}
}

// TestRequestsOfNewestWASI: given a command of WASI 0.3 that makes an HTTP
// request, it is answered when the command may make requests, and it does not
// start where it may not.
func TestRequestsOfNewestWASI(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	nobody := "127.0.0.1:" + freePort(t)
	ref := publishGuest(t, "fetch3")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	for _, allowed := range []string{"network=http", "network=allow"} {
		must(t, onHost(ref, allowed, other.Listener.Addr().String())...)
		if r := try(t, onHost(ref, allowed, nobody)...); r.code != 1 {
			t.Errorf("%s: a request that nobody answers ends with %d: %s", allowed, r.code, r.all())
		}
	}
	for _, denied := range []string{"", "network=deny"} {
		fails(t, []string{"wasi:http/", "--annotation io.github.wasmfile.network=http"}, onHost(ref, denied, other.Listener.Addr().String())...)
	}
}

// TestListeningSockets: given commands that listen, they can be reached.
func TestListeningSockets(t *testing.T) {
	cases := []struct {
		guest, verb string
		reach       func(address string) bool
	}{
		{"net", "listen", func(address string) bool { // by TCP, and gets its greeting
			connection, err := net.Dial("tcp", address)
			if err != nil {
				return false
			}
			defer connection.Close()
			greeting := make([]byte, 4)
			_, err = io.ReadFull(connection, greeting)
			return err == nil && string(greeting) == "ping"
		}},
		{"net", "wait", datagram},
		{"net3", "listen", func(address string) bool { // by TCP, and ends it by UDP
			connection, err := net.Dial("tcp", address)
			return err == nil && connection.Close() == nil && datagram(address)
		}},
	}
	for _, c := range cases {
		t.Run(c.guest+"/"+c.verb, func(t *testing.T) {
			ref, name, port := publishGuest(t, c.guest), unique("listen"), freePort(t)
			must(t, "nerdctl", "wasm", "pull", "-q", ref)
			must(t, append(append([]string{"nerdctl", "wasm", "run", "-d", "-q", "--net", "host", "--name", name}, annotated("network=allow")...), ref, c.verb, port)...)
			defer try(t, "nerdctl", "rm", "-f", name)
			eventually(t, 20*time.Second, "reaching it", func() bool { return c.reach("127.0.0.1:" + port) })
			eventually(t, 20*time.Second, "its end", func() bool {
				// A datagram that came before it listened is lost.
				c.reach("127.0.0.1:" + port)
				return must(t, "nerdctl", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name) == "exited 0"
			})
		})
	}
}

func datagram(address string) bool {
	connection, err := net.Dial("udp", address)
	if err != nil {
		return false
	}
	defer connection.Close()
	_, err = connection.Write([]byte("ping"))
	return err == nil
}

// TestPodNetwork: given a pod, its Wasm container may use the network that the
// pod has of its own, and not the host's.
func TestPodNetwork(t *testing.T) {
	ref := publishGuest(t, "net")
	must(t, "crictl", "pull", ref)
	for network, want := range map[int]string{podNetwork: "0", nodeNetwork: "134"} {
		p := newPodOf(t, inNetwork(network), []string{"crictl"})
		id := p.start("guest", ref, object{"args": []string{"name", "0"}})
		p.ends(id)
		if code := p.status(id, "exitCode"); code != want {
			t.Errorf("with network %d, exit code %s, not %s: %s", network, code, want, try(t, "crictl", "logs", id).all())
		}
	}
}

// TestImagesCannotWiden: given an image whose annotations and labels ask for
// the network, its guest does not have it.
func TestImagesCannotWiden(t *testing.T) {
	port := echoes(t)
	ref := publishDir(t, "greedy", write(t, map[string]string{
		"guest.wasm": string(guest(t, "net")),
		"Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n" +
			"ANNOTATION io.github.wasmfile.network=allow\nLABEL io.github.wasmfile.network=allow\n",
	}))
	for _, client := range clients {
		client.pull(t, ref)
		flags := []string{"--net", "host"}
		if client.name == "ctr" {
			flags = []string{"--net-host"}
		}
		if r := try(t, client.run(ref, flags, "tcp", port)...); r.code != 134 {
			t.Errorf("%s: exit code %d, %s", client.name, r.code, r.all())
		}
	}
}
