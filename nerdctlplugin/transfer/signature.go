package transfer

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/referenceutil"
	"github.com/containerd/nerdctl/v2/pkg/signutil"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
)

// VerifySignature has the signature of what a reference names verified, by nerdctl's
// mechanism, and returns the digest that was: what is pulled and run has to be
// that one, whatever the reference's tag names by then. The digest is empty when
// no verification is asked for.
func VerifySignature(ctx context.Context, raw string, global types.GlobalCommandOptions, o types.ImageVerifyOptions) (digest.Digest, error) {
	if !Verifies(o) {
		return "", nil
	}
	ref, err := source.ParseReference(raw)
	if err != nil {
		return "", err
	}
	verified, err := signutil.Verify(ctx, ref.String(), global.HostsDir, global.Experimental, o)
	if err != nil {
		return "", signerError(fmt.Sprintf("the signature of %s is not verified", ref.String()), err, o.Provider)
	}
	_, encoded, _ := strings.Cut(verified, "@")
	return digest.Parse(encoded)
}

// Verifies reports whether VerifySignature verifies anything.
func Verifies(o types.ImageVerifyOptions) bool { return o.Provider != "" && o.Provider != "none" }

// sign has an image of a registry signed, by its digest.
func sign(ref *referenceutil.ImageReference, signed digest.Digest, global types.GlobalCommandOptions, o types.ImageSignOptions) error {
	pushed := pinned(ref, signed)
	if err := signutil.Sign(pushed, global.Experimental, o); err != nil {
		return signerError(pushed+" is pushed, but not signed", err, o.Provider)
	}
	return nil
}

// signerError is why a program such as cosign failed. What it said was printed
// when it said it.
func signerError(what string, err error, provider string) error {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit): // Its exit code is not to become this program's.
		return fmt.Errorf("%s: %s ends with %s", what, provider, exit)
	case errors.Is(err, exec.ErrNotFound):
		return advice.Add(fmt.Errorf("%s: %w", what, err), "install %s into a directory of PATH", provider)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// pinned is a reference by digest, as a registry is asked for it.
func pinned(ref *referenceutil.ImageReference, d digest.Digest) string {
	if d == "" {
		return ref.String()
	}
	name, _, _ := strings.Cut(ref.String(), "@")
	return name + "@" + d.String()
}
