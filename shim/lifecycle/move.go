package lifecycle

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
// any more. So this moves the caller's own process to where it is, which changes
// nothing. Where that is not possible, nothing is lost but time.
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
			_ = moveToItself(cgroupMount, string(cgroups))
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

// moveToItself moves this process to a cgroup that it is in: the first of those in
// /proc/self/cgroup (cgroups(7)) that can be found below where cgroups are mounted.
func moveToItself(mount, cgroups string) error {
	pid := []byte(strconv.Itoa(os.Getpid()))
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) < 3 {
			continue
		}
		// The unified hierarchy has no name, and is not below another directory.
		file := filepath.Join(mount, strings.TrimPrefix(fields[1], "name="), fields[2], "cgroup.procs")
		// What is mounted may begin elsewhere than what the kernel tells.
		there, err := os.ReadFile(file)
		if err != nil || !slices.ContainsFunc(bytes.Fields(there), func(p []byte) bool { return bytes.Equal(p, pid) }) {
			continue
		}
		procs, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = procs.Write(pid)
		return errors.Join(err, procs.Close())
	}
	return os.ErrNotExist
}
