package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// outcome is what a client gets for one request on a connection of its own: the
// status and the body, "refused", or the error.
func outcome(url string) string { return tracedOutcome(context.Background(), url) }

// inFlight is outcome, of a request that has been sent when it returns.
func inFlight(url string) <-chan string {
	sent, answered := make(chan struct{}), make(chan string, 1)
	trace := httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
	go func() { answered <- tracedOutcome(httptrace.WithClientTrace(context.Background(), &trace), url) }()
	select {
	case <-sent:
	case answer := <-answered: // It could not be sent.
		answered <- answer
	}
	return answered
}

func tracedOutcome(ctx context.Context, url string) string {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// endsWith waits until a container has ended, with an exit code.
func endsWith(t *testing.T, name, code string) {
	t.Helper()
	var state string
	eventually(t, 10*time.Second, "its end", func() bool {
		state = must(t, "nerdctl", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)
		return strings.HasPrefix(state, "exited")
	})
	if state != "exited "+code {
		t.Errorf("it has %s, not %s", state, code)
	}
}

// connect opens a connection, until the test ends.
func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// TestServerDrains: given a request in flight, a server that is asked to end
// refuses new connections at once, answers that one, and ends well: in the
// host's network, and in one of its own.
func TestServerDrains(t *testing.T) {
	for network, start := range map[string]func(*testing.T) (name, address string){
		"host": func(t *testing.T) (name, address string) {
			name, address, _ = serve(t, "http.drain=20s")
			return name, address
		},
		"bridge": func(t *testing.T) (name, address string) {
			name = unique("web")
			must(t, append(append([]string{"nerdctl", "wasm", "run", "-d", "-q", "--name", name}, annotated("http.drain=20s")...), publishGuest(t, "web"))...)
			address = must(t, "nerdctl", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name) + ":8080"
			eventually(t, 20*time.Second, "an answer", func() bool { return outcome("http://"+address) == "200 1" })
			return name, address
		},
	} {
		t.Run(network, func(t *testing.T) {
			name, address := start(t)
			defer try(t, "nerdctl", "rm", "-f", name)
			open := connect(t, address)
			answered := inFlight("http://" + address + "/slow")
			must(t, "nerdctl", "kill", "--signal", "TERM", name)
			for range 3 {
				if got := outcome("http://" + address); got != "refused" {
					t.Errorf("a new connection gives %s", got)
				}
			}
			if got := <-answered; got != "200 waited" {
				t.Errorf("the request in flight gives %s", got)
			}
			// It was refused by a server that goes on.
			if got, err := askOn(open, 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
				t.Errorf("a connection that was open before gives %q, %v", got, err)
			}
			open.Close()
			endsWith(t, name, "0")
		})
	}
}

// TestManyRequestsAreDrained: given clients that ask again and again, as many as
// can connect at once, or more than the server may answer and accept, each
// request is answered or its connection refused when the server is asked to end.
func TestManyRequestsAreDrained(t *testing.T) {
	for round := range atScale(2, 40) {
		delay := time.Duration(round) * 37 * time.Millisecond
		drainUnderLoad(t, "/", "200 1", 90, delay)
		drainUnderLoad(t, "/slow", "200 waited", 300, delay)
	}
}

// drainUnderLoad has clients ask for a path, and the server end at some moment after each
// of them was answered.
func drainUnderLoad(t *testing.T, path, answer string, count int, delay time.Duration) {
	t.Helper()
	name, address, _ := serve(t, "http.drain=1m http.requests=150 http.connections=250")
	defer try(t, "nerdctl", "rm", "-f", name)
	got := make(map[string]int)
	var mu sync.Mutex
	var begun, clients sync.WaitGroup
	for range count {
		begun.Add(1)
		clients.Go(func() {
			// Of many in one moment, the kernel forgets those over the engine's backlog.
			time.Sleep(rand.N(time.Second))
			first := sync.OnceFunc(begun.Done)
			for last := answer; last == answer; first() {
				last = outcome("http://" + address + path)
				mu.Lock()
				got[last]++
				mu.Unlock()
			}
		})
	}
	begun.Wait()
	time.Sleep(delay)
	must(t, "nerdctl", "kill", "--signal", "TERM", name)
	clients.Wait()
	endsWith(t, name, "0")
	if got[answer] < count {
		t.Errorf("%s: only %d requests of %d clients were answered", path, got[answer], count)
	}
	delete(got, answer)
	if got["refused"] != count || len(got) > 1 {
		t.Errorf("%s after %s: the last requests of %d clients give %v", path, delay, count, got)
	}
}

// TestServerDrainsWithConnections: given connections that stay open, a server
// that is asked to end answers them for half of its time to drain, as it does
// those that wait for one of them to end, and is killed when it is over.
func TestServerDrainsWithConnections(t *testing.T) {
	name, address, _ := serve(t, "http.drain=12s http.connections=2")
	defer try(t, "nerdctl", "rm", "-f", name)
	stays, ends, waits, waitsLonger := connect(t, address), connect(t, address), connect(t, address), connect(t, address)
	for _, open := range []net.Conn{stays, ends} {
		if got, err := askOn(open, 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatalf("%q, %v", got, err)
		}
	}
	must(t, "nerdctl", "kill", "--signal", "TERM", name)
	if got := outcome("http://" + address); got != "refused" {
		t.Errorf("a new connection gives %s", got)
	}
	ends.Close()
	for _, open := range []net.Conn{stays, waits} {
		if got, err := askOn(open, 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("in the first half: %q, %v", got, err)
		}
	}
	if got, err := readAnswer(waitsLonger, 10*time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that was never accepted gets %q, %v", got, err)
	}
	eventually(t, 3*time.Second, "requests that fail in the second half", func() bool {
		got, err := askOn(stays, 10*time.Second)
		return err == nil && strings.HasPrefix(got, "HTTP/1.1 500")
	})
	endsWith(t, name, "143")
}

// TestServerIsAskedAgain: given a server that waits for its clients, a second
// signal ends the wait, and a third one the server.
func TestServerIsAskedAgain(t *testing.T) {
	name, address, _ := serve(t, "http.drain=1m")
	defer try(t, "nerdctl", "rm", "-f", name)
	open := connect(t, address)
	must(t, "nerdctl", "kill", "--signal", "TERM", name)
	if got, err := askOn(open, 10*time.Second); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("asked once: %q, %v", got, err)
	}
	must(t, "nerdctl", "kill", "--signal", "TERM", name)
	eventually(t, 10*time.Second, "requests that fail", func() bool {
		got, err := askOn(open, 10*time.Second)
		return err == nil && strings.HasPrefix(got, "HTTP/1.1 500")
	})
	must(t, "nerdctl", "kill", "--signal", "INT", name)
	endsWith(t, name, "0")
}

// TestServerIsStopped: given a server and an idle connection to it, stop ends
// it within its time to drain.
func TestServerIsStopped(t *testing.T) {
	name, address, _ := serve(t, "http.drain=1s")
	defer try(t, "nerdctl", "rm", "-f", name)
	connect(t, address) // idle
	stopsInTime(t, "nerdctl", "stop", name)
}

// TestServerIsKilled: given a server that waits for its clients, SIGKILL ends it, and is
// what it reports.
func TestServerIsKilled(t *testing.T) {
	name, address, _ := serve(t, "http.drain=1m")
	defer try(t, "nerdctl", "rm", "-f", name)
	connect(t, address) // idle
	must(t, "nerdctl", "kill", "--signal", "TERM", name)
	must(t, "nerdctl", "kill", name)
	endsWith(t, name, "137")
}
