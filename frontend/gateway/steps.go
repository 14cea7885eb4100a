package gateway

import (
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"
)

// customName and command are keys of a step's metadata: its name in the
// progress, and the instruction that it comes from.
const (
	customName = "llb.customname"
	command    = "com.docker.dockerfile.v1.command"
)

// nameSteps shows the user's instructions in the progress, and has what BuildKit
// reports of a step at their lines. A download has the name of the step that
// copies it, and no lines.
func (b *build) nameSteps(definition *pb.Definition) {
	lines := make(map[string]*pb.Locations) // of COMPONENTs, by the step's name
	locations := definition.GetSource().GetLocations()
	for digest, metadata := range definition.Metadata {
		if l := locations[digest]; b.file.ComponentAt(rangesOf(l)) != nil {
			lines[metadata.Description[customName]] = l
		}
	}
	for digest, metadata := range definition.Metadata {
		name := metadata.Description[customName]
		if l := lines[name]; l != nil && name != "" && len(locations[digest].GetLocations()) == 0 {
			locations[digest] = l
		}
		ranges := rangesOf(locations[digest])
		if name != "" {
			metadata.Description[customName] = b.file.StepName(name, ranges)
		}
		if group := metadata.ProgressGroup; group != nil { // COPY --link has one
			group.Name = b.file.StepName(group.Name, ranges)
		}
		if c := b.file.ComponentAt(ranges); c != nil && metadata.Description[command] != "" {
			metadata.Description[command] = c.Text
		}
	}
}

func rangesOf(locations *pb.Locations) []parser.Range {
	var ranges []parser.Range
	for _, l := range locations.GetLocations() {
		ranges = append(ranges, fromPB(l.GetRanges())...)
	}
	return ranges
}
