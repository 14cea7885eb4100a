// Package assemble is the step of a build that makes the OCI image layout from
// the files of the target stage. It runs in a container of the builder: what
// it is told and what it finds wrong goes through files.
package assemble

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

// Where things are in the container of the step.
const (
	// InputDir is the root filesystem of the target stage; it does not exist
	// when there is none.
	InputDir = "/run/wasmfile/input"
	// ComponentsDir has what the COMPONENTs bring: what was copied by ordinal,
	// and what is mounted at MountPoints.
	ComponentsDir = "/run/wasmfile/components"
	// SpecDir holds SpecFile.
	SpecDir = "/run/wasmfile/spec"
	// OutputDir takes the layout; of a step that makes none, only the
	// index.json with the Report.
	OutputDir = "/run/wasmfile/output"

	// SpecFile is the name of the file with the Spec, in JSON.
	SpecFile = "spec.json"
)

// maxSpecSize bounds the spec, which holds the image config; in bytes.
const maxSpecSize = 4 << 20

// Spec is what the step is told. It says nothing of lines or file names of the
// Wasmfile, so that moving a line does not change what is cached.
type Spec struct {
	// Components are the COMPONENT instructions, by ordinal.
	Components []ComponentSpec `json:"components"`
	// CheckOnly asks for a check of the components and the process, and for no
	// layout.
	CheckOnly bool `json:"checkOnly,omitempty"`
	// Config is the image config of the target stage.
	Config dockerspec.DockerOCIImage `json:"config"`
	// Form is the artifact's; FormOCI when empty.
	Form artifact.Form `json:"form,omitempty"`
	// Compression is that of the filesystem layer.
	Compression layoutwriter.Compression `json:"compression,omitzero"`
	// Annotations are the manifest's.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Name is layoutwriter.Source.Name.
	Name string `json:"name,omitempty"`
	// Epoch is the SOURCE_DATE_EPOCH in seconds, nil when there is none.
	Epoch *int64 `json:"epoch,omitempty"`
}

// ComponentSpec is what a COMPONENT says of the files that it brings.
type ComponentSpec struct {
	// MediaType is the type of the layers, empty for the usual one of Wasm.
	MediaType string `json:"mediaType,omitempty"`
	// Optional says that it need not bring a file.
	Optional bool `json:"optional,omitempty"`
	// Exclude are patterns, as in a .dockerignore, of names that are left out.
	// BuildKit heeds them in directories only.
	Exclude []string `json:"exclude,omitempty"`
	// Mounted are the sources that are mounted by themselves, each at its
	// MountPoint; nothing was copied then. BuildKit's cache does not tell
	// apart two mounts of one state whose sources were swapped, the names
	// here do.
	Mounted []string `json:"mounted,omitempty"`
	// Name is the one to give to what is mounted, empty for the file's own.
	Name string `json:"name,omitempty"`
}

// MountPoint is where a source of the COMPONENT of an ordinal is mounted:
// source is its path where it comes from, index its place among
// ComponentSpec.Mounted.
func MountPoint(ordinal, index int, source string) string {
	return mountPoint(ComponentsDir, ordinal, index, source)
}

func mountPoint(root string, ordinal, index int, source string) string {
	return filepath.Join(root, "mounted", wasmfile.OrdinalDir(ordinal), strconv.Itoa(index), path.Base(source))
}

// isWasm reports whether the files have to be WebAssembly.
func (c ComponentSpec) isWasm() bool {
	return c.MediaType == "" || artifact.IsWasmLayer(c.MediaType)
}

// epoch is the zero time when there is none.
func (s Spec) epoch() time.Time {
	if s.Epoch == nil {
		return time.Time{}
	}
	return time.Unix(*s.Epoch, 0).UTC()
}

func readSpec(path string) (Spec, error) {
	var spec Spec
	info, err := os.Stat(path)
	if err != nil {
		return spec, fmt.Errorf("read what to assemble: %w", err)
	}
	if info.Size() > maxSpecSize {
		return spec, fmt.Errorf("%s has %d bytes, the limit is %d: labels and annotations are too large", path, info.Size(), maxSpecSize)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return spec, fmt.Errorf("read what to assemble: %w", err)
	}
	if err := json.Unmarshal(content, &spec); err != nil {
		return spec, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}
