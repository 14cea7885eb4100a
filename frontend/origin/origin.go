// Package origin finds the files of an artifact that is published in a
// registry, is in an OCI image layout or is made by another build, so that
// COMPONENT --from can take them. Nothing in an artifact is trusted: documents
// are bounded, names are checked, and BuildKit verifies each blob by its
// digest when it fetches it.
package origin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/util/suggest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Origin is where the files of a COMPONENT come from.
type Origin struct {
	// name is how the user calls it.
	name string
	// image is the filesystem of an image; nil for an artifact.
	image *llb.State
	files []file
}

// IsArtifact tells an artifact from an image.
func (o *Origin) IsArtifact() bool { return o.image == nil }

// file is a layer of an artifact.
type file struct {
	name      string
	mediaType string
	state     llb.State
	path      string // in state
}

// Selection says which files of an artifact are wanted.
type Selection struct {
	// Patterns are names, with the wildcards of a COPY.
	Patterns []string
	// Dynamic says that the patterns are not known yet, and that all files
	// have to be there.
	Dynamic bool
	// Optional says that wildcards need not match anything.
	Optional bool
	// Others asks for layers that are not Wasm, in place of those that are.
	Others bool
}

// Select returns a filesystem with the files that are wanted at its root, and
// the names of all that could have been. It fetches nothing. It fails for a
// name that is not there.
func (o *Origin) Select(s Selection, options ...llb.ConstraintsOpt) (llb.State, []string, error) {
	if o.image != nil {
		return *o.image, nil, nil
	}
	var names []string
	var files []file
	for _, f := range o.files {
		if artifact.IsWasmLayer(f.mediaType) != s.Others {
			names, files = append(names, f.name), append(files, f)
		}
	}
	wanted := files
	if !s.Dynamic {
		var err error
		if wanted, err = o.match(files, names, s.Patterns); err != nil {
			return llb.State{}, nil, err
		}
		if len(wanted) == 0 && !s.Optional {
			return llb.State{}, nil, o.missing(strings.Join(s.Patterns, " "), names)
		}
	}
	if len(wanted) == 0 {
		return llb.Scratch(), names, nil
	}
	var copies *llb.FileAction
	for _, f := range wanted {
		if copies == nil {
			copies = llb.Copy(f.state, f.path, "/"+f.name)
		} else {
			copies = copies.Copy(f.state, f.path, "/"+f.name)
		}
	}
	options = append(options, llb.WithCustomName("[internal] name the layers of "+o.name))
	return llb.Scratch().File(copies, options...), names, nil
}

func (o *Origin) match(files []file, names, patterns []string) ([]file, error) {
	wanted := make(map[int]bool)
	for _, pattern := range patterns {
		pattern = strings.TrimPrefix(path.Clean("/"+pattern), "/")
		found := false
		for i, f := range files {
			if ok, err := path.Match(pattern, f.name); pattern == "" || pattern == f.name || err == nil && ok {
				wanted[i], found = true, true
			}
		}
		if !found && !strings.ContainsAny(pattern, "*?[") {
			return nil, o.missing(pattern, names)
		}
	}
	var matched []file
	for i, f := range files {
		if wanted[i] {
			matched = append(matched, f)
		}
	}
	return matched, nil
}

func (o *Origin) missing(name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%q is not in %s, which has no layers of that kind", name, o.name)
	}
	err := fmt.Errorf("%q is not in %s, which has %s", name, o.name, wasmfile.Enumerate(names))
	if slices.Contains(names, name+".wasm") {
		return fmt.Errorf("%w (did you mean %s.wasm?)", err, name)
	}
	return suggest.WrapError(err, name, names, true)
}

// newOrigin names the layers of an artifact; base is for a single layer without
// a title. It returns nil when none is Wasm: it is an ordinary image.
func newOrigin(name, base string, layers []ocispec.Descriptor, locate func(ocispec.Descriptor) (llb.State, string)) (*Origin, error) {
	o := &Origin{name: name}
	wasm, taken := 0, make(map[string]bool)
	for _, l := range layers {
		if artifact.IsFilesystemLayer(l.MediaType) {
			continue
		}
		f := file{name: artifact.Name(l), mediaType: l.MediaType}
		if l.Annotations[ocispec.AnnotationTitle] == "" && len(layers) == 1 {
			f.name = base + ".wasm"
		}
		err := artifact.CheckName(f.name)
		if err == nil && taken[f.name] {
			err = fmt.Errorf("two layers are named %q", f.name)
		}
		if !artifact.IsWasmLayer(l.MediaType) {
			if err != nil {
				continue // other tools give paths to other layers
			}
		} else if wasm++; err != nil {
			return nil, fmt.Errorf("%s: %w: %w", name, artifact.ErrInvalid, err)
		}
		taken[f.name] = true
		f.state, f.path = locate(l)
		o.files = append(o.files, f)
	}
	if wasm == 0 {
		return nil, nil
	}
	return o, nil
}
