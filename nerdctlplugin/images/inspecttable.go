package images

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/docker/go-units"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/printable"
)

// writeInspected writes what a person wants to know of an artifact: what it
// is, how it starts, and its components with what they need and offer.
func writeInspected(out io.Writer, i *Inspected) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s:\t%s\n", name, printable.Line(value))
		}
	}
	config := i.Config.Config
	line("Name", i.Name)
	line("Digest", i.Descriptor.Digest.String())
	line("Form", string(i.Form))
	line("Platform", i.Config.OS+"/"+i.Config.Architecture)
	if i.Config.Created != nil {
		line("Created", i.Config.Created.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	line("Size", totalSize(i))
	line("Entrypoint", list(config.Entrypoint))
	line("Cmd", list(config.Cmd))
	line("Env", strings.Join(config.Env, " "))
	line("WorkingDir", config.WorkingDir)
	line("User", config.User)
	line("ExposedPorts", strings.Join(slices.Sorted(maps.Keys(config.ExposedPorts)), " "))
	line("StopSignal", config.StopSignal)
	for _, key := range slices.Sorted(maps.Keys(i.Manifest.Annotations)) {
		line("Annotation", key+"="+i.Manifest.Annotations[key])
	}
	for _, key := range slices.Sorted(maps.Keys(config.Labels)) {
		if key != artifact.AnnotationLayers && !strings.HasPrefix(key, artifact.LabelComponentPrefix) {
			line("Label", key+"="+config.Labels[key])
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprint(table, "\nLAYER\tKIND\tWASI\tSIZE\tDIGEST\n")
	for _, c := range i.Components {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable.Line(c.Name), c.Kind, c.WASI.Version(), units.HumanSize(float64(c.Descriptor.Size)), c.Descriptor.Digest)
	}
	for _, l := range i.Manifest.Layers {
		if !artifact.IsWasmLayer(l.MediaType) {
			kind := l.MediaType
			if artifact.IsFilesystemLayer(l.MediaType) {
				kind = "filesystem"
			}
			fmt.Fprintf(table, "%s\t%s\t-\t%s\t%s\n", printable.Line(strings.Replace(artifact.Name(l), l.Digest.String(), "-", 1)), printable.Line(kind), units.HumanSize(float64(l.Size)), l.Digest)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range i.Components {
		writeNames(out, printable.Line(c.Name)+" imports", c.Imports)
		writeNames(out, printable.Line(c.Name)+" exports", c.Exports)
	}
	return nil
}

func writeNames(out io.Writer, title string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for _, name := range names {
		fmt.Fprintf(out, "  %s\n", printable.Line(name))
	}
}

func totalSize(i *Inspected) string {
	total := i.Descriptor.Size + i.Manifest.Config.Size
	for _, l := range i.Manifest.Layers {
		total += l.Size
	}
	return units.HumanSize(float64(total))
}

// list is a command in exec form, empty when there is none.
func list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	encoded, err := json.Marshal(words)
	if err != nil {
		return strings.Join(words, " ")
	}
	return string(encoded)
}
