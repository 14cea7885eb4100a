package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connections = 16
	loadTime    = 3 * time.Second

	// container is the name of the one that serves.
	container = "wasmfile-bench"
)

// requests compares requests per second of a served container, over its own
// address and over a published port, with the engine's executable on the host.
func (b bench) requests() ([]result, error) {
	s, stop, err := b.servers()
	if err != nil {
		return nil, err
	}
	defer stop()
	fmt.Fprintln(os.Stderr, "bench: HTTP requests")
	rates := make(map[string][]float64)
	for round := range max(3, b.rounds/2) + 1 {
		for _, address := range []string{s.direct, s.peer, s.published} {
			rate, err := load(b.ctx, "http://"+address+"/")
			if err != nil {
				return nil, err
			}
			if round > 0 {
				rates[address] = append(rates[address], rate)
			}
		}
	}
	what, peer := fmt.Sprintf("HTTP, %d connections", connections), "`wasmtime serve` on the host"
	return []result{
		summarize(what, "container's own address", peer, "requests/s", rates[s.direct], rates[s.peer]),
		summarize(what, "port published by `-p`", peer, "requests/s", rates[s.published], rates[s.peer]),
	}, nil
}

// served are the addresses of the two servers.
type served struct{ direct, published, peer string }

func (b bench) servers() (s served, stop func(), err error) {
	repo, err := os.Getwd()
	if err != nil {
		return s, nil, err
	}
	example := filepath.Join(repo, "examples", "http")
	layout, ref := filepath.Join(b.dir, "http"), registry()+"/bench/http:latest"
	for _, address := range []*string{&s.published, &s.peer} {
		if *address, err = freeAddress(); err != nil {
			return s, nil, err
		}
	}
	for _, args := range [][]string{
		build(example, "Wasmfile", wasmfileFrontend(), "type=local,dest="+layout),
		{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", ref},
		{"nerdctl", "wasm", "run", "-d", "-q", "--name", container, "-p", s.published + ":8080", ref},
	} {
		if err := b.command(args); err != nil {
			return s, nil, err
		}
	}
	// With the flags of the container's, and a directory as the guest's root.
	files := filepath.Join(b.dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		return s, nil, err
	}
	engine := exec.CommandContext(b.ctx, os.Getenv("WASMFILE_ENGINE"), "serve", "-S", "cli", "--no-logging-prefix", "-C", "cache=n",
		"--dir", files+"::/", "--addr", s.peer, filepath.Join(example, "http.wasm"))
	stop = func() {
		if engine.Process != nil {
			_ = engine.Process.Kill()
			_ = engine.Wait()
		}
		_ = b.command([]string{"nerdctl", "rm", "-f", container})
	}
	if err := engine.Start(); err != nil {
		stop()
		return s, nil, err
	}
	ip, err := exec.CommandContext(b.ctx, "nerdctl", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", container).Output()
	s.direct = strings.TrimSpace(string(ip)) + ":8080"
	for _, address := range []string{s.direct, s.published, s.peer} {
		if err == nil {
			err = await("http://" + address + "/")
		}
	}
	if err != nil {
		stop()
		return s, nil, err
	}
	return s, stop, nil
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

// load keeps connections busy for a while and returns requests per second.
func load(ctx context.Context, url string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
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
		return 0, fmt.Errorf("%s: %d requests failed", url, n)
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}
