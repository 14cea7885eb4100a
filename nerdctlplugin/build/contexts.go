package build

import (
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"

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
		key := "context:" + name
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
			if err := mount(opt, name, source); err != nil {
				return fmt.Errorf("--build-context %s: %w", named, err)
			}
			opt.FrontendAttrs[key] = "local:" + name
		}
	}
	return nil
}

// addLayout lets the builder read a layout, and returns how it is named there.
// BuildKit wants a digest; a path without one means the layout's only image.
func addLayout(opt *client.SolveOpt, id, path string) (string, error) {
	dir, digest, _ := strings.Cut(path, "@")
	if digest == "" {
		dir = strings.TrimSuffix(dir, ":latest")
		opened, err := layout.Open(dir)
		if err != nil {
			return "", err
		}
		digest = opened.Root().Digest.String()
		if err := opened.Close(); err != nil {
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
