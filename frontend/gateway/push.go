package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"

	"github.com/wasmfile/wasmfile/frontend/push"
)

const (
	// argPush is the build argument with the references to push to.
	argPush = "WASMFILE_PUSH"

	// registryTimeout bounds the question of buildkitd to a registry.
	registryTimeout = 30 * time.Second

	// maxPushResultSize bounds what the push says, in bytes.
	maxPushResultSize = 1 << 20
)

// pushTargets is where the artifact has to be pushed, nil for nowhere.
func (b *build) pushTargets() ([]push.Target, error) {
	list := b.ui.BuildArgs[argPush]
	if list == "" {
		return nil, nil
	}
	targets, err := push.ParseTargets(list)
	if err != nil {
		return nil, fmt.Errorf("--build-arg %s: %w", argPush, err)
	}
	return targets, nil
}

// refusePush is for builds of images, which have BuildKit's own way.
func (b *build) refusePush() error {
	if b.ui.BuildArgs[argPush] == "" {
		return nil
	}
	return fmt.Errorf("--build-arg %s is for artifacts, and this build makes an image: push it with --push and -t", argPush)
}

// pushInto pushes a layout, with what sbom says if it is there, and tells so in
// the result.
func (b *build) pushInto(ctx context.Context, result *client.Result, targets []push.Target, layout assembled, sbom *attestation) error {
	var attestations *llb.State
	if sbom != nil {
		attestations = sbom.Ref
	}
	references, err := b.push(ctx, layout.state, attestations, push.Spec{Manifest: *layout.manifest, Targets: targets, Origins: b.origins.list()})
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(references)
	if err != nil {
		return fmt.Errorf("encode what was pushed: %w", err)
	}
	result.AddMeta(metaReferences, encoded)
	delete(result.Metadata, metaImageGuard)
	result.AddMeta(metaPushedGuard, []byte("x"))
	return nil
}

// push pushes a layout, with attestations if there are any, and returns the
// references with digests.
func (b *build) push(ctx context.Context, layout llb.State, attestations *llb.State, spec push.Spec) ([]string, error) {
	result, err := b.solvePush(ctx, layout, attestations, spec)
	if err == nil && len(result.Unknown) > 0 {
		spec.Registries = b.askRegistries(ctx, result.Unknown)
		result, err = b.solvePush(ctx, layout, attestations, spec)
	}
	if err != nil {
		return nil, err
	}
	if result.Problem == "" {
		return result.References, nil
	}
	err = fmt.Errorf("push: %s", result.Problem)
	if len(result.References) > 0 {
		err = fmt.Errorf("%w; %s is pushed", err, strings.Join(result.References, ", "))
	}
	return nil, err
}

// solvePush runs the step.
func (b *build) solvePush(ctx context.Context, layout llb.State, attestations *llb.State, spec push.Spec) (push.Result, error) {
	step, err := b.pushStep(layout, attestations, spec)
	if err != nil {
		return push.Result{}, err
	}
	definition, err := step.Marshal(ctx, llb.WithCaps(b.client.BuildOpts().LLBCaps), llb.Platform(b.ui.BuildPlatforms[0]))
	if err != nil {
		return push.Result{}, err
	}
	request := definition.ToPB()
	b.nameSteps(request)
	// Not by contexts.Solve, which is for steps that must not have these secrets.
	solved, err := b.client.Client.Solve(ctx, client.SolveRequest{Definition: request, CacheImports: b.ui.CacheImports})
	if err != nil {
		return push.Result{}, err
	}
	output, err := solved.SingleRef()
	if err != nil {
		return push.Result{}, err
	}
	// Reading is what makes BuildKit run the step.
	encoded, err := output.ReadFile(ctx, client.ReadRequest{
		Filename: push.ResultFile,
		Range:    &client.FileRange{Length: maxPushResultSize},
	})
	if err != nil {
		return push.Result{}, explainStep(err)
	}
	return push.ReadResult(encoded)
}

