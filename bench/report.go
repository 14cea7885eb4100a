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
faster or smaller, except for requests and containers per second, where it is
above 1. The absolute figures are medians and belong to the machine.

`

const reportNotes = `
## What the figures are made of

- Builds: both sides are a frontend from an image, started for each build, that
  writes files into a tar; at 100 MB the peer is the frontend inside buildkitd, for
  which nothing is started. A new artifact takes one more container, for the
  assembly, about 90 ms here, which copies each component from its source straight
  into the layout. A warm build varies by a twentieth from run to run: 50 rounds gave
  1.02, the fastest of each side 0.96.
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
- Pulls: what containerd's content store does for each blob is most of a pull of many.
  It begins and commits a blob by two transactions, one after the other for all
  clients, each with two writes to disk that are waited for, and syncs the file twice
  and its directory once. oras writes files and waits for no disk: what is left between
  the two is what makes the difference between a store that survives a power cut and
  a directory. ` + "`" + `ctr content fetch` + "`" + ` moves the same bytes into the same store and is the
  measure of what can be had: a client that does nothing but send 100 blobs of 100 kB,
  which it has in memory, in as few messages as the store takes, needs 0.6 to 0.9 s
  here, when oras needs 0.3 to 0.4 s to fetch them. Ours keeps to those two transactions:
  labels come with the commit, where ctr sends them afterwards. The waits for the
  database for 10 components are 58, those of ` + "`" + `ctr content fetch` + "`" + ` 84, of ` + "`" + `ctr image
  pull` + "`" + ` 82 (strace); for one of 100 MB 20, 30 and 28.
- Pulls, what was tried: blobs of up to 1 MB whole in one message, checked before
  anything of them is stored; larger ones in messages of 1 MB, two under way (of
  256 kB or with eight under way: not faster, of 64 kB: slower by half). Eight
  blobs at a time: the syncs of files overlap, the transactions do not. 100 MB are
  bound by hashing and writing them once, and by the wait for the disk.
- Pulls of what is there: the registry is asked for the digest, containerd for its
  blobs; nothing is written, and components that were checked once are not read.
- Starts: half of it is the initialization of libraries, of which there are more than
  in nerdctl (BuildKit's). nerdctl's ` + "`" + `version` + "`" + ` also asks
  containerd, buildkitd and runc; its ` + "`" + `--version` + "`" + ` asks nobody.
- Runs: most of a container's start is containerd, shim and runc, the same on both
  sides; the component was compiled by an earlier start. Of the processor time of a
  ` + "`" + `ctr run --rm` + "`" + ` (sampled, 151 ms in all, the client apart; a native echo takes 167 ms):

  | part | ms |
  |---|---|
  | shim: three starts of it (start, serve, delete), and its requests | 66 |
  | of that: choosing the component, finding and verifying its code, rewriting the bundle | 5 |
  | containerd: snapshot, container, events | 44 |
  | runc create, with the init that becomes the engine | 32 |
  | engine and guest | 7 |
  | runc start, runc delete | none; 8 each when they are processes |

- Runs, what was tried: doing what runc's start and delete do in the shim, where a
  fifo is read and directories are removed, leaves two of the four starts of runc
  (run --rm, ctr, on a busy machine: 1.02 to 0.97). Not running the shim's garbage collector
  for as short as it lives: no difference in 40 rounds; not kept. What is left is the
  shim, of which a third is the kernel mapping its 15 MB, and ` + "`" + `runc create` + "`" + `.
- Containers per second and memory: all containers of a memory row share a shim, as a
  pod's do. Alone, most of a server's memory is code, of the shim and of the engine,
  that a second container shares.
- HTTP: a fresh instance for each request and the same flags on both sides. In the
  container packets pass a bridge, and a published port adds address translation.
`

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
	out.WriteString(reportNotes)
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
