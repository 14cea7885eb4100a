package bundle

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/pkg/executable"
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
	// ExecDir holds the precompiled components of processes that are added
	// to a running container.
	ExecDir = "/exec"
	// CodeName is CodePath's last element.
	CodeName = "component.cwasm"
)

// resolverFiles are what container engines mount for a libc's resolver. They
// are for the engine, which looks names up for the guest, not for the guest.
var resolverFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}

// engineDirs are where the kernel's interfaces are mounted. The engine may
// use them; a WASI guest has nothing to do with them.
var engineDirs = []string{"/proc", "/dev", "/sys"}

// sharedMemory is what container engines bind from the host, or from a pod's
// directory, for native programs.
var sharedMemory = []string{"/dev/shm", "/dev/mqueue"}

// runOptions are those of the tmpfs at /run that containerd puts into every
// config. One with others is what somebody asked for.
var runOptions = []string{"nosuid", "strictatime", "mode=755", "size=65536k"}

// splitMounts divides a container's mounts into those that stay where they
// are, for the engine, and those that the guest is to see. containerd's own
// tmpfs at /run, and the init of --init, are for native programs: they are left
// out.
func splitMounts(mounts []specs.Mount) (engine, guest []specs.Mount) {
	for _, m := range mounts {
		m.Destination = path.Clean("/" + m.Destination)
		switch {
		case isBind(m) && strings.HasPrefix(m.Destination, "/dev/") && !slices.Contains(sharedMemory, m.Destination):
			// Somebody's own, such as the file for Kubernetes' message of
			// termination, which is below /dev by default.
			guest = append(guest, m)
		case slices.ContainsFunc(engineDirs, func(dir string) bool { return within(dir, m.Destination) }):
			engine = append(engine, m)
		case slices.Contains(resolverFiles, m.Destination):
			engine = append(engine, m)
		case m.Destination == "/run" && m.Type == "tmpfs" && slices.Equal(m.Options, runOptions):
		case slices.Contains(executable.InitPrograms, m.Destination):
		default:
			guest = append(guest, m)
		}
	}
	return engine, guest
}

func within(dir, p string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// resolverMounts are the mounts for a guest that looks names up itself: it may
// read what the container engine wrote for it.
func resolverMounts(engine []specs.Mount) []specs.Mount {
	var mounts []specs.Mount
	for _, m := range engine {
		if m.Destination == "/etc/hosts" || m.Destination == "/etc/resolv.conf" {
			m.Options = []string{"rbind", "ro", "nosuid", "nodev", "noexec"}
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// guestMounts moves the guest's mounts below GuestDir, to where the symbolic
// links of the image lead inside the image, and lists the directories among
// them: the guest is to find each under the name that the user gave it, and an
// engine would not follow an absolute link.
func guestMounts(mounts []specs.Mount, c Container) (moved []specs.Mount, dirs []Directory, err error) {
	for _, m := range mounts {
		resolved, err := c.Resolve(m.Destination)
		if err != nil {
			return nil, nil, fmt.Errorf("mount at %s: %w", m.Destination, err)
		}
		resolved = path.Clean("/" + resolved)
		if resolved == "/" {
			return nil, nil, fmt.Errorf("%w: nothing can be mounted at %s, which is the root of the guest", ErrInvalid, m.Destination)
		}
		dir := Directory{Path: path.Join(GuestDir, resolved), Name: m.Destination}
		// What separates the two on the engine's command line is in neither.
		if (!isBind(m) || c.IsDirectory(m.Source)) && !strings.Contains(dir.Path+dir.Name, "::") {
			dirs = append(dirs, dir)
		}
		m.Destination = dir.Path
		moved = append(moved, m)
	}
	return moved, dirs, nil
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// NeedsRootfs reports whether Rewrite will call Container.Resolve, for which
// the image's files must be mounted.
func NeedsRootfs(spec *specs.Spec) bool {
	engine, guest := splitMounts(spec.Mounts)
	return len(guest)+len(resolverMounts(engine)) > 0
}
