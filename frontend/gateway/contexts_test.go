package gateway

import (
	"context"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

// resolver is a builder that only resolves images, and counts how often.
type resolver struct {
	client.Client
	count int
}

func (r *resolver) BuildOpts() client.BuildOpts {
	return client.BuildOpts{Opts: map[string]string{"context:base": "docker-image://x"}}
}

func (r *resolver) Inputs(context.Context) (map[string]llb.State, error) {
	return map[string]llb.State{"given": llb.Scratch()}, nil
}

func (r *resolver) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.count++
	return ref, digest.FromString(ref), []byte("{}"), nil
}

// TestImagesAreResolvedOnce: given one reference, BuildKit is asked once for a
// platform, so that all of a build is made from the same.
func TestImagesAreResolvedOnce(t *testing.T) {
	r := &resolver{}
	c := newContexts(r)
	other := host
	other.Architecture = "arm64"
	for _, opt := range []sourceresolver.Opt{
		{ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &host}},
		{LogName: "again", ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &host}},
		{ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &other}},
	} {
		ref, d, config, err := c.ResolveImageConfig(t.Context(), "x", opt)
		if ref != "x" || d != digest.FromString("x") || string(config) != "{}" || err != nil {
			t.Errorf("%s %s %s %v", ref, d, config, err)
		}
	}
	if r.count != 2 {
		t.Errorf("resolved %d times, not 2", r.count)
	}
}

// TestContextsAreAdded: given a context of ours, BuildKit finds it beside the
// user's, whose request is left as it is.
func TestContextsAreAdded(t *testing.T) {
	r := &resolver{}
	c := newContexts(r)
	c.add("component.invalid/1", llb.Scratch())
	opts := c.BuildOpts().Opts
	if opts["context:component.invalid/1"] != "input:component.invalid/1" || opts["context:base"] == "" {
		t.Errorf("options %v", opts)
	}
	inputs, err := c.Inputs(t.Context())
	if _, ok := inputs["component.invalid/1"]; !ok || len(inputs) != 2 || err != nil {
		t.Errorf("inputs %v (%v)", inputs, err)
	}
	if len(r.BuildOpts().Opts) != 1 {
		t.Error("the request's own options are changed")
	}
}

func TestNamedContext(t *testing.T) {
	b := newBuild(t, "FROM scratch\n")
	b.opts = map[string]string{"context:base": "1", "context:base::linux/arm64": "2", "context:other::linux/amd64": "3", "context:example.com/x:v1": "4"}
	for name, want := range map[string]string{"base": "1", "other": "3", "base:latest": "1", "example.com/x:v1": "4", "example.com/x": "", "NOT A NAME": ""} {
		if got := b.namedContext(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}
