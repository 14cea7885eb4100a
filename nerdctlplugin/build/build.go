package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/moby/buildkit/client"
	buildctl "github.com/moby/buildkit/cmd/buildctl/build"

	"github.com/wasmfile/wasmfile/frontend/gateway"
	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/nerdctlplugin/transfer"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// Options are those of Run.
type Options struct {
	// Request is what to build; its exports are not used.
	Request Request
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Check looks for mistakes and builds nothing.
	Check bool
	// Tags are the names that the result gets in containerd.
	Tags []string
	// Outputs are where the result goes instead, as in `docker buildx build`.
	Outputs []string
	// Quiet suppresses progress.
	Quiet bool
	// DigestFile is a file for the digest of what was built, empty for none.
	DigestFile string
	// Stdout gets what was built, or what a check finds.
	Stdout io.Writer
}

// Run builds a Wasmfile, into containerd or into the outputs, or only checks it.
func Run(ctx context.Context, o Options) error {
	if o.Quiet {
		o.Request.Progress = "quiet"
	}
	o.Request.Namespace = o.Global.Namespace
	if o.Check {
		return check(ctx, o)
	}
	if len(o.Outputs) > 0 {
		return buildInto(ctx, o)
	}
	if o.Request.attests() {
		return errors.New("--sbom and --provenance make files beside the layout, which containerd has no place for: write them with -o type=local,dest=DIR, and push that with `nerdctl wasm push`")
	}
	names, err := imageNames(o.Tags)
	if err != nil {
		return err
	}
	if err := daemon.Reach(ctx, o.Global); err != nil { // else a build would be in vain
		return err
	}
	dir, err := os.MkdirTemp("", "wasmfile-build-")
	if err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			advice.Warn(ctx, err)
		}
	}()
	if o.Request.isImage() {
		return buildImage(ctx, o, names, filepath.Join(dir, "image.tar"))
	}
	o.Request.ArtifactOnly = true
	o.Request.Exports = []client.ExportEntry{{Type: client.ExporterLocal, OutputDir: dir}}
	if _, err := solveAdvised(ctx, o.Request); err != nil {
		return err
	}
	return load(ctx, o, names, dir)
}

// imageNames are the full names of tags.
func imageNames(tags []string) ([]string, error) {
	if len(tags) == 0 {
		return nil, errors.New("what is built needs a name: give one with -t NAME, or write it to files with -o")
	}
	var names []string
	for _, tag := range tags {
		ref, err := source.ParseReference(tag)
		if err != nil {
			return nil, err
		}
		names = append(names, ref.String())
	}
	return names, nil
}

// buildInto writes the result where -o says.
func buildInto(ctx context.Context, o Options) error {
	outputs := make([]string, 0, len(o.Outputs))
	for _, output := range o.Outputs {
		switch { // as in docker
		case output == "-":
			output = "type=tar"
		case !strings.Contains(output, "="):
			output = "type=local,dest=" + output
		}
		outputs = append(outputs, output)
	}
	exports, err := buildctl.ParseOutput(outputs)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := checkExports(exports); err != nil {
		return err
	}
	if len(o.Tags) > 0 {
		if err := o.nameExports(ctx, exports); err != nil {
			return err
		}
	}
	o.Request.Exports = exports
	metadata, err := solveAdvised(ctx, o.Request)
	if err != nil {
		return err
	}
	return o.writeDigest(string(metadata[gateway.MetaDigest]))
}

// checkExports refuses annotations of what BuildKit writes as files: it leaves them out, and
// says nothing.
func checkExports(exports []client.ExportEntry) error {
	for _, export := range exports {
		if export.Type != client.ExporterLocal && export.Type != client.ExporterTar {
			continue
		}
		for key, value := range export.Attrs {
			if strings.HasPrefix(key, "annotation") {
				_, name, _ := strings.Cut(key, ".")
				return fmt.Errorf("--output type=%s: %s=%s has no effect: write `ANNOTATION %s=%s` into the Wasmfile", export.Type, key, value, name, value)
			}
		}
	}
	return nil
}

