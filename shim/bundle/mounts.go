package bundle

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Where things are inside the container, outside the guest's view except for
// GuestDir, which is the guest's "/".
const (
	// GuestDir holds the image's files, and the user's mounts among them.
	GuestDir = "/guest"
	// EngineDir holds the engine and the libraries it needs.
	EngineDir = "/engine"
	// CodePath is the precompiled component. A file of that name must be in
	// what is mounted at EngineDir.
	CodePath = EngineDir + "/" + CodeName
	// CodeName is CodePath's last element.
	CodeName = "component.cwasm"
)

// resolverFiles are what container engines mount for a libc's resolver. They
// are for the engine, which looks names up for the guest, not for the guest.
var resolverFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}

// engineDirs are where the kernel's interfaces are mounted. The engine may
// use them; a WASI guest has nothing to do with them.
var engineDirs = []string{"/proc", "/dev", "/sys"}

// splitMounts divides a container's mounts into those that stay where they
// are, for the engine, and those that the guest is to see. The tmpfs at /run
// that containerd adds to every config, and the init of --init, are for native
// programs: they are left out.
func splitMounts(mounts []specs.Mount) (engine, guest []specs.Mount) {
	for _, m := range mounts {
		m.Destination = path.Clean("/" + m.Destination)
		switch {
		case slices.ContainsFunc(engineDirs, func(dir string) bool { return within(dir, m.Destination) }):
			engine = append(engine, m)
		case slices.Contains(resolverFiles, m.Destination):
			engine = append(engine, m)
		case m.Destination == "/run" && m.Type == "tmpfs":
		case slices.Contains(initPrograms, m.Destination):
		default:
			guest = append(guest, m)
		}
	}
	return engine, guest
}

func within(dir, p string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// guestMounts moves the guest's mounts below GuestDir, to where resolve says
// that their destination is once the symbolic links of the image are followed
// inside the image.
func guestMounts(mounts []specs.Mount, resolve func(string) (string, error)) ([]specs.Mount, error) {
	moved := make([]specs.Mount, 0, len(mounts))
	for _, m := range mounts {
		resolved, err := resolve(m.Destination)
		if err != nil {
			return nil, fmt.Errorf("mount at %s: %w", m.Destination, err)
		}
		resolved = path.Clean("/" + resolved)
		if resolved == "/" {
			return nil, fmt.Errorf("%w: nothing can be mounted at %s, which is the root of the guest", ErrInvalid, m.Destination)
		}
		m.Destination = path.Join(GuestDir, resolved)
		moved = append(moved, m)
	}
	return moved, nil
}

// NeedsRootfs reports whether Rewrite will call Container.Resolve, for which
// the image's files must be mounted.
func NeedsRootfs(spec *specs.Spec) bool {
	_, guest := splitMounts(spec.Mounts)
	return len(guest) > 0
}
