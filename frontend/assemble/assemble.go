package assemble

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

// Dirs are the directories that the step works on. The zero value is those of
// the step's container: InputDir, ComponentsDir, SpecDir, OutputDir.
type Dirs struct {
	Input, Components, Spec, Output string
}

func (d Dirs) withDefaults() Dirs {
	return Dirs{
		Input:      cmp.Or(d.Input, InputDir),
		Components: cmp.Or(d.Components, ComponentsDir),
		Spec:       cmp.Or(d.Spec, SpecDir),
		Output:     cmp.Or(d.Output, OutputDir),
	}
}

// Run does the step: it writes the layout with a Report, and a summary of its
// components to log. What is wrong with the user's input is in the report; an
// error is a failure of the step itself.
func Run(dirs Dirs, log io.Writer) error {
	dirs = dirs.withDefaults()
	spec, err := readSpec(filepath.Join(dirs.Spec, SpecFile))
	if err != nil {
		return err
	}
	err = assemble(dirs, spec, log)
	if problem := problemIn(err); problem != nil {
		return Report{Problem: problem}.write(dirs.Output)
	}
	return err
}

// assemble returns a Problem for what the user has to change.
func assemble(dirs Dirs, spec Spec, log io.Writer) error {
	sources, err := findComponents(dirs.Components, spec.Components)
	if err != nil {
		return err
	}
	components, reports, files, err := parse(sources)
	if err != nil {
		return err
	}
	report := Report{Components: reports}
	if spec.Form == artifact.FormCNCF {
		err = checkCNCF(spec, report.Components)
	} else {
		err = chooseProcess(&spec.Config.Config, components)
	}
	if err != nil {
		return err
	}
	if spec.CheckOnly {
		return report.write(dirs.Output)
	}
	rootFS := dirs.Input
	if _, err := os.Lstat(rootFS); errors.Is(err, fs.ErrNotExist) {
		rootFS = ""
	}
	manifest, err := layoutwriter.Write(dirs.Output, layoutwriter.Source{
		Form:             spec.Form,
		Components:       components,
		Files:            files,
		Config:           spec.Config,
		Annotations:      spec.Annotations,
		Name:             spec.Name,
		IndexAnnotations: report.describe,
		RootFS:           rootFS,
		Compression:      spec.Compression,
		Epoch:            spec.epoch(),
	})
	if errors.Is(err, artifact.ErrTooLarge) {
		last := report.Components[len(report.Components)-1]
		return componentProblem(fmt.Sprintf("the artifact is %s: make it of fewer components, or of some with fewer imports and exports, fewer labels and annotations", err), last.Ordinal)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the builder's disk is full: free some of it, for example by `docker buildx prune` (%w)", err)
	}
	if err != nil {
		return fmt.Errorf("write the artifact: %w", err)
	}
	return summarize(log, dirs.Output, components, manifest)
}

// summarize writes what people want to know of an artifact.
func summarize(log io.Writer, dir string, components []layoutwriter.Component, manifest ocispec.Descriptor) error {
	content, err := os.ReadFile(filepath.Join(dir, ocispec.ImageBlobsDir, manifest.Digest.Algorithm().String(), manifest.Digest.Encoded()))
	if err != nil {
		return fmt.Errorf("read back the manifest: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return fmt.Errorf("read back the manifest: %w", err)
	}
	w := tabwriter.NewWriter(log, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAYER\tKIND\tWASI\tSIZE\tBYTES\tDIGEST")
	for i, l := range m.Layers {
		name, kind, wasi := artifact.Name(l), l.MediaType, "-"
		switch {
		case i < len(components):
			kind, wasi = string(components[i].Info.Kind), components[i].Info.WASI.Version()
		case artifact.IsFilesystemLayer(l.MediaType):
			name, kind = "(files)", "filesystem"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", name, kind, wasi, units.HumanSize(float64(l.Size)), l.Size, l.Digest)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(log, "artifact %s\n", manifest.Digest)
	return err
}
