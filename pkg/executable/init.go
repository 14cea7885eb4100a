package executable

import "slices"

// InitPrograms are where Docker and nerdctl mount a native init for --init. The
// engine needs none, and a guest can run none.
var InitPrograms = []string{"/sbin/docker-init", "/sbin/tini"}

// WithoutInit takes the init that --init puts in front away from a process's
// arguments.
func WithoutInit(args []string) []string {
	if len(args) > 1 && slices.Contains(InitPrograms, args[0]) && args[1] == "--" {
		return args[2:]
	}
	return args
}
