package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	connections = 16
	loadTime    = 3 * time.Second

	// clockTick is the unit of times in /proc, the same on all of Go's
	// architectures for Linux.
	clockTick = 10 * time.Millisecond

	// container is the name of the one that serves.
	container = "wasmfile-bench"
	// hostContainer is the name of the one that has the host's network.
	hostContainer = "wasmfile-bench-host"
)

// engineFlags are those that the shim gives the engine for a container that
// asks for nothing.
var engineFlags = []string{
	"serve", "-S", "cli", "--no-logging-prefix", "-C", "cache=n", "--max-concurrent-requests", "128", "--max-concurrent-connections", "1024",
	"--max-instance-reuse-count", "1", "--max-instance-concurrent-reuse-count", "1", "-W", "max-memory-size=268435456", "-W", "timeout=30s",
}

// requests compares requests per second of a served container, over its own
// address, over a published port and over the host's network, with the engine's
// executable on the host: as any process, and with the kernel's share of the
// processors that a container has, which is that of its cgroup. What else a machine
// does changes how many requests are answered in a second more than what one takes of
// the engine's processor time.
func (b bench) requests() ([]result, error) {
	s, stop, err := b.servers()
	defer stop()
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, "bench: HTTP requests")
	rounds := max(3, b.rounds/2)
	loaded, err := b.loads(rounds, loadTime, s.direct, s.peer, s.published, s.grouped, s.host)
	if err != nil {
		return nil, err
	}
	what, peer := fmt.Sprintf("HTTP, %d connections", connections), "`wasmtime serve` on the host"
	grouped, cost := peer+", in a cgroup", "HTTP, the engine's processor time of a request"
	const own, published, host = "container's own address", "port published by `-p`", "container with the host's network"
	results := []result{
		summarize(what, own, peer, "requests/s", loaded[s.direct].rates, loaded[s.peer].rates),
		summarize(what, published, peer, "requests/s", loaded[s.published].rates, loaded[s.peer].rates),
		summarize(what, own, grouped, "requests/s", loaded[s.direct].rates, loaded[s.grouped].rates),
		summarize(what, host, grouped, "requests/s", loaded[s.host].rates, loaded[s.grouped].rates),
		summarize(cost, own, grouped, "µs", loaded[s.direct].costs, loaded[s.grouped].costs),
		summarize(cost, host, grouped, "µs", loaded[s.host].costs, loaded[s.grouped].costs),
	}
	unpin, err := pinApart(s.direct.pid, s.published.pid, s.host.pid, s.peer.pid, s.grouped.pid)
	defer unpin()
	if err != nil {
		return nil, err
	}
	// Shorter and more often: each is compared with what was measured beside it.
	if loaded, err = b.loads(5*rounds, loadTime/3, s.direct, s.peer, s.host, s.grouped); err != nil {
		return nil, err
	}
	const apart = ", clients and server on a processor each"
	return append(
		results,
		summarize(what+apart, own, peer, "requests/s", loaded[s.direct].rates, loaded[s.peer].rates),
		summarize(what+apart, host, peer, "requests/s", loaded[s.host].rates, loaded[s.peer].rates),
		summarize(cost+apart, own, grouped, "µs", loaded[s.direct].costs, loaded[s.grouped].costs),
		summarize(cost+apart, host, grouped, "µs", loaded[s.host].costs, loaded[s.grouped].costs),
	), nil
}

// server is where an engine listens, and its process.
type server struct {
	address string
	pid     int
}

// served are the servers.
type served struct{ direct, published, host, peer, grouped server }

// loaded is what was measured of a server, in each round: requests per second, and
// the engine's processor time of one request in microseconds.
type loaded struct{ rates, costs []float64 }

// loads measures servers in turn, after a round to warm up.
func (b bench) loads(rounds int, each time.Duration, servers ...server) (map[server]loaded, error) {
	measured := make(map[server]loaded)
	for round := range rounds + 1 {
		for _, s := range servers {
			before, err := processorTime(s.pid)
			if err != nil {
				return nil, err
			}
			answered, took, err := load(b.ctx, "http://"+s.address+"/", each)
			if err != nil {
				return nil, err
			}
			after, err := processorTime(s.pid)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				m := measured[s]
				m.rates = append(m.rates, answered/took.Seconds())
				m.costs = append(m.costs, (after-before).Seconds()*1e6/answered)
				measured[s] = m
			}
		}
	}
	return measured, nil
}

// processorTime is what a process and all its threads, also those that have ended,
// have taken so far: the 14th and 15th field of its stat (proc(5)), after the name
// in brackets.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d has no processor time: %q", pid, text)
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, err
}

// pinApart has processes run on one processor and this one, with the clients, on
// another: what a server gets done does not depend then on what the kernel lets
// the clients have. unpin is to be called in any case.
func pinApart(servers ...int) (unpin func(), err error) {
	unpin = func() {}
	var here unix.CPUSet
	if err := unix.SchedGetaffinity(0, &here); err != nil {
		return unpin, os.NewSyscallError("sched_getaffinity", err)
	}
	if here.Count() < 2 {
		return unpin, errors.New("one processor is not enough to have clients and servers apart")
	}
	var sets [2]unix.CPUSet
	for cpu, found := 0, 0; found < len(sets); cpu++ {
		if here.IsSet(cpu) {
			sets[found].Set(cpu)
			found++
		}
	}
	unpin = func() { _ = pin(os.Getpid(), &here) }
	if err := pin(os.Getpid(), &sets[0]); err != nil {
		return unpin, err
	}
	for _, pid := range servers {
		if err := pin(pid, &sets[1]); err != nil {
			return unpin, err
		}
	}
	return unpin, nil
}

