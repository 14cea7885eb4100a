// Package machine runs commands on a Debian with systemd, cgroup version 2, AppArmor and
// a kernel of its own. No machine needs the host's processor to virtualize: one is User
// Mode Linux, which is a Linux kernel as a program; another has an arm64 processor, which
// QEMU emulates.
package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
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
// What it prints is on a terminal; the directories that it needs are mounted before.
const unit = `[Unit]
Description=The command that the machine is for
After=multi-user.target dbus.service
RequiresMountsFor=%s

[Service]
Type=exec
ExecStartPre=/usr/sbin/modprobe tun
ExecStart=/bin/sh -c '/bin/sh ` + handed + "/" + commandName + `; echo $? > ` + handed + "/" + codeName + `'
ExecStopPost=/usr/bin/systemctl poweroff --no-block
StandardOutput=file:%s
StandardError=inherit
Delegate=yes
`

// Machine is one that has never run before whenever it is started.
type Machine struct {
	// Hardware is UserMode or Arm64.
	Hardware *Hardware
	// Dir is where its parts are kept.
	Dir string
	// Shared are directories of the host, by the paths that they have in the
	// machine, to read.
	Shared map[string]string
	// Memory is how much it has, in MiB.
	Memory int
	// Console gets what kernel and systemd say, Output what the command prints.
	Console, Output *os.File
}

// Hardware is what a machine consists of.
type Hardware struct {
	packages []string // of Debian's, for this hardware only
	options  []string // of mmdebstrap
	output   string   // the device that shows what the command prints
	modules  string   // where the kernel's modules are, when Debian's files lack them
	// mount says in fstab's words what a shared directory is, the n-th one.
	mount func(n int, host string) (source, fileSystem, options string)
	// boot is the command that starts a machine from its disk, and what else it
	// makes is in a directory of its own.
	boot func(ctx context.Context, m *Machine, root, disk, scratch string, mounts []mount) (*exec.Cmd, error)
}

// mount is a directory of the host that the machine has too.
type mount struct {
	host, guest string
	writable    bool
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
	mounts := m.mounts(exchange)
	if err := m.prepare(root, mounts, exchange, script); err != nil {
		return 0, err
	}
	disk := filepath.Join(exchange, "disk")
	if out, err := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-d", root, disk, "8G").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("mke2fs: %w\n%s", err, out)
	}
	boot, err := m.Hardware.boot(ctx, m, root, disk, exchange, mounts)
	if err != nil {
		return 0, err
	}
	// Each process of a User Mode Linux is one of the host's, too.
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
	options := append([]string{
		"--include=" + strings.Join(slices.Concat(packages, m.Hardware.packages), ","),
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	}, m.Hardware.options...)
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

// mounts are what the machine has of the host: for the exchange of files with the
// command, and what is shared. One below another comes after it.
func (m *Machine) mounts(exchange string) []mount {
	mounts := []mount{{exchange, handed, true}}
	if m.Hardware.modules != "" {
		mounts = append(mounts, mount{m.Hardware.modules, "/usr/lib/modules", false})
	}
	for _, guest := range slices.Sorted(maps.Keys(m.Shared)) {
		mounts = append(mounts, mount{m.Shared[guest], guest, false})
	}
	return mounts
}

// prepare writes the files by which the machine does what it is for.
func (m *Machine) prepare(root string, mounts []mount, exchange, script string) error {
	if err := os.WriteFile(filepath.Join(exchange, commandName), []byte(script), 0o644); err != nil {
		return err
	}
	fstab, guests := new(strings.Builder), new(strings.Builder)
	for n, mount := range mounts {
		right := "ro"
		if mount.writable {
			right = "rw"
		}
		source, fileSystem, options := m.Hardware.mount(n, mount.host)
		fmt.Fprintf(fstab, "%s %s %s %s,%s 0 0\n", source, mount.guest, fileSystem, right, options)
		fmt.Fprintf(guests, " %s", mount.guest)
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
		os.WriteFile(filepath.Join(units, "command.service"), fmt.Appendf(nil, unit, guests, m.Hardware.output), 0o644),
	)
}
