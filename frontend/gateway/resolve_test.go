package gateway

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var errNoImage = grpcerrors.FromGRPC(status.Error(codes.NotFound, "not found"))

// noImages is a builder that finds no image.
type noImages struct{ client.Client }

func (noImages) BuildOpts() client.BuildOpts { return client.BuildOpts{} }

func (noImages) ResolveImageConfig(context.Context, string, sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return "", "", nil, errNoImage
}

// TestImageThatCouldBeAStage: given the name of no image, which stages and
// contexts there are is said when it could be that of one.
func TestImageThatCouldBeAStage(t *testing.T) {
	const named, unnamed = "FROM scratch AS Build\nFROM scratch AS test\nFROM scratch\nCOMPONENT a.wasm\n", "FROM scratch\nCOMPONENT a.wasm\n"
	for _, c := range []struct{ text, ref, want string }{
		{named, "docker.io/library/biuld:latest", "no stage or context has this name (names: build, test, plugins), and no image of this name can be loaded: not found"},
		{unnamed, "docker.io/library/biuld:latest", "no stage has a name, and no image of this name can be loaded: not found"},
		{named, "docker.io/library/biuld:1", errNoImage.Error()},
		{named, "docker.io/example/biuld:latest", errNoImage.Error()},
		{named, "docker.io/library/biuld@" + digest.FromString("").String(), errNoImage.Error()},
		{"FROM scratch AS build\n", "docker.io/library/biuld:latest", errNoImage.Error()}, // a Dockerfile
	} {
		b := newBuild(t, c.text)
		b.client = newContexts(noImages{})
		if c.text == named {
			b.opts = map[string]string{"context:plugins::linux/amd64": "local:a", "context:plugins": "local:b", contextPrefix + originContext + "1": "input:c", "filename": "d"}
		}
		_, _, _, err := b.metaResolver().ResolveImageConfig(t.Context(), c.ref, sourceresolver.Opt{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: it says\n%v\nand not\n%s", c.ref, err, c.want)
		}
		if grpcerrors.Code(err) != codes.NotFound {
			t.Errorf("%s: the code is %s", c.ref, grpcerrors.Code(err))
		}
	}
}

// TestNoStageTravels: given the error with what BuildKit says around it, all of
// it reaches the client.
func TestNoStageTravels(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT a.wasm\n")
	err := b.locate(fmt.Errorf("biuld: %w (did you mean build?)", &noStageError{[]string{"build"}, errNoImage}))
	const want = "biuld: no stage or context has this name (names: build), and no image of this name can be loaded: not found (did you mean build?)"
	if got := grpcerrors.FromGRPC(grpcerrors.ToGRPC(t.Context(), err)); !errors.Is(err, errNoImage) || got.Error() != "NotFound: "+want {
		t.Errorf("the client gets\n%v\nand not\n%s", got, want)
	}
}
