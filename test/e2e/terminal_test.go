package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal is a pseudo terminal with a command on it.
type terminal struct {
	t       *testing.T
	master  *os.File
	slave   *os.File
	command *exec.Cmd
	mu      sync.Mutex
	seen    bytes.Buffer
}

// onTerminal starts a command on a terminal of its own.
func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var number, unlocked int32
	ioctl(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	ioctl(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, slave: slave, command: exec.Command(args[0], args[1:]...)}
	term.command.Stdin, term.command.Stdout, term.command.Stderr = slave, slave, slave
	term.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			term.mu.Lock()
			term.seen.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = term.command.Process.Kill() // it usually has ended
		_ = slave.Close()
		_ = master.Close()
	})
	return term
}

func ioctl(t *testing.T, file *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatal(errno)
	}
}

func (term *terminal) output() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

func (term *terminal) shows(text string) {
	term.t.Helper()
	term.t.Cleanup(func() {
		if term.t.Failed() {
			term.t.Logf("the terminal shows %q", term.output())
		}
	})
	eventually(term.t, 30*time.Second, fmt.Sprintf("%q on the terminal", text), func() bool {
		return strings.Contains(term.output(), text)
	})
}

func (term *terminal) types(text string) {
	term.t.Helper()
	if _, err := term.master.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the command and checks its exit code and that the terminal is
// as it was: not raw.
func (term *terminal) ends(code int) {
	term.t.Helper()
	term.wait()
	if got := term.command.ProcessState.ExitCode(); got != code {
		term.t.Errorf("exit code %d, not %d; the terminal shows %q", got, code, term.output())
	}
	term.isCooked()
}

// endsBy is ends for a command that a signal ends.
func (term *terminal) endsBy(signal syscall.Signal) {
	term.t.Helper()
	term.wait()
	if status := term.command.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != signal {
		term.t.Errorf("%s, not %s; the terminal shows %q", term.command.ProcessState, signal, term.output())
	}
	term.isCooked()
}

func (term *terminal) wait() {
	term.t.Helper()
	done := make(chan error, 1)
	go func() { done <- term.command.Wait() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second * patience(term.t)):
		term.t.Fatalf("it does not end; the terminal shows %q", term.output())
	}
}

func (term *terminal) isCooked() {
	term.t.Helper()
	const cooked = syscall.ICANON | syscall.ECHO | syscall.ISIG
	if flags := term.flags(); flags&cooked != cooked {
		term.t.Errorf("the terminal is raw: flags %#x", flags)
	}
}

// becomesRaw waits for a command that says nothing when it is there: what is typed
// from then on is for it, even if it reads later, and this terminal does not echo it.
func (term *terminal) becomesRaw() {
	term.t.Helper()
	eventually(term.t, 30*time.Second, "that the terminal is raw", func() bool {
		return term.flags()&(syscall.ICANON|syscall.ECHO|syscall.ISIG) == 0
	})
}

// flags are the local ones of termios(3).
func (term *terminal) flags() uint32 {
	term.t.Helper()
	var state syscall.Termios
	ioctl(term.t, term.slave, syscall.TCGETS, unsafe.Pointer(&state))
	return state.Lflag
}

func terminalRun(flags ...string) []string {
	return append([]string{"nerdctl", "wasm", "run", "-q", "-it", "--net", "none"}, flags...)
}

// catOnTerminal runs a guest that copies its input, and returns when it does.
func catOnTerminal(t *testing.T, flags ...string) (term *terminal, name string) {
	t.Helper()
	name = unique("terminal")
	term = onTerminal(t, terminalRun(append(flags, "--name", name, probe(t, "component"), "cat")...)...)
	t.Cleanup(func() { _ = exec.Command("nerdctl", "rm", "-f", name).Run() }) // usually it is gone
	awaitRunning(t, name)
	// The terminal is raw now, so what is typed is echoed once, by the container's.
	term.types("ready\n")
	term.shows("ready\r\nready\r\n")
	return term, name
}

// TestTerminalInput: given what is typed, the guest reads it, line by line, and
// the end of input ends it.
func TestTerminalInput(t *testing.T) {
	term, _ := catOnTerminal(t, "--rm")
	term.types("\x04")
	term.ends(0)
}

// TestTerminalInterrupt: given Ctrl-C or Ctrl-\, the guest ends as a native
// program without handlers would.
func TestTerminalInterrupt(t *testing.T) {
	for key, code := range map[string]int{"\x03": 130, "\x1c": 131} {
		term, _ := catOnTerminal(t, "--rm")
		term.types(key)
		term.ends(code)
	}
}

// TestTerminalDetach: given Ctrl-P Ctrl-Q, the container goes on without the
// terminal, and attach comes back to it, again and again; given Ctrl-C then, the
// guest ends.
func TestTerminalDetach(t *testing.T) {
	term, name := catOnTerminal(t)
	term.types("\x10\x11")
	term.ends(0)
	if out := must(t, "nerdctl", "inspect", "--format", "{{.State.Status}}", name); out != "running" {
		t.Fatalf("it is %s", out)
	}
	back := onTerminal(t, "nerdctl", "wasm", "attach", name)
	back.becomesRaw()
	back.types("two\n")
	back.shows("two\r\ntwo\r\n")
	back.types("\x10\x11")
	back.ends(0)
	again := onTerminal(t, "nerdctl", "wasm", "attach", name)
	again.becomesRaw()
	again.types("three\n")
	again.shows("three\r\nthree\r\n")
	again.types("\x03")
	again.ends(130)
	if out := must(t, "nerdctl", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name); out != "exited 130" {
		t.Errorf("it is %s", out)
	}
	must(t, "nerdctl", "rm", "-f", name)
}

// TestTerminalResize: given a new size, the container's terminal has it.
func TestTerminalResize(t *testing.T) {
	term, name := catOnTerminal(t, "--rm")
	size := [4]uint16{33, 77, 0, 0}
	ioctl(t, term.master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	pid := must(t, "nerdctl", "inspect", "--format", "{{.State.Pid}}", name)
	eventually(t, 10*time.Second, "the size", func() bool {
		return strings.Contains(try(t, "stty", "-F", "/proc/"+pid+"/fd/0", "size").stdout, "33 77")
	})
	term.types("\x04")
	term.ends(0)
}

// TestTerminalAfterATrap: given a guest that traps, and a container that cannot
// start, the terminal is usable again.
func TestTerminalAfterATrap(t *testing.T) {
	onTerminal(t, terminalRun("--rm", probe(t, "component"), "trap")...).ends(134)
	onTerminal(t, terminalRun("--rm", "--runtime", "io.containerd.nothing.v1", probe(t, "component"))...).ends(1)
	// By a signal that nobody can handle, the plugin's end leaves the terminal
	// as it is; by one that can be handled, not.
	term, _ := catOnTerminal(t, "--rm")
	if err := term.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	term.ends(143)
}
