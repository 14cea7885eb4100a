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
  ` + "`" + `ctr run --rm` + "`" + ` (sampled, 122 ms in all on a busy machine, where a native echo takes
  136 ms, the client apart; in parentheses, what it was before the last changes):

  | part | ms |
  |---|---|
  | shim: starting to serve, and its requests | 33 (51) |
  | of that: choosing the component, finding and verifying its code, rewriting the bundle | 5 |
  | shim: ` + "`" + `start` + "`" + ` and ` + "`" + `delete` + "`" + ` | 9 (17) |
  | containerd: snapshot, container, events | 40 |
  | runc create, with the init that becomes the engine | 32 |
  | engine and guest | 6 |
  | runc start, runc delete | none; 8 each when they are processes |

- Runs, what was tried: doing what runc's start and delete do in the shim, where a
  fifo is read and directories are removed, leaves two of the four starts of runc
  (run --rm, ctr, on a busy machine: 1.02 to 0.97). Doing the shim's ` + "`" + `start` + "`" + ` and ` + "`" + `delete` + "`" + `
  before the libraries are initialized that only serving needs, and collecting no garbage
  in a shim's first two seconds: 147 to 120 ms of processor time, medians of 7 rounds of
  12 containers in turn. Of a ` + "`" + `start` + "`" + ` that does nothing, 6 ms become 3.8; with an
  executable that imports the package ` + "`" + `os` + "`" + ` alone 2.8 would be had, and 1.8 with one that
  is nothing else, for which JSON would have to be read by hand, and two files be
  installed.
- Runs, what did not pay: runc without collecting garbage (0.2 ms more), with one
  processor of Go's (3 of 44 ms less, not beyond the noise), without the mounts at
  /dev/pts, /dev/shm and /dev/mqueue (3 ms) and at /sys (2 ms), without masked paths (2.5
  ms), without a network namespace (1.3 ms), all of that together (1.3 ms): nothing
  that would be worth less confinement, or a container that is another for the engine.
