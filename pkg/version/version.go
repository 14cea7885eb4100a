// Package version says which build of Wasmfile a binary is.
package version

import "fmt"

// Version and Commit are set by the linker:
//
//	-ldflags "-X github.com/wasmfile/wasmfile/pkg/version.Version=v1.2.3"
var (
	// Version is the release, or what `git describe` says.
	Version = "dev"
	// Commit is the full hash of the commit, empty when it is not known.
	Commit = ""
)

// String is the version for people: "v1.2.3 (0123456789ab)".
func String() string {
	if Commit == "" {
		return Version
	}
	return fmt.Sprintf("%s (%.12s)", Version, Commit)
}
