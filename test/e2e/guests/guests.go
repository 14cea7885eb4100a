// Package guests builds the WebAssembly programs that the end-to-end tests
// and the benchmarks run.
package guests

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

//go:embed probe *.wat *.wit tools.mjs guests.go
var sources embed.FS

const (
	probePackage = "github.com/wasmfile/wasmfile/test/e2e/guests/probe"

	// adapterFile makes a component of WASI 0.2 from a module of WASI 0.1.
	adapterFile = "@bytecodealliance/jco/lib/wasi_snapshot_preview1.command.wasm"
)

// written are the guests that are written by hand, as text beside this file.
var written = []string{"newest", "trap", "exit", "add", "wide", "pages", "sleep", "spin"}

// embedded are those of which the core module is written by hand, with the
// world of the same name.
var embedded = []string{"web", "config", "store", "net", "net3", "web3", "fetch3"}

// packages are what is needed from npm: wasm-tools compiled to WebAssembly,
// what it runs on, and the adapter. They are unpacked without their own
// dependencies, which are for other uses.
var packages = []struct{ name, version, sha256 string }{
	{"@bytecodealliance/jco-transpile", "0.15.0", "8386c1fe1919f57747626ac9622f7505efd560394ee0b43544907ff963fb6aff"},
	{"@bytecodealliance/preview2-shim", "0.26.1", "58e433a5febead468ecedd97756fe49d845589d29f3e02e23972baae270f8372"},
	{"@bytecodealliance/jco", "1.35.0", "893e80e993a2cb3735e195a0c2dc3ab7d683877a813bb024a27499ee86e12b13"},
}

var (
	building sync.Mutex
	built    = make(map[string]map[string]string) // by cache directory
)

// Build makes the guests, unless they are in the cache directory already, and
// returns their paths by name:
//
//   - probe.module: a core module that does what its arguments say
//   - probe.component: the same as a component of WASI 0.2
//   - newest: a component of WASI 0.3 that ends with success
//   - trap: a component of WASI 0.2 that traps at once
//   - exit: a component of WASI 0.2 that ends with exit code 7, by
//     exit-with-code, which an engine must be told to offer. A component made
//     by an adapter, as the probe is, can only end with 0 or 1.
//   - add: a component that exports the function add and is no command
//   - wide: a core module that needs wide arithmetic, and exports add
//   - pages: a core module that needs memory pages of one byte
//   - sleep, spin: core modules that sleep for as many seconds as the last argument
//     says, or never end. They are compiled in a moment, where the probe takes seconds.
//   - config, store: components of WASI 0.2 that succeed if there is something
//     in wasi:config, wasi:keyvalue
//   - net, net3: commands of WASI 0.2 and 0.3 that use the network
//   - fetch3: a command of WASI 0.3 that makes an HTTP request
//   - web: an HTTP component of WASI 0.2 that does what the path says
//   - web3: an HTTP component of WASI 0.3 that answers without content
func Build(ctx context.Context, cache string) (map[string]string, error) {
	building.Lock()
	defer building.Unlock()
	if paths, ok := built[cache]; ok {
		return paths, nil
	}
	key, err := sourceKey()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, key)
	paths := map[string]string{
		"probe.module":    filepath.Join(dir, "probe.module.wasm"),
		"probe.component": filepath.Join(dir, "probe.component.wasm"),
	}
	for _, name := range slices.Concat(written, embedded) {
		paths[name] = filepath.Join(dir, name+".wasm")
	}
	if _, err := os.Stat(dir); err != nil {
		if err := buildAll(ctx, cache, dir); err != nil {
			return nil, fmt.Errorf("build the guests: %w", err)
		}
	}
	built[cache] = paths
	return paths, nil
}

// CacheDir is where the guests are cached: guests below $SANDBOX_DIR, or below
// .sandbox at the root of the repository when the working directory is in it.
func CacheDir() string {
	if dir := os.Getenv("SANDBOX_DIR"); dir != "" {
		return filepath.Join(dir, "guests")
	}
	root, _ := filepath.Abs(".")
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "examples")); err == nil {
			return filepath.Join(dir, ".sandbox", "guests")
		}
		if dir == filepath.Dir(dir) {
			return filepath.Join(root, ".sandbox", "guests")
		}
	}
}

