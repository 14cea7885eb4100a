package task

import (
	"os"
	"slices"
	"strings"
)

// libraryPath is where programs look for their libraries first (ld.so(8)).
const libraryPath = "LD_LIBRARY_PATH"

// keepToLibraries takes the current directory out of where the programs that the
// shim starts look for their libraries. containerd puts a directory of its own
// before what it has itself, and when it has nothing the result ends with a colon,
// which stands for the current directory.
func keepToLibraries() error {
	path := withoutEmpty(os.Getenv(libraryPath))
	if path == "" {
		return os.Unsetenv(libraryPath)
	}
	return os.Setenv(libraryPath, path)
}

// withoutEmpty removes the empty elements of a list of directories.
func withoutEmpty(list string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ":"), func(dir string) bool { return dir == "" }), ":")
}
