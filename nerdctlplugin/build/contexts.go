package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/gateway"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
)

// addContexts adds the named contexts: directories, OCI image layouts, images
// and URLs.
func (r *Request) addContexts(opt *client.SolveOpt) error {
	for i, named := range r.Contexts {
		name, source, ok := strings.Cut(named, "=")
		if !ok || name == "" || source == "" {
			return fmt.Errorf("--build-context %s: it has to be NAME=SOURCE", named)
		}
		inReference, err := gateway.ContextName(name)
		if err != nil {
			return fmt.Errorf("--build-context %s: name %q: %w", named, name, err)
		}
		key := "context:" + inReference
		path, isLayout := strings.CutPrefix(source, "oci-layout://")
		switch {
		case isLayout:
			value, err := addLayout(opt, fmt.Sprintf("layout%d", i), path)
			if err != nil {
				return fmt.Errorf("--build-context %s: %w", named, err)
			}
			opt.FrontendAttrs[key] = value
		case strings.HasPrefix(source, "docker-image://") || strings.HasPrefix(source, "target:") || isURL(source):
			opt.FrontendAttrs[key] = source
		default:
			id := "named-" + name // no name takes the place of the build context
			if err := mount(opt, id, source); err != nil {
				return fmt.Errorf("--build-context %s: %w", named, err)
			}
			opt.FrontendAttrs[key] = "local:" + id
		}
	}
	return nil
}

// addLayout lets the builder read a layout, and returns how it is named there.
// BuildKit wants a digest.
func addLayout(opt *client.SolveOpt, id, path string) (string, error) {
	dir, digest, hasDigest := strings.Cut(path, "@")
	if !hasDigest {
		var err error
		if dir, digest, err = findImage(path); err != nil {
			return "", err
		}
	}
	store, err := local.NewStore(dir)
	if err != nil {
		return "", err
	}
	if opt.OCIStores == nil {
		opt.OCIStores = make(map[string]content.Store)
	}
	opt.OCIStores[id] = store
	return "oci-layout://" + id + "@" + digest, nil
}

// findImage finds the image that DIR:TAG names, or the only one of DIR, which the tag
// latest names too.
func findImage(path string) (dir, digest string, err error) {
	dir, tag := path, ""
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
			dir, tag = path[:i], path[i+1:]
		}
	}
	opened, images, err := layout.OpenAll(dir)
	if err != nil {
		return "", "", err
	}
	if err := opened.Close(); err != nil {
		return "", "", err
	}
	var tags []string
	for _, image := range images {
		name := image.Annotations[ocispec.AnnotationRefName]
		if name == tag && tag != "" {
			return dir, image.Digest.String(), nil
		}
		tags = append(tags, name)
	}
	if len(images) == 1 && (tag == "" || tag == "latest") {
		return dir, images[0].Digest.String(), nil
	}
	return "", "", fmt.Errorf("the layout has no image %q: say oci-layout://DIR:TAG or DIR@DIGEST, its tags are %s", tag, wasmfile.Enumerate(tags))
}
