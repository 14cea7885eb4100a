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
)

func main() {
	rounds := flag.Int("n", 10, "rounds of each comparison; both sides run once in each")
	report := flag.String("o", filepath.Join("docs", "performance.md"), "the file to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *report); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, report string) error {
	if os.Getenv("WASMFILE_FRONTEND") == "" {
		return errors.New("run this by `make bench`: it needs the sandbox")
	}
	dir, err := os.MkdirTemp("", "wasmfile-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{ctx: ctx, dir: dir, rounds: rounds}
	var results []result
	for _, group := range []func() ([]result, error){b.builds, b.pulls, b.runs, b.requests} {
		r, err := group()
		if err != nil {
			return err
		}
		results = append(results, r...)
	}
	return writeReport(ctx, report, rounds, results)
}
