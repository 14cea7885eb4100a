package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrOption is returned for an option that an administrator may not set.
var ErrOption = errors.New("not an engine option")

// Options are options of wasmtime under the names and in the sections of its
// own configuration file. The zero value is wasmtime's defaults.
type Options struct {
	Optimize map[string]any `toml:"optimize"`
	Codegen  map[string]any `toml:"codegen"`
	Wasm     map[string]any `toml:"wasm"`
	WASI     map[string]any `toml:"wasi"`
}

// Options of these names are not switches but what the limits of a container
// are compared with.
const (
	optionMemory  = "max-memory-size"
	optionTimeout = "timeout"
)

// section is a part of Options with the flag that its options are given by.
type section struct {
	name, flag string
	known      map[string]option
	values     map[string]any
}

func (o Options) sections() []section {
	return []section{
		{"optimize", "-O", optimizeOptions, o.Optimize},
		{"codegen", "-C", codegenOptions, o.Codegen},
		{"wasm", "-W", wasmOptions, o.Wasm},
		{"wasi", "-S", wasiOptions, o.WASI},
	}
}

// Check returns an error that matches ErrOption for the first option that is
// not known, or is the shim's to decide, or has a value that it cannot have.
func (o Options) Check() error {
	for _, s := range o.sections() {
		for _, name := range slices.Sorted(maps.Keys(s.values)) {
			if owner, ok := shimOptions[name]; ok {
				return fmt.Errorf("%w: %s.%s: it is set by %s", ErrOption, s.name, name, owner)
			}
			known, ok := s.known[name]
			if !ok {
				return fmt.Errorf("%w: %s.%s: known are %s", ErrOption, s.name, name, strings.Join(slices.Sorted(maps.Keys(s.known)), ", "))
			}
			if _, err := known.write(s.flag, name, s.values[name]); err != nil {
				return fmt.Errorf("%w: %s.%s: %w", ErrOption, s.name, name, err)
			}
		}
	}
	return nil
}

// Flags are the options as arguments for running code, in an order that
// depends on nothing but them. o has passed Check.
func (o Options) Flags() []string {
	return o.flags(func(known option, name string, value any) (string, any) { return name, value })
}

// CodeFlags are those that decide which code the engine makes and takes, as
// arguments for compiling. Values that code does not depend on are left out,
// so that containers which differ in nothing else share their code.
func (o Options) CodeFlags() []string {
	return o.flags(func(known option, name string, value any) (string, any) {
		if known.code == nil {
			return "", nil
		}
		return known.code(name, value)
	})
}

func (o Options) flags(choose func(known option, name string, value any) (string, any)) []string {
	var flags []string
	for _, s := range o.sections() {
		for _, name := range slices.Sorted(maps.Keys(s.values)) {
			chosen, value := choose(s.known[name], name, s.values[name])
			if chosen == "" {
				continue
			}
			written, err := s.known[chosen].write(s.flag, chosen, value)
			if err == nil { // Check has seen it
				flags = append(flags, written...)
			}
		}
	}
	return flags
}

// MaxMemory is the most bytes that a linear memory may have, 0 when that is
// not limited.
func (o Options) MaxMemory() uint64 {
	n, _ := o.Wasm[optionMemory].(int64)
	return uint64(max(n, 0))
}

// Timeout is how long the guest may run, 0 when that is not limited.
func (o Options) Timeout() time.Duration {
	text, _ := o.Wasm[optionTimeout].(string)
	d, _ := time.ParseDuration(text)
	return d
}

// WithLimits returns the options with a limit of memory, in bytes, and one of
// time in place of theirs; 0 is none.
func (o Options) WithLimits(memory uint64, timeout time.Duration) Options {
	o.Wasm = maps.Clone(o.Wasm)
	if o.Wasm == nil {
		o.Wasm = make(map[string]any)
	}
	delete(o.Wasm, optionMemory)
	delete(o.Wasm, optionTimeout)
	if memory > 0 {
		o.Wasm[optionMemory] = int64(memory)
	}
	if timeout > 0 {
		o.Wasm[optionTimeout] = timeout.String()
	}
	return o
}
