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
	"sync"
	"sync/atomic"
	"time"
)

const (
	connections = 16
	loadTime    = 3 * time.Second
)

// requests compares requests per second of a served container, over its
// published port, with the engine's executable on the host.
func (b bench) requests() ([]result, error) {
	ours, peer, stop, err := b.servers()
	if err != nil {
		return nil, err
	}
	defer stop()
	var rates [2][]float64
	fmt.Fprintln(os.Stderr, "bench: HTTP requests")
	for round := range max(3, b.rounds/2) + 1 {
		for i, address := range []string{ours, peer} {
			rate, err := load(b.ctx, "http://"+address+"/")
			if err != nil {
				return nil, err
			}
			if round > 0 {
				rates[i] = append(rates[i], rate)
			}
		}
	}
	return []result{summarize(fmt.Sprintf("HTTP, %d connections", connections),
		"container, `nerdctl wasm run -p`", "`wasmtime serve` on the host", "requests/s", rates[0], rates[1])}, nil
}

// servers starts both and returns their addresses.
func (b bench) servers() (ours, peer string, stop func(), err error) {
	repo, err := os.Getwd()
	if err != nil {
		return "", "", nil, err
	}
	example := filepath.Join(repo, "examples", "http")
	layout, ref := filepath.Join(b.dir, "http"), registry()+"/bench/http:latest"
	if ours, err = freeAddress(); err != nil {
		return "", "", nil, err
	}
	if peer, err = freeAddress(); err != nil {
		return "", "", nil, err
	}
	for _, args := range [][]string{
		build(example, "Wasmfile", "type=local,dest="+layout),
		{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", ref},
		{"nerdctl", "wasm", "run", "-d", "-q", "--name", "wasmfile-bench", "-p", ours + ":8080", ref},
	} {
		if err := b.command(args); err != nil {
			return "", "", nil, err
		}
	}
	engine := exec.CommandContext(b.ctx, os.Getenv("WASMFILE_ENGINE"), "serve", "-S", "cli", "--no-logging-prefix", "--addr", peer, filepath.Join(example, "http.wasm"))
	if err := engine.Start(); err != nil {
		return "", "", nil, err
	}
	stop = func() {
		_ = engine.Process.Kill()
		_ = engine.Wait()
		_ = b.command([]string{"nerdctl", "rm", "-f", "wasmfile-bench"})
	}
	for _, address := range []string{ours, peer} {
		if err := await("http://" + address + "/"); err != nil {
			stop()
			return "", "", nil, err
		}
	}
	return ours, peer, stop, nil
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
