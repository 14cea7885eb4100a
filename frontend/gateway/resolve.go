package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// metaResolver resolves images for BuildKit's conversion.
func (b *build) metaResolver() llb.ImageMetaResolver {
	if b.file.IsDockerfile() {
		return b.client
	}
	return stageResolver{b.client, slices.Concat(b.file.StageNames(), b.contextNames())}
}

// stageResolver says of an image that cannot be loaded which stages and named
// contexts there are, when its name could be that of one.
type stageResolver struct {
	llb.ImageMetaResolver
	names []string
}

func (r stageResolver) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	resolved, d, config, err := r.ImageMetaResolver.ResolveImageConfig(ctx, ref, opt)
	if err != nil && isStageName(ref) {
		err = &noStageError{r.names, err}
	}
	return resolved, d, config, err
}

// isStageName reports whether a reference is what BuildKit makes of a name
// without a slash, a tag and a digest.
func isStageName(ref string) bool {
	name, err := ContextName(ref)
	return err == nil && !strings.ContainsAny(name, "/:@")
}

// noStageError says that a name is not one of those of stages and contexts, and no
// image.
type noStageError struct {
	names []string
	err   error
}

func (e *noStageError) Error() string {
	message := "no stage has a name"
	if len(e.names) > 0 {
		message = "no stage or context has this name (names: " + wasmfile.Enumerate(e.names) + ")"
	}
	return message + ", and no image of this name can be loaded: " + wasmfile.WithoutCode(e.err)
}

func (e *noStageError) Unwrap() error { return e.err }

// keepNoStage has a noStageError travel to the client, with what BuildKit says
// around it: the name, and the nearest one that is known.
func keepNoStage(err error) error {
	var none *noStageError
	if errors.As(err, &none) {
		return wasmfile.WithMessage(err, err.Error())
	}
	return err
}
