package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/gateway/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// language is what the source of an error is highlighted as.
const language = "Wasmfile"

// build is one request.
type build struct {
	frontend *Frontend
	client   *contexts
	opts     map[string]string
	ui       *dockerui.Client
	source   *dockerui.Source
	file     *wasmfile.File
	format   format
	warned   warnings
	origins  origins

	// lintConfig is what the check options say.
	lintConfig linter.Config
}

// Build is the frontend's BuildFunc. A target with components becomes an OCI
// image layout, or an image when a Wasm platform is asked for; other targets
// become what the Dockerfile frontend makes of them.
func (f *Frontend) Build(ctx context.Context, c client.Client) (*client.Result, error) {
	if err := checkCaps(c.BuildOpts().Opts[optCaps]); err != nil {
		return nil, err
	}
	contexts := newContexts(c)
	ui, err := dockerui.NewClient(contexts)
	if err != nil {
		return nil, err
	}
	source, err := ui.ReadEntrypoint(ctx, language)
	if err != nil {
		return nil, err
	}
	b := &build{frontend: f, client: contexts, opts: contexts.opts, ui: ui, source: source}
	result, err := b.run(ctx)
	return result, transportable(b.locate(b.explainCopy(ctx, err)))
}

func (b *build) run(ctx context.Context) (*client.Result, error) {
	platform, image := b.platform()
	var err error
	b.file, err = wasmfile.Parse(b.source.Data, wasmfile.Options{
		Target:       b.ui.Target,
		BuildArgs:    b.ui.BuildArgs,
		PlatformArgs: b.platformArgs(platform),
		IsContext:    b.isContext,
	})
	if err != nil {
		return b.parseFailure(ctx, err)
	}
	if err := b.configureLint(); err != nil {
		return nil, err
	}
	form := wasmfile.Artifact
	if image {
		form = wasmfile.Image
	}
	if result, handled, err := b.subrequest(ctx, platform, form); handled || err != nil {
		return result, err
	}
	if err := b.checkFile(); err != nil {
		return nil, err
	}
	if len(b.file.Components) == 0 || image {
		if err := b.refusePush(); err != nil {
			return nil, err
		}
	}
	b.lintInstructions(ctx, form)
	if len(b.file.Components) == 0 {
		return b.image(ctx)
	}
	if err := b.checkRequest(image); err != nil {
		return nil, err
	}
	if err := b.readOrigins(ctx, b.file.Components); err != nil {
		return nil, err
	}
	if image {
		return b.image(ctx)
	}
	if err := b.checkCacheExport(); err != nil {
		return nil, err
	}
	return b.artifact(ctx, platform)
}

// checkRequest checks what is asked for of a target with components, and reads
// the format of an artifact.
func (b *build) checkRequest(image bool) error {
	err := b.checkPlatforms(image)
	if err == nil {
		err = b.checkArgNames()
	}
	switch {
	case err != nil:
	case image:
		err = b.checkImageArgs()
	default:
		b.format, err = b.readFormat()
	}
	return err
}

// isContext reports whether a named context replaces a stage.
func (b *build) isContext(stage string) bool {
	return slices.ContainsFunc(b.contextNames(), func(name string) bool { return strings.EqualFold(name, stage) })
}

// defaultPlatform is what TARGETPLATFORM says when nobody asked for one.
var defaultPlatform = ocispec.Platform{OS: "wasip2", Architecture: artifact.WasmArchitecture}

func isWasm(p ocispec.Platform) bool { return p.Architecture == artifact.WasmArchitecture }

// wasmSystems are the OS of the platforms that runtimes of Wasm images know.
func wasmSystems() (systems []string) {
	for _, p := range artifact.WasmPlatforms() {
		systems = append(systems, p.OS)
	}
	slices.Sort(systems)
	return systems
}

// platform is the first Wasm platform to build for, and whether one was asked
// for: that asks for an image.
func (b *build) platform() (platform ocispec.Platform, image bool) {
	if i := slices.IndexFunc(b.ui.TargetPlatforms, isWasm); i >= 0 {
		return b.ui.TargetPlatforms[i], true
	}
	return defaultPlatform, false
}

// checkPlatforms refuses platforms for which a target with components is not
// built. An artifact is for none, but clients send the builder's own by
// default; any other was asked for.
func (b *build) checkPlatforms(image bool) error {
	requested := b.ui.TargetPlatforms
	if !image && (len(requested) == 0 || len(requested) == 1 && platforms.Only(b.ui.BuildPlatforms[0]).Match(requested[0])) {
		return nil
	}
	var others []string
	for _, p := range requested {
		switch {
		case !isWasm(p):
			others = append(others, platforms.Format(p))
		case !slices.Contains(wasmSystems(), p.OS):
			return fmt.Errorf("--platform %s: no runtime knows this Wasm platform: use one of %s, each with /wasm", platforms.Format(p), strings.Join(wasmSystems(), ", "))
		}
	}
	switch {
	case len(others) == 0:
		return nil
	case image:
		return fmt.Errorf("a target with components is an image for Wasm platforms only, not for %s: build that from another target, and put the two into one index with `docker buildx imagetools create`", strings.Join(others, ", "))
	}
	return fmt.Errorf("an artifact with components is the same for every host, so it is not built for %s: leave out --platform, or use --platform wasi/wasm for an image", strings.Join(others, ", "))
}

// platformArgs are the predefined ARGs; a build argument wins.
func (b *build) platformArgs(target ocispec.Platform) map[string]string {
	args := wasmfile.PlatformArgs(target.OS, target.Architecture)
	own := b.ui.BuildPlatforms[0]
	args["BUILDPLATFORM"] = platforms.Format(own)
	args["BUILDOS"], args["BUILDARCH"], args["BUILDVARIANT"] = own.OS, own.Architecture, own.Variant
	for key := range args {
		if given, ok := b.ui.BuildArgs[key]; ok {
			args[key] = given
		}
	}
	return args
}

// convertOptions are those for a Wasm target: stages without --platform run
// on the build platform, and TARGETPLATFORM and its like say Wasm.
func (b *build) convertOptions(ctx context.Context, target ocispec.Platform) dockerfile2llb.ConvertOpt {
	opt := dockerfile2llb.ConvertOpt{
		Config:       b.ui.Config,
		Client:       b.ui,
		SourceMap:    b.source.SourceMap,
		MetaResolver: b.metaResolver(),
		Warn:         b.warnConverted(ctx),
	}
	opt.BuildArgs = maps.Clone(opt.BuildArgs)
	if opt.BuildArgs == nil {
		opt.BuildArgs = make(map[string]string)
	}
	for key, value := range wasmfile.PlatformArgs(target.OS, target.Architecture) {
		if _, given := opt.BuildArgs[key]; !given {
			opt.BuildArgs[key] = value
		}
	}
	return opt
}
