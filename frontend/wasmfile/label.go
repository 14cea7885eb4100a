package wasmfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// CheckLabel returns an error for the key of a label that a build writes itself.
func CheckLabel(key string) error {
	if name, ok := strings.CutPrefix(key, labelPrefix); ok {
		return fmt.Errorf("a label of this name would become the annotation %s: write ANNOTATION %s instead", name, name)
	}
	if artifact.IsLayerLabel(key) {
		return fmt.Errorf("the build itself writes the label %s, which says what is in the artifact: leave it out", key)
	}
	return nil
}

// CheckLabels returns an error at the first LABEL of the target's stages with such a
// key. A key with a variable, and one of an ONBUILD, is looked for in the labels that the
// stages were converted to, without those of the base image.
func (f *File) CheckLabels(converted, base map[string]string) error {
	expanded := slices.DeleteFunc(slices.Sorted(maps.Keys(converted)), func(key string) bool {
		return !artifact.IsLayerLabel(key) || converted[key] == base[key]
	})
	for _, i := range f.Instructions {
		label, ok := i.Command.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		for _, kv := range label.Labels {
			keys := []string{strings.Trim(kv.Key, `"'`)}
			if IsDynamic(keys[0]) {
				keys = expanded
			}
			for _, key := range keys {
				if err := CheckLabel(key); err != nil {
					return parser.WithLocation(err, i.Location)
				}
			}
		}
	}
	if len(expanded) > 0 { // no LABEL has it
		return parser.WithLocation(fmt.Errorf("ONBUILD: %w", CheckLabel(expanded[0])), f.triggerOf(expanded[0]))
	}
	return nil
}

// triggerOf is the ONBUILD in a stage that the target is FROM that mentions a label, or
// the FROM of the image that has one.
func (f *File) triggerOf(label string) []parser.Range {
	for _, i := range slices.Backward(f.Instructions) {
		if c, ok := i.Command.(*instructions.OnbuildCommand); ok && i.Inherited && strings.Contains(c.Expression, label) {
			return i.Location
		}
	}
	return f.Base
}
