package unpack

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/containerd/v2/pkg/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// checkedLabel is on a stored blob that was parsed: its value is what it is,
// "component" or "module". The digest makes sure that it stays so.
const checkedLabel = artifact.AnnotationKind

// origin is the repository that blobs come from, as containerd's label says it:
// a push to the same registry then mounts them.
type origin struct{ key, repository string }

// newOrigin finds the origin in a reference; it is empty for an empty one.
func newOrigin(ref string) (origin, error) {
	if ref == "" {
		return origin{}, nil
	}
	spec, err := reference.Parse(ref)
	if err != nil {
		return origin{}, fmt.Errorf("reference %s: %w", ref, err)
	}
	u, err := url.Parse("dummy://" + spec.Locator)
	if err != nil {
		return origin{}, fmt.Errorf("reference %s: %w", ref, err)
	}
	return origin{
		key:        labels.LabelDistributionSource + "." + u.Hostname(),
		repository: strings.TrimPrefix(u.Path, "/"),
	}, nil
}

// add sets the label, beside the repositories that are in it already, in
// wanted. It leaves it as it is when there is no room.
func (o origin) add(wanted, existing map[string]string) {
	if o.key == "" {
		return
	}
	var repositories []string
	if value := existing[o.key]; value != "" {
		repositories = strings.Split(value, ",")
	}
	if slices.Contains(repositories, o.repository) {
		return
	}
	repositories = append(repositories, o.repository)
	slices.Sort(repositories)
	value := strings.Join(repositories, ",")
	if labels.Validate(o.key, value) == nil {
		wanted[o.key] = value
	}
}

// childLabels are the labels that keep the children of a document as long as
// the document, by containerd's names for them.
func childLabels(children []ocispec.Descriptor) map[string]string {
	wanted := make(map[string]string, len(children))
	count := make(map[string]int)
	for _, child := range children {
		for _, key := range images.ChildGCLabels(child) {
			n := count[key]
			count[key]++
			if n > 0 || strings.HasSuffix(key, ".") {
				key = fmt.Sprintf("%s%d", key, n)
			}
			wanted[key] = child.Digest.String()
		}
	}
	return wanted
}

// relabel adds labels to stored content that does not have them.
func relabel(ctx context.Context, store content.Manager, info content.Info, wanted map[string]string) error {
	missing := maps.Clone(wanted)
	maps.DeleteFunc(missing, func(key, value string) bool { return info.Labels[key] == value })
	if len(missing) == 0 {
		return nil
	}
	var fields []string
	for key := range missing {
		fields = append(fields, "labels."+key)
	}
	if _, err := store.Update(ctx, content.Info{Digest: info.Digest, Labels: missing}, fields...); err != nil {
		return fmt.Errorf("label %s: %w", info.Digest, err)
	}
	return nil
}
