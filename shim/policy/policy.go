// Package policy says what a container may have: what it asks for by
// annotations, within what the administrator of the host allows.
//
// The administrator's file is TOML:
//
//	[defaults]                  # what a container gets that does not say
//	engine-config = "standard"
//	http.timeout = "10s"
//
//	[limits]                    # the most that a container may ask for
//	network = "deny"
//	memory = "512MiB"
//
//	[engine-config.standard]    # what engine-config may name
//	wasm.gc = true
//
//	[compile]                   # limits of one compilation
//	memory = "4GiB"
//
//	[shim]                      # how many shims there are, and what makes containers
//	share = "namespace"
//	oci-runtime = "crun"
//
// Everything in it may be left out, and so may the file.
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/policy/adminfile"
	"github.com/wasmfile/wasmfile/shim/share"
)

// ErrFile is returned for an administrator's file that cannot be used: no
// container starts with less than what it says.
var ErrFile = errors.New("the administrator's configuration")

// Policy is what the administrator decided. The zero value allows everything
// that has no default of its own.
type Policy struct {
	// Compile are the limits of a compilation.
	Compile engine.CompileLimits
	// Runtime is the OCI runtime that makes containers of WebAssembly: a name
	// in PATH or an absolute path. Empty is containerd's default, runc.
	Runtime string

	defaults, limits values
	engines          map[string]engine.Options
}

// file is the form of the administrator's file.
type file struct {
	Defaults map[string]any            `toml:"defaults"`
	Limits   map[string]any            `toml:"limits"`
	Engines  map[string]engine.Options `toml:"engine-config"`
	Compile  struct {
		Memory  string `toml:"memory"`
		Time    string `toml:"time"`
		CPUTime string `toml:"cpu-time"`
	} `toml:"compile"`
	Shim struct {
		// Settings are obeyed when a shim is started, before there is a
		// container.
		share.Settings
		Runtime string `toml:"oci-runtime"`
	} `toml:"shim"`
}

// KeyRuntime is the key of Policy.Runtime in the section [shim].
const KeyRuntime = "oci-runtime"

// Load reads the administrator's file, where adminfile says it is. It returns
// an error that matches ErrFile for one that cannot be read or understood whole,
// or that others than root and the user of this process may write.
func Load() (*Policy, error) {
	path, content, err := adminfile.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	p, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrFile, path, err)
	}
	return p, nil
}

func parse(content []byte) (*Policy, error) {
	var f file
	decoder := toml.NewDecoder(bytes.NewReader(content)).DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, describe(err)
	}
	p := &Policy{Compile: engine.DefaultCompileLimits(), engines: f.Engines}
	var err error
	if p.defaults, err = readValues("defaults", f.Defaults); err != nil {
		return nil, err
	}
	if p.limits, err = readValues("limits", f.Limits); err != nil {
		return nil, err
	}
	for name, options := range f.Engines {
		if err := options.Check(); err != nil {
			return nil, fmt.Errorf("engine-config.%s: %w", name, err)
		}
	}
	if name, ok := p.defaults[settingEngine]; ok {
		if _, ok := p.engines[name]; !ok {
			return nil, fmt.Errorf("defaults.%s names %q, which no section [engine-config.%s] describes", settingEngine, name, name)
		}
	}
	if _, ok := p.limits[settingEngine]; ok {
		return nil, fmt.Errorf("limits.%s: what it may name is what the file describes", settingEngine)
	}
	if err := f.Shim.Check(); err != nil {
		return nil, fmt.Errorf("shim.%w", err)
	}
	if p.Runtime = f.Shim.Runtime; p.Runtime != "" && !filepath.IsAbs(p.Runtime) && p.Runtime != filepath.Base(p.Runtime) {
		return nil, fmt.Errorf("shim.%s is %q: use the name of a program in containerd's PATH, such as crun, or an absolute path", KeyRuntime, p.Runtime)
	}
	return p, p.readCompile(f.Compile.Memory, f.Compile.Time, f.Compile.CPUTime)
}

func (p *Policy) readCompile(memory, wall, cpu string) (err error) {
	if memory != "" {
		if p.Compile.Memory, err = readSize(memory); err != nil {
			return fmt.Errorf("compile.memory is %q: use a size such as 4GiB", memory)
		}
	}
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"time", wall, &p.Compile.Wall}, {"cpu-time", cpu, &p.Compile.CPU}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseDuration(d.text); err != nil || *d.into < time.Second {
			return fmt.Errorf("compile.%s is %q: use a duration of a second or more, such as 5m", d.name, d.text)
		}
	}
	return nil
}

// describe makes errors of the TOML library say what and where.
func describe(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		e := unknown.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("line %d: %s is not known", line, strings.Join(e.Key(), "."))
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}
