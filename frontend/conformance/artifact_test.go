package conformance_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	dockerfilefrontend "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/frontend/gateway"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// componentURL is not in the build context, because a context's step names all
// files that are wanted of it.
const componentURL = "https://example.com/x.wasm"

// added are the steps that a component from a URL adds to a build.
var added = []string{"exec", "file mkdir", "file mkfile", "source " + componentURL}

// compareArtifact adds a COMPONENT to the last stage of a Dockerfile. All steps
// of the Dockerfile have to stay as they are.
func compareArtifact(t *testing.T, c dockerfile) verdict {
	t.Helper()
	target := make(map[string]string)
	for name, value := range wasmfile.PlatformArgs("wasip2", "wasm") {
		target["build-arg:"+name] = value
	}
	plain := request(t, dockerfilefrontend.Build, c.text, target)
	if plain.err != nil {
		return notBuilt
	}
	text := slices.Concat(c.text, []byte("\nCOMPONENT "+componentURL+"\n"))
	if f, err := wasmfile.Parse(text, wasmfile.Options{}); err == nil && f.IsDockerfile() {
		return openEnd
	}
	frontend := gateway.New(gateway.Options{Assembler: &gateway.Assembler{Root: llb.Scratch(), Command: []string{"assemble"}}})
	artifact := request(t, frontend.Build, text, nil)
	if artifact.err != nil && strings.Contains(artifact.err.Error(), "in shell form") {
		return shellForm
	}
	if artifact.err != nil || len(artifact.solved) == 0 {
		t.Errorf("%s: with a component: %v in\n%s", c.name, artifact.err, text)
		return differs
	}
	want, got := steps(t, plain.solved), steps(t, artifact.solved)
	for id, step := range want {
		if _, kept := got[id]; !kept {
			t.Errorf("%s: with a component another step than %s in\n%s", c.name, step, text)
			return differs
		}
		delete(got, id)
	}
	if more := slices.Sorted(maps.Values(got)); !slices.Equal(more, added) {
		t.Errorf("%s: the component adds %q, not %q to\n%s", c.name, more, added, text)
		return differs
	}
	return same
}

// steps are those of the last build, by digest, in words.
func steps(t *testing.T, solved []*pb.Definition) map[digest.Digest]string {
	t.Helper()
	found := make(map[digest.Digest]string)
	for _, encoded := range solved[len(solved)-1].Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			t.Fatal(err)
		}
		switch kind := op.Op.(type) {
		case nil: // the end, which names the step whose result is wanted
		case *pb.Op_Source:
			found[digest.FromBytes(encoded)] = "source " + kind.Source.Identifier
		case *pb.Op_File:
			found[digest.FromBytes(encoded)] = "file " + action(kind.File.Actions[0])
		default:
			name := fmt.Sprintf("%T", kind)
			found[digest.FromBytes(encoded)] = strings.ToLower(name[strings.LastIndex(name, "_")+1:])
		}
	}
	return found
}

func action(a *pb.FileAction) string {
	name := fmt.Sprintf("%T", a.Action)
	return strings.ToLower(name[strings.LastIndex(name, "_")+1:])
}

// TestEpochInMilliseconds: given a SOURCE_DATE_EPOCH that no config can hold, an
// error that says so.
func TestEpochInMilliseconds(t *testing.T) {
	frontend := gateway.New(gateway.Options{Assembler: &gateway.Assembler{Root: llb.Scratch(), Command: []string{"assemble"}}})
	o := request(t, frontend.Build, []byte("FROM scratch\nCOMPONENT "+componentURL+"\n"), map[string]string{"build-arg:SOURCE_DATE_EPOCH": "1700000000000"})
	if o.err == nil || !strings.Contains(o.err.Error(), "SOURCE_DATE_EPOCH 1700000000000 is after the year 9999") {
		t.Errorf("the error is %v", o.err)
	}
}
