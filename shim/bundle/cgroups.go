package bundle

import "strings"

// IsSystemdCgroup reports whether a config's cgroupsPath has the form
// "slice:prefix:name", which only runc's systemd driver understands. Clients
// write it and, for runtimes whose name they do not know, forget to ask for
// that driver.
func IsSystemdCgroup(cgroupsPath string) bool {
	parts := strings.Split(cgroupsPath, ":")
	if len(parts) != 3 || strings.Contains(cgroupsPath, "/") || parts[2] == "" {
		return false
	}
	return parts[0] == "" || strings.HasSuffix(parts[0], ".slice")
}
