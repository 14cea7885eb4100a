package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	wasmRuntime   = "io.containerd.wasmfile.v1"
	nativeRuntime = "io.containerd.runc.v2"

	// runwasiRuntime is the shim of test/e2e/tools/runwasi-wasmtime, a peer
	// where it was built: runwasiShim is its executable.
	runwasiRuntime = "io.containerd.runwasibench.v1"
	runwasiShim    = "containerd-shim-runwasibench-v1"

	// groupAnnotation has containers of one value share a shim, as the
	// containers of a pod do.
	groupAnnotation = "io.containerd.runc.v2.group"

	// containersPerRate is how many containers a rate is measured over.
	containersPerRate = 32
)

// containers compares how many containers there can be: in a second, and in
// memory.
func (b bench) containers() ([]result, error) {
	hello, web, native := registry()+"/bench/greet:latest", registry()+"/bench/http:latest", os.Getenv("BUSYBOX_IMAGE")
	if err := b.publishExample("greet", hello); err != nil {
		return nil, err
	}
	if err := b.publishExample("http", web); err != nil {
		return nil, err
	}
	if err := b.command([]string{"nerdctl", "pull", "-q", native}); err != nil {
		return nil, err
	}
	c, err := connect(os.Getenv("CONTAINERD_ADDRESS"), os.Getenv("CONTAINERD_NAMESPACE"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	rates, err := b.ratesOf(c, hello, native)
	if err != nil {
		return nil, err
	}
	sizes, err := b.memory(
		[]string{"ctr", "run", "-d", "--runtime", wasmRuntime, web},
		[]string{"ctr", "run", "-d", native}, "httpd", "-f", "-p", "8080")
	return append(rates, sizes...), err
}

// starter is a way to run a container to its end.
type starter struct {
	name string
	run  func(id string) error
}

// ctr is a starter by a command line, without the container's ID, which comes
// before the arguments.
func (b bench) ctr(what, ref, runtime string, args ...string) starter {
	return starter{what + " through `ctr run`", func(id string) error {
		return b.command(slices.Concat([]string{"ctr", "run", "--rm", "--runtime", runtime, ref, id}, args))
	}}
}

// ratesOf compares an artifact with an echo of a native image, and where there
// is a shim of runwasi's library with that, by ctr and by a client that stays, and
// a shim that runs nothing with each of them.
func (b bench) ratesOf(c connected, hello, native string) (rates []result, err error) {
	type image struct {
		what, ref, runtime string
		args               []string
	}
	ours := image{"greet", hello, wasmRuntime, nil}
	peers := []image{{"native echo", native, nativeRuntime, []string{"echo", "Hello"}}}
	if _, err := exec.LookPath(runwasiShim); err == nil {
		peers = append(peers, image{"greet by runwasi's library", hello, runwasiRuntime, nil})
	}
	crun, err := b.buildCrun()
	if err != nil {
		return nil, err
	}
	none, err := serveNothing(b.ctx, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, none.Close()) }()
	most := image{"nothing", hello, none.runtime, nil}
	files := []adminFile{
		{},
		{", in a shared shim", "[shim]\nshare = \"namespace\"\n"},
		{", in a shared shim, made by crun", fmt.Sprintf("[shim]\nshare = \"namespace\"\noci-runtime = %q\n", crun)},
	}
	for _, through := range []func(i image) (starter, error){
		func(i image) (starter, error) { return b.ctr(i.what, i.ref, i.runtime, i.args...), nil },
		func(i image) (starter, error) { return c.starter(b.ctx, i.what, i.ref, i.runtime, i.args...) },
	} {
		ours, err := through(ours)
		if err != nil {
			return nil, err
		}
		most, err := through(most)
		if err != nil {
			return nil, err
		}
		for _, peer := range peers {
			peer, err := through(peer)
			if err != nil {
				return nil, err
			}
			for _, file := range files {
				results, err := b.ratesWith(file, ours, peer)
				if err != nil {
					return nil, err
				}
				rates = append(rates, results...)
			}
			results, err := b.rates(most, peer)
			if err != nil {
				return nil, err
			}
			rates = append(rates, results...)
		}
	}
	return rates, nil
}

// adminFile is an administrator's file, and what it makes of a guest.
type adminFile struct{ what, text string }

// ratesWith are the rates with an administrator's file.
func (b bench) ratesWith(admin adminFile, ours, peer starter) (results []result, err error) {
	file := os.Getenv("WASMFILE_CONFIG")
	before, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.WriteFile(file, before, 0o644)) }()
	if err := os.WriteFile(file, []byte(admin.text), 0o644); err != nil {
		return nil, err
	}
	ours.name += admin.what
	return b.rates(ours, peer)
}

