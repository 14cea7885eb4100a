package check

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// manyIDs is how many subordinate IDs a user needs: that many are those
	// which images and the compiler's user are taken from.
	manyIDs = 65536

	// ownNetwork is the oldest major version of RootlessKit that can do
	// without another program for the network.
	ownNetwork = 3
)

// Rootless is what has to be known of the user of a rootless containerd.
type Rootless struct {
	// User and UID are the user's.
	User string
	UID  int
	// Inside says that this process is in the namespaces of the user's
	// containerd. What it took to make them is there then, wherever it is.
	Inside bool
	// Root is the directory in which the system's files are, empty for /.
	Root string
}

func (r *Rootless) path(system string) string { return filepath.Join("/", r.Root, system) }

// missing is the status of what making the namespaces takes.
func (r *Rootless) missing() Status {
	if r.Inside {
		return Warning
	}
	return Missing
}

func mode(_ context.Context, o Options, _ environment) Result {
	if o.Rootless == nil {
		return Result{Name: "mode", Status: OK, Detail: "root: containerd is the machine's"}
	}
	return Result{Name: "mode", Status: OK, Detail: fmt.Sprintf("rootless: containerd is that of user %s (%d)", o.Rootless.User, o.Rootless.UID)}
}

func rootlesskit(ctx context.Context, o Options, s environment) Result {
	r := s.program(ctx, Result{Name: "rootlesskit", Fix: "apt-get install rootlesskit, or https://github.com/rootless-containers/rootlesskit/releases"}, "rootlesskit", "--version")
	if r.Status != OK {
		r.Status = o.Rootless.missing()
	}
	return r
}

// userNamespaces tries what an administrator, the kernel or a security module
// may forbid.
func userNamespaces(ctx context.Context, o Options, _ environment) Result {
	r := Result{Name: "user namespaces", Status: OK, Fix: "as root, sysctl -w user.max_user_namespaces=28633, and where they are known kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0"}
	if o.Rootless.Inside {
		return r
	}
	program, err := exec.LookPath("true")
	if err != nil {
		r.Status, r.Detail, r.Fix = Warning, err.Error(), ""
		return r
	}
	command := exec.CommandContext(ctx, program)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	if err := command.Run(); err != nil {
		r.Status, r.Detail = Missing, "an ordinary user may not make any: "+err.Error()
	}
	return r
}

func newIDMap(_ context.Context, o Options, s environment) Result {
	r := Result{Name: "newuidmap, newgidmap", Status: OK, Fix: "apt-get install uidmap"}
	var found []string
	for _, name := range []string{"newuidmap", "newgidmap"} {
		path, err := s.find(name)
		if err != nil {
			r.Status, r.Detail = o.Rootless.missing(), err.Error()
			return r
		}
		found = append(found, path)
	}
	r.Detail = strings.Join(found, ", ")
	return r
}

// subordinateIDs looks at the IDs that the namespace has, else at those that
// the user may give to one.
func subordinateIDs(_ context.Context, o Options, _ environment) Result {
	who := o.Rootless
	r := Result{Name: "subordinate IDs", Status: OK, Fix: fmt.Sprintf(
		"as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s, with other numbers when another user has these; then start containerd again", who.User)}
	files, count := []string{"/etc/subuid", "/etc/subgid"}, who.allowedIDs
	if who.Inside {
		files, count = []string{"/proc/self/uid_map", "/proc/self/gid_map"}, mappedIDs
	}
	for _, file := range files {
		content, err := os.ReadFile(who.path(file))
		if err != nil {
			r.Status, r.Detail = Missing, err.Error()
			return r
		}
		if n := count(string(content)); n < manyIDs {
			r.Status, r.Detail = Missing, fmt.Sprintf("%s has %d for user %s, and containers need %d", file, n, who.User, manyIDs)
			return r
		}
	}
	return r
}

// allowedIDs counts a user's in a file with lines "USER:FIRST:COUNT", in which
// the user is a name or number.
func (r *Rootless) allowedIDs(file string) (n int) {
	for line := range strings.Lines(file) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 3 && (fields[0] == r.User || fields[0] == strconv.Itoa(r.UID)) {
			count, _ := strconv.Atoi(fields[2]) // what is not a number allows nothing
			n += count
		}
	}
	return n
}

// mappedIDs counts those of a namespace, in lines "FIRST OUTSIDE COUNT".
func mappedIDs(file string) (n int) {
	for line := range strings.Lines(file) {
		if fields := strings.Fields(line); len(fields) == 3 {
			count, _ := strconv.Atoi(fields[2]) // the kernel writes numbers
			n += count
		}
	}
	return n
}

func tunDevice(_ context.Context, o Options, _ environment) Result {
	r := Result{Name: "TUN device", Status: OK, Detail: o.Rootless.path("/dev/net/tun"), Fix: "as root, modprobe tun && chmod 0666 /dev/net/tun, as udev does"}
	device, err := os.OpenFile(r.Detail, os.O_RDWR, 0)
	if err != nil {
		r.Status, r.Detail = o.Rootless.missing(), err.Error()
		return r
	}
	_ = device.Close() // nothing was done with it
	return r
}

func slirp4netns(ctx context.Context, o Options, s environment) Result {
	r := s.program(ctx, Result{Name: "slirp4netns", Fix: "apt-get install slirp4netns"}, "slirp4netns", "--version")
	if r.Status == OK {
		return r
	}
	r.Status = o.Rootless.missing()
	major, _, _ := strings.Cut(rootlesskit(ctx, o, s).Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= ownNetwork {
		r.Status, r.Detail = Warning, r.Detail+"; rootlesskit uses a driver of its own instead"
	}
	return r
}
