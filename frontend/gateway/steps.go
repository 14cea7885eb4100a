package gateway

import (
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"
)

// nameSteps shows the user's instructions in the progress, and has what BuildKit
// reports of a step at their lines. A download has the name of the step that
// copies it, and no lines.
func (b *build) nameSteps(definition *pb.Definition) {
	const customName, command = "llb.customname", "com.docker.dockerfile.v1.command"
	lines := make(map[string]*pb.Locations) // by the step's name
	locations := definition.GetSource().GetLocations()
	for digest, metadata := range definition.Metadata {
		if l := locations[digest]; len(l.GetLocations()) > 0 {
			lines[metadata.Description[customName]] = l
		}
	}
	for digest, metadata := range definition.Metadata {
		name := metadata.Description[customName]
		if l := lines[name]; l != nil && name != "" && len(locations[digest].GetLocations()) == 0 {
			locations[digest] = l
		}
		var ranges []parser.Range
		for _, l := range locations[digest].GetLocations() {
			ranges = append(ranges, fromPB(l.GetRanges())...)
		}
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
