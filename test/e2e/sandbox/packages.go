package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// debianPackages are what the tools need of the system: to be built (a
// compiler and libseccomp for runc) and to run. The file tells whether a
// package is there.
var debianPackages = []struct{ name, file string }{
	{"gcc", "/usr/bin/gcc"},
	{"libc6-dev", "/usr/include/stdio.h"},
	{"pkg-config", "/usr/bin/pkg-config"},
	{"libseccomp-dev", "/usr/include/seccomp.h"},
	{"iptables", "/usr/sbin/iptables"},
	{"iproute2", "/usr/sbin/ip"},
	{"kmod", "/usr/sbin/modprobe"},
	{"mount", "/usr/bin/mount"},
	{"util-linux", "/usr/bin/findmnt"},
	{"busybox-static", "/usr/bin/busybox"},
	{"python3-pip", "/usr/bin/pip3"},
	{"git", "/usr/bin/git"},
	{"make", "/usr/bin/make"},
	{"ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
}

// installPackages installs the Debian packages that are missing.
func (s *Sandbox) installPackages(ctx context.Context) error {
	var missing []string
	for _, p := range debianPackages {
		if !exists(p.file) && !(p.name == "python3-pip" && hasPip(ctx)) {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("these Debian packages, or what corresponds to them, are needed: %s", strings.Join(missing, " "))
	}
	return s.timed("install "+strings.Join(missing, " "), func() error {
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

func hasPip(ctx context.Context) bool {
	return exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() == nil
}
