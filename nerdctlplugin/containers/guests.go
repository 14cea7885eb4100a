package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/executable"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// annotationContainerType is "sandbox" for the container in which a pod's namespaces are.
// It never runs Wasm.
const annotationContainerType = "io.kubernetes.cri.container-type"

// guest is a container that runs Wasm, whoever made it.
type guest struct {
	// name is the one that nerdctl gave, empty for containers of others.
	name string
	spec *specs.Spec
	// ours says that this project's shim runs it.
	ours bool
	// layers are the components that it may run, none when file is set.
	layers []ocispec.Descriptor
	// file says that the component is a file of the container, and no layer.
	file bool
	// arg0 is the first argument of its process, which chooses the component.
	arg0 string
	// wasi is the version that it needs, such as "0.2", "-" when that is unknown.
	wasi string
}

// recognizer tells containers that run Wasm from others.
type recognizer struct {
	client *containerd.Client
	// images are those that were read already, by what containers say of them.
	images map[string]readImage
	// programs say whether a program that was looked at already is WebAssembly.
	programs map[program]bool
}

// program is what a process starts in files that several containers may have.
type program struct {
	snapshotter, files, arg0, cwd, path string
}

// readImage is an image of which a container may have been made.
type readImage struct {
	artifact *artifact.Artifact // nil for an image without Wasm
	index    bool
}

func newRecognizer(client *containerd.Client) *recognizer {
	return &recognizer{client: client, images: make(map[string]readImage), programs: make(map[program]bool)}
}

// recognize returns nil for a container that runs no Wasm. Wasm are, as for the
// shim, layers that the annotations name, layers of the image, or a file that the
// process starts. Annotations are believed: what they say is shown, and not run.
func (r *recognizer) recognize(ctx context.Context, record containers.Container) *guest {
	var spec specs.Spec
	if record.Spec == nil || json.Unmarshal(record.Spec.GetValue(), &spec) != nil || spec.Process == nil {
		return nil // not a container of runc's kind
	}
	if spec.Annotations[annotationContainerType] == "sandbox" {
		return nil
	}
	g := &guest{name: record.Labels[labels.Name], spec: &spec, ours: daemon.IsOwnRuntime(record.Runtime.Name), wasi: "-"}
	if args := executable.WithoutInit(spec.Process.Args); len(args) > 0 {
		g.arg0 = args[0]
	}
	if layers, err := artifact.LayersFromAnnotations(spec.Annotations); err == nil {
		g.layers = layers
	}
	if a := r.imageOf(ctx, record, spec.Annotations); a != nil {
		g.wasi = source.WASIVersion(ctx, r.client.ContentStore(), a)
		if g.layers == nil {
			g.layers = a.WasmLayers()
		}
		g.file = a.Form == artifact.FormImage
	}
	if len(g.layers) == 0 && !g.file && g.ours {
		g.file = r.startsWasm(ctx, record, &spec)
	}
	if len(g.layers) == 0 && !g.file {
		return nil
	}
	return g
}

// imageOf reads the artifact that a container was made of: by its manifest, which
// it may have recorded, else by the name of its image. It returns nil when there is
// none.
func (r *recognizer) imageOf(ctx context.Context, record containers.Container, annotations map[string]string) *artifact.Artifact {
	recorded := annotations[artifact.AnnotationManifest]
	key := record.Image + " " + recorded
	of, known := r.images[key]
	if !known {
		of = r.read(ctx, record.Image, recorded)
		r.images[key] = of
	}
	if of.index && isRunc(record.Runtime.Name) {
		return nil // it runs what is native in there
	}
	return of.artifact
}

