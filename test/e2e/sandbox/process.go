package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 3 * time.Minute
	stopTimeout  = 30 * time.Second
)

// daemon is a process that outlives the command that started it.
type daemon struct {
	name     string
	config   string // its template, and its file in etc/
	args     []string
	version  []string // the command that prints its version
	endpoint string   // what it listens on, for people
	stale    string   // a file that a killed one leaves and that keeps the next from starting
	ready    func(context.Context) error
}

// process identifies a running process: the start time tells it from a later
// one with the same number, the key says what it was started from.
type process struct {
	pid        int
	start, key string
}

// startTime is when a process started, in clock ticks since boot, empty when
// there is none or it is a zombie.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is the command in parentheses and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

func (s *Sandbox) pidFile(d daemon) string { return s.path("state", d.name+".pid") }
func (s *Sandbox) logFile(d daemon) string { return s.path("log", d.name+".log") }

// running returns the daemon's process, if it is alive.
func (s *Sandbox) running(d daemon) (process, bool) {
	content, err := os.ReadFile(s.pidFile(d))
	if err != nil {
		return process{}, false
	}
	var p process
	// A file without a key is of a daemon that has to be replaced.
	if n, _ := fmt.Sscan(string(content), &p.pid, &p.start, &p.key); n < 2 || startTime(p.pid) != p.start {
		return process{}, false
	}
	return p, true
}

// daemonKey changes when a daemon has to be started again: with its
// configuration, its executable or its arguments.
func (s *Sandbox) daemonKey(d daemon) (string, error) {
	config, err := s.render(d.config)
	if err != nil {
		return "", err
	}
	built, err := os.ReadFile(s.stamp(d.name))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", d.args, config, built)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// start starts a daemon unless it runs and answers, and waits for it.
func (s *Sandbox) start(ctx context.Context, d daemon) error {
	key, err := s.daemonKey(d)
	if err != nil {
		return err
	}
	if p, ok := s.running(d); ok && p.key == key && d.ready(ctx) == nil {
		return nil
	}
	return s.timed("start "+d.name, func() error {
		if err := s.stop(d); err != nil {
			return err
		}
		if d.stale != "" {
			if err := remove(d.stale); err != nil {
				return err
			}
		}
		if err := s.configure(d.config, d.config); err != nil {
			return err
		}
		if err := s.spawn(ctx, d, key); err != nil {
			return err
		}
		return s.await(ctx, d)
	})
}

func (s *Sandbox) spawn(ctx context.Context, d daemon, key string) error {
	launch := s.fork
	if s.systemd {
		launch = s.startService
	}
	pid, err := launch(ctx, d)
	if err != nil {
		return err
	}
	return os.WriteFile(s.pidFile(d), fmt.Appendln(nil, pid, startTime(pid), key), 0o644)
}

// fork starts a daemon as a process that nobody looks after.
func (s *Sandbox) fork(_ context.Context, d daemon) (pid int, err error) {
	log, err := os.OpenFile(s.logFile(d), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(d.args[0], d.args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.root
	// What daemons leave in it goes with the sandbox: BuildKit leaves directories.
	cmd.Env = append(s.environ(), "TMPDIR="+s.temporary())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() { _ = cmd.Wait() }() // not to leave a zombie while we wait for it
	return cmd.Process.Pid, nil
}

// await waits until a daemon answers. When it does not, the error has the end
// of its log.
func (s *Sandbox) await(ctx context.Context, d daemon) error {
	begun, said := time.Now(), time.Now()
	for {
		err := d.ready(ctx)
		if err == nil {
			return nil
		}
		_, alive := s.running(d)
		if !alive || time.Since(begun) > startTimeout || ctx.Err() != nil {
			return fmt.Errorf("it does not answer: %w\nthe end of %s:\n%s", err, s.logFile(d), tail(s.logFile(d)))
		}
		if time.Since(said) > 5*time.Second {
			s.say("waiting for %s, %.0f s", d.name, time.Since(begun).Seconds())
			said = time.Now()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// stop ends a daemon: SIGTERM, then SIGKILL.
func (s *Sandbox) stop(d daemon) error {
	p, ok := s.running(d)
	if !ok {
		return remove(s.pidFile(d))
	}
	if err := end(p); err != nil {
		return fmt.Errorf("stop %s (%d): %w", d.name, p.pid, err)
	}
	return remove(s.pidFile(d))
}

func end(p process) error {
	if err := signalAndWait(p, syscall.SIGTERM); err == nil {
		return nil
	}
	return signalAndWait(p, syscall.SIGKILL)
}

func signalAndWait(p process, signal syscall.Signal) error {
	if err := syscall.Kill(p.pid, signal); errors.Is(err, syscall.ESRCH) {
		return nil
	} else if err != nil {
		return err
	}
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if startTime(p.pid) != p.start {
			return nil
		}
	}
	return fmt.Errorf("process %d does not end on %v", p.pid, signal)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
