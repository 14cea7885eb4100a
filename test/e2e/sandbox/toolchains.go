package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// debianSuite is the Debian that the image of the languages' toolchains has.
const debianSuite = "trixie"

// ToolchainsImage is the reference of the image that Toolchains makes.
func (s *Sandbox) ToolchainsImage() string {
	return s.Registry() + "/library/toolchains:" + debianSuite
}

// Toolchains makes an image that the Wasmfiles of languages can be built from, unless
// the registry has it. It needs Debian's archive and the servers of the languages.
func (s *Sandbox) Toolchains(ctx context.Context) error {
	dockerfile, err := dockerfiles.ReadFile("images/toolchains.Dockerfile")
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s %x", debianSuite, sha256.Sum256(dockerfile))
	return s.ensureImage(ctx, "toolchains", s.ToolchainsImage(), key, func() error { return s.makeToolchains(ctx) })
}

func (s *Sandbox) makeToolchains(ctx context.Context) error {
	if err := s.install(ctx, []debianPackage{{"debootstrap", "debootstrap"}}); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(s.path("state"), "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	debian := filepath.Join(scratch, "debian")
	if _, err := s.command(ctx, "debootstrap", "--variant=minbase", "--include=ca-certificates", debianSuite, debian); err != nil {
		return err
	}
	return s.buildImage(ctx, scratch, "toolchains", map[string]string{"debian": debian, "certificates": "/etc/ssl/certs"},
		"--output", "type=image,name="+s.ToolchainsImage()+",push=true,compression=gzip,compression-level=1")
}
