package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/containerutil"
	"github.com/containerd/nerdctl/v2/pkg/healthcheck"
	"github.com/containerd/platforms"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/transfer"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// When Run pulls.
const (
	PullAlways  = "always"
	PullMissing = "missing"
	PullNever   = "never"
)

// gcContainerLabel, followed by a number or "manifest", is the label on a
// container that keeps a Wasm layer and what the shim made of it, or the
// manifest that the shim reads again at a restart, for as long as the container
// lives.
const gcContainerLabel = "containerd.io/gc.ref.content.wasm."

// RunOptions are those of Run.
type RunOptions struct {
	// Create and Network are nerdctl's options. Global options, runtime and
	// the re-execution command are set.
	Create  types.ContainerCreateOptions
	Network types.NetworkOptions
	// Verify is how to verify signatures before a pull.
	Verify types.ImageVerifyOptions
	// Quiet suppresses the progress of a pull.
	Quiet bool
	// Invoke is the export to call instead of the component's start: FUNC of
	// the component that would be started, or COMPONENT#FUNC.
	Invoke string
	// EnvHost passes this process's environment on, except for variables that
	// the artifact sets.
	EnvHost bool
	// Stdin, Stdout and Stderr are the process's own.
	Stdin, Stdout, Stderr *os.File
	// Ready is called when the container runs: from then on signals are its. It
	// returns the one that came too late to interrupt the start, nil for none.
	Ready func() os.Signal
}

// Run runs the artifact args[0], an image's name, a layout or a .wasm file, in a
// new container, with args[1:] as the guest's arguments. When the guest fails
// the error is an errutil.ExitCodeError with its exit code.
func Run(ctx context.Context, args []string, o RunOptions) error {
	return withContainer(ctx, args, o, (*session).run)
}

// Create makes the container that Run would start, and prints its ID.
func Create(ctx context.Context, args []string, o RunOptions) error {
	return withContainer(ctx, args, o, func(s *session, _ context.Context) error {
		_, err := fmt.Fprintln(s.options.Stdout, s.container.ID())
		return err
	})
}

// withContainer makes a container of the artifact args[0], and has use go on with it.
func withContainer(ctx context.Context, args []string, o RunOptions, use func(*session, context.Context) error) error {
	if err := checkAnnotations(o.Create.Annotations); err != nil {
		return err
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Create.GOptions)
	if err != nil {
		return err
	}
	defer done()
	image, forget, err := obtain(ctx, client, args, o)
	if err != nil {
		return err
	}
	created, err := create(ctx, client, image, args[1:], &o)
	// The container keeps what it needs of the image without its name.
	forget()
	if err != nil {
		return err
	}
	return use(&session{client: client, container: created, options: o}, ctx)
}

// obtain returns the image of the artifact args[0]: of a file, one that is there until
// forget is called.
func obtain(ctx context.Context, client *containerd.Client, args []string, o RunOptions) (_ *unpack.Image, forget func(), err error) {
	if !isFile(args[0]) {
		image, err := ensure(ctx, client, args, o)
		return image, func() {}, err
	}
	if p := o.Verify.Provider; transfer.Verifies(o.Verify) {
		return nil, nil, advice.Add(fmt.Errorf("--verify=%s: %s is a file, which has no signature", p, args[0]), "push it with `nerdctl wasm push --sign=%s`, and run that", p)
	}
	return importFile(ctx, client, args[0], o)
}

// checkAnnotations refuses annotations that only the verified manifest may
// set.
func checkAnnotations(annotations []string) error {
	for _, annotation := range annotations {
		if key, _, _ := strings.Cut(annotation, "="); artifact.IsRuntimeAnnotation(key) {
			return fmt.Errorf("--annotation %s: this one is derived from the artifact's manifest and cannot be set", key)
		}
	}
	return nil
}

// ensure returns the image args[0], pulled when it has to be. What is in containerd is
// taken for a verified one only when it is the one that was verified.
func ensure(ctx context.Context, client *containerd.Client, args []string, o RunOptions) (*unpack.Image, error) {
	raw := args[0]
	verified, err := transfer.VerifySignature(ctx, raw, o.Create.GOptions, o.Verify)
	if err != nil {
		return nil, err
	}
	if o.Create.Pull != PullAlways {
		image, err := existing(ctx, client, args, o)
		if err == nil && verified != "" && image.Record.Target.Digest != verified {
			err = fmt.Errorf("image %s: %w: what is verified is %s, and containerd has %s", raw, errdefs.ErrNotFound, verified, image.Record.Target.Digest)
		}
		if err == nil {
			return image, nil
		}
		missing := errors.Is(err, errdefs.ErrNotFound) || errors.Is(err, unpack.ErrIncomplete)
		if !missing || o.Create.Pull == PullNever {
			return nil, daemon.AdviseImage(err, raw)
		}
	}
	return transfer.PullImage(ctx, client, raw, transfer.PullOptions{
		Global: o.Create.GOptions, Platform: o.Create.Platform, Quiet: o.Quiet, Verified: verified,
		Stdout: o.Stdout, Stderr: o.Stderr,
	})
}

