package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

const reportHead = `# Performance

Written by ` + "`make bench`" + `: each line compares Wasmfile with a peer that does
the same job, both in one run on one machine, in turn. The ratio is the median
of the rounds' ratios, with the lowest and the highest; below 1 Wasmfile is
faster, except for requests per second, where it is above 1. The absolute
figures are medians and belong to the machine.

`

const reportNotes = `
## What the figures are made of

- Builds: the peer is the Dockerfile frontend inside buildkitd. Ours is a
  container that is started for each build, like every frontend from a ` + "`# syntax=`" + `
  line, and a second one for assembly. The artifact is not compressed, which is
  what large builds gain.
- Pulls: oras writes files. Ours also takes a lease, reads every component, and
  records the image; nerdctl's pull of an image decompresses and unpacks it.
- Runs: most of a container's start is runc, shim and network, the same on both
  sides; the component was compiled by an earlier start.
- HTTP: a fresh instance for each request on both sides. In the container each
  instance also opens the guest's root directory, and packets pass a bridge; a
  published port adds address translation.
`

// formatReport is docs/performance.md.
func formatReport(ctx context.Context, rounds int, results []result) string {
	var out strings.Builder
	out.WriteString(reportHead)
	out.WriteString("| what | Wasmfile | peer | ratio | lowest–highest | median, Wasmfile | median, peer |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&out, "| %s | %s | %s | **%.2f** | %.2f–%.2f | %.0f %s | %.0f %s |\n",
			r.what, r.ours, r.peer, r.ratio, r.low, r.high, r.medianOurs, r.unit, r.medianPeer, r.unit)
	}
	fmt.Fprintf(&out, "\n%d rounds after one to warm up; %d CPUs, %s/%s; %s.\n", rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, strings.Join(versions(ctx), ", "))
	out.WriteString(reportNotes)
	return out.String()
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