func sourceKey() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := sources.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n", path, len(content))
		sum.Write(content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

// buildAll builds in a directory beside and renames it when it is complete.
func buildAll(ctx context.Context, cache, dir string) error {
	tools, err := Tools(ctx, cache)
	if err != nil {
		return err
	}
	partial, err := os.MkdirTemp(cache, ".partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	if err := os.CopyFS(partial, sources); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(partial, name) }
	compile := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", at("probe.module.wasm"), probePackage)
	compile.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("compile probe: %w\n%s", err, out)
	}
	if err := tools.run(ctx, "adapt", at("probe.module.wasm"), tools.adapter, at("probe.component.wasm")); err != nil {
		return err
	}
	for _, name := range written {
		if err := tools.Parse(ctx, at(name+".wat"), at(name+".wasm")); err != nil {
			return err
		}
	}
	for _, name := range embedded {
		if err := tools.Component(ctx, at(name+".wat"), at(name+".wit"), name, at(name+".wasm")); err != nil {
			return err
		}
	}
	return os.Rename(partial, dir)
}

// Toolchain makes components.
type Toolchain struct {
	script, adapter string
}

// Tools installs the pinned WebAssembly tools from npm into the cache
// directory, unless they are there.
func Tools(ctx context.Context, cache string) (*Toolchain, error) {
	sum := sha256.Sum256(fmt.Append(nil, packages))
	dir := filepath.Join(cache, "tools-"+hex.EncodeToString(sum[:8]))
	t := &Toolchain{
		script:  filepath.Join(dir, "tools.mjs"),
		adapter: filepath.Join(dir, "node_modules", filepath.FromSlash(adapterFile)),
	}
	if _, err := os.Stat(dir); err != nil {
		if err := install(ctx, cache, dir); err != nil {
			return nil, fmt.Errorf("install the WebAssembly tools: %w", err)
		}
	}
	script, err := sources.ReadFile("tools.mjs")
	if err != nil {
		return nil, err
	}
	return t, os.WriteFile(t.script, script, 0o644)
}

func install(ctx context.Context, cache, dir string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(cache, ".partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	for _, p := range packages {
		tarball := filepath.Join(partial, path.Base(p.name)+".tgz")
		if err := download(ctx, p.name+"@"+p.version, p.sha256, tarball); err != nil {
			return err
		}
		target := filepath.Join(partial, "node_modules", filepath.FromSlash(p.name))
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, "tar", "-xzf", tarball, "-C", target, "--strip-components=1").CombinedOutput(); err != nil {
			return fmt.Errorf("tar: %w\n%s", err, out)
		}
		if err := os.Remove(tarball); err != nil {
			return err
		}
	}
	return os.Rename(partial, dir)
}

// download gets a package's tarball, whatever registry npm is told to use.
func download(ctx context.Context, spec, sum, file string) error {
	dir, err := os.MkdirTemp(filepath.Dir(file), "pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "npm", "pack", spec, "--loglevel=error", "--pack-destination", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack %s: %w\n%s", spec, err, out)
	}
	tarballs, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(tarballs) != 1 {
		return fmt.Errorf("npm pack %s left %v (%w)", spec, tarballs, err)
	}
	content, err := os.ReadFile(tarballs[0])
	if err != nil {
		return err
	}
	if actual := fmt.Sprintf("%x", sha256.Sum256(content)); actual != sum {
		return fmt.Errorf("%s has SHA-256 %s, not %s", spec, actual, sum)
	}
	return os.Rename(tarballs[0], file)
}

// Parse compiles WebAssembly text, of a module or a component.
func (t *Toolchain) Parse(ctx context.Context, wat, wasm string) error {
	return t.run(ctx, "parse", wat, wasm)
}

// Component makes a component from the text of a core module and the world
// that it implements.
func (t *Toolchain) Component(ctx context.Context, wat, wit, world, wasm string) error {
	return t.run(ctx, "component", wat, wit, world, wasm)
}

// Dummy makes a component of a world whose functions do nothing but trap.
func (t *Toolchain) Dummy(ctx context.Context, wit, world, wasm string) error {
	return t.run(ctx, "dummy", wit, world, wasm)
}

func (t *Toolchain) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "node", append([]string{t.script}, args...)...)
	cmd.Env = append(os.Environ(), "GUESTS_NODE_MODULES="+filepath.Dir(t.script))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