// buildCrun builds the program that runs crun on a host that is not as crun wants
// it, as for the tests, and returns its path. Where the host is, its 2 ms are for
// nothing.
func (b bench) buildCrun() (string, error) {
	path := filepath.Join(b.dir, "crun")
	return path, b.command([]string{"go", "-C", filepath.Join(b.repo, "test", "e2e"), "build", "-o", path, "./cmd/crun"})
}

// rates compares containers per second, with some at once.
func (b bench) rates(ours, peer starter) ([]result, error) {
	// Who comes first compiles, which others at the same time do not all bear.
	for _, s := range []starter{ours, peer} {
		if err := s.run("bench-first"); err != nil {
			return nil, err
		}
	}
	var results []result
	for _, atOnce := range []int{1, 4, 16} {
		what := fmt.Sprintf("containers per second, %d at once", atOnce)
		fmt.Fprintf(os.Stderr, "bench: %s\n", what)
		var rates [2][]float64
		for round := range max(3, b.rounds/2) + 1 {
			for i := range 2 {
				if round%2 == 1 {
					i = 1 - i
				}
				rate, err := b.rate(atOnce, []starter{ours, peer}[i])
				if err != nil {
					return nil, err
				}
				if round > 0 {
					rates[i] = append(rates[i], rate)
				}
			}
		}
		results = append(results, summarize(what, ours.name, peer.name, "containers/s", rates[0], rates[1]))
	}
	return results, nil
}

func (b bench) rate(atOnce int, s starter) (float64, error) {
	var next atomic.Int64
	var workers sync.WaitGroup
	failed := make(chan error, atOnce)
	start := time.Now()
	for range atOnce {
		workers.Go(func() {
			for n := next.Add(1); n <= containersPerRate; n = next.Add(1) {
				id := fmt.Sprintf("bench-rate-%d", n)
				if err := s.run(id); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return containersPerRate / time.Since(start).Seconds(), nil
	}
}

// memory compares what a server that nobody asks for anything takes, with its
// part of the shim: alone with a shim of its own, and several that share one.
func (b bench) memory(ours, peer []string, peerArgs ...string) ([]result, error) {
	var results []result
	for _, count := range []int{1, 10, 100} {
		what := fmt.Sprintf("memory of an idle server, %d in one shim", count)
		fmt.Fprintf(os.Stderr, "bench: %s\n", what)
		mine, err := b.proportional(count, ours, nil)
		if err != nil {
			return nil, err
		}
		theirs, err := b.proportional(count, peer, peerArgs)
		if err != nil {
			return nil, err
		}
		results = append(results, summarize(what, "http, served", "busybox httpd", "kB", []float64{mine}, []float64{theirs}))
	}
	return results, nil
}

// proportional starts containers that share a shim, and returns the
// proportional set size, in kB, of the shim and what runs in them, for each.
func (b bench) proportional(count int, command, args []string) (each float64, err error) {
	// Flags come before the image.
	grouped := append(append([]string{}, command[:len(command)-1]...), "--annotation", groupAnnotation+"=bench", command[len(command)-1])
	var ids []string
	defer func() {
		for _, id := range ids {
			if e := b.command([]string{"ctr", "tasks", "rm", "--force", id}); err == nil {
				err = e
			}
			if e := b.command([]string{"ctr", "containers", "rm", id}); err == nil {
				err = e
			}
		}
	}()
	for i := range count {
		id := fmt.Sprintf("bench-memory-%d", i)
		if err := b.command(append(append(grouped[:len(grouped):len(grouped)], id), args...)); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	time.Sleep(10 * time.Second) // They have nothing to do, and shims give back memory after 5 seconds.
	listed, err := exec.CommandContext(b.ctx, "ctr", "tasks", "ls").Output()
	if err != nil {
		return 0, err
	}
	shims := make(map[string]bool)
	total := 0
	for line := range strings.SplitSeq(string(listed), "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(words[0], "bench-memory-") {
			continue
		}
		size, parent, err := proportionalSetSize(words[1])
		if err != nil {
			return 0, err
		}
		total += size
		shims[parent] = true
	}
	for shim := range shims {
		size, _, err := proportionalSetSize(shim)
		if err != nil {
			return 0, err
		}
		total += size
	}
	return float64(total) / float64(count), nil
}

// proportionalSetSize is what a process takes, in kB, and its parent.
func proportionalSetSize(pid string) (size int, parent string, err error) {
	if size, err = field("/proc/"+pid+"/smaps_rollup", "Pss:"); err != nil {
		return 0, "", err
	}
	ppid, err := field("/proc/"+pid+"/status", "PPid:")
	return size, strconv.Itoa(ppid), err
}

// field is the number after a name in a file of /proc.
func field(file, name string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == name {
			return strconv.Atoi(words[1])
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}
