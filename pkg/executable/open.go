// Package executable finds the WebAssembly file that a container's process
// starts, among the container's files.
package executable

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// Open opens the file that a process would start natively, when it is
// WebAssembly. It is nil when that is another file, or none. A process that calls
// an export has the file's name before the "#", and an init that --init puts in front
// counts for nothing.
//
// rootfs is the directory with the container's files, which may be anybody's:
// links lead to where they would inside, and nothing but a regular file is
// opened.
func Open(rootfs string, process *specs.Process) (*os.File, error) {
	for _, name := range names(process) {
		found, err := pathrs.OpenInRoot(rootfs, name)
		if err != nil {
			continue // Not there, or not to be reached.
		}
		info, err := found.Stat()
		if err != nil || !info.Mode().IsRegular() {
			_ = found.Close() // It was opened for its path only.
			continue
		}
		program, err := openWasm(found)
		if err = errors.Join(err, found.Close()); err != nil {
			return nil, fmt.Errorf("open the program %s: %w", name, err)
		}
		return program, nil
	}
	return nil, nil
}

// names are the paths at which the program of a process may be: the
// first one where there is a file is meant.
func names(process *specs.Process) []string {
	args := WithoutInit(process.Args)
	if len(args) == 0 {
		return nil
	}
	arg0, _, _ := strings.Cut(args[0], "#")
	if arg0 == "" || path.IsAbs(arg0) {
		return []string{arg0}
	}
	var found []string
	for _, variable := range process.Env {
		if list, ok := strings.CutPrefix(variable, "PATH="); ok && !strings.Contains(arg0, "/") {
			for dir := range strings.SplitSeq(list, ":") {
				found = append(found, path.Join("/", dir, arg0))
			}
		}
	}
	// Images for Wasm also name a file without any directory.
	return append(found, path.Join("/", process.Cwd, arg0), "/"+arg0)
}

// openWasm opens a file of which there is a handle for reading, and returns nil
// when it does not begin as WebAssembly does.
func openWasm(handle *os.File) (*os.File, error) {
	file, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if beginsAsWasm(file) {
		return file, nil
	}
	return nil, file.Close()
}

// beginsAsWasm is false for a file that cannot be read, too.
func beginsAsWasm(file *os.File) bool {
	var header [8]byte // what the shortest module has
	_, err := file.ReadAt(header[:], 0)
	return err == nil && wasm.IsWasm(header[:])
}
