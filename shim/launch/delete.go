package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// runcRoot is runc's directory of containers, unless options say another.
const runcRoot = "/run/containerd/runc"

// delete tells how a container ended of which nothing is left to clean up.
// containerd asks after every container, and mostly its deletion was all that
// there was to do. It reports false when there may be more.
func (c call) delete() bool {
	bundle, err := os.Getwd()
	if err != nil {
		return false
	}
	bundle = path.Join(path.Dir(bundle), c.id)
	ended, ok := c.deleted(bundle)
	if !ok {
		c.removeSocket(bundle)
		return false
	}
	_, err = os.Stdout.Write(deleteResponse(ended))
	return err == nil
}

// deleted returns how the container of a bundle ended, and false when runc
// still has one, or the image's files are still mounted.
func (c call) deleted(bundle string) (ended exit, ok bool) {
	var options struct {
		Root string `json:"root"`
	}
	if err := readJSON(path.Join(bundle, "options.json"), &options); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ended, false
	}
	if options.Root == "" {
		options.Root = runcRoot
	}
	if _, err := os.Lstat(path.Join(options.Root, c.namespace, c.id)); !errors.Is(err, fs.ErrNotExist) {
		return ended, false
	}
	if err := readJSON(path.Join(bundle, "exit.json"), &ended); err != nil {
		return ended, false
	}
	if ended.Pid <= 0 || ended.Status < 0 || ended.Timestamp.IsZero() {
		return ended, false
	}
	return ended, !mayHaveMount(bundle)
}

// removeSocket removes the socket of a shim that was killed, as it does itself
// when it ends.
func (c call) removeSocket(bundle string) {
	dir, err := os.Readlink(path.Join(bundle, socketDirLink))
	if err != nil {
		dir = socketDir
	}
	socket := daemon{namespace: c.namespace, containerd: c.address}.socket(dir, c.id)
	if !connects(socket) {
		_ = os.Remove(socket) // Mostly there is none.
	}
}

// mayHaveMount reports whether something may be mounted below a directory.
func mayHaveMount(dir string) bool {
	if strings.ContainsAny(dir, " \t\n\\") { // which are written otherwise there
		return true
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return err != nil || bytes.Contains(mounts, []byte(" "+dir+"/"))
}

func readJSON(file string, into any) error {
	encoded, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}
