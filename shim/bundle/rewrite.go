package bundle

import (
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Container is what a WebAssembly container is made of, as paths of the host.
type Container struct {
	// Root is the directory that becomes the container's root: empty, and
	// for this container only, because the runtime makes mount points in it.
	Root string
	// Rootfs is where the image's files are, or will be once the runtime
	// has mounted them.
	Rootfs string
	// Engine is the directory to mount at EngineDir.
	Engine string
	// Code is the precompiled component, to mount at CodePath.
	Code string
	// Exec is the directory to mount at ExecDir: for this container only, and
	// not below Root, where mounts of the user may be by then.
	Exec string
	// Process returns the arguments and environment of the engine's process
	// for a guest that has these directories besides its root.
	Process func(dirs []Directory) (args, env []string)
	// Network says that the guest may use the container's network, for which
	// it gets the files of a resolver.
	Network bool
	// NoConnections says that no connection may be made from the container:
	// it can only be connected to.
	NoConnections bool
	// BindsLowPort says that the engine listens on a port under 1024.
	BindsLowPort bool
	// Resolve follows the symbolic links of a path inside the image's files
	// and returns the path, inside the image's files, that it stands for.
	Resolve func(destination string) (string, error)
	// IsDirectory tells what a bind mount's source is.
	IsDirectory func(source string) bool
}

// Directory is a directory that is mounted in the guest.
type Directory struct {
	// Path is where it is in the container.
	Path string
	// Name is where the user wanted it to be in the guest.
	Name string
}

// Rewrite makes a native container's config one that runs the engine. What it
// does not name stays: namespaces, cgroups, seccomp, user, resource limits,
// hooks, terminal.
//
// The engine and the code, and the directory for the code of added processes, are
// mounted last, so that no mount of the user can put anything in their place, whatever
// symbolic links are in the image and in other mounts.
func Rewrite(spec *specs.Spec, c Container) error {
	engine, guest := splitMounts(spec.Mounts)
	if c.Network {
		guest = append(guest, resolverMounts(engine)...)
	}
	guest, dirs, err := guestMounts(guest, c)
	if err != nil {
		return err
	}
	image := specs.Mount{Destination: GuestDir, Type: "bind", Source: c.Rootfs, Options: []string{"rbind", "nosuid"}}
	if spec.Root.Readonly {
		// Read-only once the runtime has made the mount points in it.
		guest = append(guest, specs.Mount{
			Destination: GuestDir, Type: "bind", Source: c.Rootfs, Options: []string{"bind", "remount", "ro", "nosuid"},
		})
	}
	readonly := []string{"bind", "ro", "nosuid", "nodev"}
	spec.Mounts = slices.Concat(engine, []specs.Mount{image}, guest, []specs.Mount{
		{Destination: ExecDir, Type: "bind", Source: c.Exec, Options: readonly},
		{Destination: EngineDir, Type: "bind", Source: c.Engine, Options: readonly},
		{Destination: CodePath, Type: "bind", Source: c.Code, Options: readonly},
	})
	spec.Root = &specs.Root{Path: c.Root, Readonly: true}
	args, env := c.Process(dirs)
	RewriteProcess(spec.Process, args, env, c.BindsLowPort)
	maps.DeleteFunc(spec.Annotations, func(key, _ string) bool { return ordersRuntime(key) })
	if c.NoConnections {
		spec.Linux.Seccomp = withoutConnect(spec.Linux.Seccomp)
	}
	return nil
}

// ordersRuntime reports whether an annotation changes what crun does: which
// files of the host it writes to, and that it is to run WebAssembly itself.
func ordersRuntime(key string) bool {
	return strings.HasPrefix(key, "run.oci.") || strings.HasPrefix(key, "module.wasm.image/")
}

// RewriteProcess makes a native process the engine's, with its arguments and
// environment. bindsLowPort is Container.BindsLowPort. User, limits and
// terminal stay.
func RewriteProcess(process *specs.Process, args, env []string, bindsLowPort bool) {
	process.Args, process.Env, process.Cwd = args, env, "/"
	process.CommandLine = ""
	process.NoNewPrivileges = true
	process.Capabilities = capabilities(process.Capabilities, bindsLowPort)
}

const capNetBindService = "CAP_NET_BIND_SERVICE"

// capabilities drops them all: a WASI guest can use none, so neither shall
// the engine. The one exception lets the engine listen on port 80 for it,
// where the container was allowed to.
func capabilities(granted *specs.LinuxCapabilities, bindsLowPort bool) *specs.LinuxCapabilities {
	if !bindsLowPort || granted == nil || !slices.Contains(granted.Bounding, capNetBindService) {
		return &specs.LinuxCapabilities{}
	}
	keep := []string{capNetBindService}
	return &specs.LinuxCapabilities{Bounding: keep, Effective: keep, Permitted: keep, Inheritable: keep, Ambient: keep}
}
