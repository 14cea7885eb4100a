package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// cargoTool is a binary that cargo builds: of a crate on crates.io, where a
// version never changes and the Cargo.lock in it pins what it depends on, or of
// one of ours in test/e2e/tools, which has a Cargo.lock too.
type cargoTool struct {
	crate   string // and the binary's name
	version string
	dir     string // below test/e2e/tools, of one of ours
	// measured says that its speed counts. Others are not optimized, which is
	// most of the time of a build, for a short run.
	measured bool
}

var cargoTools = []cargoTool{
	{crate: "wkg", version: "0.16.1"},
}

// runwasiShim takes long to build, and only the tests of other shims need it.
var runwasiShim = cargoTool{crate: "containerd-shim-runwasitest-v1", dir: "runwasi"}

// runwasiPeer takes longer, and only benchmarks need it.
var runwasiPeer = cargoTool{crate: "containerd-shim-runwasibench-v1", dir: "runwasi-wasmtime", measured: true}

// runwasiPackages are what building them needs, beside debianPackages.
var runwasiPackages = []debianPackage{
	{"protobuf-compiler", "protoc"},
}

// Runwasi builds the shim for the tests of runwasi's library, and starts
// nothing.
func (s *Sandbox) Runwasi(ctx context.Context) error { return s.buildOnRunwasi(ctx, runwasiShim) }

// RunwasiPeer builds a shim of runwasi's library with wasmtime, for benchmarks,
// and starts nothing.
func (s *Sandbox) RunwasiPeer(ctx context.Context) error { return s.buildOnRunwasi(ctx, runwasiPeer) }

func (s *Sandbox) buildOnRunwasi(ctx context.Context, t cargoTool) error {
	return s.stages(ctx, s.installPackages, func(ctx context.Context) error {
		return s.install(ctx, runwasiPackages)
	}, func(ctx context.Context) error {
		return s.ensureCargoTool(ctx, t)
	})
}

// buildCargoTools builds the tools that are missing, or whose versions have
// changed.
func (s *Sandbox) buildCargoTools(ctx context.Context) error {
	for _, t := range cargoTools {
		if err := s.ensureCargoTool(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sandbox) ensureCargoTool(ctx context.Context, t cargoTool) error {
	key, err := s.cargoKey(t)
	if err != nil {
		return err
	}
	stamp := s.stamp(t.crate)
	if built, err := os.ReadFile(stamp); err == nil && string(built) == key && exists(s.tool(t.crate)) {
		return nil
	}
	err = s.online(ctx, "build "+t.crate+" with cargo", func() error { return s.buildCargoTool(ctx, t) })
	if err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(key), 0o644)
}

// cargoKey changes when the tool has to be built again.
func (s *Sandbox) cargoKey(t cargoTool) (string, error) {
	if t.dir == "" {
		return t.version, nil
	}
	sum := sha256.New()
	for _, name := range []string{"Cargo.toml", "Cargo.lock", "src/main.rs"} {
		content, err := os.ReadFile(filepath.Join(s.cargoDir(t), name))
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (s *Sandbox) cargoDir(t cargoTool) string {
	return filepath.Join(s.repo, "test", "e2e", "tools", t.dir)
}

func (s *Sandbox) buildCargoTool(ctx context.Context, t cargoTool) error {
	dir, err := os.MkdirTemp(s.path("tools"), "cargo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source := []string{"--version", "=" + t.version, t.crate}
	if t.dir != "" {
		source = []string{"--path", s.cargoDir(t)}
	}
	args := append([]string{"install", "--quiet", "--locked", "--root", dir}, source...)
	if !t.measured {
		args = append(args, "--debug")
	}
	cmd := exec.CommandContext(ctx, "cargo", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_PROFILE_DEV_DEBUG=0")
	if os.Getenv("CARGO_TARGET_DIR") == "" { // where somebody keeps what was compiled
		cmd.Env = append(cmd.Env, "CARGO_TARGET_DIR="+filepath.Join(dir, "target"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cargo install: %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(dir, "bin", t.crate), s.tool(t.crate))
}
