package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// annotated are the flags for annotations of the shim: "name=value" without
// the prefix of the names.
func annotated(pairs string) []string {
	var flags []string
	for pair := range strings.FieldsSeq(pairs) {
		flags = append(flags, "--annotation", "io.github.wasmfile."+pair)
	}
	return flags
}

// serve starts the guest web in the host's network and returns its address,
// with a way to ask it.
func serve(t *testing.T, annotations string) (name, address string, ask func(path string) (int, string)) {
	t.Helper()
	return serveGuest(t, "web", annotations)
}

func serveGuest(t *testing.T, guest, annotations string) (name, address string, ask func(path string) (int, string)) {
	t.Helper()
	ref := publishGuest(t, guest)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	name, address = unique("web"), "127.0.0.1:"+freePort(t)
	args := append([]string{"nerdctl", "wasm", "run", "-d", "-q", "--name", name, "--net", "host"}, annotated("http.addr="+address+" "+annotations)...)
	must(t, append(args, ref)...)
	// A connection that stays open would be waited for when the server is to end.
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ask = func(path string) (int, string) {
		response, err := client.Get("http://" + address + path)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err.Error()
		}
		return response.StatusCode, string(body)
	}
	// What a probe of Kubernetes or Docker does.
	eventually(t, 20*time.Second, "an answer", func() bool {
		connection, err := net.Dial("tcp", address)
		return err == nil && connection.Close() == nil
	})
	return name, address, ask
}

// TestServerDefaults: given a component that is served, each request has a
// fresh instance with a limit of memory, and a trap is the end of one request.
func TestServerDefaults(t *testing.T) {
	name, _, ask := serve(t, "")
	defer try(t, "nerdctl", "rm", "-f", name)
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, "1"}, {"/", 200, "1"}, {"/trap", 500, ""}, {"/", 200, "1"}, {"/grow", 200, "memory"}, {"/", 200, "1"},
	} {
		if status, body := ask(c.path); status != c.status || c.body != "" && body != c.body {
			t.Errorf("%s gives %d, %q, not %d, %q", c.path, status, body, c.status, c.body)
		}
	}
	if log := must(t, "sh", "-c", "nerdctl logs "+name+" 2>&1"); !strings.Contains(log, "unreachable") {
		t.Errorf("the log does not say what trapped: %q", log)
	}
}

// TestServerOfNewestWASI: given a component of WASI 0.3 that handles HTTP, it is
// served, a trap ends one request, and it ends well when it is asked to.
func TestServerOfNewestWASI(t *testing.T) {
	name, _, ask := serveGuest(t, "web3", "http.timeout=5s http.requests=2")
	defer try(t, "nerdctl", "rm", "-f", name)
	for path, want := range map[string]int{"/": 200, "/trap": 500, "/other": 200} {
		if status, _ := ask(path); status != want {
			t.Errorf("%s gives %d, not %d", path, status, want)
		}
	}
	stopsInTime(t, "nerdctl", "stop", name)
	if code := must(t, "nerdctl", "inspect", "--format", "{{.State.ExitCode}}", name); code != "0" {
		t.Errorf("exit code %s", code)
	}
}

// TestServerLimits: given limits by annotations, the server keeps them, and
// serves on.
func TestServerLimits(t *testing.T) {
	name, address, ask := serve(t, "http.timeout=3s memory=64MiB http.requests=1 http.connections=2 http.reuse=5")
	defer try(t, "nerdctl", "rm", "-f", name)
	if _, first := ask("/"); first != "1" {
		t.Errorf("the first request is the %s.", first)
	}
	if _, second := ask("/"); second != "2" {
		t.Errorf("the second request is the %s.", second)
	}
	if status, body := ask("/grow"); status != 200 || body != "no memory" {
		t.Errorf("100 MiB of 64 give %d, %q", status, body)
	}
	begun := time.Now()
	client := http.Client{Timeout: 20 * time.Second}
	response, err := client.Get("http://" + address + "/loop")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if took := time.Since(begun); response.StatusCode != 500 || took < 2*time.Second || took > 15*time.Second {
		t.Errorf("a request without end gives %d after %s", response.StatusCode, took)
	}
	begun = time.Now()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if response, err := client.Get("http://" + address + "/slow"); err != nil {
				t.Error(err)
			} else if response.Body.Close(); response.StatusCode != 200 {
				t.Errorf("a request that waits for another gives %d", response.StatusCode)
			}
		})
	}
	both.Wait()
	if took := time.Since(begun); took < 1900*time.Millisecond {
		t.Errorf("two requests of a second each took %s, one at a time", took)
	}
	must(t, "nerdctl", "rm", "-f", name)
}

// TestServerNetwork: given a component that makes requests of its own, it
// reaches others unless the annotation denies it.
func TestServerNetwork(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for annotations, want := range map[string]string{"": "reached", "network=http": "reached", "network=allow": "reached", "network=deny": "refused"} {
		name, _, ask := serve(t, annotations)
		if status, body := ask("/out?" + other.Listener.Addr().String()); status != 200 || body != want {
			t.Errorf("%q: the other server is %q, not %q (%d)", annotations, body, want, status)
		}
		if status, body := ask("/"); status != 200 || body != "1" {
			t.Errorf("%q: the server itself gives %d, %q", annotations, status, body)
		}
		must(t, "nerdctl", "rm", "-f", name)
	}
}

// TestServerOfNewestWASINetwork is TestServerNetwork for a component of WASI
// 0.3, which traps when it does not reach the other.
func TestServerOfNewestWASINetwork(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for annotations, want := range map[string]int{"": 200, "network=http": 200, "network=allow": 200, "network=deny": 500} {
		name, _, ask := serveGuest(t, "web3", annotations)
		if status, body := ask("/out?" + other.Listener.Addr().String()); status != want {
			t.Errorf("%q: the request for the other server gives %d, not %d: %s", annotations, status, want, body)
		}
		if status, _ := ask("/"); status != 200 {
			t.Errorf("%q: the server itself gives %d", annotations, status)
		}
		must(t, "nerdctl", "rm", "-f", name)
	}
}

// TestServerConnections: given a limit of connections, those over it are not
// answered until another ends.
func TestServerConnections(t *testing.T) {
	name, address, _ := serve(t, "http.connections=2")
	defer try(t, "nerdctl", "rm", "-f", name)
	var open []net.Conn
	for range 3 {
		open = append(open, connect(t, address))
	}
	for n, connection := range open[:2] {
		if got, err := askOn(connection, 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("connection %d of 2 gives %q, %v", n+1, got, err)
		}
	}
	if got, err := askOn(open[2], 1500*time.Millisecond); err == nil {
		t.Errorf("a third connection gives %q", got)
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := readAnswer(open[2], 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("when one has ended, the third gives %q, %v", got, err)
	}
	must(t, "nerdctl", "rm", "-f", name)
}

// askOn asks for / on a connection, which stays open, and returns the answer's
// protocol and status.
func askOn(connection net.Conn, within time.Duration) (string, error) {
	if _, err := io.WriteString(connection, "GET / HTTP/1.1\r\nHost: web\r\n\r\n"); err != nil {
		return "", err
	}
	return readAnswer(connection, within)
}

// readAnswer reads a whole answer: a part of it would be the beginning of the next.
func readAnswer(connection net.Conn, within time.Duration) (string, error) {
	if err := connection.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.Proto + " " + answer.Status, errors.Join(err, answer.Body.Close())
}
