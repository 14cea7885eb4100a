// Package footprint makes a process that waits for a long time smaller.
package footprint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space.
type mapping struct{ start, length uintptr }

// Trim unmaps the pages of the process's own executable, which the kernel maps
// again, 64 kB at a time, when they are needed. A program maps most of itself
// while it starts, and then needs little of it. Pages that are not what the file
// has, because the dynamic linker has changed them, stay.
func Trim() error {
	executable, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	// A file that was replaced since is mapped as long as the process lives.
	executable = strings.TrimSuffix(executable, " (deleted)")
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	unchanged, err := readUnchanged(file, executable)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	for _, m := range unchanged {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.length, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("unmap %d bytes of %s: %w", m.length, executable, errno)
		}
	}
	return nil
}

// readUnchanged finds the mappings of a file in smaps (proc(5)) that nobody can
// write to and nobody has.
func readUnchanged(smaps io.Reader, path string) (found []mapping, err error) {
	var current mapping // of length 0 when it is not one
	for lines := bufio.NewScanner(smaps); ; {
		if !lines.Scan() {
			return found, lines.Err()
		}
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0:
		case strings.HasSuffix(fields[0], ":"):
			if fields[0] == "Anonymous:" && len(fields) > 1 && fields[1] == "0" && current.length > 0 {
				found = append(found, current)
			}
		default:
			if current, err = parseMapping(fields, path); err != nil {
				return nil, err
			}
		}
	}
}

func parseMapping(fields []string, path string) (m mapping, err error) {
	// address perms offset device inode path
	if len(fields) < 6 || fields[5] != path || len(fields[1]) != 4 || fields[1][1] == 'w' {
		return m, nil
	}
	from, to, _ := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return m, err
	}
	end, err := strconv.ParseUint(to, 16, 64)
	if err != nil {
		return m, err
	}
	return mapping{start: uintptr(start), length: uintptr(end - start)}, nil
}
