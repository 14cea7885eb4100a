package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Arm64 is a board of QEMU's with an arm64 processor, which QEMU translates: tens of
// times as slow as one.
var Arm64 = &Hardware{
	packages: []string{"?essential", "base-files", "base-passwd", "linux-image-arm64", "runc"},
	options: []string{
		"--architectures=arm64",
		// No program of theirs can run while the packages are installed. What is
		// needed of what they would have done follows.
		"--variant=extract",
		`--extract-hook=cp "$1"/usr/share/base-passwd/passwd.master "$1"/etc/passwd`,
		`--extract-hook=cp "$1"/usr/share/base-passwd/group.master "$1"/etc/group`,
		`--extract-hook=echo 127.0.0.1 localhost > "$1"/etc/hosts`,
		`--extract-hook=ln -s xtables-nft-multi "$1"/usr/sbin/iptables`,
		`--extract-hook=ln -s xtables-nft-multi "$1"/usr/sbin/ip6tables`,
		`--extract-hook=depmod --basedir "$1" "$(ls "$1"/usr/lib/modules)"`,
	},
	output: "/dev/hvc0",
	mount: func(n int, _ string) (source, fileSystem, options string) {
		return tag(n), "9p", "trans=virtio,version=9p2000.L,msize=512000,cache=loose"
	},
	boot: bootArm64,
}

// initial finds the disk with the modules that the kernel has as files.
const initial = `#!/bin/sh
mount -t devtmpfs devices /dev
modprobe -a virtio_blk ext4
mount -t ext4 /dev/vda /mnt
exec switch_root /mnt /sbin/init
`

// tag is the name of the n-th shared directory.
func tag(n int) string { return "shared" + strconv.Itoa(n) }

func bootArm64(ctx context.Context, m *Machine, root, disk, scratch string, mounts []mount) (*exec.Cmd, error) {
	kernels, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil {
		return nil, err
	}
	if len(kernels) != 1 {
		return nil, fmt.Errorf("there are the kernels %q instead of one", kernels)
	}
	if err := os.WriteFile(filepath.Join(root, "init"), []byte(initial), 0o755); err != nil {
		return nil, err
	}
	initrd := filepath.Join(scratch, "initrd")
	pack := exec.CommandContext(ctx, "sh", "-c", `find . | cpio --quiet --create --format=newc --file="$0"`, initrd)
	pack.Dir = root
	if out, err := pack.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make an initial file system of %s: %w\n%s", root, err, out)
	}
	args := []string{
		"-machine", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", strconv.Itoa(m.Memory),
		"-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", kernels[0], "-initrd", initrd, "-append", "console=ttyAMA0 audit=0 apparmor=1 security=apparmor panic=-1 systemd.firstboot=no systemd.wants=command.service",
		"-drive", "if=virtio,format=raw,cache=unsafe,file=" + disk,
		"-chardev", "file,id=console,append=on,path=" + m.Console.Name(), "-serial", "chardev:console",
		"-device", "virtio-serial-pci", "-chardev", "stdio,id=output,signal=off", "-device", "virtconsole,chardev=output",
	}
	for n, mount := range mounts {
		share := "local,security_model=none,multidevs=remap,mount_tag=" + tag(n) + ",path=" + mount.host
		if !mount.writable {
			share += ",readonly=on"
		}
		args = append(args, "-virtfs", share)
	}
	boot := exec.CommandContext(ctx, "qemu-system-aarch64", args...)
	boot.Stdout, boot.Stderr = m.Output, m.Console
	return boot, nil
}
