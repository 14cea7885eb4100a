//go:build linux

// Command crun runs the crun in PATH where a host is not as that wants it. crun
// refuses cgroups of which some controllers are of version 1 and some of version 2:
// it gets to see those of version 1, and an empty directory where the others are.
// Before 1.14.2, as on Debian 12, it refuses a bundle of a version that it does not
// know, and Docker's for a namespace, of clocks.
//
// It notes what it is run for in a file beside its own, with the suffix .calls, when
// there is one.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// unified is where cgroups of version 2 are beside those of version 1.
const unified = "/sys/fs/cgroup/unified"

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "crun, as it is wanted here:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if err := note(args); err != nil {
		return err
	}
	if i := slices.Index(args, "--bundle"); i > 0 && i+1 < len(args) {
		if err := age(filepath.Join(args[i+1], "config.json")); err != nil {
			return err
		}
	}
	if controllers, err := os.ReadFile(filepath.Join(unified, "cgroup.controllers")); err == nil && len(bytes.TrimSpace(controllers)) > 0 {
		// Of this thread, which becomes crun.
		runtime.LockOSThread()
		if err := hide(unified); err != nil {
			return err
		}
	}
	crun, err := exec.LookPath("crun")
	if err != nil {
		return err
	}
	return syscall.Exec(crun, append([]string{"crun"}, args[1:]...), os.Environ())
}

// note appends a call to the file of calls.
func note(args []string) error {
	f, err := os.OpenFile(args[0]+".calls", os.O_WRONLY|os.O_APPEND, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, strings.Join(args[1:], " "))
	return err
}

// version is where a bundle says what version it is of.
var version = regexp.MustCompile(`"ociVersion":"1[.][^"]*"`)

// age makes a bundle an old one.
func age(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text = version.ReplaceAll(text, []byte(`"ociVersion":"1.0.2"`))
	text = bytes.Replace(text, []byte(`{"type":"time"},`), nil, 1)
	return os.WriteFile(config, text, 0)
}

// hide mounts an empty directory over another, for this thread.
func hide(dir string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	return os.NewSyscallError("mount", syscall.Mount("none", dir, "tmpfs", 0, ""))
}
