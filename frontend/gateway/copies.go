package gateway

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
)

// copies is what a COMPONENT was converted to: one step with a copy for each of
// its sources.
type copies struct {
	actions []copyAction
	// name and locations are the step's.
	name      string
	locations []*llb.SourceLocation
}

// copyAction copies from a state.
type copyAction struct {
	*pb.FileActionCopy
	source llb.State
}

// firstLetter is that of a path: in brackets it makes a wildcard of the path's
// first directory, which has to exist otherwise.
var firstLetter = regexp.MustCompile(`^/?([A-Za-z0-9_.])`)

// readCopies takes the conversion of count COMPONENTs apart. Each is a step on
// the one before, which would have BuildKit copy one file after the other.
func readCopies(ctx context.Context, components llb.State, count int, constraints ...llb.ConstraintsOpt) ([]copies, error) {
	definition, err := components.Marshal(ctx, constraints...)
	if err != nil {
		return nil, err
	}
	step, err := llb.NewDefinitionOp(definition.ToPB())
	if err != nil {
		return nil, err
	}
	all := make([]copies, count)
	vertex := llb.Vertex(step)
	for i := count - 1; i >= 0; i-- {
		if vertex == nil {
			return nil, errors.New("the conversion has fewer steps than COMPONENTs")
		}
		if all[i], vertex, err = readCopy(ctx, vertex); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readCopy also returns the step before, nil when there is none.
func readCopy(ctx context.Context, vertex llb.Vertex) (c copies, before llb.Vertex, err error) {
	_, encoded, metadata, locations, err := vertex.Marshal(ctx, &llb.Constraints{})
	if err != nil {
		return c, nil, err
	}
	var op pb.Op
	if err := op.UnmarshalVT(encoded); err != nil {
		return c, nil, fmt.Errorf("read the conversion: %w", err)
	}
	inputs := vertex.Inputs()
	state := func(index int64) llb.State {
		if index < 0 || index >= int64(len(inputs)) {
			return llb.Scratch()
		}
		return llb.NewState(inputs[index])
	}
	c.name, c.locations = metadata.GetDescription()[customName], locations
	for i, action := range op.GetFile().GetActions() {
		if action.GetCopy() == nil {
			return c, nil, fmt.Errorf("the conversion has a %T in place of a copy", action.Action)
		}
		c.actions = append(c.actions, copyAction{FileActionCopy: action.GetCopy(), source: state(action.SecondaryInput)})
		if output := state(action.Input).Output(); i == 0 && output != nil {
			before = output.Vertex(ctx, &llb.Constraints{})
		}
	}
	if len(c.actions) == 0 {
		return c, nil, fmt.Errorf("the conversion has a %T in place of a copy", op.Op)
	}
	return c, before, nil
}

// areMounts reports whether mounts show what the copies would copy: each is of
// one path, from which nothing is left out. A download, which BuildKit copies
// without following links, is none, because it has its name in the progress and
// its lines from the copy.
func (c copies) areMounts() bool {
	for _, a := range c.actions {
		if a.source.Output() == nil || !a.FollowSymlink || path.Clean(a.Src) == "/" || strings.ContainsAny(a.Src, `*?[\`) ||
			len(a.IncludePatterns)+len(a.ExcludePatterns) > 0 || a.AttemptUnpackDockerCompatibility {
			return false
		}
	}
	return true
}

// state is the step, on nothing but a directory. Of an optional one not even the
// directory of a wildcard need exist.
func (c copies) state(dir string, optional bool, constraints ...llb.ConstraintsOpt) llb.State {
	action := llb.Mkdir(dir, 0o755, llb.WithParents(true))
	for _, a := range c.actions {
		src := a.Src
		if optional {
			src = firstLetter.ReplaceAllString(src, "/[$1]")
		}
		action = action.Copy(a.source, src, a.Dest, &llb.CopyInfo{
			FollowSymlinks:      a.FollowSymlink,
			CopyDirContentsOnly: a.DirCopyContents,
			AttemptUnpack:       a.AttemptUnpackDockerCompatibility,
			CreateDestPath:      a.CreateDestPath,
			AllowWildcard:       a.AllowWildcard,
			AllowEmptyWildcard:  a.AllowEmptyWildcard,
			IncludePatterns:     a.IncludePatterns,
			ExcludePatterns:     a.ExcludePatterns,
		})
	}
	constraints = append(constraints, llb.WithCustomName(c.name))
	for _, l := range c.locations {
		constraints = append(constraints, l.SourceMap.Location(l.Ranges))
	}
	return llb.Scratch().File(action, constraints...)
}
