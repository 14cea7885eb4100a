package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/distribution/reference"
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
	return stageResolver{b.client, b.file.StageNames()}
}

// stageResolver says of an image that cannot be loaded which stages there are,
// when its name could be that of one.
type stageResolver struct {
	llb.ImageMetaResolver
	stages []string
}

func (r stageResolver) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	resolved, d, config, err := r.ImageMetaResolver.ResolveImageConfig(ctx, ref, opt)
	if err != nil && isStageName(ref) {
		err = &noStageError{r.stages, err}
	}
	return resolved, d, config, err
}

// isStageName reports whether a reference is what BuildKit makes of a name
// without a slash, a tag and a digest.
func isStageName(ref string) bool {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return false
	}
	name := strings.TrimSuffix(reference.FamiliarString(named), ":latest")
	return !strings.ContainsAny(name, "/:@")
}

// noStageError says that neither a stage nor an image has a name.
type noStageError struct {
	stages []string
	err    error
}

func (e *noStageError) Error() string {
	stages := "no stage has a name"
	if len(e.stages) > 0 {
		stages = "no stage has this name (names: " + wasmfile.Enumerate(e.stages) + ")"
	}
	return stages + ", and no image of it can be loaded: " + wasmfile.WithoutCode(e.err)
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
