// Spyengine takes the engine's place in a test: told to compile, it fails, and
// its message says what it could see and do.
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if slices.Contains(os.Args, "--version") {
		fmt.Println("wasmtime 49.0.0 (spy)")
		return
	}
	spy()
	os.Exit(1)
}

func spy() {
	fmt.Fprintln(os.Stderr, "user", os.Getuid(), "group", os.Getgid())
	fmt.Fprintln(os.Stderr, "environment", os.Environ())
	fmt.Fprintln(os.Stderr, "process", os.Getpid())
	if groups, err := os.Getgroups(); err != nil || len(groups) > 0 {
		fmt.Fprintln(os.Stderr, "groups", groups, err)
	}
	links, err := net.Interfaces()
	for _, link := range links {
		if link.Flags&net.FlagUp != 0 {
			fmt.Fprintln(os.Stderr, "link", link.Name)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "links", err)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:1"); err == nil {
		fmt.Fprintln(os.Stderr, "connected")
	}
	walked := filepath.WalkDir("/", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "sees", path)
		if d.IsDir() {
			attempt := filepath.Join(path, "attempt")
			if os.WriteFile(attempt, []byte("#!/engine/wasmtime\n"), 0o755) == nil {
				fmt.Fprintln(os.Stderr, "wrote in", path)
				if process, err := os.StartProcess(attempt, []string{attempt}, &os.ProcAttr{}); err == nil {
					_, _ = process.Wait()
					fmt.Fprintln(os.Stderr, "executed in", path)
				}
			}
			_ = os.Remove(attempt)
		}
		return nil
	})
	if walked != nil {
		fmt.Fprintln(os.Stderr, "walk:", walked)
	}
	fmt.Fprintln(os.Stderr, "arguments", strings.Join(os.Args[1:], " "))
}
