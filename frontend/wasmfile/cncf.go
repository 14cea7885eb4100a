package wasmfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// CheckCNCF returns an error at the first instruction of the target that says
// something for which there is no place in an artifact of the form cncf.
func (f *File) CheckCNCF() error {
	if f.Base != nil {
		err := fmt.Errorf("form cncf holds one component and nothing of a base image, so %s would be lost: write FROM scratch and COMPONENT --from=%s, or use form oci", f.baseName, f.baseName)
		return parser.WithLocation(err, f.Base)
	}
	for _, i := range f.Instructions {
		if i.Command == nil { // an ANNOTATION
			continue
		}
		if err := f.checkCNCFCommand(i.Command); err != nil {
			return parser.WithLocation(err, i.Location)
		}
	}
	return nil
}

func (f *File) checkCNCFCommand(c instructions.Command) error {
	lost := func(advice string) error {
		return fmt.Errorf("form cncf holds one component and nothing else, so %s would be lost: %s, or use form oci", strings.ToUpper(c.Name()), advice)
	}
	switch c := c.(type) {
	case *instructions.ArgCommand, *instructions.MaintainerCommand:
		return nil
	case *instructions.EntrypointCommand, *instructions.CmdCommand:
		if p := f.processAt(c.Location()); p != nil && p.isExtra(f.Entrypoint) {
			return lost("give no more than the component's name")
		}
		return nil
	case *instructions.LabelCommand:
		for _, label := range c.Labels {
			if key := strings.Trim(label.Key, `"'`); !strings.HasPrefix(key, artifact.StandardPrefix) {
				return fmt.Errorf("form cncf has no labels, so %s would be lost: write ANNOTATION %s, or use form oci", key, key)
			}
		}
		return nil
	case *instructions.CopyCommand, *instructions.AddCommand, *instructions.RunCommand, *instructions.WorkdirCommand:
		return lost("files can be used in another stage")
	case *instructions.EnvCommand:
		return lost("write ARG for variables of the build")
	default:
		return lost("leave it out")
	}
}

// processAt is the ENTRYPOINT or CMD at these lines, nil for one that another
// replaces.
func (f *File) processAt(location []parser.Range) *Process {
	for _, p := range []*Process{f.Entrypoint, f.Cmd} {
		if p != nil && slices.Equal(p.Location, location) {
			return p
		}
	}
	return nil
}

// isExtra reports whether the process says more than which component starts.
func (p *Process) isExtra(entrypoint *Process) bool {
	if len(p.words) == 0 {
		return false
	}
	follows := p != entrypoint && entrypoint != nil && len(entrypoint.words) > 0
	return follows || len(p.words) > 1 || strings.Contains(p.words[0], "#")
}

// CheckCNCFLabel returns an error for a label of the command line that would
// be lost in the form cncf.
func CheckCNCFLabel(key string) error {
	if strings.HasPrefix(key, artifact.StandardPrefix) {
		return nil
	}
	return errors.New("form cncf has no labels, so --label " + key + " would be lost: leave it out, or use form oci")
}
