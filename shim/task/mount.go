package task

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// mountIn mounts a file of the host, read-only, on a file in the mount
// namespace of a process.
func mountIn(pidfd int, source, target string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("open %s: %w", source, err)
	}
	defer unix.Close(tree)
	attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attributes)
	if errors.Is(err, unix.ENOSYS) {
		return errors.New("this needs Linux 5.12")
	}
	if err != nil {
		return fmt.Errorf("make %s read-only: %w", source, err)
	}
	failed := make(chan error)
	go func() {
		// A thread that has changed its namespace is of no more use: it ends
		// with the goroutine, because it is not unlocked.
		runtime.LockOSThread()
		failed <- moveInto(pidfd, tree, target)
	}()
	return <-failed
}

// moveInto changes the thread's namespace.
func moveInto(pidfd, tree int, target string) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(pidfd, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the container: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount at %s: %w", target, err)
	}
	return nil
}