// nameExports has the result called by the tags where it is written to: images by all
// of them, a layout by the first, unless the build argument for its name is given.
func (o *Options) nameExports(ctx context.Context, exports []client.ExportEntry) error {
	names, err := imageNames(o.Tags)
	if err != nil {
		return err
	}
	for i := range exports {
		if exports[i].Type != client.ExporterLocal && exports[i].Type != client.ExporterTar {
			exports[i].Attrs["name"] = strings.Join(names, ",")
		}
	}
	if o.Request.isImage() || o.Request.hasBuildArg(gateway.ArgName) {
		return nil
	}
	if len(names) > 1 {
		advice.Warn(ctx, fmt.Errorf("a layout has one name: it is called %s, and not %s", names[0], strings.Join(names[1:], ", ")))
	}
	o.Request.BuildArgs = append(slices.Clone(o.Request.BuildArgs), gateway.ArgName+"="+names[0])
	return nil
}

// solveAdvised is solve with advice.
func solveAdvised(ctx context.Context, request Request) (map[string][]byte, error) {
	metadata, err := solve(ctx, request)
	var none *noBuilderError
	switch {
	case errors.As(err, &none) && rootless.Is():
		return nil, advice.Add(err, "start it (`containerd-rootless-setuptool.sh install-buildkit-containerd`), or say where it listens with --buildkit-host or BUILDKIT_HOST")
	case errors.As(err, &none):
		return nil, advice.Add(err, "start buildkitd, or say where it listens with --buildkit-host or BUILDKIT_HOST")
	case err != nil && strings.Contains(err.Error(), errNotArtifact.Error()):
		return nil, advice.Add(errNotArtifact, "add a COMPONENT instruction, or build it with `nerdctl build -f Wasmfile`")
	case err != nil:
		return nil, fmt.Errorf("build: %w", err)
	}
	return metadata, nil
}

// load imports a layout into containerd under all names.
func load(ctx context.Context, o Options, names []string, dir string) error {
	built, err := layout.Open(dir)
	if err != nil {
		return fmt.Errorf("read what was built: %w", err)
	}
	defer built.Close()
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	for _, name := range names {
		image, err := unpack.Import(ctx, client, name, built.Root(), built, unpack.Options{Snapshotter: o.Global.Snapshotter})
		if err != nil {
			return fmt.Errorf("import what was built as %s: %w", name, err)
		}
		if _, err := fmt.Fprintf(o.Stdout, "%s@%s\n", name, image.Record.Target.Digest); err != nil {
			return err
		}
	}
	return o.writeDigest(built.Root().Digest.String())
}

// buildImage builds an image with the components as files in it, and imports
// that as any other.
func buildImage(ctx context.Context, o Options, names []string, path string) error {
	o.Request.Exports = []client.ExportEntry{{
		Type:   client.ExporterOCI,
		Attrs:  map[string]string{"name": strings.Join(names, ",")},
		Output: func(map[string]string) (io.WriteCloser, error) { return os.Create(path) },
	}}
	if _, err := solveAdvised(ctx, o.Request); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	images, err := transfer.ImportArchive(ctx, client, file, o.Global.Snapshotter)
	if err != nil {
		return fmt.Errorf("import what was built: %w", err)
	}
	for _, image := range images {
		if _, err := fmt.Fprintf(o.Stdout, "%s@%s\n", image.Name, image.Target.Digest); err != nil {
			return err
		}
		if err := o.writeDigest(image.Target.Digest.String()); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) writeDigest(digest string) error {
	if o.DigestFile == "" || digest == "" {
		return nil
	}
	if err := os.WriteFile(o.DigestFile, []byte(digest), 0o644); err != nil {
		return fmt.Errorf("write the digest: %w", err)
	}
	return nil
}
