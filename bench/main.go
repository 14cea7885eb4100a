// The bench command measures Wasmfile side by side with a peer that does the
// same job, on the sandbox's daemons, and writes the ratios to
// docs/performance.md. Run it by `make bench`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	rounds := flag.Int("n", 10, "rounds of each comparison; both sides run once in each")
	report := flag.String("o", filepath.Join("docs", "performance.md"), "the file to write; with -only, nothing is written")
	only := flag.String("only", "", "measure only these, comma-separated: builds, pulls, runs, containers, requests, scale")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *report, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, report, only string) error {
	if os.Getenv("WASMFILE_FRONTEND") == "" {
		return errors.New("run this by `make bench`: it needs the sandbox")
	}
	repo, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wasmfile-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{ctx: ctx, repo: repo, dir: dir, rounds: rounds}
	var results []result
	for _, group := range []struct {
		name    string
		measure func() ([]result, error)
	}{{"builds", b.builds}, {"pulls", b.pulls}, {"runs", b.runs}, {"containers", b.containers}, {"requests", b.requests}, {"scale", b.scale}} {
		if only != "" && !slices.Contains(strings.Split(only, ","), group.name) {
			continue
		}
		r, err := group.measure()
		if err != nil {
			return err
		}
		results = append(results, r...)
	}
	text, err := formatReport(ctx, rounds, results)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if only != "" {
		return nil
	}
	return os.WriteFile(report, []byte(text), 0o644)
}
