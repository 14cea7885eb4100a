package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

type debianPackage struct{ name, provides string }

// debianPackages are what is needed of the system: to build the tools (a
// compiler, libseccomp for runc, and cargo) and the test guests (node and npm),
// and to run. The package is there when its file is, or its command is in PATH from
// wherever.
var debianPackages = []debianPackage{
	{"gcc", "gcc"},
	{"libc6-dev", "/usr/include/stdio.h"},
	{"pkg-config", "pkg-config"},
	{"libseccomp-dev", "/usr/include/seccomp.h"},
	{"iptables", "iptables"},
	{"iproute2", "ip"},
	{"kmod", "modprobe"},
	{"mount", "mount"},
	{"util-linux", "findmnt"},
	{"crun", "crun"}, // an alternative to runc
	{"uidmap", "newuidmap"},
	{"slirp4netns", "slirp4netns"},
	{"busybox-static", "busybox"},
	{"python3-pip", "pip3"},
	{"nodejs", "node"},
	{"npm", "npm"},
	{"cargo-web", "cargo"}, // Debian's newest Rust, kept for its browsers
	{"git", "git"},
	{"openssh-client", "ssh-agent"},
	{"make", "make"},
	{"ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
}

func isInstalled(provides string) bool {
	if strings.HasPrefix(provides, "/") {
		return exists(provides)
	}
	_, err := exec.LookPath(provides)
	return err == nil
}

// installPackages installs the Debian packages that are missing.
func (s *Sandbox) installPackages(ctx context.Context) error {
	return s.install(ctx, debianPackages)
}

func (s *Sandbox) install(ctx context.Context, packages []debianPackage) error {
	var missing []string
	for _, p := range packages {
		if !isInstalled(p.provides) {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("these Debian packages, or what corresponds to them, are needed: %s", strings.Join(missing, " "))
	}
	return s.online(ctx, "install "+strings.Join(missing, " "), func() error {
		for _, args := range [][]string{
			{"update"},
			append([]string{"install", "-y", "--no-install-recommends"}, missing...),
		} {
			cmd := exec.CommandContext(ctx, "apt-get", args...)
			cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
			}
		}
		return nil
	})
}