// pin has all threads of a process run on some processors, and those that they
// start.
func pin(pid int, on *unix.CPUSet) error {
	threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, on); err != nil && err != unix.ESRCH {
			return fmt.Errorf("pin process %d: %w", pid, os.NewSyscallError("sched_setaffinity", err))
		}
	}
	return nil
}

// servers starts them. stop is to be called in any case.
func (b bench) servers() (s served, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
	}
	for _, server := range []*server{&s.published, &s.host, &s.peer, &s.grouped} {
		if server.address, err = freeAddress(); err != nil {
			return s, stop, err
		}
	}
	ref := registry() + "/bench/http:latest"
	if err := b.publishExample("http", ref); err != nil {
		return s, stop, err
	}
	stops = append(stops, func() { _ = b.command([]string{"nerdctl", "rm", "-f", container, hostContainer}) })
	for _, args := range [][]string{
		{"nerdctl", "wasm", "run", "-d", "-q", "--name", container, "-p", s.published.address + ":8080", ref},
		{"nerdctl", "wasm", "run", "-d", "-q", "--name", hostContainer, "--net", "host", "--annotation", "io.github.wasmfile.http.addr=" + s.host.address, ref},
	} {
		if err := b.command(args); err != nil {
			return s, stop, err
		}
	}
	group, remove, err := makeCgroup("wasmfile-bench")
	if err != nil {
		return s, stop, err
	}
	stops = append(stops, remove)
	for server, cgroup := range map[*server]string{&s.peer: "", &s.grouped: group} {
		engine, err := b.serveOnHost(server.address, filepath.Join(b.example("http"), "http.wasm"), cgroup)
		if err != nil {
			return s, stop, err
		}
		stops = append(stops, func() {
			_ = engine.Kill()
			_, _ = engine.Wait()
		})
		server.pid = engine.Pid
	}
	for server, name := range map[*server]string{&s.direct: container, &s.published: container, &s.host: hostContainer} {
		pid, err := b.inspect(name, "{{.State.Pid}}")
		if err != nil {
			return s, stop, err
		}
		if server.pid, err = strconv.Atoi(pid); err != nil {
			return s, stop, err
		}
	}
	ip, err := b.inspect(container, "{{.NetworkSettings.IPAddress}}")
	s.direct.address = ip + ":8080"
	for _, server := range []server{s.direct, s.published, s.host, s.peer, s.grouped} {
		if err == nil {
			err = await("http://" + server.address + "/")
		}
	}
	return s, stop, err
}

func (b bench) inspect(container, format string) (string, error) {
	out, err := exec.CommandContext(b.ctx, "nerdctl", "inspect", "--format", format, container).Output()
	return strings.TrimSpace(string(out)), err
}

// serveOnHost runs the engine, in a cgroup or none, with a directory as the
// guest's root.
func (b bench) serveOnHost(address, component, cgroup string) (*os.Process, error) {
	files := filepath.Join(b.dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		return nil, err
	}
	engine := exec.CommandContext(b.ctx, os.Getenv("WASMFILE_ENGINE"), slices.Concat(engineFlags, []string{"--dir", files + "::/", "--addr", address, component})...)
	if err := engine.Start(); err != nil {
		return nil, err
	}
	if cgroup == "" {
		return engine.Process, nil
	}
	if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(engine.Process.Pid)), 0); err != nil {
		return nil, errors.Join(err, engine.Process.Kill(), engine.Wait())
	}
	return engine.Process, nil
}

// makeCgroup makes a cgroup for processor time.
func makeCgroup(name string) (dir string, remove func(), err error) {
	dir = filepath.Join("/sys/fs/cgroup", name)
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil { // version 1
		dir = filepath.Join("/sys/fs/cgroup/cpu", name)
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return "", nil, err
	}
	return dir, func() { _ = os.Remove(dir) }, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func await(url string) error {
	var err error
	for range 100 {
		var response *http.Response
		if response, err = http.Get(url); err == nil {
			return response.Body.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// load keeps connections busy for a while, and returns how many requests were
// answered in what time.
func load(ctx context.Context, url string, d time.Duration) (answered float64, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var done, failed atomic.Int64
	var workers sync.WaitGroup
	start := time.Now()
	for range connections {
		workers.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					failed.Add(1)
					return
				}
				response, err := client.Do(request)
				if err != nil {
					if ctx.Err() == nil {
						failed.Add(1)
					}
					continue
				}
				_, err = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if err == nil && response.StatusCode == http.StatusOK {
					done.Add(1)
				} else if ctx.Err() == nil {
					failed.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if n := failed.Load(); n > 0 {
		return 0, 0, fmt.Errorf("%s: %d requests failed", url, n)
	}
	return float64(done.Load()), time.Since(start), nil
}
