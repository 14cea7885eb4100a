package assemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// ReportAnnotation is the annotation of the layout's index.json that holds the
// Report in JSON. It is there that the frontend finds, with one read of the
// step's only output, what it has to tell the user: a second output would be
// missing from an imported cache, and the build would run again for it.
const ReportAnnotation = "io.github.wasmfile.report"

// Report is what the step found out.
type Report struct {
	// Problem is the user's mistake for which there is no layout; nil when
	// there is none.
	Problem *Problem `json:"problem,omitempty"`
	// Components are all Wasm files in the order of the layers.
	Components []ComponentReport `json:"components,omitempty"`
}

// ComponentReport is what there is to know of a component without its bytes.
type ComponentReport struct {
	// Name is the component's name.
	Name string `json:"name"`
	// Ordinal is the COMPONENT that brought it, counted from 1.
	Ordinal int `json:"ordinal"`
	// Info is what was read of the file.
	Info *wasm.Info `json:"info"`
	// TypeImports are those of the imports that need no one to provide them:
	// see wasm.TypeImports.
	TypeImports []string `json:"typeImports,omitempty"`
	// Function is an example of a function to call, empty when none is known.
	Function string `json:"function,omitempty"`
	// Layer is the component's descriptor; nil when there is no layout.
	Layer *ocispec.Descriptor `json:"layer,omitempty"`
}

// Describe reads a Wasm file. It returns what wasm.Parse does for one that is
// damaged or something else.
func Describe(name, path string, ordinal int) (_ ComponentReport, err error) {
	file, err := os.Open(path)
	if err != nil {
		return ComponentReport{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	stat, err := file.Stat()
	if err != nil {
		return ComponentReport{}, err
	}
	info, err := wasm.Parse(file, stat.Size())
	if err != nil {
		return ComponentReport{}, err
	}
	r := ComponentReport{Name: name, Ordinal: ordinal, Info: info, Function: info.ExampleFunction()}
	if r.TypeImports, err = wasm.TypeImports(file, stat.Size()); err != nil {
		r.TypeImports = nil // types of another version of the format: nothing is known of them
	}
	return r, nil
}

// ReadReport reads the Report, and the descriptor of the manifest, from the
// index.json of the step's output. The descriptor is nil for a step that has a
// Problem or that only checked.
func ReadReport(encoded []byte) (Report, *ocispec.Descriptor, error) {
	var index ocispec.Index
	var report Report
	if err := json.Unmarshal(encoded, &index); err != nil {
		return report, nil, fmt.Errorf("read the result of the assembly: %w", err)
	}
	if err := json.Unmarshal([]byte(index.Annotations[ReportAnnotation]), &report); err != nil {
		return report, nil, fmt.Errorf("read the report of the assembly: %w", err)
	}
	if len(index.Manifests) == 0 {
		return report, nil, nil
	}
	manifest := index.Manifests[0]
	return report, &ocispec.Descriptor{MediaType: manifest.MediaType, Digest: manifest.Digest, Size: manifest.Size}, nil
}

// write writes an index.json that has the report and no manifest.
func (r Report) write(dir string) error {
	annotation, err := r.encode()
	if err != nil {
		return err
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageIndex,
		Manifests:   []ocispec.Descriptor{},
		Annotations: annotation,
	})
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, ocispec.ImageIndexFile), index, 0o644)
}

// describe adds the layers of the components, the first of all, and returns the
// report as annotations of an index.
func (r Report) describe(layers []ocispec.Descriptor) (map[string]string, error) {
	r.Components = slices.Clone(r.Components)
	for i := range r.Components {
		r.Components[i].Layer = &layers[i]
	}
	return r.encode()
}

// encode is the report as annotations of an index.
func (r Report) encode() (map[string]string, error) {
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return map[string]string{ReportAnnotation: string(encoded)}, nil
}

// problemIn returns the Problem in an error, nil when it is another error.
func problemIn(err error) *Problem {
	var problem *Problem
	errors.As(err, &problem)
	return problem
}
