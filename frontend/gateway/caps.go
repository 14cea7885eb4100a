package gateway

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
)

// optCaps is the frontend option with what the client needs of the frontend.
const optCaps = "frontend.caps"

// caps is what this frontend can do, because BuildKit's dockerui package can.
var caps = []string{
	"moby.buildkit.frontend.inputs",
	"moby.buildkit.frontend.subrequests",
	"moby.buildkit.frontend.contexts",
	"moby.buildkit.frontend.contexts.zstd",
	"moby.buildkit.frontend.gitquerystring",
}

// checkCaps refuses a request that needs what this frontend cannot do.
func checkCaps(required string) error {
	for name := range strings.SplitSeq(required, ",") {
		name, _, _ = strings.Cut(name, "+")
		if name != "" && !slices.Contains(caps, name) {
			return grpcerrors.WrapCode(errdefs.NewUnsupportedFrontendCapError(name), codes.Unimplemented)
		}
	}
	return nil
}