- Containers per second: with ctr, a quarter of all processor time is ctr's, a process
  for each container, and as much is containerd's. Neither is less for a guest. So
  rates by ctr can hardly differ by more than 2, if shim and runtime took nothing;
  dockerd and kubelet are clients that stay, which is what the rows of one client are.
  In ms of processor time of one container of ` + "`" + `ctr run --rm` + "`" + `, by cgroup, four at once, medians of
  5 rounds of 16 in turn, on a very busy machine, where all takes a third longer:

  | | client | containerd, shim, runtime | first process and guest | whole |
  |---|---|---|---|---|
  | native echo | 41 | 133 | 18 | 195 |
  | native echo, made by crun | 40 | 137 | 4 | 181 |
  | greet | 42 | 86 | 24 | 153 |
  | greet, made by crun | 43 | 80 | 10 | 132 |
  | greet, in a shared shim | 44 | 72 | 24 | 140 |
  | greet, in a shared shim, made by crun | 43 | 67 | 10 | 117 |

  A [shared shim](shim.md#one-shim-for-a-namespace) with
  [crun](shim.md#another-runtime-than-runc) so takes half of what the native side does,
  the client apart. Here crun wants another host than there is, and 2 ms of it are a
  program that shows it one (` + "`" + `test/e2e/cmd/crun` + "`" + `); it is so in all rows of crun's.
- Containers per second, where the processor time of a guest in a shared shim with crun
  goes (sampled): of ten parts, 5 are containerd's, 1 is that of starting the shim's
  executable twice, 2 the shim's, 1.5 crun's and 0.5 the engine's, which is the dynamic
  linker's for one half. A quarter of the shim's part was creating a dozen files and
  directories, where containerd's state is on a disk; it is next to nothing where that
  is in memory, as ` + "`" + `/run` + "`" + ` mostly is.
- Containers per second against runwasi: its own shim for wasmtime is not on crates.io, so
  the peer is its library with wasmtime (` + "`" + `test/e2e/tools/runwasi-wasmtime` + "`" + `), which
  ` + "`" + `make bench-runwasi` + "`" + ` builds. By ctr it does 1.5 to 1.6 times as many as the
  native side, by processor time 1.6, and 1.9 without the client's; a shim for each of
  our containers 1.2 and 1.25, a shared one 1.3 and 1.4, with crun 1.5 and 1.8 (all
  before crun's start and delete were done in the shim). runwasi's library makes the
  container inside the shim and runs the engine in what it forks: nothing is executed
  for a container but the shim.
- Containers per second, what was tried: a shared shim spent a quarter of its time on
  collecting garbage (perf), because so little of its memory is in use. Collecting it
  rarely while the shim is asked for containers, with no more threads than processors:
  25 to 15 ms of the shim's processor time for each, on a busy machine. Threads for half
  of the processors only: 5 to 10 of 100 ms, with and without sharing, medians of 6 and
  8 rounds of 16 in turn. Doing crun's start and delete in the shim: two processes of 3
  to 4 ms. Taking the current directory out of where runc and crun look for their
  libraries, which it is by what containerd sets: 260 attempts to open a file, half a
  millisecond of each process. No files of a resolver where none are mounted: a
  millisecond on a disk.
- Containers per second, what did not pay: for the engine one thread of its runtime
  instead of two (nothing of 6.3 ms that can be told from noise), and its pooling
  allocator (5 ms more).
- Containers per second, what is not the limit: waiting for the disk. A ` + "`" + `ctr run --rm` + "`" + `
  is about 8 transactions of containerd's database, 2 of the snapshotter's and 1 of its
  mounts, each with two waits, of 1 to 2.5 ms on a disk that others keep busy (strace).
  With containerd's directories in memory both sides do 1.35 to 1.5 times as many, and
  the ratios stay what they are. ctr makes three transactions more for an image without
  files, which it takes for one that is not unpacked.
- Containers per second, what is left in a shim's start: of 6 ms of processor time,
  1.6 are the initialization of 200 packages, of which none takes more than 0.1, and
  much of the rest are 880 page faults. No garbage is collected before the container is
  created: the heap does not reach the limit that containerd's library sets. What
  compresses layers, which a shim never does, is in a package of its own, and gRPC's
  pages for tracing are left out, with whose templates the linker has to keep every
  method of every type: 12.7 MB instead of 16.2, and for ` + "`" + `start` + "`" + ` and ` + "`" + `delete` + "`" + ` 360 page
  faults instead of 430 and 1.8 ms instead of 2.0. As executables of their own, those
  two would take another half a millisecond less each, of 90 in all.
- Containers per second, the most that any shim can reach: a small program in C that
  answers every request at once, and runs nothing, does 23, 35 and 38 containers per
  second by ctr, with 1, 4 and 16 at once, where the native side does 8, 14.5 and 14.5
  and a guest in a shared shim, made by crun, 10.5, 22 and 22: 2.9, 2.4 and 2.6 times
  the native side. Four at once, 57 of a guest's 91 ms of processor time are so the
  client's and containerd's. 1.8 times as many as the native side would leave 20 ms for
  shim, runtime and engine together, which take 34.
- Containers per second, one alone: the 82 ms from the start of ctr to its end, in a
  shared shim and with crun, by the times at which processes are started and end:

  | part | ms |
  |---|---|
  | client and containerd, before the shim | 36 |
  | the shim's ` + "`" + `start` + "`" + ` | 3 |
  | the shim, from there to the start of crun | 5 |
  | the program that runs crun here, and crun's copy of itself | 4 |
  | crun creates the container | 12 |
  | the shim, from there to the start of the engine | 3.5 |
  | engine and guest | 4.5 |
  | the shim and containerd, from there to ` + "`" + `delete` + "`" + ` | 4 |
  | the shim's ` + "`" + `delete` + "`" + ` | 2 |
  | containerd and client, after that | 6 |

  Of crun's 12, and of what runc takes for the same, 8 are one write, which moves the
  container's first process into its cgroup. It takes no processor time: it waits until
  the kernel may be sure that no process is just forking or ending (an RCU grace
  period), so it counts where few start at a time. cgroup version 2 knows two ways
  around it, neither of them a shim's: the mount option
  [` + "`" + `favordynmods` + "`" + `](https://docs.kernel.org/admin-guide/cgroup-v2.html#mounting), since
  Linux 6.0, which makes each fork and exit dearer instead, and a process that is begun
  in its cgroup (` + "`" + `CLONE_INTO_CGROUP` + "`" + `), which is for the runtime to do.
- Containers per second, what is not worth it: a shared shim takes a fifth of all
  processor time but the client's (perf). A tenth of that are a dozen directories, on a
  disk; another tenth containerd's library, which looks through all mounts for the
  cgroups of version 1; an eighth Go's own watch over its threads. Finding the manifest
  and verifying the code are 2 % each, so nothing of them is remembered
  from one container to the next. Half of the engine's processor time are page faults:
  its executable holds 90,000 addresses, on 340 pages that the dynamic linker has to
  copy to write them. It would not if the engine were always at the same address, which
  is what an attacker would like to know.
- Runs with a bridge: nerdctl and the plugin each start themselves three times more for
  a container, to log and for two hooks, and the network's plugins call iptables; the
  clients take the same processor time, about 120 ms. Of the shim it is as above. The
  peer has to be the nerdctl that the plugin is built with: since 2.1.3 it looks for rules
  that the network's plugins have left, by seven more calls of iptables. Compared with
  2.1.2 the same run is 1.18.
- Containers per second and memory: all containers of a memory row share a shim, as a
  pod's do. Alone, most of a server's memory is code, of the shim and of the engine,
  that a second container shares.
- Memory of one idle server, in MB (` + "`" + `smaps_rollup` + "`" + `; the proportional set size is the
  whole, there is nobody to share with):

  | | whole | of files | its own |
  |---|---|---|---|
  | shim, while it is asked for something | 18.8 | 13.5 | 5.3 |
  | shim, 5 seconds later | 10.8 | 5.6 | 5.2 |
  | shim, a minute later | 10.5 | 5.7 | 4.8 |
  | engine and guest | 17.4 | 15.1 | 2.3 |

  The kernel maps 64 kB of a file around each byte that is read, so a Go program maps
  nearly all of itself while it starts. A shim that was asked for nothing in 5 seconds
  unmaps its executable (` + "`" + `shim/footprint` + "`" + `), and has mapped again what it still
  needs; it does so every 30 seconds, after Go's garbage collector has read parts of
  it. Code that nobody has mapped is memory that the kernel can have back at once. The
  next request maps 64 kB at a time from the page cache, some hundred microseconds in
  all. The engine's own memory is 2.3 MB with everything that its flags could change;
  the rest is its code.
- HTTP: a fresh instance for each request and the same flags on both sides. A container
  has the kernel's share of the processors of one cgroup, however many threads it has;
  an engine on the host has a share for itself beside the clients. On a machine that
  others keep busy that is all of the difference: the same engine on the host, in an
  empty cgroup without any limit, answers as many requests as a container (1.02 for its
  own address, when both had 0.2 of the engine outside). ` + "`" + `--cpu-shares` + "`" + ` gives a
  container a larger share. What a request takes of the engine's processor time does not
  depend on that share directly, though an engine that gets more of a busy machine does
  more at a time: so it is compared with the engine in a cgroup. The two take the same
  (0.9 to 1.1 on a machine with ten times as much to do as it has processors). Where the
  clients have a processor for themselves, and the servers another, what is left of the
  difference in requests is not more than the noise. seccomp
  makes no difference that can be told from noise. Packets to a container's own address
  pass a bridge, and a published port adds address translation.
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
