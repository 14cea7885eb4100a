package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// Suite says on what the cases are run. The clients' own environment, such as
// CONTAINERD_ADDRESS, says where that is; WASMFILE_FRONTEND and REGISTRY how
// the guests become artifacts.
type Suite struct {
	// Runtime is the shim's name for containerd, such as
	// "io.containerd.wasmfile.v1".
	Runtime string
	// Handler is the Kubernetes interface's name for it.
	Handler string
	// Nerdctl is the path of nerdctl's own executable.
	Nerdctl string
	// Log is told what fails, and why.
	Log io.Writer
}

// Result is whether a guest behaved through a client.
type Result struct {
	Case, Guest, Client string
	// Impossible says that the client has no way to ask for it.
	Impossible bool
	// Err is what was wrong.
	Err error
}

func (s Suite) clients(dir string) []client {
	none := func(string) []string { return []string{"--net", "none", "--runtime", s.Runtime} }
	asked := func(platform string) []string { return append(none(platform), "--platform", platform) }
	pull := func(ref, _ string) []string { return []string{"nerdctl", "wasm", "pull", "-q", ref} }
	return []client{
		ctr{s.Runtime},
		docker{
			called: "nerdctl", tool: []string{s.Nerdctl}, control: s.Nerdctl, pulls: pull,
			flags: func(platform string) []string { return append(asked(platform), "--pull", "never", "-q") },
		},
		docker{
			called: "nerdctl wasm", tool: []string{"nerdctl", "wasm"}, control: "nerdctl", pulls: pull,
			flags: func(platform string) []string { return append(none(platform), "-q") },
		},
		&crictl{handler: s.Handler, dir: dir},
		docker{
			called: "docker", tool: []string{"docker"}, control: "docker", flags: asked,
			pulls: func(ref, platform string) []string {
				return []string{"docker", "pull", "-q", "--platform", platform, ref}
			},
		},
	}
}

// Run runs every case through every client. It returns an error only when it
// cannot say how a guest behaves.
func (s Suite) Run(ctx context.Context) (results []Result, err error) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	artifacts, err := publish(ctx, dir)
	if err != nil {
		return nil, err
	}
	for _, cl := range s.clients(dir) {
		for _, a := range artifacts {
			if err := cl.pull(ctx, a.ref, a.platform); err != nil {
				return nil, fmt.Errorf("%s: %w", cl.name(), err)
			}
		}
		for _, c := range cases {
			for _, guest := range c.guests {
				r := s.one(ctx, dir, cl, c, guest, artifacts[guest])
				if r.Err != nil {
					fmt.Fprintf(s.Log, "%s, %s, %s: %v\n", r.Client, r.Case, r.Guest, r.Err)
				}
				results = append(results, r)
			}
		}
	}
	return results, ctx.Err()
}

func (s Suite) one(ctx context.Context, dir string, cl client, c testCase, guest string, a artifact) Result {
	result := Result{Case: c.name, Guest: guest, Client: cl.name()}
	data, err := os.MkdirTemp(dir, "data-")
	if err != nil {
		result.Err = err
		return result
	}
	r, err := c.prepare(data)
	if err != nil {
		result.Err = err
		return result
	}
	r.Ref, r.Platform = a.ref, a.platform
	if result.Impossible = !cl.can(r); result.Impossible {
		return result
	}
	do := cl.run
	if c.stop {
		do = cl.stop
	}
	got, err := do(ctx, r)
	if err == nil {
		err = c.check(got, data)
	}
	result.Err = err
	return result
}

// artifact is a guest that is published.
type artifact struct{ ref, platform string }

// publish makes an artifact of each guest that a case needs.
func publish(ctx context.Context, dir string) (map[string]artifact, error) {
	paths, err := guests.Build(ctx, guests.CacheDir())
	if err != nil {
		return nil, err
	}
	published := make(map[string]artifact)
	for _, c := range cases {
		for _, guest := range c.guests {
			if _, done := published[guest]; done {
				continue
			}
			ref := os.Getenv("REGISTRY") + "/conformance/" + strings.ReplaceAll(guest, ".", "-") + ":latest"
			if guest == file {
				if err := publishFile(ctx, dir, paths[component], ref); err != nil {
					return nil, err
				}
				published[guest] = artifact{ref, filePlatform}
				continue
			}
			if err := publishGuest(ctx, dir, paths[guest], ref); err != nil {
				return nil, err
			}
			platform, err := must(ctx, "crane", "config", ref)
			if err != nil {
				return nil, err
			}
			_, platform, _ = strings.Cut(platform, `"os":"`)
			platform, _, _ = strings.Cut(platform, `"`)
			published[guest] = artifact{ref, platform + "/wasm"}
		}
	}
	return published, nil
}

// publishGuest publishes an artifact with a component.
func publishGuest(ctx context.Context, dir, wasm, ref string) error {
	work, err := buildContext(dir, wasm, "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n")
	if err != nil {
		return err
	}
	layout := filepath.Join(work, "layout")
	if err := build(ctx, work, "-o", "type=local,dest="+layout); err != nil {
		return err
	}
	return combined(ctx, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", ref)
}

// filePlatform is the one for Wasm of publishFile's images.
const filePlatform = "wasip2/wasm"

// publishFile publishes an image with a component as a file, for Wasm and for
// this host: Kubernetes unpacks only images for the latter.
func publishFile(ctx context.Context, dir, wasm, ref string) error {
	work, err := buildContext(dir, wasm, "FROM scratch\nCOPY guest.wasm /guest\nENTRYPOINT [\"/guest\"]\n")
	if err != nil {
		return err
	}
	return build(ctx, work, "--platform", filePlatform+",linux/"+runtime.GOARCH, "--provenance=false", "--push", "-t", ref)
}

// buildContext makes a directory to build a guest in.
func buildContext(dir, wasm, text string) (work string, err error) {
	if work, err = os.MkdirTemp(dir, "build-"); err != nil {
		return "", err
	}
	content, err := os.ReadFile(wasm)
	if err != nil {
		return "", err
	}
	return work, errors.Join(
		os.WriteFile(filepath.Join(work, "guest.wasm"), content, 0o644),
		os.WriteFile(filepath.Join(work, "Wasmfile"), []byte(text), 0o644),
	)
}

func build(ctx context.Context, work string, flags ...string) error {
	args := []string{
		"docker", "buildx", "build", "--progress", "quiet", "-f", filepath.Join(work, "Wasmfile"),
		"--build-arg", "BUILDKIT_SYNTAX=" + os.Getenv("WASMFILE_FRONTEND"),
	}
	return combined(ctx, append(append(args, flags...), work)...)
}

// combined runs a command whose output matters only when it fails.
func combined(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
