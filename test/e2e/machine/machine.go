// Package machine runs commands on a Debian with systemd, cgroup version 2, AppArmor and
// a kernel of its own: User Mode Linux, which is a Linux kernel as a program, and
// needs no virtualization of the processor.
package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// kernel is Debian's User Mode Linux, and modules where its modules are.
	kernel  = "linux.uml"
	modules = "/usr/lib/uml/modules"

	suite, mirror = "trixie", "http://deb.debian.org/debian"

	// handed is the directory of the machine's by which the command gets there
	// and its exit code comes back.
	handed = "/mnt"

	commandName, codeName = "command", "code"
)

// packages are Debian's beside those that every system has.
var packages = []string{
	"apparmor", "ca-certificates", "crun", "dbus", "dbus-user-session", "iproute2", "iptables",
	"kmod", "libpam-systemd", "libseccomp2", "passwd", "procps", "slirp4netns", "systemd-sysv",
	"udev", "uidmap",
}

// masked are units that cost time and are for hardware, people or a machine that
// is kept.
var masked = []string{
	"apparmor.service", "apt-daily.timer", "apt-daily-upgrade.timer", "console-getty.service",
	"e2scrub_reap.service", "fstrim.timer", "getty.target", "ldconfig.service",
	"systemd-journal-catalog-update.service", "systemd-pstore.service",
}

// unit runs the command when the system is up, and ends the machine after it.
// What it prints is on the first serial line.
const unit = `[Unit]
Description=The command that the machine is for
After=multi-user.target dbus.service

[Service]
Type=exec
ExecStartPre=/usr/sbin/modprobe tun
ExecStart=/bin/sh -c '/bin/sh ` + handed + "/" + commandName + `; echo $? > ` + handed + "/" + codeName + `'
ExecStopPost=/usr/bin/systemctl poweroff --no-block
StandardOutput=file:/dev/ttyS0
StandardError=inherit
Delegate=yes
`

// Machine is one that has never run before whenever it is started.
type Machine struct {
	// Dir is where its parts are kept.
	Dir string
	// Shared are directories of the host that the machine has under the same
	// paths, to read.
	Shared []string
	// Memory is how much it has, in MiB.
	Memory int
	// Console gets what kernel and systemd say, Output what the command prints.
	Console, Output *os.File
}

// Run starts the machine, runs a script of sh there as root, and returns its
// exit code. It is an error when the machine does not get to the script's end.
func (m *Machine) Run(ctx context.Context, script string) (code int, err error) {
	root, err := m.root(ctx)
	if err != nil {
		return 0, fmt.Errorf("make Debian's files: %w", err)
	}
	exchange, err := os.MkdirTemp(m.Dir, "run-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(exchange)
	if err := m.prepare(root, exchange, script); err != nil {
		return 0, err
	}
	disk := filepath.Join(exchange, "disk")
	if out, err := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-d", root, disk, "8G").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("mke2fs: %w\n%s", err, out)
	}
	boot := exec.CommandContext(ctx, kernel, "mem="+strconv.Itoa(m.Memory)+"M", "ubd0="+disk, "root=/dev/ubda", "rw",
		"apparmor=1", "security=apparmor", "systemd.wants=command.service", "con=null", "con0=null,fd:3", "ssl=null", "ssl0=null,fd:4")
	boot.ExtraFiles = []*os.File{m.Console, m.Output}
	// Each of its processes is one of the host's, too.
	boot.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	boot.Cancel = func() error { return syscall.Kill(-boot.Process.Pid, syscall.SIGKILL) }
	if err := boot.Run(); err != nil && ctx.Err() != nil {
		return 0, fmt.Errorf("the machine did not end in time: %w", ctx.Err())
	}
	text, err := os.ReadFile(filepath.Join(exchange, codeName))
	if err != nil {
		return 0, errors.New("the machine did not run the command to its end: see its console")
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// root is the directory with the system's files, made once.
func (m *Machine) root(ctx context.Context) (string, error) {
	options := []string{
		"--variant=minbase", "--include=" + strings.Join(packages, ","),
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		// The kernel has the tables of iptables, and of nftables only some.
		`--customize-hook=chroot "$1" update-alternatives --set iptables /usr/sbin/iptables-legacy`,
		`--customize-hook=chroot "$1" update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy`,
	}
	sum := sha256.Sum256(fmt.Append(nil, suite, mirror, options))
	root := filepath.Join(m.Dir, "debian-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	partial := root + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(m.Dir, 0o755)); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "mmdebstrap", append(options, suite, partial, mirror)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("mmdebstrap: %w\n%s", err, out)
	}
	return root, os.Rename(partial, root)
}

// prepare writes the files by which the machine does what it is for.
func (m *Machine) prepare(root, exchange, script string) error {
	if err := os.WriteFile(filepath.Join(exchange, commandName), []byte(script), 0o644); err != nil {
		return err
	}
	type mount struct{ host, guest, right string }
	mounts := []mount{{modules, "/usr/lib/modules", "ro"}, {exchange, handed, "rw"}}
	for _, dir := range m.Shared {
		mounts = append(mounts, mount{dir, dir, "ro"})
	}
	fstab := new(strings.Builder)
	for _, mount := range mounts {
		fmt.Fprintf(fstab, "none %s hostfs %s,%s 0 0\n", mount.guest, mount.right, mount.host)
		if err := os.MkdirAll(filepath.Join(root, mount.guest), 0o755); err != nil {
			return err
		}
	}
	units := filepath.Join(root, "etc/systemd/system")
	for _, name := range masked {
		if err := os.Symlink("/dev/null", filepath.Join(units, name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(root, "etc/fstab"), []byte(fstab.String()), 0o644),
		os.WriteFile(filepath.Join(units, "command.service"), []byte(unit), 0o644),
	)
}
