package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// client is a way to run containers.
type client interface {
	name() string
	pull(ctx context.Context, ref, platform string) error
	// can tells whether the client has a way to ask for something.
	can(r Request) bool
	// run runs a container to its end and removes it.
	run(ctx context.Context, r Request) (Outcome, error)
	// stop starts a container, asks it to end and removes it.
	stop(ctx context.Context, r Request) (Outcome, error)
}

// commandTimeout ends a command that hangs.
const commandTimeout = 5 * time.Minute

// command runs a command line; only a failure to run it is an error.
func command(ctx context.Context, stdin string, args ...string) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = strings.NewReader(stdin), &stdout, &stderr, 5*time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return Outcome{}, fmt.Errorf("%s: %w", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return Outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
}

// must runs a command line that has to succeed and returns what it prints.
func must(ctx context.Context, args ...string) (string, error) {
	got, err := command(ctx, "", args...)
	if err == nil && got.Code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), got.Code, got.Stderr)
	}
	return strings.TrimSpace(got.Stdout), err
}

func unique() string { return fmt.Sprintf("conformance-%d", rand.Int63()) }

// docker is Docker's command line, which nerdctl has too.
type docker struct {
	called  string
	tool    []string // the words before run
	control string   // the tool that stops and inspects
	flags   func(platform string) []string
	pulls   func(ref, platform string) []string
}

func (d docker) name() string       { return d.called }
func (d docker) can(r Request) bool { return true }

func (d docker) pull(ctx context.Context, ref, platform string) error {
	_, err := must(ctx, d.pulls(ref, platform)...)
	return err
}

func (d docker) command(r Request, flags ...string) []string {
	args := append(append(append([]string{}, d.tool...), "run"), d.flags(r.Platform)...)
	args = append(args, flags...)
	if r.Stdin != "" {
		args = append(args, "-i")
	}
	for _, v := range r.Env {
		args = append(args, "-e", v)
	}
	if r.Dir != "" {
		volume := r.Dir + ":/data"
		if r.ReadOnly {
			volume += ":ro"
		}
		args = append(args, "-v", volume)
	}
	if r.Cwd != "" {
		args = append(args, "-w", r.Cwd)
	}
	if r.Memory > 0 {
		args = append(args, "--memory", strconv.FormatInt(r.Memory, 10), "--memory-swap", strconv.FormatInt(r.Memory, 10))
	}
	return append(append(args, r.Ref), r.Args...)
}

func (d docker) run(ctx context.Context, r Request) (Outcome, error) {
	name := unique()
	got, err := command(ctx, r.Stdin, d.command(r, "--rm", "--name", name)...)
	if err != nil { // It is still there.
		_, e := must(ctx, d.control, "rm", "-f", name)
		err = errors.Join(err, e)
	}
	return got, err
}

func (d docker) stop(ctx context.Context, r Request) (got Outcome, err error) {
	name := unique()
	if _, err := must(ctx, d.command(r, "-d", "--name", name)...); err != nil {
		return got, err
	}
	defer func() {
		_, e := must(ctx, d.control, "rm", "-f", name)
		err = errors.Join(err, e)
	}()
	if err := inTime(func() error { _, err := must(ctx, d.control, "stop", name); return err }); err != nil {
		return got, err
	}
	code, err := must(ctx, d.control, "inspect", "--format", "{{.State.ExitCode}}", name)
	if err != nil {
		return got, err
	}
	got.Code, err = strconv.Atoi(code)
	return got, err
}

// inTime runs what asks a container to end. The container has to end before the ten
// seconds are over after which clients kill it.
func inTime(stop func() error) error {
	begun := time.Now()
	err := stop()
	if took := time.Since(begun); took > 8*time.Second {
		err = errors.Join(err, fmt.Errorf("it took %s to end", took))
	}
	return err
}

// ctr is containerd's own client.
type ctr struct{ runtime string }

func (ctr) name() string       { return "ctr" }
func (ctr) can(r Request) bool { return true }
func (ctr) pull(ctx context.Context, ref, platform string) error {
	_, err := must(ctx, "ctr", "images", "pull", "--local", "--plain-http", "--platform", platform, ref)
	return err
}

func (c ctr) command(r Request, id string, flags ...string) []string {
	args := append([]string{"ctr", "run", "--runtime", c.runtime, "--platform", r.Platform}, flags...)
	for _, v := range r.Env {
		args = append(args, "--env", v)
	}
	if r.Dir != "" {
		mode := "rw"
		if r.ReadOnly {
			mode = "ro"
		}
		args = append(args, "--mount", "type=bind,src="+r.Dir+",dst=/data,options=rbind:"+mode)
	}
	if r.Cwd != "" {
		args = append(args, "--cwd", r.Cwd)
	}
	if r.Memory > 0 {
		args = append(args, "--memory-limit", strconv.FormatInt(r.Memory, 10))
	}
	// Its arguments are those of the entrypoint too.
	return append(append(args, r.Ref, id, "guest"), r.Args...)
}

func (c ctr) run(ctx context.Context, r Request) (Outcome, error) {
	id := unique()
	got, err := command(ctx, r.Stdin, c.command(r, id, "--rm")...)
	if err != nil { // It is still there.
		_, e := must(ctx, "ctr", "tasks", "rm", "--force", id)
		_, f := must(ctx, "ctr", "containers", "rm", id)
		err = errors.Join(err, e, f)
	}
	return got, err
}

func (c ctr) stop(ctx context.Context, r Request) (got Outcome, err error) {
	id := unique()
	if _, err := must(ctx, c.command(r, id, "-d")...); err != nil {
		return got, err
	}
	defer func() {
		_, e := must(ctx, "ctr", "containers", "rm", id)
		err = errors.Join(err, e)
	}()
	err = inTime(func() error {
		if _, err := must(ctx, "ctr", "tasks", "kill", "-s", "SIGTERM", id); err != nil {
			return err
		}
		for range 100 {
			listed, err := must(ctx, "ctr", "tasks", "ls")
			if err != nil {
				return err
			}
			for line := range strings.SplitSeq(listed, "\n") {
				if strings.Contains(line, id) && strings.HasSuffix(strings.TrimSpace(line), "STOPPED") {
					return nil
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		return errors.New("it does not end")
	})
	if err != nil {
		_, e := must(ctx, "ctr", "tasks", "rm", "--force", id)
		return got, errors.Join(err, e)
	}
	removed, err := command(ctx, "", "ctr", "tasks", "rm", id)
	if err != nil {
		return got, err
	}
	if _, after, ok := strings.Cut(removed.Stderr, "non-zero exit code "); ok {
		code, _, _ := strings.Cut(after, "\"")
		got.Code, err = strconv.Atoi(code)
	}
	return got, err
}
