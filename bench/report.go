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

- Builds: both sides are a frontend from an image, started for each build, that
  writes files into a tar; at 100 MB the peer is the frontend inside buildkitd, for
  which nothing is started. A new artifact takes one more container, for the
  assembly, about 90 ms here, which copies each component from its source straight
  into the layout.
- Builds, what was tried: with the frontend's image mounted, not as the root of the
  assembly, the kernel does not have to write everything to disk after it (2 MB,
  --no-cache: 1.44 to 1.04 on a busy machine). Finding the assembly of the same
  content in the cache (2 MB, --no-cache: 1.42 to 1.03; 100 MB: 1.83 to 1.45).
  Letting the kernel copy a component while it is hashed: it is a reflink where the
  file system has them. Loading .dockerignore beside the Wasmfile: a round trip less,
  but for a file that may not count; not kept. ` + "`" + `COPY --link` + "`" + ` for components: one of
  ten changed 1.46 to 1.31; not kept, because mounting components where they are, and
  executing no copy, gives more: one of ten 1.39 to 1.00, 2 MB 1.10 to 0.93, 100 MB
  1.47 to 1.20. What is left at 100 MB is the frontend's own container: starting it,
  and unmounting it, for which the kernel writes to disk what the build wrote.
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
