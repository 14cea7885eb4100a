package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/wasmfile/wasmfile/frontend/assemble"
)

// layoutIndex is that of a layout that was never made.
const layoutIndex = `{
	"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json"}],
	"annotations": {"` + assemble.ReportAnnotation + `": "{}"}
}`

// builder is BuildKit's end of a request as far as a frontend converts it: it
// hands out the Dockerfile, knows every image, and notes what it is asked to
// build instead of building it.
type builder struct {
	opts  map[string]string
	files map[string][]byte // of every result of a build

	mu       sync.Mutex
	solved   []*pb.Definition
	warnings []string
}

// request is what is asked of a frontend, and the answer.
func request(t testing.TB, frontend client.BuildFunc, text []byte, opts map[string]string) outcome {
	t.Helper()
	b := &builder{opts: map[string]string{
		"cmdline": "frontend", // it is what a # syntax line asked for
		// History has times.
		"build-arg:SOURCE_DATE_EPOCH": "1700000000",
	}, files: map[string][]byte{"Dockerfile": text, ocispec.ImageIndexFile: []byte(layoutIndex)}}
	maps.Copy(b.opts, opts)
	o := outcome{}
	func() {
		defer func() { o.crash = recover() }()
		o.result, o.err = frontend(t.Context(), b)
	}()
	o.solved, o.warnings = b.solved, b.warnings
	return o
}

func (b *builder) BuildOpts() client.BuildOpts {
	return client.BuildOpts{
		Opts:      maps.Clone(b.opts),
		SessionID: "session",
		Workers:   []client.WorkerInfo{{ID: "worker", Platforms: []ocispec.Platform{{OS: "linux", Architecture: "amd64"}}}},
		LLBCaps:   all(pb.Caps),
		Caps:      all(gatewaypb.Caps),
	}
}

func all(caps apicaps.CapList) apicaps.CapSet { return caps.CapSet(caps.All()) }

func (b *builder) Solve(_ context.Context, request client.SolveRequest) (*client.Result, error) {
	isDockerfile := false
	for _, encoded := range request.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			return nil, err
		}
		isDockerfile = isDockerfile || op.GetSource().GetIdentifier() == "local://dockerfile"
	}
	if !isDockerfile {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.solved = append(b.solved, request.Definition)
	}
	result := client.NewResult()
	result.SetRef(reference{files: b.files})
	return result, nil
}

// ResolveSourceMetadata knows every image: it has the platform that is asked
// for, and something in each part of the config that a build inherits.
func (b *builder) ResolveSourceMetadata(_ context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	response := &sourceresolver.MetaResponse{Op: op}
	if !strings.HasPrefix(op.Identifier, "docker-image://") {
		return response, nil
	}
	image := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		Config: ocispec.ImageConfig{
			User: "user", WorkingDir: "/home/user", Cmd: []string{"sh"}, StopSignal: "SIGINT",
			Env: []string{"PATH=/bin:/usr/bin", "BASE=1"}, Labels: map[string]string{"base": "1"},
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}},
	}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		image.Platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(image)
	if err != nil {
		return nil, err
	}
	response.Image = &sourceresolver.ResolveImageResponse{Digest: digest.FromString(op.Identifier), Config: config}
	return response, nil
}

func (b *builder) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return sourceresolver.NewImageMetaResolver(b).ResolveImageConfig(ctx, ref, opt)
}

func (b *builder) Inputs(context.Context) (map[string]llb.State, error) { return nil, nil }

func (b *builder) NewContainer(context.Context, client.NewContainerRequest) (client.Container, error) {
	return nil, errors.New("a conversion starts no container")
}

func (b *builder) Warn(_ context.Context, _ digest.Digest, message string, opts client.WarnOpts) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warnings = append(b.warnings, fmt.Sprintf("%d %s %s %s %v", opts.Level, message, opts.Detail, opts.URL, opts.Range))
	return nil
}

// reference is the result of a build that was only noted.
type reference struct{ files map[string][]byte }

func (r reference) ToState() (llb.State, error) { return llb.Scratch(), nil }

func (r reference) Evaluate(context.Context) error { return nil }

func (r reference) ReadFile(_ context.Context, request client.ReadRequest) ([]byte, error) {
	content, ok := r.files[request.Filename]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: request.Filename, Err: fs.ErrNotExist}
	}
	return content, nil
}

func (r reference) StatFile(_ context.Context, request client.StatRequest) (*fstypes.Stat, error) {
	content, ok := r.files[request.Path]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: request.Path, Err: fs.ErrNotExist}
	}
	return &fstypes.Stat{Path: request.Path, Size: int64(len(content))}, nil
}

func (r reference) ReadDir(_ context.Context, request client.ReadDirRequest) ([]*fstypes.Stat, error) {
	if content, ok := r.files[request.IncludePattern]; ok {
		return []*fstypes.Stat{{Path: request.IncludePattern, Size: int64(len(content))}}, nil
	}
	return nil, nil
}

// outcome is what a frontend did with a request.
type outcome struct {
	solved   []*pb.Definition
	warnings []string
	result   *client.Result
	err      error
	crash    any // what it panicked with, nil when it did not
}

// incidental is what may differ: how a source is highlighted, and the random
// names of groups.
var incidental = regexp.MustCompile(`"language": "[A-Za-z]*"|"progress_group":{"id":"[a-z0-9]*"`)

// text is all of it, for comparison: each step that is to be built with what
// is known of it, the image's config, the warnings, or the error and where
// it is, which can be left out.
func (o outcome) text(withoutLines bool) string {
	var out strings.Builder
	var builds []string
	for _, definition := range o.solved {
		builds = append(builds, describe(definition))
	}
	slices.Sort(builds) // platforms are converted side by side
	for _, b := range builds {
		fmt.Fprintf(&out, "build %s\n", b)
	}
	for _, w := range slices.Sorted(slices.Values(o.warnings)) {
		fmt.Fprintf(&out, "warning %s\n", w)
	}
	if o.result != nil {
		for _, key := range slices.Sorted(maps.Keys(o.result.Metadata)) {
			fmt.Fprintf(&out, "result %s: %s\n", key, o.result.Metadata[key])
		}
	}
	if o.crash != nil {
		fmt.Fprintf(&out, "crash %v\n", o.crash)
	}
	if o.err != nil {
		// BuildKit's frontend cannot send an error that is not UTF-8.
		fmt.Fprintf(&out, "error %s\n", strings.ToValidUTF8(o.err.Error(), "\uFFFD"))
	}
	for _, source := range errdefs.Sources(o.err) {
		if !withoutLines {
			fmt.Fprintf(&out, "at %v in %s %q\n", source.Ranges, source.Info.Filename, source.Info.Data)
		}
	}
	return incidental.ReplaceAllLiteralString(out.String(), "")
}

// describe has all of a definition but the language that sources are shown
// in, which is the frontend's.
func describe(definition *pb.Definition) string {
	definition = definition.CloneVT()
	for _, info := range definition.GetSource().GetInfos() {
		info.Language = ""
	}
	var out strings.Builder
	for _, encoded := range definition.Def {
		id := digest.FromBytes(encoded).String()
		metadata, err := json.Marshal(definition.Metadata[id])
		locations, err2 := json.Marshal(definition.GetSource().GetLocations()[id])
		if err := errors.Join(err, err2); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&out, "%s %s %s\n", id, metadata, locations)
	}
	infos, err := json.Marshal(definition.GetSource().GetInfos())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s%s", &out, infos)
}
