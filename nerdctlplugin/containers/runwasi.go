package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/typeurl/v2"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// runwasiShim is what a shim that is made with runwasi's library can run. The
// library finds the components itself, in the image whose name the container
// has; annotations it does not read.
type runwasiShim struct {
	// form is the one that it reads of what this project builds.
	form artifact.Form
	// layers are the media types of the Wasm layers that it reads.
	layers []string
	// application is the media type of the layer without which it runs one
	// component only; empty when it never runs more.
	application string
}

// oneComponent is a shim as the library makes it.
var oneComponent = runwasiShim{
	form:   artifact.FormOCI,
	layers: []string{artifact.MediaTypeComponentLayer, artifact.MediaTypeWasm},
}

// runwasiShims are the shims by the names of their engines.
var runwasiShims = map[string]runwasiShim{
	"wasmtime": oneComponent,
	"wasmedge": oneComponent,
	"wasmer":   oneComponent,
	"wamr":     oneComponent,
	"spin": {
		form:        artifact.FormCNCF,
		layers:      []string{"application/vnd.wasm.content.layer.v1+wasm", artifact.MediaTypeWasm},
		application: "application/vnd.fermyon.spin.application.v1+config",
	},
}

// checkRuntime refuses what one of runwasi's shims could not run. They would
// look for a file instead, or end with exit code 137, and in both cases say why
// in containerd's log only.
func checkRuntime(ctx context.Context, store content.Provider, image *unpack.Image, o types.ContainerCreateOptions) error {
	runtime := o.Runtime
	shim, ok := runwasiShims[engineOf(runtime)]
	if !ok {
		return nil
	}
	if o.TTY {
		return fmt.Errorf("-t: runtime %s has no terminals: leave out -t, or --runtime", runtime)
	}
	if o.Detach {
		log.G(ctx).Warnf("runtime %s does not know nerdctl's logging: `nerdctl logs` will show nothing", runtime)
	}
	refused := func(instead, format string, args ...any) error {
		err := fmt.Errorf("runtime %s cannot run %s: %w", runtime, image.Record.Name, fmt.Errorf(format, args...))
		return advice.Add(err, "%s, or leave out --runtime", instead)
	}
	target, own := image.Record.Target, image.Artifact.Descriptor
	if image.Artifact.Form == artifact.FormImage {
		return nil // it looks for the file that the entrypoint names
	}
	switch inIndex, err := isInIndex(ctx, store, target, own); {
	case err != nil:
		return err
	case inIndex:
		return refused("run the manifest by its digest, @"+own.Digest.String(), "it reads a manifest, and this is an index")
	case strings.HasPrefix(image.Record.Name, localDomain):
		return refused("bring it into containerd with `nerdctl wasm load`", "it needs an image that stays, and a file is none")
	}
	return shim.check(image.Artifact, refused)
}

// check checks an artifact that the shim finds as it is.
func (s runwasiShim) check(a *artifact.Artifact, refused func(instead, format string, args ...any) error) error {
	convert := fmt.Sprintf("convert it with `nerdctl wasm convert --form %s`", s.form)
	if platform := a.Config.Platform; platform.Architecture != artifact.WasmArchitecture || platform.OS == "" {
		return refused(convert, "its config does not say that its architecture is wasm")
	}
	components := a.WasmLayers()
	for _, component := range components {
		if !slices.Contains(s.layers, component.MediaType) {
			return refused(convert, "it reads layers of %s, and %s is of %s",
				strings.Join(s.layers, " and "), artifact.Name(component), component.MediaType)
		}
	}
	isApplication := slices.ContainsFunc(a.Manifest.Layers, func(l ocispec.Descriptor) bool {
		return l.MediaType == s.application
	})
	if len(components) > 1 && !isApplication {
		return refused("build one with the component that is to run", "it runs one component, and this has %d: %s",
			len(components), strings.Join(artifact.Names(components), ", "))
	}
	return nil
}

// isInIndex reports whether target is an index that holds a manifest.
func isInIndex(ctx context.Context, store content.Provider, target, manifest ocispec.Descriptor) (bool, error) {
	if !artifact.IsIndex(target.MediaType) {
		return false, nil
	}
	index, err := artifact.ReadIndex(ctx, unpack.FromStore(store), target)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(index.Manifests, func(m ocispec.Descriptor) bool { return m.Digest == manifest.Digest }), nil
}

// engineOf is the name in containerd's name of a runtime: wasmtime in
// io.containerd.wasmtime.v1.
func engineOf(runtime string) string {
	parts := strings.Split(runtime, ".")
	if len(parts) != 4 || parts[0] != "io" || parts[1] != "containerd" {
		return ""
	}
	return parts[2]
}

// withPrestartHook gives a container that has hooks, as those by which nerdctl
// sets up networks, one more, of the kind prestart, that runs a program which only
// reads its input. runwasi's library takes a list of that kind for granted: without
// one it panics, and the container is being created for ever. An empty list would
// do, but whoever reads and writes the config, as `nerdctl start`, leaves it out. The
// program may not end before the library waits for it, which it says by the end of
// the input: the shim reaps whatever has ended, and then there is nothing to wait for.
func withPrestartHook(encoded typeurl.Any, program string) (typeurl.Any, error) {
	var spec, hooks map[string]json.RawMessage
	if err := json.Unmarshal(encoded.GetValue(), &spec); err != nil {
		return nil, err
	}
	if len(spec["hooks"]) == 0 {
		return encoded, nil
	}
	if err := json.Unmarshal(spec["hooks"], &hooks); err != nil {
		return nil, err
	}
	if _, ok := hooks["prestart"]; ok || hooks == nil {
		return encoded, nil
	}
	var err error
	if hooks["prestart"], err = json.Marshal([]specs.Hook{{Path: program}}); err != nil {
		return nil, err
	}
	if spec["hooks"], err = json.Marshal(hooks); err != nil {
		return nil, err
	}
	value, err := json.Marshal(spec)
	return &anypb.Any{TypeUrl: encoded.GetTypeUrl(), Value: value}, err
}
