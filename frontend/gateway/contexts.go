package gateway

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

const (
	contextPrefix = "context:"
	inputPrefix   = "input:"
)

// contexts is a client that has named contexts of ours beside the user's,
// resolves an image once per build, so that what is found out about it then holds
// for BuildKit's conversion as well, and solves nothing that asks for the secrets
// of the push.
type contexts struct {
	client.Client
	opts map[string]string

	mu       sync.Mutex
	states   map[string]llb.State
	resolved map[string]func() (string, digest.Digest, []byte, error)
}

func newContexts(c client.Client) *contexts {
	return &contexts{
		Client:   c,
		opts:     maps.Clone(c.BuildOpts().Opts),
		states:   make(map[string]llb.State),
		resolved: make(map[string]func() (string, digest.Digest, []byte, error)),
	}
}

// BuildOpts are the build's, with the named contexts that were added.
func (c *contexts) BuildOpts() client.BuildOpts {
	opts := c.Client.BuildOpts()
	opts.Opts = c.opts
	return opts
}

// add makes a state the named context of this name.
func (c *contexts) add(name string, state llb.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opts[contextPrefix+name] = inputPrefix + name
	c.states[name] = state
}

// Inputs are the build's, and the named contexts that were added.
func (c *contexts) Inputs(ctx context.Context) (map[string]llb.State, error) {
	given, err := c.Client.Inputs(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	inputs := maps.Clone(c.states)
	maps.Copy(inputs, given)
	return inputs, nil
}

// Solve solves what is not the push.
func (c *contexts) Solve(ctx context.Context, request client.SolveRequest) (*client.Result, error) {
	if err := refuseSecrets(request.Definition); err != nil {
		return nil, err
	}
	return c.Client.Solve(ctx, request)
}

// ResolveImageConfig resolves each image once.
func (c *contexts) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if opt.ImageOpt == nil || opt.ImageOpt.Platform == nil || opt.OCILayoutOpt != nil {
		return c.Client.ResolveImageConfig(ctx, ref, opt)
	}
	key := strings.Join([]string{ref, platforms.FormatAll(*opt.ImageOpt.Platform), opt.ImageOpt.ResolveMode}, " ")
	c.mu.Lock()
	resolve, ok := c.resolved[key]
	if !ok {
		var once sync.Once
		var resolvedRef string
		var d digest.Digest
		var config []byte
		var err error
		resolve = func() (string, digest.Digest, []byte, error) {
			once.Do(func() { resolvedRef, d, config, err = c.Client.ResolveImageConfig(ctx, ref, opt) })
			return resolvedRef, d, config, err
		}
		c.resolved[key] = resolve
	}
	c.mu.Unlock()
	return resolve()
}

// ContextName is the form in which BuildKit looks for the named context that FROM and
// --from name, which is that of a reference. The error is that of a name that cannot be one.
func ContextName(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest"), nil
}

// namedContext is the value of the user's named context for a name, as BuildKit
// looks it up; empty when there is none.
func (b *build) namedContext(name string) string {
	name, err := ContextName(name)
	if err != nil {
		return ""
	}
	if value, ok := b.opts[contextPrefix+name+"::"+platforms.FormatAll(platforms.Normalize(b.ui.BuildPlatforms[0]))]; ok {
		return value
	}
	return b.opts[contextPrefix+name]
}

// contextNames are the names of the user's named contexts.
func (b *build) contextNames() []string {
	names := make(map[string]bool)
	for key := range b.opts {
		name, ok := strings.CutPrefix(key, contextPrefix)
		name, _, _ = strings.Cut(name, "::") // the rest is a platform
		if ok && !strings.HasPrefix(name, originContext) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
