package sandbox

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
)

// dockerfiles are how the base images are made.
//
//go:embed images
var dockerfiles embed.FS

// baseImages are made from what the machine has, under the names and tags that
// they have in the public registry.
var baseImages = []struct{ name, repository, tag string }{
	{"busybox", "library/busybox", "1.35"},
	{"golang", "library/golang", "1.26"},
	{"pause", "library/pause", "wasmfile"},
	{"dockerfile", "docker/dockerfile", "1"},
}

// Image is the reference of a base image in the sandbox's registry.
func (s *Sandbox) Image(name string) string {
	for _, image := range baseImages {
		if image.name == name {
			return s.Registry() + "/" + image.repository + ":" + image.tag
		}
	}
	panic("no base image is named " + name)
}

// FrontendImage is the reference of the frontend that PushFrontend pushed.
func (s *Sandbox) FrontendImage() string { return s.Registry() + "/wasmfile/frontend:dev" }

// makeImages builds and pushes the images that the registry does not have, or
// that would be others now.
func (s *Sandbox) makeImages(ctx context.Context) error {
	goroot, err := goEnv("GOROOT")
	if err != nil {
		return err
	}
	for _, image := range baseImages {
		key, err := s.imageKey(image.name, goroot)
		if err != nil {
			return err
		}
		if err := s.ensureImage(ctx, image.name, s.Image(image.name), key, func() error { return s.makeImage(ctx, image.name, goroot) }); err != nil {
			return err
		}
	}
	return nil
}

// ensureImage has an image made unless the registry has it, made from what has that key.
func (s *Sandbox) ensureImage(ctx context.Context, name, ref, key string, build func() error) error {
	made := s.path("state", "image-"+name+".key")
	if have, err := os.ReadFile(made); err == nil && string(have) == key {
		if _, err := s.command(ctx, "crane", "digest", ref); err == nil {
			return nil
		}
	}
	if err := s.timed("make image "+ref, build); err != nil {
		return err
	}
	return os.WriteFile(made, []byte(key), 0o644)
}

// imageKey changes when what an image is made from does.
func (s *Sandbox) imageKey(name, goroot string) (string, error) {
	sum := sha256.New()
	dockerfile, err := dockerfiles.ReadFile("images/" + name + ".Dockerfile")
	if err != nil {
		return "", err
	}
	sum.Write(dockerfile)
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	for _, path := range []string{busybox, filepath.Join(goroot, "VERSION"), s.stamp(dockerfileFrontend)} {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (s *Sandbox) makeImage(ctx context.Context, name, goroot string) error {
	scratch, err := os.MkdirTemp(s.path("state"), "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	busybox := filepath.Join(scratch, "busybox")
	if err := makeBusyboxRoot(busybox); err != nil {
		return err
	}
	frontend := filepath.Join(scratch, "frontend")
	if err := os.Mkdir(frontend, 0o755); err != nil {
		return err
	}
	if err := os.Link(s.tool(dockerfileFrontend), filepath.Join(frontend, dockerfileFrontend)); err != nil {
		return err
	}
	return s.buildImage(ctx, scratch, name, map[string]string{"busybox": busybox, "go": goroot, "frontend": frontend},
		"--opt", "build-arg:SOURCE_DATE_EPOCH=0",
		"--output", "type=image,name="+s.Image(name)+",push=true,rewrite-timestamp=true,compression=gzip,compression-level=1,force-compression=true")
}

// buildImage builds images/NAME.Dockerfile, which it puts into the directory scratch,
// with directories as contexts, by their names, and further flags of buildctl.
func (s *Sandbox) buildImage(ctx context.Context, scratch, name string, contexts map[string]string, flags ...string) error {
	dockerfile, err := dockerfiles.ReadFile("images/" + name + ".Dockerfile")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(scratch, "Dockerfile"), dockerfile, 0o644); err != nil {
		return err
	}
	args := []string{"--addr", "unix://" + s.buildkitSocket(), "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "dockerfile=" + scratch}
	for name, dir := range contexts {
		args = append(args, "--opt", "context:"+name+"=local:"+name, "--local", name+"="+dir)
	}
	_, err = s.command(ctx, "buildctl", append(args, flags...)...)
	return err
}

// PushFrontend pushes the frontend's image, an OCI layout, to the registry,
// unless it is there.
func (s *Sandbox) PushFrontend(ctx context.Context, layout string) error {
	pushed, err := s.command(ctx, "crane", "digest", s.FrontendImage())
	if err != nil || !layoutHolds(layout, pushed) {
		if _, err := s.command(ctx, "crane", "push", layout, s.FrontendImage()); err != nil {
			return err
		}
		if pushed, err = s.command(ctx, "crane", "digest", s.FrontendImage()); err != nil {
			return err
		}
	}
	s.say("the frontend is %s@%s", s.FrontendImage(), pushed)
	return nil
}

// pushBuiltFrontend pushes the frontend's image where `make image` left it, if
// it did: the registry of a new sandbox does not have it.
func (s *Sandbox) pushBuiltFrontend(ctx context.Context) error {
	layout := filepath.Join(s.repo, "bin", "frontend-image")
	if !exists(filepath.Join(layout, "index.json")) {
		return nil
	}
	return s.PushFrontend(ctx, layout)
}

// layoutHolds is whether the only image of an OCI layout has a digest.
func layoutHolds(layout, digest string) bool {
	content, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return false
	}
	var index struct {
		Manifests []struct{ Digest string }
	}
	return json.Unmarshal(content, &index) == nil && len(index.Manifests) == 1 && index.Manifests[0].Digest == digest
}
