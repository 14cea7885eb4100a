package gateway

import (
	"context"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/result"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// attestation is what a scanner of --sbom says.
type attestation = result.Attestation[*llb.State]

// sbom scans what is in the artifact, nil when nobody asked for it. BuildKit
// by itself would scan the layout, in which a scanner finds nothing: so it
// gets the components and files as the image for a Wasm platform has them.
func (b *build) sbom(ctx context.Context, target ocispec.Platform) (*attestation, error) {
	scan, err := b.scanner(ctx)
	if scan == nil || err != nil {
		return nil, err
	}
	converted, err := b.convert(ctx, wasmfile.Image, b.convertOptions(ctx, target))
	if err != nil {
		return nil, err
	}
	return b.scanned(ctx, scan, "artifact", converted)
}

// attest adds an attestation to a result that has a layout. Exporters of files
// write it beside index.json, and the artifact is the same as without.
func (b *build) attest(ctx context.Context, into *client.Result, made *attestation) error {
	solved, err := b.solveAttestation(ctx, made)
	if err != nil {
		return err
	}
	into.AddAttestation(platforms.FormatAll(platforms.Normalize(b.ui.BuildPlatforms[0])), *solved)
	return nil
}
