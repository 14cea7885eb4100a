package gateway

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// locateDownloads gives each download the lines of the step that uses it,
// because BuildKit's conversion gives it none: a server that does not have the
// file is then an error at the instruction that names it. A step that cannot be
// read is left for the builder to report.
func locateDownloads(definition *pb.Definition) {
	locations := definition.GetSource().GetLocations()
	downloads := make(map[string]bool)
	for _, encoded := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			continue
		}
		own := digest.FromBytes(encoded).String()
		if id := op.GetSource().GetIdentifier(); strings.HasPrefix(id, "http://") || strings.HasPrefix(id, "https://") {
			downloads[own] = len(locations[own].GetLocations()) == 0
		}
		for _, input := range op.Inputs { // they come before the steps that use them
			if used := locations[own]; len(used.GetLocations()) > 0 && downloads[input.Digest] {
				locations[input.Digest] = used
			}
		}
	}
}
