package machine

import (
	"context"
	"os"
	"os/exec"
	"strconv"
)

// UserMode is Debian's User Mode Linux, on the host's processor.
var UserMode = &Hardware{
	options: []string{
		"--variant=minbase",
		// The kernel has the tables of iptables, and of nftables only some.
		`--customize-hook=chroot "$1" update-alternatives --set iptables /usr/sbin/iptables-legacy`,
		`--customize-hook=chroot "$1" update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy`,
	},
	output:  "/dev/ttyS0",
	modules: "/usr/lib/uml/modules",
	mount: func(_ int, host string) (source, fileSystem, options string) {
		return "none", "hostfs", host
	},
	boot: func(ctx context.Context, m *Machine, _, disk, _ string, _ []mount) (*exec.Cmd, error) {
		boot := exec.CommandContext(ctx, "linux.uml", "mem="+strconv.Itoa(m.Memory)+"M", "ubd0="+disk, "root=/dev/ubda", "rw",
			"apparmor=1", "security=apparmor", "systemd.wants=command.service", "con=null", "con0=null,fd:3", "ssl=null", "ssl0=null,fd:4")
		boot.ExtraFiles = []*os.File{m.Console, m.Output}
		return boot, nil
	},
}