func (r *recognizer) read(ctx context.Context, name, recorded string) readImage {
	image := images.Image{Name: name}
	if recorded == "" || json.Unmarshal([]byte(recorded), &image.Target) != nil {
		var err error
		if image, err = r.client.ImageService().Get(ctx, name); err != nil {
			return readImage{}
		}
	}
	a, err := unpack.Read(ctx, r.client.ContentStore(), image, "")
	if err != nil {
		return readImage{}
	}
	return readImage{artifact: a, index: artifact.IsIndex(image.Target.MediaType)}
}

// startsWasm reports whether the program of a container is a WebAssembly file of
// it. What cannot be read is taken for native. Containers of an image that start the same
// are taken to have the same program: to look at it, the files have to be mounted.
func (r *recognizer) startsWasm(ctx context.Context, record containers.Container, spec *specs.Spec) bool {
	key, shared := r.programOf(ctx, record, spec.Process)
	if known, ok := r.programs[key]; ok && shared {
		return known
	}
	found := false
	look := func(root string) error {
		file, err := executable.Open(root, spec.Process)
		if err != nil || file == nil {
			return err
		}
		found = true
		return file.Close()
	}
	err := withContainerFiles(ctx, r.client, record, spec, look)
	if err != nil {
		log.G(ctx).Debugf("container %s: is its program Wasm? %v", record.ID, err)
	}
	if shared {
		r.programs[key] = found
	}
	return found
}

// programOf is what a process starts; shared is false when no other container can have it.
func (r *recognizer) programOf(ctx context.Context, record containers.Container, process *specs.Process) (_ program, shared bool) {
	args := executable.WithoutInit(process.Args)
	if record.SnapshotKey == "" || len(args) == 0 {
		return program{}, false
	}
	snapshot, err := r.client.SnapshotService(record.Snapshotter).Stat(ctx, record.SnapshotKey)
	if err != nil || snapshot.Parent == "" {
		return program{}, false
	}
	p := program{snapshotter: record.Snapshotter, files: snapshot.Parent, arg0: args[0], cwd: process.Cwd}
	for _, variable := range process.Env {
		if strings.HasPrefix(variable, "PATH=") {
			p.path += variable + "\n"
		}
	}
	return p, true
}

// withContainerFiles shows the files of a container, as its snapshot has them,
// else the directory that it was made of.
func withContainerFiles(ctx context.Context, client *containerd.Client, record containers.Container, spec *specs.Spec, do func(root string) error) error {
	switch {
	case record.SnapshotKey != "":
		mounts, err := snapshotMounts(ctx, client, record)
		if err != nil {
			return err
		}
		return mount.WithReadonlyTempMount(ctx, mounts, do)
	case spec.Root != nil && filepath.IsAbs(spec.Root.Path):
		return do(spec.Root.Path)
	}
	return errors.New("it has no files")
}

func snapshotMounts(ctx context.Context, client *containerd.Client, record containers.Container) ([]mount.Mount, error) {
	mounts, err := client.SnapshotService(record.Snapshotter).Mounts(ctx, record.SnapshotKey)
	if err != nil {
		return nil, fmt.Errorf("the files of container %s: snapshot %s: %w", record.ID, record.SnapshotKey, err)
	}
	return mounts, nil
}

// isRunc reports whether containerd starts the shim for native containers.
func isRunc(name string) bool {
	return strings.HasPrefix(name, "io.containerd.runc.") && !daemon.IsOwnRuntime(name)
}

// findGuests are the containers that run Wasm, by ID.
func findGuests(ctx context.Context, client *containerd.Client) (map[string]*guest, error) {
	records, err := client.ContainerService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	guests := make(map[string]*guest)
	recognizer := newRecognizer(client)
	for _, record := range records {
		if g := recognizer.recognize(ctx, record); g != nil {
			guests[record.ID] = g
		}
	}
	return guests, nil
}

// guestOf is what a container runs of Wasm, nil for another one.
func guestOf(ctx context.Context, client *containerd.Client, c containerd.Container) (*guest, error) {
	record, err := c.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", c.ID(), err)
	}
	return newRecognizer(client).recognize(ctx, record), nil
}
