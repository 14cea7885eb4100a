package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// cargoTool is a binary that cargo builds from crates.io. A version there never
// changes, and the Cargo.lock in it pins what it depends on.
type cargoTool struct{ crate, version string }

var cargoTools = []cargoTool{
	{"wkg", "0.16.1"},
}

// buildCargoTools builds the tools that are missing, or whose versions have
// changed.
func (s *Sandbox) buildCargoTools(ctx context.Context) error {
	for _, t := range cargoTools {
		stamp := s.stamp(t.crate)
		if built, err := os.ReadFile(stamp); err == nil && string(built) == t.version && exists(s.tool(t.crate)) {
			continue
		}
		err := s.timed("build "+t.crate+" with cargo", func() error { return s.buildCargoTool(ctx, t) })
		if err != nil {
			return err
		}
		if err := os.WriteFile(stamp, []byte(t.version), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sandbox) buildCargoTool(ctx context.Context, t cargoTool) error {
	dir, err := os.MkdirTemp(s.path("tools"), "cargo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Not optimized, which is most of the time of a build, for a short run.
	cmd := exec.CommandContext(ctx, "cargo", "install", "--quiet", "--locked", "--debug", "--version", "="+t.version,
		"--root", dir, "--target-dir", filepath.Join(dir, "target"), t.crate)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_PROFILE_DEV_DEBUG=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cargo install: %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(dir, "bin", t.crate), s.tool(t.crate))
}
