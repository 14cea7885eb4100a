package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/consoleutil"
	"github.com/containerd/nerdctl/v2/pkg/errutil"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	"golang.org/x/term"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

// AttachOptions are those of Attach.
type AttachOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// DetachKeys are those that leave the container alone.
	DetachKeys string
	// NoStdin leaves out what is typed, signals included.
	NoStdin bool
	// Stdout is the process's own.
	Stdout *os.File
}

// Attach connects this process's terminal to that of a guest, as nerdctl does,
// and has the keys for signals reach it, as in Run. It returns ErrForNerdctl
// for a container that is no guest on a terminal.
func Attach(ctx context.Context, name string, o AttachOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	found, err := daemon.FindContainer(ctx, client, name)
	if err != nil {
		return err
	}
	g, err := guestOf(ctx, client, found)
	if err != nil {
		return err
	}
	if g == nil || !g.ours || livePID(ctx, found) == 0 {
		return ErrForNerdctl
	}
	if err := attachable(ctx, found); err != nil {
		return err
	}
	if !g.spec.Process.Terminal {
		return ErrForNerdctl
	}
	return attach(ctx, client, found, o)
}

// attachable returns an error for a container whose streams a logger has.
func attachable(ctx context.Context, c containerd.Container) error {
	var streams *cio.FIFOSet
	_, err := c.Task(ctx, func(set *cio.FIFOSet) (cio.IO, error) {
		streams = set
		return cio.Load(set)
	})
	if err != nil || streams == nil || !strings.HasPrefix(streams.Stdout, "binary:") {
		return err
	}
	return advice.Add(fmt.Errorf("container %s was started in the background, and its streams go to its log", c.ID()), "see its output with `nerdctl wasm logs -f`, or start one with -it, and leave it by its detach keys")
}

func attach(ctx context.Context, client *containerd.Client, found containerd.Container, o AttachOptions) error {
	s := session{client: client, container: found, options: RunOptions{Ready: func() os.Signal { return nil }, Stdout: o.Stdout}}
	s.options.Create.SigProxy = true
	err := s.attachTerminal(ctx, o)
	var exit errutil.ExitCodeError
	if s.detached || err != nil && !errors.As(err, &exit) {
		return err
	}
	// It was run with --rm and detached from.
	ctx = context.WithoutCancel(ctx)
	set, labelErr := found.Labels(ctx)
	advice.Warn(ctx, labelErr)
	if set[labels.ContainerAutoRemove] == "true" {
		advice.Warn(ctx, container.RemoveContainer(ctx, found, o.Global, true, true, client))
	}
	return err
}

func (s *session) attachTerminal(ctx context.Context, o AttachOptions) error {
	con, err := consoleutil.Current()
	if err != nil {
		return fmt.Errorf("the container is on a terminal, and needs one here: %w", err)
	}
	defer func() { advice.Warn(ctx, con.Reset()) }()
	if _, err := term.MakeRaw(int(con.Fd())); err != nil {
		return fmt.Errorf("make the terminal raw: %w", err)
	}
	var task containerd.Task
	detached := make(chan struct{})
	leave := func() {
		close(detached)
		task.IO().Cancel()
	}
	keys := &signalKeys{Console: con, ctx: context.WithoutCancel(ctx)}
	var in io.Reader
	if !o.NoStdin {
		if in, err = consoleutil.NewDetachableStdin(keys, o.DetachKeys, leave); err != nil {
			return fmt.Errorf("--detach-keys: %w", err)
		}
	}
	task, err = s.container.Task(ctx, cio.NewAttach(cio.WithStreams(in, con, nil)))
	if err != nil {
		return fmt.Errorf("attach to the container: %w", err)
	}
	keys.deliverTo(task)
	exited, err := task.Wait(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("wait for the container: %w", err)
	}
	return s.watch(ctx, task, con, exited, detached)
}
