package assemble

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// source is a file that a COMPONENT brought.
type source struct {
	name    string
	path    string
	ordinal int
	ComponentSpec
}

// findComponents lists the files of all COMPONENTs in their order. It returns
// a Problem for what cannot be a component.
func findComponents(root string, specs []ComponentSpec) ([]source, error) {
	var all []source
	for i, spec := range specs {
		ordinal := i + 1
		find := findCopied
		if len(spec.Mounted) > 0 {
			find = findMounted
		}
		found, err := find(root, spec, ordinal)
		if err != nil {
			return nil, err
		}
		switch {
		case len(found) > 0 || spec.Optional:
		case len(spec.Exclude) > 0:
			return nil, componentProblem("it brings no file: --exclude leaves out all that its sources match, or nothing matches them", ordinal)
		default:
			return nil, componentProblem("it brings no file: nothing matches its sources (of the build context, is it in .dockerignore?), a directory is empty, or its name has \"..\"", ordinal)
		}
		for _, f := range found {
			f.ComponentSpec = spec
			all = append(all, f)
		}
	}
	if len(all) > artifact.MaxLayers-1 { // one is for the files
		return nil, componentProblem(fmt.Sprintf("%d components, the limit is %d", len(all), artifact.MaxLayers-1), all[len(all)-1].ordinal)
	}
	return all, checkNames(all)
}

// findCopied finds the files where they were copied; it returns nothing when
// there is none.
func findCopied(root string, spec ComponentSpec, ordinal int) ([]source, error) {
	excluded, err := patternmatcher.New(spec.Exclude)
	if err != nil {
		return nil, componentProblem(fmt.Sprintf("--exclude: %v", err), ordinal)
	}
	dir := filepath.Join(root, wasmfile.OrdinalDir(ordinal))
	named, err := readDir(filepath.Join(dir, wasmfile.NamedDir))
	if err != nil {
		return nil, err
	}
	if len(named) > 0 {
		return findNamed(filepath.Join(dir, wasmfile.NamedDir), named, excluded, ordinal)
	}
	dir = filepath.Join(dir, wasmfile.FilesDir)
	files, err := readFiles(dir, excluded)
	if err != nil {
		return nil, err
	}
	var found []source
	for _, f := range files {
		if err := checkFile(f, ordinal); err != nil {
			return nil, err
		}
		found = append(found, source{name: f.Name(), path: filepath.Join(dir, f.Name()), ordinal: ordinal})
	}
	return found, nil
}

