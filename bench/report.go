package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

const reportHead = `# Performance

Written by ` + "`make bench`" + `: each line compares Wasmfile with a peer that does
the same job, both in one run on one machine, in turn. The ratio is the median
of the rounds' ratios, with the lowest and the highest; below 1 Wasmfile is
faster or smaller, except for requests and containers per second, where it is
above 1. The absolute figures are medians and belong to the machine.

`

// reportNotes say what the figures are made of.
//
//go:embed notes.md
var reportNotes string

// formatReport is docs/performance.md.
func formatReport(ctx context.Context, rounds int, results []result) string {
	var out strings.Builder
	out.WriteString(reportHead)
	out.WriteString("| what | Wasmfile | peer | ratio | lowest–highest | median, Wasmfile | median, peer |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&out, "| %s | %s | %s | **%.2f** | %.2f–%.2f | %s %s | %s %s |\n",
			r.what, r.ours, r.peer, r.ratio, r.low, r.high, figure(r.medianOurs), r.unit, figure(r.medianPeer), r.unit)
	}
	fmt.Fprintf(&out, "\n%d rounds after one to warm up; %d CPUs, %s/%s; %s.\n", rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, strings.Join(versions(ctx), ", "))
	out.WriteString("\n" + reportNotes)
	return out.String()
}

// figure is a number with two digits or more.
func figure(v float64) string {
	if v < 20 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// versions are those of the parts that were measured.
func versions(ctx context.Context) []string {
	var versions []string
	for _, args := range [][]string{
		{"containerd", "--version"}, {"buildkitd", "--version"}, {"dockerd", "--version"}, {"runc", "--version"}, {"wasmtime", "--version"}, {"nerdctl", "--version"},
	} {
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		for _, word := range strings.Fields(line) {
			if strings.ContainsAny(word, "0123456789") && strings.Contains(word, ".") && !strings.Contains(word, "/") {
				versions = append(versions, args[0]+" "+strings.TrimSuffix(strings.TrimPrefix(word, "v"), ","))
				break
			}
		}
	}
	return versions
}
