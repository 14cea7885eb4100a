// Package precompile compiles the components of an image before a container
// needs them, in the way that the shim does when one does: the code has the
// same key, and is kept in the same place.
package precompile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/executable"
	"github.com/wasmfile/wasmfile/pkg/printable"
	"github.com/wasmfile/wasmfile/shim/codecache"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
)

// Argument is the first argument of the shim's executable for which its main
// calls Main.
const Argument = "precompile"

const usage = `usage: containerd-shim-wasmfile-v1 precompile [flags] IMAGE

Compiles the components of an image of containerd for the engine of this host,
as the shim would when a container starts. It needs the environment that
containerd has (WASMFILE_ENGINE, WASMFILE_CONFIG, WASMFILE_STATE).
`

// options are those of the command line.
type options struct {
	address, namespace string
	annotations        annotations
	image              string
	files              string
}

// annotations are "name=value" pairs, by the flag's repetition.
type annotations map[string]string

// String implements flag.Value.
func (a annotations) String() string { return "" }

// Set implements flag.Value.
func (a annotations) Set(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return errors.New("it must be NAME=VALUE")
	}
	a[name] = value
	return nil
}

// Main is the command: args are all of the process's. It prints a line for
// each component, and returns the exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args[2:], stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "precompile %s: %s\n", o.image, printable.Text(err.Error()))
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{annotations: annotations{}}
	flags := flag.NewFlagSet(Argument, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.address, "address", "/run/containerd/containerd.sock", "containerd's socket")
	flags.StringVar(&o.namespace, "namespace", "default", "containerd's namespace")
	flags.Var(o.annotations, "annotation", "NAME=VALUE of the containers to compile for, such as "+policy.Prefix+"engine-config=gc")
	flags.StringVar(&o.files, "files", "", "directory with the image's files, for an image whose components are among them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "one image is needed")
		flags.Usage()
		return o, errors.New("one image is needed")
	}
	o.image = flags.Arg(0)
	return o, nil
}

func run(ctx context.Context, o options, stdout io.Writer) (err error) {
	allowed, err := policy.Load()
	if err != nil {
		return err
	}
	store, err := image.Connect(strings.TrimPrefix(o.address, "unix://"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx = namespaces.WithNamespace(ctx, o.namespace)
	root, err := store.Root(ctx)
	if err != nil {
		return err
	}
	state, err := codecache.StateDir(root)
	if err != nil {
		return err
	}
	blobs := image.Blobs{Store: store, Root: root}
	found, err := image.Named(ctx, blobs, o.image)
	if err != nil {
		return err
	}
	if len(found.Layers) == 0 {
		if found.Layers, err = adoptFiles(ctx, blobs, o.files, found.Image); err != nil {
			return err
		}
	}
	cache, err := codecache.Open(ctx, blobs, state, allowed.Compile, runToEnd)
	if err != nil {
		return err
	}
	defer cache.Engine.Release()
	return compileAll(ctx, cache, found, allowed, o, stdout)
}

// adoptFiles stores the WebAssembly files of an image as when a container starts one.
func adoptFiles(ctx context.Context, blobs image.Blobs, dir string, holder digest.Digest) (layers []ocispec.Descriptor, err error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: its components are files: say with -files where they are", artifact.ErrNoWasm)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	names, err := executable.Files(root)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: none of its files is", artifact.ErrNoWasm)
	}
	for _, name := range names {
		file, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		layer, err := blobs.Adopt(ctx, file, name, holder)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

func compileAll(ctx context.Context, cache *codecache.Cache, found *image.Wasm, allowed *policy.Policy, o options, stdout io.Writer) (err error) {
	scratch, err := os.MkdirTemp("", "wasmfile-precompile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for _, layer := range found.Layers {
		begun := time.Now()
		component, err := cache.Inspect(ctx, layer, scratch)
		if err != nil {
			return err
		}
		settings, err := allowed.Settings(policy.Container{Annotations: o.annotations, Serves: component.HTTP})
		if err != nil {
			return err
		}
		code, err := cache.Code(ctx, component, settings.Engine.CodeFlags(), scratch)
		if err != nil {
			return err
		}
		info, err := os.Stat(code)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s: %d bytes of code, %d ms\n", artifact.Name(layer), info.Size(), time.Since(begun).Milliseconds())
	}
	return nil
}

// runToEnd is an engine.Runner. The thread stays, because a confined child
// dies with the thread that started it.
func runToEnd(ctx context.Context, cmd *exec.Cmd) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), ctx.Err()
	}
	return cmd.ProcessState.ExitCode(), ctx.Err()
}