// findMounted finds the files where they are mounted; of a directory, those in
// it.
func findMounted(root string, spec ComponentSpec, ordinal int) ([]source, error) {
	var found []source
	var entries []fs.DirEntry
	for i, src := range spec.Mounted {
		file := mountPoint(root, ordinal, i, src)
		info, err := os.Lstat(file)
		if err != nil {
			return nil, err
		}
		dir, files := filepath.Dir(file), []fs.DirEntry{fs.FileInfoToDirEntry(info)}
		if info.IsDir() {
			dir = file
			if files, err = os.ReadDir(dir); err != nil {
				return nil, err
			}
		}
		for _, f := range files {
			if err := checkFile(f, ordinal); err != nil {
				return nil, err
			}
			found = append(found, source{name: cmp.Or(spec.Name, f.Name()), path: filepath.Join(dir, f.Name()), ordinal: ordinal})
		}
		entries = append(entries, files...)
	}
	if spec.Name != "" && len(found) > 1 {
		return nil, severalProblem(entries, spec.Name, ordinal)
	}
	slices.SortStableFunc(found, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// findNamed expects one directory, named as the component, with one file.
func findNamed(dir string, entries []fs.DirEntry, excluded *patternmatcher.PatternMatcher, ordinal int) ([]source, error) {
	if len(entries) != 1 || !entries[0].IsDir() {
		return nil, componentProblem("the name is empty: a variable in it has no value", ordinal)
	}
	name := entries[0].Name()
	dir = filepath.Join(dir, name)
	files, err := readFiles(dir, excluded)
	if err != nil {
		return nil, err
	}
	switch {
	case len(files) == 0:
		return nil, nil
	case len(files) > 1:
		return nil, severalProblem(files, name, ordinal)
	}
	if files[0].IsDir() {
		return nil, componentProblem(fmt.Sprintf("%s is a directory: name the Wasm file in it, and give a name without a slash", files[0].Name()), ordinal)
	}
	if err := checkFile(files[0], ordinal); err != nil {
		return nil, err
	}
	return []source{{name: name, path: filepath.Join(dir, files[0].Name()), ordinal: ordinal}}, nil
}

func severalProblem(files []fs.DirEntry, name string, ordinal int) *Problem {
	return componentProblem(fmt.Sprintf("%d files match (%s), but %q can name one only", len(files), fileNames(files), name), ordinal)
}

func checkFile(entry fs.DirEntry, ordinal int) error {
	if entry.IsDir() {
		return componentProblem(fmt.Sprintf("%s is a directory in another: name the Wasm files in it, or leave it out with --exclude", entry.Name()), ordinal)
	}
	if entry.Type() == fs.ModeSymlink {
		return componentProblem(fmt.Sprintf("%s is not a regular file but a symbolic link, which is followed where COMPONENT names it, itself or by a wildcard, and not in a directory", entry.Name()), ordinal)
	}
	if !entry.Type().IsRegular() {
		return componentProblem(fmt.Sprintf("%s is not a regular file (%s)", entry.Name(), entry.Type()), ordinal)
	}
	return nil
}

func checkNames(all []source) error {
	first := make(map[string]source)
	for _, s := range all {
		if err := artifact.CheckName(s.name); err != nil {
			return componentProblem(fmt.Sprintf("%v: give it another name with --name", err), s.ordinal)
		}
		if s.isWasm() && strings.Contains(s.name, "#") {
			return componentProblem(fmt.Sprintf("component name %q has a #, which begins the name of a function where a process is named: give it another name with --name", s.name), s.ordinal)
		}
		other, taken := first[s.name]
		if taken {
			return componentProblem(fmt.Sprintf("two components are named %q: give one of them another name with --name", s.name), slices.Compact([]int{s.ordinal, other.ordinal})...)
		}
		first[s.name] = s
	}
	return nil
}

// parse tells components from other files, and returns a Problem for one that
// should be WebAssembly and is not. Reports are of the components.
func parse(all []source) (components []layoutwriter.Component, reports []ComponentReport, files []layoutwriter.File, err error) {
	names := 0
	for _, s := range all {
		if !s.isWasm() {
			files = append(files, layoutwriter.File{Name: s.name, Path: s.path, MediaType: s.MediaType})
			continue
		}
		report, err := Describe(s.name, s.path, s.ordinal)
		var format *wasm.FormatError
		if errors.As(err, &format) && format.Err == nil {
			return nil, nil, nil, componentProblem(fmt.Sprintf("%s is not a valid WebAssembly binary: %s", filepath.Base(s.path), format), s.ordinal)
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("component %s: %w", s.name, err)
		}
		for _, name := range slices.Concat(report.Info.Imports, report.Info.Exports) {
			names += len(name)
		}
		if names > artifact.MaxDocumentSize { // the config has them all
			return nil, nil, nil, componentProblem(fmt.Sprintf("the names of the imports and exports of %d components have %d bytes, the limit is %d: make the artifact of fewer components",
				len(components)+1, names, artifact.MaxDocumentSize), s.ordinal)
		}
		components = append(components, layoutwriter.Component{Name: s.name, Path: s.path, Info: report.Info, MediaType: s.MediaType})
		reports = append(reports, report)
	}
	if len(components) == 0 {
		var ordinals []int
		if len(all) > 0 {
			ordinals = []int{all[0].ordinal}
		}
		return nil, nil, nil, componentProblem("an artifact needs a component, and there is none: wildcards that are --optional match nothing, or all layers have a --media-type of other things", ordinals...)
	}
	return components, reports, files, nil
}

// readFiles is readDir without what is excluded.
func readFiles(dir string, excluded *patternmatcher.PatternMatcher) ([]fs.DirEntry, error) {
	all, err := readDir(dir)
	var kept []fs.DirEntry
	for _, f := range all {
		out, matchErr := excluded.MatchesOrParentMatches(f.Name())
		if err = errors.Join(err, matchErr); !out {
			kept = append(kept, f)
		}
	}
	return kept, err
}

// readDir returns nothing for a directory that is not there, and refuses a
// link in its place.
func readDir(dir string) ([]fs.DirEntry, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no directory", dir)
	}
	return os.ReadDir(dir)
}

func componentProblem(message string, ordinals ...int) *Problem {
	return &Problem{Subject: SubjectComponent, Ordinals: ordinals, Message: message}
}

func fileNames(files []fs.DirEntry) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return wasmfile.Enumerate(names)
}
