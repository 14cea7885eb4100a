package artifact

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxNameLength is the most bytes that a component's name may have; it is a
// file name in a layout's consumers.
const maxNameLength = 255

// CheckName returns an error for a name that a component may not have: empty,
// over 255 bytes, not UTF-8, with a path separator or a control character, "."
// or "..". Whoever finds the name in an artifact adds ErrInvalid.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q cannot be a component's name", name)
	case len(name) > maxNameLength:
		return fmt.Errorf("component name %.32q... has %d bytes, the limit is %d", name, len(name), maxNameLength)
	case !utf8.ValidString(name):
		return fmt.Errorf("component name %q is not UTF-8", name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("component name %q has a path separator", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("component name %q has a control character", name)
	}
	return nil
}

func checkManifest(m ocispec.Manifest) error {
	if m.SchemaVersion != 2 {
		return fmt.Errorf("%w: schemaVersion is %d, not 2", ErrInvalid, m.SchemaVersion)
	}
	if m.MediaType != "" && !IsManifest(m.MediaType) {
		return fmt.Errorf("%w: it calls itself a %q", ErrInvalid, m.MediaType)
	}
	if err := checkDescriptor(m.Config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return CheckLayers(m.Layers)
}

// CheckLayers returns an error that matches ErrInvalid or ErrTooLarge for a list of
// layers that no manifest and no annotation may have.
func CheckLayers(layers []ocispec.Descriptor) error {
	if len(layers) > MaxLayers {
		return fmt.Errorf("%w: %d layers, the limit is %d", ErrTooLarge, len(layers), MaxLayers)
	}
	names := make(map[string]int)
	for i, l := range layers {
		if err := checkDescriptor(l); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		title, ok := l.Annotations[ocispec.AnnotationTitle]
		if !ok || !IsWasmLayer(l.MediaType) {
			continue
		}
		if err := CheckName(title); err != nil {
			return fmt.Errorf("layer %d (%s): %w: %w", i, l.Digest, ErrInvalid, err)
		}
		if first, taken := names[title]; taken {
			return fmt.Errorf("%w: layers %d and %d are both named %q", ErrInvalid, first, i, title)
		}
		names[title] = i
	}
	return nil
}

func checkDescriptor(d ocispec.Descriptor) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("%w: digest %.80q: %w", ErrInvalid, d.Digest, err)
	}
	if d.Size < 0 {
		return fmt.Errorf("%w: %s has size %d", ErrInvalid, d.Digest, d.Size)
	}
	return nil
}

// checkDiffIDs accepts both ways of counting: filesystem layers only, which
// is what containerd needs, and all layers, which is what BuildKit's image
// exporter does. Each has to be a digest: containerd names snapshots by them, and
// another text could be the name of one that is not of an image.
func checkDiffIDs(a *Artifact) error {
	if a.Form != FormOCI && a.Form != FormImage {
		return nil // these have no rootfs
	}
	n, files, all := len(a.Config.RootFS.DiffIDs), len(a.FilesystemLayers()), len(a.Manifest.Layers)
	if n != files && n != all {
		return fmt.Errorf("%w: rootfs.diff_ids lists %d layers, the manifest has %d of which %d are filesystem layers", ErrInvalid, n, all, files)
	}
	for _, id := range a.Config.RootFS.DiffIDs {
		if err := id.Validate(); err != nil {
			return fmt.Errorf("%w: rootfs.diff_ids has %.80q: %w", ErrInvalid, id, err)
		}
	}
	return nil
}

func distinctMediaTypes(layers []ocispec.Descriptor) []string {
	var types []string
	for _, l := range layers {
		if !slices.Contains(types, l.MediaType) {
			types = append(types, l.MediaType)
		}
	}
	return types
}
