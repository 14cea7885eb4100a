package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// MetaDigest, metaDescriptor, metaForm and metaComponents are result
	// metadata: the artifact's digest, which the result of another build does
	// not have, its descriptor, its form and the descriptors of its components'
	// layers. Clients write result metadata that begins with "frontend." into
	// the file of --metadata-file, and what is JSON in base64 as JSON, as
	// BuildKit's exporters do with descriptors.
	MetaDigest     = "frontend.wasmfile.digest"
	metaDescriptor = "frontend.wasmfile.descriptor"
	metaForm       = "frontend.wasmfile.form"
	metaComponents = "frontend.wasmfile.components"

	// metaReferences is result metadata with what was pushed: a JSON array of
	// references with digests.
	metaReferences = "frontend.wasmfile.references"

	// metaImageGuard is result metadata that only image exporters read, and
	// on which they fail with "unrecognized annotation type " and this
	// sentence. The type of an annotation may have no other characters.
	metaImageGuard = "annotation-" +
		"of-this-build-which-makes-a-wasm-artifact-and-no-image" +
		"--write-its-layout-with---output-type-local-or---output-type-tar-and-push-that" +
		"--or-build-an-image-with---platform-wasi-wasm" +
		".wasmfile"

	// metaPushedGuard is metaImageGuard for a build that has pushed.
	metaPushedGuard = "annotation-" +
		"of-this-build-which-has-pushed-a-wasm-artifact-and-makes-no-image" +
		"--write-its-layout-with---output-type-local-or-nothing-with---output-type-cacheonly" +
		".wasmfile"

	// maxReportSize bounds the index.json of the assembly, in bytes. BuildKit
	// sends a file in one message, which may have 16 MiB.
	maxReportSize = 12 << 20
)

// result describes the layout.
func (b *build) result(reference client.Reference, manifest ocispec.Descriptor, components []assemble.ComponentReport) (*client.Result, error) {
	layers := make([]*ocispec.Descriptor, 0, len(components))
	for _, c := range components {
		layers = append(layers, c.Layer)
	}
	result := client.NewResult()
	for key, value := range map[string]any{metaDescriptor: manifest, metaComponents: layers} {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		result.AddMeta(key, []byte(base64.StdEncoding.EncodeToString(encoded)))
	}
	// Exporters of files look at the platform and nothing else of a config.
	config, err := json.Marshal(ocispec.Image{Platform: b.ui.BuildPlatforms[0], RootFS: ocispec.RootFS{Type: "layers"}})
	if err != nil {
		return nil, err
	}
	result.SetRef(reference)
	result.AddMeta(MetaDigest, []byte(manifest.Digest))
	result.AddMeta(metaForm, []byte(cmp.Or(b.format.form, artifact.FormOCI)))
	result.AddMeta(exptypes.ExporterImageConfigKey, config)
	result.AddMeta(metaImageGuard, []byte("x"))
	return result, nil
}

// readReport reads what the assembly found out, and the descriptor of the
// manifest if there is one. What the user has to change is returned as an
// error, at the line at fault.
func (b *build) readReport(ctx context.Context, reference client.Reference) (assemble.Report, *ocispec.Descriptor, error) {
	index, err := reference.ReadFile(ctx, client.ReadRequest{
		Filename: ocispec.ImageIndexFile,
		Range:    &client.FileRange{Length: maxReportSize + 1},
	})
	if err != nil {
		return assemble.Report{}, nil, err
	}
	if len(index) > maxReportSize {
		return assemble.Report{}, nil, fmt.Errorf("the report of the assembly has over %d bytes: the components have too many imports and exports", maxReportSize)
	}
	report, manifest, err := assemble.ReadReport(index)
	if err != nil {
		return report, nil, err
	}
	if report.Problem != nil {
		return report, nil, b.problemError(report.Problem)
	}
	return report, manifest, nil
}

// problemError puts a problem at the instructions that it is about. The first
// location is the one that is shown last and closest to the message.
func (b *build) problemError(problem *assemble.Problem) error {
	var err error = problem
	components := b.file.Components
	last := components[len(components)-1].Location
	switch {
	case problem.Subject == assemble.SubjectProcess && b.file.Entrypoint != nil:
		return parser.WithLocation(err, b.file.Entrypoint.Word(b.file))
	case problem.Subject == assemble.SubjectProcess && b.file.Cmd != nil:
		return parser.WithLocation(err, b.file.Cmd.Word(b.file))
	case len(problem.Ordinals) == 0:
		return parser.WithLocation(err, last)
	}
	for _, ordinal := range problem.Ordinals {
		if ordinal >= 1 && ordinal <= len(components) {
			err = parser.WithLocation(err, components[ordinal-1].Location)
		}
	}
	return err
}
