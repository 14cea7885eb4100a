package lint

import (
	"slices"
	"strings"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/lint/host"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// components are an artifact's, and what they have to do with each other.
type components struct {
	file *wasmfile.File
	all  []assemble.ComponentReport
	// entry is the index of the one that the process starts, -1 when that is
	// not known, and function the export of it that is called instead of its
	// own start.
	entry    int
	function string
	// isLibrary says that the artifact has no process, so that nobody can name
	// a function in it.
	isLibrary bool
	// exporters are the indices of the components that export a name, by key.
	exporters map[string][]int
	// bases are the exports of each interface, one for each component, by its
	// name without a version.
	bases map[string][]export
	// imported says of each component whether another imports from it, be it
	// in a version that does not fit.
	imported []bool
}

// export is a name that a component exports.
type export struct {
	component int
	name      string
}

func relate(file *wasmfile.File, all []assemble.ComponentReport) *components {
	c := &components{
		file: file, all: all,
		exporters: make(map[string][]int),
		bases:     make(map[string][]export),
		imported:  make([]bool, len(all)),
	}
	c.entry, c.function = c.findEntry()
	for i, r := range all {
		if r.Info.Kind != wasm.KindComponent {
			continue // nothing can be linked with a core module
		}
		for _, name := range r.Info.Exports {
			if k := key(name); !slices.Contains(c.exporters[k], i) {
				c.exporters[k] = append(c.exporters[k], i)
			}
			base, _, _ := strings.Cut(name, "@")
			if known := c.bases[base]; len(known) == 0 || known[len(known)-1].component != i {
				c.bases[base] = append(known, export{i, name})
			}
		}
	}
	for i, r := range all {
		for _, name := range r.Info.Imports {
			for _, exporter := range c.exportersOf(i, name) {
				c.imported[exporter] = true
			}
			if other, ok := c.otherVersion(i, name); ok {
				c.imported[other.component] = true
			}
		}
	}
	return c
}

// needsNone reports whether what component i imports by this name needs no
// other component: the host provides it, or there is nothing to provide.
func (c *components) needsNone(i int, name string) bool {
	return host.Provides(c.all[i].Info.Kind, name) || slices.Contains(c.all[i].TypeImports, name)
}

// exportersOf are the other components that export what component i imports
// by this name.
func (c *components) exportersOf(i int, name string) []int {
	if c.all[i].Info.Kind != wasm.KindComponent {
		return nil
	}
	exporters := c.exporters[key(name)]
	if own := slices.Index(exporters, i); own >= 0 {
		return slices.Delete(slices.Clone(exporters), own, own+1)
	}
	return exporters
}

// otherVersion is an export, by another component, of the interface that
// component i imports by this name, when no export is of a version that fits.
func (c *components) otherVersion(i int, name string) (export, bool) {
	base, _, versioned := strings.Cut(name, "@")
	if !versioned || c.all[i].Info.Kind != wasm.KindComponent || len(c.exportersOf(i, name)) > 0 {
		return export{}, false
	}
	for _, e := range c.bases[base] {
		if e.component != i && strings.Contains(e.name, "@") {
			return e, true
		}
	}
	return export{}, false
}

// findEntry is the component that the process's first word chooses, and the
// function it names.
func (c *components) findEntry() (component int, function string) {
	process := c.file.Process()
	if process == nil || len(process.Words()) == 0 {
		if len(c.all) == 1 {
			return 0, ""
		}
		return -1, ""
	}
	i, function := artifact.Match(c.names(), process.Words()[0])
	if i < 0 && len(c.all) == 1 {
		i = 0 // whatever its arguments are
	}
	return i, function
}

func (c *components) names() []string {
	names := make([]string, 0, len(c.all))
	for _, r := range c.all {
		names = append(names, r.Name)
	}
	return names
}

// at is a finding at the COMPONENT that brought component i.
func (c *components) at(i int, message string) finding {
	ordinal := c.all[i].Ordinal
	if ordinal < 1 || ordinal > len(c.file.Components) {
		return finding{message: message}
	}
	instruction := c.file.Components[ordinal-1]
	location := instruction.Location
	for _, word := range []string{c.all[i].Name, strings.TrimSuffix(c.all[i].Name, ".wasm")} {
		if place := c.file.Word(location, word); len(place) == 1 && place[0].End.Character > 0 {
			location = place
			break
		}
	}
	return finding{message: message, location: location, comments: instruction.Comments}
}

// atProcess is a finding at the ENTRYPOINT or CMD that chooses the entry, or
// at its COMPONENT when neither does.
func (c *components) atProcess(message string) finding {
	process := c.file.Process()
	if process == nil || len(process.Words()) == 0 {
		return c.at(c.entry, message)
	}
	return finding{message: message, location: c.file.Word(process.Location, process.Words()[0]), comments: process.Comments}
}
