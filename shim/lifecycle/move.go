package lifecycle

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// moveExpected is true while the kernel is being told.
var moveExpected atomic.Bool

// ExpectMove has the kernel get ready for a process to be moved into a cgroup, which
// takes it some milliseconds, while the caller goes on to prepare what is to be moved.
//
// Before it moves a process, the kernel waits until no process can be forking or ending
// without noticing (an RCU grace period), and for about as long again it need not wait
// any more, whichever process and hierarchy it is. So this moves a thread of the caller's own
// process to where it is, which changes nothing. Where that is not possible, nothing is
// lost but time.
//
// On a busy machine it does nothing: others use the processors while a container waits,
// and one move more is one more for which every fork has to wait.
func ExpectMove() {
	if !moveExpected.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer moveExpected.Store(false)
		load, err := os.ReadFile("/proc/loadavg")
		if err != nil || running(string(load)) > runtime.NumCPU() {
			return
		}
		if cgroups, err := os.ReadFile("/proc/self/cgroup"); err == nil {
			_ = moveToItself(unifiedMounts, string(cgroups))
		}
	}()
}

// running returns how many threads have or want a processor, by /proc/loadavg
// (proc_loadavg(5)), or the highest number when that is not known.
func running(loadavg string) int {
	fields := strings.Fields(loadavg)
	if len(fields) < 4 {
		return math.MaxInt
	}
	now, _, _ := strings.Cut(fields[3], "/")
	if n, err := strconv.Atoi(now); err == nil {
		return n
	}
	return math.MaxInt
}

// unifiedMounts are where the hierarchy of cgroups version 2 is mounted: alone, and
// beside those of version 1.
var unifiedMounts = []string{cgroupMount, cgroupMount + "unified"}

// moveToItself moves this process's first thread to the cgroup of version 2 that it is in
// by cgroups, which is /proc/self/cgroup (cgroups(7)).
//
// It is one thread, because the kernel keeps a thread in the cgroup of its process, or
// below one that was made for threads. So nothing moves either if cgroups is not true of
// what is mounted, or not any more: the process may just have been moved, which moving it
// whole would undo. Version 1 moves threads anywhere, and is left out.
func moveToItself(mounts []string, cgroups string) error {
	for line := range strings.Lines(cgroups) {
		dir, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		for _, mount := range mounts {
			threads, err := os.OpenFile(filepath.Join(mount, dir, "cgroup.threads"), os.O_WRONLY, 0)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			_, err = threads.WriteString(strconv.Itoa(os.Getpid()))
			return errors.Join(err, threads.Close())
		}
	}
	return fs.ErrNotExist
}