// existing returns the image args[0] as containerd has it. The error matches
// unpack.ErrIncomplete when what the container starts is not there.
func existing(ctx context.Context, client *containerd.Client, args []string, o RunOptions) (*unpack.Image, error) {
	record, err := daemon.FindImage(ctx, client, args[0])
	if err != nil {
		return nil, err
	}
	image, err := unpack.Existing(ctx, client, record, unpack.Options{
		Snapshotter: o.Create.GOptions.Snapshotter, Platform: o.Create.Platform,
	})
	// `nerdctl pull` takes the manifest for this host from an index, and that
	// may be the only one of it that is there.
	if err != nil && artifact.IsIndex(record.Target.MediaType) && errdefs.IsNotFound(err) {
		err = fmt.Errorf("%w: %w", unpack.ErrIncomplete, err)
	}
	if err == nil {
		err = checkPulled(image, args[1:], o)
	}
	return image, err
}

// create makes the container by nerdctl's own package.
func create(ctx context.Context, client *containerd.Client, image *unpack.Image, args []string, o *RunOptions) (containerd.Container, error) {
	check, err := complete(ctx, client, image, args, o)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// It is soon done, and whoever has the container undoes it. Halfway, nerdctl cannot:
	// it uses the context that has ended for that, too.
	ctx = context.WithoutCancel(ctx)
	name, release, err := runnable(ctx, client, image)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := freeName(ctx, client, o.Create.Name, o.Create.GOptions); err != nil {
		return nil, fmt.Errorf("name %s: %w", o.Create.Name, err)
	}
	creator, err := withStore(client, o.Create.GOptions.Namespace, substitutingStore{
		client.ContainerService(), image.Record.Name, check,
	})
	if err != nil {
		return nil, err
	}
	network, err := containerutil.NewNetworkingOptionsManager(o.Create.GOptions, o.Network, creator)
	if err != nil {
		return nil, fmt.Errorf("network options: %w", err)
	}
	created, undo, err := container.Create(ctx, creator, append([]string{name}, args...), network, o.Create)
	if err != nil {
		if undo != nil {
			undo()
		}
		return nil, fmt.Errorf("create the container: %w", advice.OneLine(err))
	}
	// From here on the client that answers is the one without substitutions.
	loaded, err := client.LoadContainer(ctx, created.ID())
	if err != nil {
		return nil, fmt.Errorf("load the container %s: %w", created.ID(), err)
	}
	return loaded, nil
}

// complete makes nerdctl's options those of a container of the artifact, and returns its
// health check, nil for none. The error says what could not run.
func complete(ctx context.Context, client *containerd.Client, image *unpack.Image, args []string, o *RunOptions) (*healthcheck.Healthcheck, error) {
	if err := invoke(image.Artifact, o); err != nil {
		return nil, err
	}
	if err := checkEntry(image.Artifact, args, o.Create); err != nil {
		return nil, err
	}
	if err := checkRuntime(ctx, client.ContentStore(), image, o.Create); err != nil {
		return nil, err
	}
	if o.EnvHost {
		o.Create.Env = append(hostEnv(os.Environ(), image.Artifact.Config.Config.Env), o.Create.Env...)
	}
	check, err := healthCheck(ctx, image.Artifact, o.Create)
	if err != nil {
		return nil, err
	}
	o.Create.NoHealthcheck, o.Create.HealthCmd = true, "" // nerdctl's, with a shell
	o.Create.Pull = PullNever
	o.Create.Stdout, o.Create.Stderr = o.Stdout, o.Stderr
	o.Create.ImagePullOpt = types.ImagePullOptions{
		GOptions: o.Create.GOptions, VerifyOptions: types.ImageVerifyOptions{Provider: "none"},
		Stdout: o.Stdout, Stderr: o.Stderr, Quiet: true,
	}
	return check, describe(image.Artifact, &o.Create)
}

// describe puts what the shim needs to know into annotations, and what garbage
// collection does into labels. Both come from the verified manifest.
func describe(a *artifact.Artifact, o *types.ContainerCreateOptions) error {
	annotations, err := a.RuntimeAnnotations()
	if err != nil {
		return err
	}
	o.Annotations = slices.Clone(o.Annotations)
	for key, value := range annotations {
		o.Annotations = append(o.Annotations, key+"="+value)
	}
	o.Label = append(slices.Clone(o.Label), fmt.Sprintf("%smanifest=%s", gcContainerLabel, a.Descriptor.Digest))
	for i, layer := range a.WasmLayers() {
		o.Label = append(o.Label, fmt.Sprintf("%s%d=%s", gcContainerLabel, i, layer.Digest))
	}
	o.Platform = platforms.Format(a.Platform())
	return nil
}
