package task

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/image"
)

func titled(names ...string) *image.Wasm {
	found := &image.Wasm{}
	for _, name := range names {
		digest := digest.FromString(name)
		found.Layers = append(found.Layers, ocispec.Descriptor{Digest: digest, Annotations: map[string]string{ocispec.AnnotationTitle: name}})
	}
	return found
}

// What a person may exec is what they name; all else is an error that says
// what there is.
func TestExecNames(t *testing.T) {
	for _, c := range []struct {
		args []string
		ok   bool
	}{
		{[]string{"a"}, true},
		{[]string{"b.wasm#f(1)"}, true},
		{[]string{"/b"}, true},
		{[]string{"sh", "-c", "a"}, false},
		{[]string{"#f"}, false},
		{nil, false},
	} {
		err := named(titled("a.wasm", "b.wasm"), &specs.Process{Args: c.args})
		if c.ok && err != nil {
			t.Errorf("%q: %v", c.args, err)
		}
		if !c.ok && (rpcCode(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "a.wasm, b.wasm")) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
	if err := named(titled("only.wasm"), &specs.Process{Args: []string{"sh"}}); err == nil {
		t.Error("a shell was taken for the only component")
	}
}

// Where the component is a file, a person names one of those.
func TestExecNamesFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sh"), []byte("\x7fELF and more"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := &guest{files: dir, wasm: titled("app.wasm")}
	for _, args := range [][]string{{"app.wasm"}, {"/sh"}, {"#f"}, nil} {
		_, err := namedFile(t.Context(), image.Blobs{}, g, &specs.Process{Args: args})
		if rpcCode(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "PATH#func") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Code that is mounted is found again; other code gets a place of its own.
func TestPlaceOfCode(t *testing.T) {
	g := &guest{code: map[string]string{"/blobs/01": bundle.CodePath}}
	if got := g.inside("/blobs/01"); got != bundle.CodePath {
		t.Errorf("the container's own code is at %s", got)
	}
	if got := g.inside("/blobs/02"); got != "/exec/02.cwasm" {
		t.Errorf("other code is at %s", got)
	}
}

// A process that is no process is refused before anything is done for it.
func TestExecRefuses(t *testing.T) {
	living := &guests{}
	living.add("c", &guest{wasm: titled("a.wasm")})
	s := newService(recorder{}, living, &preparer{})
	for _, value := range []string{"", "{", `{"args":["sh"]}`, strings.Repeat(" ", maxProcessSize+1)} {
		_, err := s.Exec(t.Context(), &taskapi.ExecProcessRequest{ID: "c", Spec: &anypb.Any{Value: []byte(value)}})
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "container c") {
			t.Errorf("%.20q: %v", value, err)
		}
	}
}
