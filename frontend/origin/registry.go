package origin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// What BuildKit says of a config whose media type it does not know, of layers that are not
// those of the config, and of an index that has no manifest for a platform.
const (
	saysUnknownConfig = "encountered unknown type"
	saysOtherLayers   = "mismatched image rootfs"
	saysNoPlatform    = "no match for platform"
)

// IsNoImage reports whether an error is one that BuildKit makes of an artifact which it
// takes for an image.
func IsNoImage(err error) bool {
	return strings.Contains(err.Error(), saysUnknownConfig) || strings.Contains(err.Error(), saysOtherLayers)
}

// Registry finds the artifact that a reference names, as name. It returns nil
// for an ordinary image, and for what BuildKit cannot resolve: that is
// BuildKit's to report.
func (f *Finder) Registry(ctx context.Context, name, ref string) (*Origin, error) {
	parsed, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, nil
	}
	named := reference.TagNameOnly(parsed)
	resolved, platform, err := f.resolve(ctx, named)
	switch {
	case err != nil && strings.Contains(err.Error(), saysUnknownConfig):
		return f.foreign(ctx, name, named, err)
	case errors.Is(err, artifact.ErrTooLarge):
		return nil, err
	case err != nil:
		return nil, nil
	}
	r := registry{name: name, named: resolved.named, location: f.Location}
	if labelled, ok := resolved.config.Config.Labels[artifact.AnnotationLayers]; ok {
		layers, err := artifact.LayersFromAnnotations(map[string]string{artifact.AnnotationLayers: labelled})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return r.origin(layers)
	}
	if platform == nil {
		return nil, nil
	}
	image := llb.Image(resolved.named.String(), llb.Platform(*platform), llb.WithCustomName("[internal] load "+name))
	return &Origin{name: name, image: &image}, nil
}

// resolution is an image config and the reference with its digest.
type resolution struct {
	named  reference.Named
	config ocispec.Image
}

// resolve reads an image's config. The platform is nil for the builder's own; those for
// Wasm are asked for when an index has no manifest for it.
func (f *Finder) resolve(ctx context.Context, named reference.Named) (resolution, *ocispec.Platform, error) {
	r, firstErr := f.resolveFor(ctx, named, f.Platform)
	if firstErr == nil || !strings.Contains(firstErr.Error(), saysNoPlatform) {
		return r, nil, firstErr
	}
	for _, platform := range artifact.WasmPlatforms() {
		if r, err := f.resolveFor(ctx, named, platform); err == nil {
			return r, &platform, nil
		}
	}
	return resolution{}, nil, firstErr
}

func (f *Finder) resolveFor(ctx context.Context, named reference.Named, platform ocispec.Platform) (resolution, error) {
	r := resolution{named: named}
	ref, d, config, err := f.Client.ResolveImageConfig(ctx, named.String(), sourceresolver.Opt{
		LogName:  "[internal] load metadata for " + named.String(),
		ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &platform, ResolveMode: f.ResolveMode},
	})
	if err != nil {
		return r, err
	}
	if len(config) > artifact.MaxDocumentSize {
		return r, fmt.Errorf("%s: %w: its config has %d bytes", named, artifact.ErrTooLarge, len(config))
	}
	if ref != "" && ref != named.String() { // a source policy may say so
		if r.named, err = reference.ParseNormalizedNamed(ref); err != nil {
			return r, err
		}
	}
	if d != "" {
		if r.named, err = reference.WithDigest(reference.TrimNamed(r.named), d); err != nil {
			return r, err
		}
	}
	return r, json.Unmarshal(config, &r.config)
}

// foreign reads an artifact by its manifest, because BuildKit cannot read its
// config.
func (f *Finder) foreign(ctx context.Context, name string, named reference.Named, cause error) (*Origin, error) {
	r := registry{name: name, named: named, location: f.Location}
	content, known, err := f.manifest(ctx, r)
	var layers []ocispec.Descriptor
	if err == nil {
		layers, err = layersOf(ctx, content, known, func(ctx context.Context, d digest.Digest) ([]byte, error) {
			return f.readFile(ctx, r.blob(d, "manifest"), blobName)
		})
	}
	if err != nil {
		short := path.Base(named.Name())
		return nil, fmt.Errorf("%s is an artifact that BuildKit cannot read from the registry (%w; its manifest: %w): copy it into an OCI image layout, for example by `oras cp --to-oci-layout %s DIR:latest`, and build with --build-context %s=oci-layout://DIR:latest and COMPONENT --from=%s",
			name, cause, err, name, short, short)
	}
	o, err := r.origin(layers)
	if o == nil && err == nil {
		return nil, fmt.Errorf("%s: %w", name, artifact.ErrNoWasm)
	}
	return o, err
}

// manifest reads the manifest that a reference names: as a blob, which BuildKit
// can when it knows the digest and when the registry does not ask for a media
// type, or else from the registry's API, which it can where nobody has to log
// in.
func (f *Finder) manifest(ctx context.Context, r registry) (content []byte, known digest.Digest, err error) {
	object := "latest"
	if tagged, ok := r.named.(reference.Tagged); ok {
		object = tagged.Tag()
	}
	if digested, ok := r.named.(reference.Digested); ok {
		known = digested.Digest()
		object = known.String()
		if content, err := f.readFile(ctx, r.blob(known, "manifest"), blobName); err == nil {
			return content, known, nil
		}
	}
	state := llb.HTTP(r.url("manifests", object), llb.Filename(blobName), llb.Checksum(known),
		llb.Header(llb.HTTPHeader{Accept: strings.Join([]string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex}, ", ")}),
		llb.WithCustomName("[internal] load manifest of "+r.name), f.Location)
	content, err = f.readFile(ctx, state, blobName)
	return content, known, err
}

// registry is a repository of a registry.
type registry struct {
	name     string // for people
	named    reference.Named
	location llb.ConstraintsOpt
}

func (r registry) origin(layers []ocispec.Descriptor) (*Origin, error) {
	return newOrigin(r.name, path.Base(r.named.Name()), layers, func(l ocispec.Descriptor) (llb.State, string) {
		return r.blob(l.Digest, artifact.Name(l)), "/" + blobName
	})
}

// blob is fetched by BuildKit, with its credentials, and verified.
func (r registry) blob(d digest.Digest, what string) llb.State {
	return llb.ImageBlob(reference.TrimNamed(r.named).String()+"@"+d.String(), llb.Filename(blobName), llb.Chmod(0o644),
		llb.WithCustomName(fmt.Sprintf("[internal] load %s of %s", what, r.name)), r.location)
}

// url is an address of the registry's API. As everywhere, only a registry on
// this host may do without TLS.
func (r registry) url(kind, object string) string {
	host := reference.Domain(r.named)
	scheme := "https"
	hostname, _, err := net.SplitHostPort(host)
	if err != nil {
		hostname = host
	}
	if ip := net.ParseIP(hostname); hostname == "localhost" || ip != nil && ip.IsLoopback() {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s/v2/%s/%s/%s", scheme, host, reference.Path(r.named), kind, object)
}
