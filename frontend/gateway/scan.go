package gateway

import (
	"context"
	"fmt"
	"sync"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/attestations/sbom"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/result"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// scanTargets are the converted Dockerfiles of an image's platforms.
type scanTargets struct {
	mu   sync.Mutex
	byID map[string]*dockerfile2llb.Result
}

func (t *scanTargets) add(platform *ocispec.Platform, converted *dockerfile2llb.Result) {
	p := platforms.DefaultSpec()
	if platform != nil {
		p = *platform
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = make(map[string]*dockerfile2llb.Result)
	}
	t.byID[platforms.FormatAll(platforms.Normalize(p))] = converted
}

// scanner is what --sbom asked for, nil for nothing.
func (b *build) scanner(ctx context.Context) (sbom.Scanner, error) {
	if b.ui.SBOM == nil {
		return nil, nil
	}
	platform := b.ui.BuildPlatforms[0]
	return sbom.CreateSBOMScanner(ctx, b.client, b.ui.SBOM.Generator, platform, sourceresolver.Opt{
		ImageOpt: &sourceresolver.ResolveImageOpt{
			ResolveMode: b.opts["image-resolve-mode"],
			Platform:    &platform,
		},
	}, b.ui.SBOM.Parameters)
}

// scan adds the attestations of a scanner to an image.
func (b *build) scan(ctx context.Context, scan sbom.Scanner, targets *scanTargets, image *dockerui.ResultBuilder) error {
	if scan == nil {
		return nil
	}
	return image.EachPlatform(ctx, func(ctx context.Context, id string, _ ocispec.Platform) error {
		target, ok := targets.byID[id]
		if !ok {
			return fmt.Errorf("nothing to scan for %s", id)
		}
		made, err := b.scanned(ctx, scan, id, target)
		if err != nil {
			return err
		}
		solved, err := b.solveAttestation(ctx, made)
		if err != nil {
			return err
		}
		image.AddAttestation(id, *solved)
		return nil
	})
}

// scanned is what a scanner says about a converted Dockerfile. name is shown in
// the progress.
func (b *build) scanned(ctx context.Context, scan sbom.Scanner, name string, target *dockerfile2llb.Result) (*attestation, error) {
	var constraints []llb.ConstraintsOpt
	if target.IsIgnoreCache {
		constraints = append(constraints, llb.IgnoreCache)
	}
	made, err := scan(ctx, name, target.SBOM.Core, target.SBOM.Extras, constraints...)
	return &made, err
}

func (b *build) solveAttestation(ctx context.Context, made *attestation) (*result.Attestation[client.Reference], error) {
	return result.ConvertAttestation(made, func(state *llb.State) (client.Reference, error) {
		definition, err := state.Marshal(ctx)
		if err != nil {
			return nil, err
		}
		request := definition.ToPB()
		b.nameSteps(request)
		solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: request, CacheImports: b.ui.CacheImports})
		if err != nil {
			return nil, err
		}
		return solved.SingleRef()
	})
}
