package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// images are the base images that are made from what the machine has, under
// the names and tags that they have in the public registry.
var images = map[string]struct{ tag, dockerfile string }{
	"busybox": {"1.35", busyboxDockerfile},
	"golang":  {"1.26", goDockerfile},
	"pause":   {"wasmfile", pauseDockerfile},
}

// image is an image's reference in the sandbox's registry.
func (s *Sandbox) image(name string) string {
	return fmt.Sprintf("%s/library/%s:%s", s.registry(), name, images[name].tag)
}

// frontendImage is where PushFrontend puts the frontend.
func (s *Sandbox) frontendImage() string { return s.registry() + "/wasmfile/frontend:dev" }

// makeImages builds and pushes the images that the registry does not have.
func (s *Sandbox) makeImages(ctx context.Context) error {
	for _, name := range []string{"busybox", "golang", "pause"} {
		if _, err := s.command(ctx, "crane", "digest", s.image(name)); err == nil {
			continue
		}
		err := s.timed("make image "+s.image(name), func() error { return s.makeImage(ctx, name) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Sandbox) makeImage(ctx context.Context, name string) error {
	busybox, err := s.busyboxRoot()
	if err != nil {
		return err
	}
	dockerfile := s.path("state", "image-"+name)
	if err := os.MkdirAll(dockerfile, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dockerfile, "Dockerfile"), []byte(images[name].dockerfile), 0o644); err != nil {
		return err
	}
	_, err = s.command(ctx, "buildctl", "--addr", "unix://"+s.buildkitSocket(), "build", "--progress", "plain",
		"--frontend", "dockerfile.v0", "--local", "dockerfile="+dockerfile,
		"--opt", "context:busybox=local:busybox", "--local", "busybox="+busybox,
		"--opt", "context:go=local:go", "--local", "go="+runtime.GOROOT(), //nolint:staticcheck // go run sets it
		"--opt", "build-arg:SOURCE_DATE_EPOCH=0",
		"--output", "type=image,name="+s.image(name)+",push=true,rewrite-timestamp=true,compression=gzip,compression-level=1,force-compression=true")
	return err
}

// busyboxRoot is a directory with a root file system of busybox: a shell and
// the usual commands.
func (s *Sandbox) busyboxRoot() (string, error) {
	root := s.path("state", "busybox")
	if exists(root) {
		return root, nil
	}
	source, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	partial := root + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	for _, dir := range []string{"bin", "etc", "root", "usr/bin", "usr/sbin", "sbin", "etc/ssl/certs", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(partial, dir), 0o755); err != nil {
			return "", err
		}
	}
	if err := firstError(os.MkdirAll(filepath.Join(partial, "tmp"), 0o755), os.Chmod(filepath.Join(partial, "tmp"), os.ModeSticky|0o777)); err != nil {
		return "", err
	}
	for from, to := range map[string]string{source: "bin/busybox", "/etc/ssl/certs/ca-certificates.crt": "etc/ssl/certs/ca-certificates.crt"} {
		content, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(partial, to), content, 0o755); err != nil {
			return "", err
		}
	}
	for name, content := range map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", "group": "root:x:0:\nnogroup:x:65534:\n"} {
		if err := os.WriteFile(filepath.Join(partial, "etc", name), []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	applets, err := exec.Command(source, "--list").Output()
	if err != nil {
		return "", err
	}
	for _, applet := range strings.Fields(string(applets)) {
		if err := os.Symlink("busybox", filepath.Join(partial, "bin", applet)); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return root, os.Rename(partial, root)
}

// PushFrontend pushes the frontend's image, an OCI layout, to the registry.
func (s *Sandbox) PushFrontend(ctx context.Context, layout string) error {
	if _, err := s.command(ctx, "crane", "push", layout, s.frontendImage()); err != nil {
		return err
	}
	digest, err := s.command(ctx, "crane", "digest", s.frontendImage())
	if err != nil {
		return err
	}
	s.say("the frontend is %s@%s", s.frontendImage(), digest)
	return nil
}
