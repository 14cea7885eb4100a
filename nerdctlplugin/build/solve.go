package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gatewayclient "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"

	"github.com/wasmfile/wasmfile/frontend/gateway"
)

// assemblerMount is the local source that carries this executable into the builder.
const assemblerMount = "wasmfile-assembler"

// StepCommand is the argument with which this executable has to run a step of a build,
// whose name follows: see gateway.Assembler.
const StepCommand = "internal"

// errNotArtifact is returned for a target without COMPONENT when an artifact
// is wanted.
var errNotArtifact = errors.New("the target has no COMPONENT, so it is an ordinary image")

// solve builds, and returns the metadata that the frontend gave to the result.
func solve(ctx context.Context, r Request) (metadata map[string][]byte, err error) {
	builder, err := connect(ctx, r.Address, r.Namespace)
	if err != nil {
		return nil, err
	}
	defer builder.Close()
	if err := checkArchitecture(builder.workers); err != nil {
		return nil, err
	}
	opt, done, err := r.solveOptions()
	if err != nil {
		return nil, err
	}
	defer done()
	assembler, err := addAssembler(&opt)
	if err != nil {
		return nil, err
	}
	frontend := gateway.New(gateway.Options{Assembler: assembler})
	build := func(ctx context.Context, c gatewayclient.Client) (*gatewayclient.Result, error) {
		result, err := frontend.Build(ctx, c)
		if err != nil {
			return nil, err
		}
		metadata = result.Metadata
		if r.ArtifactOnly && metadata[gateway.MetaDigest] == nil {
			return nil, errNotArtifact
		}
		return result, nil
	}
	err = r.follow(ctx, func(ctx context.Context, status chan *client.SolveStatus) error {
		_, err := builder.Build(ctx, opt, "wasmfile", build, status)
		return err
	})
	if err != nil {
		for _, source := range errdefs.Sources(err) {
			_ = source.Print(r.Stderr) // the error itself is returned
		}
		return nil, err
	}
	return metadata, nil
}

// follow shows the progress of a build, and its warnings.
func (r *Request) follow(ctx context.Context, build func(context.Context, chan *client.SolveStatus) error) error {
	display, err := progressui.NewDisplay(r.Stderr, progressui.DisplayMode(r.Progress))
	if err != nil {
		return fmt.Errorf("--progress: %w", err)
	}
	status := make(chan *client.SolveStatus)
	group, groupCtx := errgroup.WithContext(ctx)
	var warnings []client.VertexWarning
	group.Go(func() error { return build(groupCtx, status) })
	group.Go(func() (err error) {
		// The display shows the end even when the build failed.
		warnings, err = display.UpdateFrom(context.WithoutCancel(ctx), status)
		return err
	})
	err = group.Wait()
	printWarnings(r.Stderr, progressui.DisplayMode(r.Progress), warnings)
	return err
}

// checkArchitecture makes sure that the builder can run this executable.
func checkArchitecture(workers []*client.WorkerInfo) error {
	for _, worker := range workers {
		for _, platform := range worker.Platforms {
			if platform.OS == "linux" && platform.Architecture == runtime.GOARCH {
				return nil
			}
		}
	}
	return fmt.Errorf("the builder does not run programs for linux/%s, as this one, which it would have to: use `docker buildx build` with a # syntax= line", runtime.GOARCH)
}

// addAssembler sends this executable to the builder, for the last step. The
// builder keeps it, and only asks for it again when it has changed.
func addAssembler(opt *client.SolveOpt) (*gateway.Assembler, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	dir, name := filepath.Split(program)
	files, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	only, err := fsutil.NewFilterFS(files, &fsutil.FilterOpt{IncludePatterns: []string{name}})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", program, err)
	}
	opt.LocalMounts[assemblerMount] = only
	root := llb.Local(assemblerMount,
		llb.IncludePatterns([]string{name}),
		llb.SharedKeyHint(assemblerMount),
		llb.WithCustomName("[internal] load the assembler"))
	return &gateway.Assembler{Root: root, Command: []string{"/" + name, StepCommand}}, nil
}