// pushStep is never cached: a registry may have lost what it got before.
func (b *build) pushStep(layout llb.State, attestations *llb.State, spec push.Spec) (llb.State, error) {
	host := b.ui.BuildPlatforms[0]
	encoded, err := json.Marshal(spec)
	if err != nil {
		return llb.State{}, fmt.Errorf("encode what to push: %w", err)
	}
	program, err := b.frontend.assembler(b.client, host)
	if err != nil {
		return llb.State{}, err
	}
	names := make([]string, 0, len(spec.Targets))
	for _, t := range spec.Targets {
		names = append(names, t.String())
	}
	specState := llb.Scratch().File(llb.Mkfile(push.SpecFile, 0o644, encoded, llb.WithCreatedTime(time.Unix(0, 0))),
		llb.WithCustomName("[internal] describe the push"), llb.Platform(host))
	secret := func(file, id string) llb.RunOption {
		return llb.AddSecret(file, llb.SecretID(id), llb.SecretOptional, llb.SecretFileOpt(0, 0, 0o400))
	}
	options := append(program.run("push"),
		llb.AddMount(push.LayoutDir, layout, llb.Readonly),
		llb.AddMount(push.SpecDir, specState, llb.Readonly),
		secret(push.ConfigFile, push.SecretConfig),
		secret(push.CAFile, push.SecretCA),
		llb.WithCustomName("[artifact] push "+strings.Join(names, ", ")),
		llb.Platform(host),
		llb.IgnoreCache,
	)
	if attestations != nil {
		options = append(options, llb.AddMount(push.AttestationDir, *attestations, llb.Readonly))
	}
	if b.ui.NetworkMode == pb.NetMode_HOST {
		options = append(options, llb.Network(pb.NetMode_HOST))
	}
	if proxy := proxyEnv(b.ui.BuildArgs); proxy != nil {
		options = append(options, llb.WithProxy(*proxy))
	}
	for _, h := range b.ui.ExtraHosts {
		options = append(options, llb.AddExtraHost(h.Host, h.IP))
	}
	return llb.Scratch().Run(options...).AddMount(push.OutputDir, llb.Scratch()), nil
}

// proxyEnv is the proxies that build arguments name, as for RUN.
func proxyEnv(args map[string]string) *llb.ProxyEnv {
	var proxy llb.ProxyEnv
	for name, value := range args {
		switch strings.ToLower(name) {
		case "http_proxy":
			proxy.HTTPProxy = value
		case "https_proxy":
			proxy.HTTPSProxy = value
		case "no_proxy":
			proxy.NoProxy = value
		case "all_proxy":
			proxy.AllProxy = value
		}
	}
	if proxy == (llb.ProxyEnv{}) {
		return nil
	}
	return &proxy
}

// askRegistries finds out which registries answer buildkitd, which is
// configured for them as the step is not.
func (b *build) askRegistries(ctx context.Context, targets []push.Target) map[string]*push.Registry {
	answers := make(map[string]*push.Registry)
	for _, t := range targets {
		if answers[t.Registry] == nil {
			answers[t.Registry] = b.askRegistry(ctx, t)
		}
	}
	return answers
}

// nothing is the digest of a manifest that no registry has.
const nothing = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func (b *build) askRegistry(ctx context.Context, t push.Target) *push.Registry {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	platform := b.ui.BuildPlatforms[0]
	_, _, _, err := b.client.ResolveImageConfig(ctx, t.Registry+"/"+t.Repository+"@"+nothing, sourceresolver.Opt{
		LogName: "[internal] ask " + t.Registry + ` whether it answers: "not found" is an answer`,
		ImageOpt: &sourceresolver.ResolveImageOpt{
			Platform:    &platform,
			ResolveMode: llb.ResolveModeForcePull.String(),
		},
	})
	if err == nil || isAnswer(err) {
		return &push.Registry{Answered: true}
	}
	return &push.Registry{Problem: err.Error()}
}

// isAnswer reports whether an error of buildkitd is what a registry says, and
// not that it cannot be reached.
func isAnswer(err error) bool {
	switch grpcerrors.Code(err) {
	case codes.NotFound, codes.Unauthenticated, codes.PermissionDenied:
		return true
	}
	return strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "authoriz")
}

// refuseSecrets returns an error when a step of the Wasmfile asks for what only
// the push may have.
func refuseSecrets(definition *pb.Definition) error {
	for _, encoded := range definition.GetDef() {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			return fmt.Errorf("read a step of the build: %w", err)
		}
		var ids []string
		for _, mount := range op.GetExec().GetMounts() {
			ids = append(ids, mount.GetSecretOpt().GetID())
		}
		for _, variable := range op.GetExec().GetSecretenv() {
			ids = append(ids, variable.GetID())
		}
		if i := slices.IndexFunc(ids, isPushSecret); i >= 0 {
			err := fmt.Errorf("this mounts the secret %s, which is for the push alone: give it another one", ids[i])
			return parser.WithLocation(err, rangesOf(definition.GetSource().GetLocations()[digest.FromBytes(encoded).String()]))
		}
	}
	return nil
}

func isPushSecret(id string) bool { return id == push.SecretConfig || id == push.SecretCA }
