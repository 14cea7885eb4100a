package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/util/suggest"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

// The build arguments that say what kind of artifact is made. An empty one is
// as if it were not given.
const (
	// argForm is the artifact's form; it wins over the `form` directive.
	argForm = "WASMFILE_FORM"
	// argCompression and argCompressionLevel are for the filesystem layer.
	argCompression      = "WASMFILE_COMPRESSION"
	argCompressionLevel = "WASMFILE_COMPRESSION_LEVEL"
	// ArgName is the name that the layout gives to the artifact.
	ArgName = "WASMFILE_NAME"
)

// argPrefix begins the names of the build arguments that are for the frontend.
const argPrefix = "WASMFILE_"

// checkArgNames refuses a build argument that is nobody's: it would have no effect, and
// nobody notice.
func (b *build) checkArgNames() error {
	known := []string{argForm, argCompression, argCompressionLevel, ArgName, argPush}
	for _, name := range slices.Sorted(maps.Keys(b.ui.BuildArgs)) {
		if strings.HasPrefix(name, argPrefix) && !slices.Contains(known, name) && !b.file.HasArg(name) {
			return suggest.WrapError(fmt.Errorf("there is no build argument %s: the Wasmfile has no ARG of this name, and those for the frontend are %s", name, strings.Join(known, ", ")), name, known, true)
		}
	}
	return nil
}

// format is what a build's artifact is like. The zero value is the default.
type format struct {
	form        artifact.Form
	compression layoutwriter.Compression
	// name is assemble.Spec.Name.
	name string
}

// readFormat reads the build arguments and the directive, and checks that the
// form has a place for all that the Wasmfile says.
func (b *build) readFormat() (format, error) {
	f := format{form: b.file.Form}
	args := b.ui.BuildArgs
	var err error
	if name := args[argForm]; name != "" {
		if f.form, err = artifact.ParseForm(name); err != nil {
			return f, fmt.Errorf("build argument %s: %w", argForm, err)
		}
	}
	if f.compression, err = layoutwriter.ParseCompression(args[argCompression]); err != nil {
		return f, fmt.Errorf("build argument %s: %w", argCompression, err)
	}
	if f.compression, err = f.compression.WithLevel(args[argCompressionLevel]); err != nil {
		return f, fmt.Errorf("build argument %s: %w", argCompressionLevel, err)
	}
	if f.name, err = parseName(args[ArgName]); err != nil {
		return f, fmt.Errorf("build argument %s: %w", ArgName, err)
	}
	switch f.form {
	case artifact.FormCNCF:
		return f, b.checkCNCF()
	default:
		f.form = "" // the default has one name: it is part of a cache key
		return f, nil
	}
}

// parseName completes a name as Docker does. One that is empty stays so.
func parseName(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("%q is not a name such as registry.example/name:tag: %w", name, err)
	}
	if _, ok := parsed.(reference.Digested); ok {
		return "", fmt.Errorf("%q has a digest, which is what the build makes: give a tag instead", name)
	}
	return reference.TagNameOnly(parsed).String(), nil
}

func (b *build) checkCNCF() error {
	if err := b.file.CheckCNCF(); err != nil {
		return err
	}
	var labels []string
	for key := range b.ui.Labels {
		labels = append(labels, key)
	}
	slices.Sort(labels)
	for _, key := range labels {
		if err := wasmfile.CheckCNCFLabel(key); err != nil {
			return err
		}
	}
	return nil
}

// checkImageArgs refuses build arguments that have no effect on an image.
func (b *build) checkImageArgs() error {
	args := b.ui.BuildArgs
	switch {
	case args[argForm] != "":
		return fmt.Errorf("build argument %s is for an artifact, and --platform asks for an image: leave one of them out", argForm)
	case args[ArgName] != "":
		return fmt.Errorf("build argument %s is for an artifact, and --platform asks for an image: say -t instead", ArgName)
	case args[argCompression] != "" || args[argCompressionLevel] != "":
		return errors.New("build arguments " + argCompression + " and " + argCompressionLevel + " are for an artifact, and --platform asks for an image: say --output type=image,compression=zstd,compression-level=3 instead")
	}
	return nil
}
