package origin

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layoutScheme begins the value of a named context that is an OCI image layout.
const layoutScheme = "oci-layout://"

// IsLayout reports whether the value of a named context is an OCI image layout
// of the client.
func IsLayout(value string) bool { return strings.HasPrefix(value, layoutScheme) }

// Layout finds the artifact in the named context with this value, which
// IsLayout; nil for an ordinary image.
func (f *Finder) Layout(ctx context.Context, name, value string) (*Origin, error) {
	ref, err := reference.Parse(strings.TrimPrefix(value, layoutScheme))
	if err != nil {
		return nil, fmt.Errorf("context %s: %q: %w", name, value, err)
	}
	digested, ok := ref.(reference.Canonical)
	if !ok {
		return nil, fmt.Errorf("context %s: %q has no digest", name, value)
	}
	blob := func(d digest.Digest, what string) llb.State {
		// The repository is only for messages: the store and the digest count.
		return llb.OCILayoutBlob("context.invalid/layout@"+d.String(), llb.Filename(blobName), llb.Chmod(0o644),
			llb.ImageBlobOCIStore(f.Client.BuildOpts().SessionID, digested.Name()),
			llb.WithCustomName(fmt.Sprintf("[context %s] load %s", name, what)), f.Location)
	}
	read := func(ctx context.Context, d digest.Digest) ([]byte, error) {
		return f.readFile(ctx, blob(d, "manifest"), blobName)
	}
	content, err := read(ctx, digested.Digest())
	if err != nil {
		return nil, fmt.Errorf("context %s: %w", name, err)
	}
	layers, err := layersOf(ctx, content, digested.Digest(), read)
	if err != nil {
		return nil, fmt.Errorf("context %s: %w", name, err)
	}
	return newOrigin(name, path.Base(name), layers, func(l ocispec.Descriptor) (llb.State, string) {
		return blob(l.Digest, l.Annotations[ocispec.AnnotationTitle]), "/" + blobName
	})
}
