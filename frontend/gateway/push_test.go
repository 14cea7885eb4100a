package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmfile/wasmfile/frontend/push"
)

// pushExec is the exec of the push step for a build with these options.
func pushExec(t *testing.T, b *build, attestations *llb.State) (*pb.ExecOp, *pb.OpMetadata) {
	t.Helper()
	b.frontend = New(Options{Assembler: &Assembler{Root: llb.Scratch(), Command: []string{"/program", "internal"}}})
	targets, err := push.ParseTargets("registry.example/a:1,registry.example/b:2")
	if err != nil {
		t.Fatal(err)
	}
	layout := llb.Scratch().File(llb.Mkdir("/layout", 0o755))
	step, err := b.pushStep(layout, attestations, push.Spec{Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	definition, err := step.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := definition.ToPB()
	for key, op := range ops(request) {
		if exec := op.GetExec(); exec != nil {
			return exec, request.Metadata[key]
		}
	}
	t.Fatal("the push runs nothing")
	return nil, nil
}

// ops are the steps of a definition by digest.
func ops(definition *pb.Definition) map[string]*pb.Op {
	found := make(map[string]*pb.Op)
	for key := range definition.Metadata {
		for _, encoded := range definition.Def {
			var op pb.Op
			if op.UnmarshalVT(encoded) == nil && digest.FromBytes(encoded).String() == key {
				found[key] = &op
			}
		}
	}
	return found
}

// TestPushStep: given a push, its step always runs, may use the network, reads
// the layout and the secrets, and needs none of them to be there.
func TestPushStep(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT a\n")
	b.ui.BuildArgs = map[string]string{"HTTPS_PROXY": "http://proxy.example", "no_proxy": "registry.example"}
	statement := llb.Scratch().File(llb.Mkdir("/x", 0o755))
	exec, metadata := pushExec(t, b, &statement)
	if !metadata.IgnoreCache || metadata.Description["llb.customname"] != "[artifact] push registry.example/a:1, registry.example/b:2" {
		t.Errorf("the step is %+v", metadata)
	}
	if exec.Network != pb.NetMode_UNSET || !slices.Equal(exec.Meta.Args, []string{programDir + "/program", "internal", "push"}) {
		t.Errorf("network %s, arguments %v", exec.Network, exec.Meta.Args)
	}
	if proxy := exec.Meta.ProxyEnv; proxy == nil || proxy.HttpsProxy != "http://proxy.example" || proxy.NoProxy != "registry.example" {
		t.Errorf("proxies %v", exec.Meta.ProxyEnv)
	}
	secrets, readonly := make(map[string]string), make(map[string]bool)
	for _, m := range exec.Mounts {
		if m.SecretOpt != nil {
			secrets[m.SecretOpt.ID] = m.Dest
			if !m.SecretOpt.Optional || m.SecretOpt.Mode != 0o400 {
				t.Errorf("the secret %+v", m.SecretOpt)
			}
		}
		readonly[m.Dest] = m.Readonly
	}
	if secrets[push.SecretConfig] != push.ConfigFile || secrets[push.SecretCA] != push.CAFile {
		t.Errorf("the secrets are %v", secrets)
	}
	if !readonly[push.LayoutDir] || !readonly[push.SpecDir] || !readonly[push.AttestationDir] {
		t.Errorf("it can write %v", readonly)
	}
	b.ui.NetworkMode, b.ui.BuildArgs = pb.NetMode_HOST, nil
	if exec, _ := pushExec(t, b, nil); exec.Network != pb.NetMode_HOST || exec.Meta.ProxyEnv != nil {
		t.Errorf("network %s, proxies %v", exec.Network, exec.Meta.ProxyEnv)
	}
	b.ui.NetworkMode = pb.NetMode_NONE // of RUN, with which a push cannot be
	if exec, _ := pushExec(t, b, nil); exec.Network != pb.NetMode_UNSET {
		t.Errorf("network %s", exec.Network)
	}
}

// noting is a client that notes whether it has to solve anything.
type noting struct {
	client.Client
	solved bool
}

func (n *noting) BuildOpts() client.BuildOpts { return client.BuildOpts{} }

func (n *noting) Solve(context.Context, client.SolveRequest) (*client.Result, error) {
	n.solved = true
	return client.NewResult(), nil
}

func TestOnlyThePushGetsItsSecrets(t *testing.T) {
	secret := func(id string, options ...llb.SecretOption) llb.State {
		return llb.Scratch().Run(llb.Args([]string{"x"}), llb.AddSecret("/s", append(options, llb.SecretID(id))...)).Root()
	}
	for name, c := range map[string]struct {
		state llb.State
		says  string // empty for what is solved
	}{
		"another":                {secret("token"), ""},
		"the credentials":        {secret(push.SecretConfig), push.SecretConfig},
		"the authority":          {secret(push.SecretCA), push.SecretCA},
		"as a variable":          {secret(push.SecretConfig, llb.SecretAsEnv(true)), push.SecretConfig},
		"in a step before":       {secret(push.SecretConfig).Run(llb.Args([]string{"y"})).Root(), push.SecretConfig},
		"no step with a process": {llb.Scratch().File(llb.Mkdir("/x", 0o755)), ""},
	} {
		definition, err := c.state.Marshal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		solver := &noting{}
		_, err = newContexts(solver).Solve(t.Context(), client.SolveRequest{Definition: definition.ToPB()})
		if refused := err != nil && strings.Contains(err.Error(), "the secret "+c.says+", which is for the push alone"); refused != (c.says != "") || solver.solved == refused {
			t.Errorf("%s: solved %t, %v", name, solver.solved, err)
		}
	}
}

func TestPushTargets(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT a\n")
	if targets, err := b.pushTargets(); err != nil || targets != nil || b.refusePush() != nil {
		t.Errorf("without the argument: %v, %v", targets, err)
	}
	b.ui.BuildArgs = map[string]string{argPush: "r.example/a,r.example/UPPER"}
	if _, err := b.pushTargets(); err == nil || !strings.Contains(err.Error(), argPush) {
		t.Errorf("the error is %v", err)
	}
	if err := b.refusePush(); err == nil || !strings.Contains(err.Error(), "--push and -t") {
		t.Errorf("an image: %v", err)
	}
}

func TestAnswersOfARegistry(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{status.Error(codes.NotFound, "r.example/a@sha256:0: not found"), true},
		{errors.New("failed to resolve: r.example/a: not found"), true},
		{errors.New("pull access denied: insufficient_scope: authorization failed"), true},
		{errors.New("http: server gave HTTP response to HTTPS client"), false},
		{errors.New("dial tcp: connection refused"), false},
		{errors.New("tls: failed to verify certificate"), false},
	} {
		if isAnswer(c.err) != c.want {
			t.Errorf("%v: %t", c.err, !c.want)
		}
	}
}

func TestOrigins(t *testing.T) {
	var o origins
	for _, ref := range []string{"r.example/b:1", "user/a", "r.example/b@sha256:" + strings.Repeat("0", 64), "NOT/a ref"} {
		o.add(ref)
	}
	if got := o.list(); !slices.Equal(got, []string{"docker.io/user/a", "r.example/b"}) {
		t.Errorf("%v", got)
	}
}

// TestPushedGuard: given the result of a build that has pushed, image exporters
// fail with what to do.
func TestPushedGuard(t *testing.T) {
	_, isAnnotation, err := exptypes.ParseAnnotationKey(metaPushedGuard)
	if !isAnnotation || err == nil || !strings.Contains(err.Error(), "has-pushed") || !strings.Contains(err.Error(), "type-cacheonly") {
		t.Errorf("image exporters say %v", err)
	}
}
