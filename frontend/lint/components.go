package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

const (
	// maxDebugSize is how much of a component may be for debugging, in bytes.
	maxDebugSize = 1 << 20

	// maxListed is how many names a message lists, and how many findings of a
	// rule are reported for one component: what a file says has no end.
	maxListed = 5
)

func hasStart(info *wasm.Info) bool { return info.RunsAsCommand() || info.ServesHTTP() }

// callable reports whether name#function can start a binary that has no start
// of its own: the engine finds functions among the exports and in exported
// interfaces. Of a component, not all of them may be known.
func callable(r assemble.ComponentReport) bool {
	return r.Function != "" || r.Info.Kind == wasm.KindComponent && len(r.Info.Exports) > 0
}

// healthcheckWithoutComponent finds a HEALTHCHECK of a program that is no
// component.
func healthcheckWithoutComponent(c *components) []finding {
	i, test := healthcheck(c.file)
	if len(test) < 2 || test[0] != "CMD" {
		return nil
	}
	if named, _ := artifact.Match(c.names(), test[1]); named >= 0 {
		return nil
	}
	return []finding{at(c.file, i, test[1], fmt.Sprintf("no component is named %q, and there is no other program in the container: every check would fail; %s", test[1], healthcheckAdvice))}
}

// componentNotStartable finds components that nobody can start and no other
// component imports from, and one that the process starts although it has
// functions only.
func componentNotStartable(c *components) []finding {
	var found []finding
	for i, r := range c.all {
		switch {
		case hasStart(r.Info):
		case i == c.entry && c.function == "" && callable(r) && !c.isLibrary:
			found = append(found, c.atProcess(fmt.Sprintf("%s is what starts, but it has no start of its own, only exports to call: name one, as in ENTRYPOINT [%q]",
				r.Name, strings.TrimSuffix(r.Name, ".wasm")+"#"+cmp.Or(r.Function, "FUNCTION"))))
		case !callable(r) && !c.imported[i]:
			found = append(found, c.at(i, fmt.Sprintf("nobody can start %s: it exports nothing that can be called", r.Name)))
		}
	}
	return found
}

// unusedComponent finds components that have functions only, when the process
// is another and no component imports from them.
func unusedComponent(c *components) []finding {
	if c.entry < 0 {
		return nil
	}
	var found []finding
	for i, r := range c.all {
		if i == c.entry || hasStart(r.Info) || !callable(r) || c.imported[i] {
			continue
		}
		found = append(found, c.at(i, fmt.Sprintf("%s is not used: %s is what starts, %s has no start of its own, and no other component imports what it exports",
			r.Name, c.all[c.entry].Name, r.Name)))
	}
	return found
}

// unprovidedImport finds what neither the host nor another component exports
// in any version, and somebody has to.
func unprovidedImport(c *components) []finding {
	var found []finding
	for i, r := range c.all {
		var missing []string
		for _, name := range r.Info.Imports {
			if c.needsNone(i, name) || len(c.exportersOf(i, name)) > 0 {
				continue
			}
			if _, other := c.otherVersion(i, name); !other {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			found = append(found, c.at(i, fmt.Sprintf("%s imports %s, which nothing provides: it will not start", r.Name, list(missing))))
		}
	}
	return found
}

// importVersionMismatch finds what is exported only in versions that do not
// fit.
func importVersionMismatch(c *components) []finding {
	var found []finding
	for i, r := range c.all {
		count := 0
		for _, name := range r.Info.Imports {
			if count == maxListed {
				break
			}
			if c.needsNone(i, name) {
				continue
			}
			if other, ok := c.otherVersion(i, name); ok {
				count++
				found = append(found, c.at(i, fmt.Sprintf("%s imports %s, but %s exports %s", r.Name, name, c.all[other.component].Name, other.name)))
			}
		}
	}
	return found
}

// mixedWASI finds components that use two versions of WASI, and the first of
// each version that is not that of the artifact's first component.
func mixedWASI(c *components) []finding {
	var found []finding
	first, seen := "", make(map[string]bool)
	for i, r := range c.all {
		versions := wasiVersions(r.Info)
		if len(versions) == 0 {
			continue
		}
		if len(versions) > 1 {
			found = append(found, c.at(i, fmt.Sprintf("%s uses interfaces of WASI %s: only a host that has both can run it", r.Name, strings.Join(versions, " and "))))
		}
		newest := versions[len(versions)-1]
		if first == "" {
			first = fmt.Sprintf("%s for WASI %s", r.Name, newest)
		} else if !seen[newest] {
			found = append(found, c.at(i, fmt.Sprintf("%s is written for WASI %s and %s: only a host that has both can run the artifact", r.Name, newest, first)))
		}
		seen[newest] = true
	}
	return found
}

func debugSections(c *components) []finding {
	var found []finding
	for i, r := range c.all {
		if r.Info.DebugSize > maxDebugSize {
			found = append(found, c.at(i, fmt.Sprintf("%.1f MiB of %s are for debugging only: build it without, or run wasm-tools strip",
				float64(r.Info.DebugSize)/(1<<20), r.Name)))
		}
	}
	return found
}

// list is a sentence's list of names, cut off when there are many.
func list(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(names[:maxListed]), ", "), len(names)-maxListed)
}
