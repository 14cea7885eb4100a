// Package sandbox builds and runs private copies of the real daemons:
// containerd, buildkitd, dockerd and a registry, each with its own sockets,
// port, state and logs below one directory.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// maxSocketDir is how long the directory of the sockets may be: a Unix
// socket's path has at most 107 bytes, and the longest name needs 47 of them:
// /tmp/.buildkit-ssh-sock1234567890/ssh_auth_sock.
const maxSocketDir = 60

// Sandbox is one set of daemons, running or not.
type Sandbox struct {
	root string // of everything that is kept
	repo string // the checkout
	run  string // sockets
	id   string // tells sandboxes on one machine apart
	// systemd says that daemons are services of the machine's systemd, and that
	// it makes the containers' cgroups.
	systemd bool
	// architecture is that for which tools are built, by Go's name: the host's when empty.
	architecture string
	log          io.Writer // what is being done
}

// Open finds the sandbox of this checkout: SANDBOX_DIR, else .sandbox in the
// repository. Progress is written to log.
func Open(log io.Writer) (*Sandbox, error) {
	repo, err := repository()
	if err != nil {
		return nil, err
	}
	root := os.Getenv("SANDBOX_DIR")
	if root == "" {
		root = filepath.Join(repo, ".sandbox")
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(root))
	s := &Sandbox{root: root, repo: repo, id: hex.EncodeToString(sum[:3]), log: log}
	s.run = s.path("run")
	if len(s.run) > maxSocketDir {
		s.run = filepath.Join(os.TempDir(), "wasmfile-sandbox-"+s.id)
	}
	return s, nil
}

// repository is the directory that holds the project: the working directory, or
// one above it.
func repository() (string, error) {
	working, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := working; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "frontend", "cmd")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("run this inside the wasmfile repository")
}

// goEnv is a value that the go command uses.
func goEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// path is a path below the sandbox's directory.
func (s *Sandbox) path(elements ...string) string {
	return filepath.Join(append([]string{s.root}, elements...)...)
}

// temporary is where daemons put temporary files, and sockets too.
func (s *Sandbox) temporary() string { return filepath.Join(s.run, "tmp") }

// tool is the path of a built tool.
func (s *Sandbox) tool(name string) string { return s.path("tools", "bin", name) }

func (s *Sandbox) say(format string, args ...any) {
	fmt.Fprintf(s.log, "sandbox: "+format+"\n", args...)
}

// timed says what is being waited for, and how long it took.
func (s *Sandbox) timed(what string, f func() error) error {
	s.say("%s ...", what)
	start := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.say("%s: %s", what, time.Since(start).Round(100*time.Millisecond))
	return nil
}

// onlineTries is how often online tries, and onlineWait how long it waits in between.
const (
	onlineTries = 3
	onlineWait  = 10 * time.Second
)

// online is timed, of what fetches from the network. It is tried again when it fails: a
// new machine fetches thousands of files, and a server may not have one at the moment.
func (s *Sandbox) online(ctx context.Context, what string, f func() error) error {
	return s.timed(what, func() error {
		err := f()
		for try := 1; try < onlineTries && err != nil && ctx.Err() == nil; try++ {
			s.say("%s: %v", what, err)
			s.say("%s again in %s ...", what, onlineWait)
			select {
			case <-time.After(onlineWait):
				err = f()
			case <-ctx.Done():
			}
		}
		return err
	})
}

// Up builds the tools and starts what is not running. Called again, it only
// checks.
func (s *Sandbox) Up(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("the daemons need root: run this as root")
	}
	err := s.stages(ctx, s.installPackages, s.buildTools, s.installRootlessScripts, s.buildCargoTools, s.installEngine, s.startDaemons, s.configureClients, s.makeImages, s.pushBuiltFrontend)
	if err == nil {
		s.say("up; `eval \"$(make -s sandbox-env)\"` to use it")
	}
	return err
}

// Tools builds the tools and starts nothing.
func (s *Sandbox) Tools(ctx context.Context) error {
	return s.stages(ctx, s.installPackages, s.buildTools, s.installRootlessScripts, s.buildCargoTools, s.installEngine)
}

// stages does one thing after the other, while no other process does.
func (s *Sandbox) stages(ctx context.Context, stages ...func(context.Context) error) error {
	if err := s.makeDirectories(); err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, stage := range stages {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lock waits until no other process changes the sandbox.
func (s *Sandbox) lock() (unlock func(), err error) {
	file, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		s.say("waiting for another process that changes the sandbox ...")
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func (s *Sandbox) makeDirectories() error {
	for _, dir := range []string{"tools/bin", "etc", "log", "state"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.path("run", "tmp"), 0o711); err != nil || s.run == s.path("run") {
		return err
	}
	if target, err := os.Readlink(s.run); err == nil && target == s.path("run") {
		return nil
	}
	return os.Symlink(s.path("run"), s.run)
}

// command runs a tool with the sandbox's environment; its output is part of
// the error.
func (s *Sandbox) command(ctx context.Context, name string, args ...string) (string, error) {
	if !strings.Contains(name, "/") {
		if path := s.tool(name); exists(path) {
			name = path
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
