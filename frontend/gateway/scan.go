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
		var constraints []llb.ConstraintsOpt
		if target.IsIgnoreCache {
			constraints = append(constraints, llb.IgnoreCache)
		}
		attestation, err := scan(ctx, id, target.SBOM.Core, target.SBOM.Extras, constraints...)
		if err != nil {
			return err
		}
		solved, err := result.ConvertAttestation(&attestation, func(state *llb.State) (client.Reference, error) {
			definition, err := state.Marshal(ctx)
			if err != nil {
				return nil, err
			}
			r, err := b.client.Solve(ctx, client.SolveRequest{Definition: definition.ToPB()})
			if err != nil {
				return nil, err
			}
			return r.Ref, nil
		})
		if err != nil {
			return err
		}
		image.AddAttestation(id, *solved)
		return nil
	})
}
