package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is what is known of one of wasmtime's options.
type option struct {
	// write makes arguments of a value, or says why it cannot be one.
	write func(flag, name string, value any) ([]string, error)
	// code is the option that compiled code depends on, nil when it depends
	// on none.
	code func(name string, value any) (string, any)
}

// itself is the code of an option on whose value code depends.
func itself(name string, value any) (string, any) { return name, value }

var (
	runSwitch  = option{write: writeBool}
	runNumber  = option{write: writeNumber}
	codeSwitch = option{write: writeBool, code: itself}
	codeNumber = option{write: writeNumber, code: itself}
	runTable   = option{write: writeTable}
)

func oneOf(words ...string) option {
	return option{code: itself, write: func(flag, name string, value any) ([]string, error) {
		word, ok := value.(string)
		if !ok || !slices.Contains(words, word) {
			return nil, fmt.Errorf("it must be one of the strings %s", strings.Join(words, ", "))
		}
		return []string{flag, name + "=" + word}, nil
	}}
}

func named(names string, o option) map[string]option {
	options := make(map[string]option)
	for name := range strings.FieldsSeq(names) {
		options[name] = o
	}
	return options
}

func merge(all ...map[string]option) map[string]option {
	merged := make(map[string]option)
	for _, options := range all {
		maps.Copy(merged, options)
	}
	return merged
}

// The options that an administrator may set. Left out are those that would
// give a guest what the shim has to give it, that write files, or that are for
// work on wasmtime itself.
var (
	optimizeOptions = merge(
		map[string]option{"opt-level": oneOf("0", "1", "2", "s"), "regalloc-algorithm": oneOf("backtracking", "single-pass")},
		named(`memory-reservation memory-guard-size gc-heap-reservation gc-heap-guard-size`, codeNumber),
		named(`memory-may-move guard-before-linear-memory signals-based-traps table-lazy-init`, codeSwitch),
		named(`memory-init-cow pooling-allocator`, runSwitch),
		named(`memory-reservation-for-growth gc-heap-reservation-for-growth pooling-decommit-batch-size
			pooling-memory-keep-resident pooling-table-keep-resident pooling-total-core-instances
			pooling-total-component-instances pooling-total-memories pooling-total-tables pooling-total-stacks
			pooling-max-memory-size pooling-table-elements pooling-max-unused-warm-slots`, runNumber),
	)
	codegenOptions = map[string]option{
		"compiler":           oneOf("cranelift", "winch"),
		"collector":          oneOf("drc", "null", "copying"),
		"inlining":           codeSwitch,
		"native-unwind-info": codeSwitch,
	}
	wasmOptions = merge(
		map[string]option{
			"fuel": {write: writeNumber, code: func(name string, _ any) (string, any) { return name, int64(1) }},
			optionTimeout: {write: writeDuration, code: func(string, any) (string, any) {
				return "epoch-interruption", true
			}},
		},
		named(`bulk-memory multi-memory multi-value reference-types simd relaxed-simd relaxed-simd-deterministic tail-call
			threads shared-memory memory64 component-model-async component-model-more-async-builtins
			component-model-async-stackful component-model-threading component-model-error-context component-model-gc
			component-model-map component-model-memory64 component-model-fixed-length-lists component-model-implements
			function-references stack-switching gc gc-support custom-page-sizes wide-arithmetic branch-hinting extended-const
			exceptions concurrency-support nan-canonicalization epoch-interruption`, codeSwitch),
		named(optionMemory+` max-wasm-stack async-stack-size max-table-elements max-instances max-tables max-memories`, runNumber),
		named(`trap-on-grow-failure async-stack-zeroing unknown-imports-trap`, runSwitch),
	)
	wasiOptions = merge(
		named(`config keyvalue tls network-error-code`, runSwitch),
		named(`max-resources hostcall-fuel max-component-handles max-random-size max-http-fields-size
			http-outgoing-body-buffer-chunks http-outgoing-body-chunk-size`, runNumber),
		map[string]option{"config-var": runTable, "keyvalue-in-memory-data": runTable},
	)
)

// shimOptions are options of wasmtime that the shim sets, each with what the
// shim reads instead.
var shimOptions = map[string]string{
	"inherit-network": "the annotation io.github.wasmfile.network", "allow-ip-name-lookup": "the annotation io.github.wasmfile.network",
	"tcp": "the annotation io.github.wasmfile.network", "udp": "the annotation io.github.wasmfile.network",
	"http": "the annotation io.github.wasmfile.network", "cwd": "the container's working directory",
	"inherit-env": "the container's environment", "cache": "the shim, which keeps code itself", "cache-config": "the shim, which keeps code itself",
}

func writeBool(flag, name string, value any) ([]string, error) {
	on, ok := value.(bool)
	if !ok {
		return nil, fmt.Errorf("it must be true or false")
	}
	if on {
		return []string{flag, name + "=y"}, nil
	}
	return []string{flag, name + "=n"}, nil
}

func writeNumber(flag, name string, value any) ([]string, error) {
	n, ok := value.(int64)
	if !ok || n < 0 {
		return nil, fmt.Errorf("it must be a number, 0 or more")
	}
	return []string{flag, name + "=" + strconv.FormatInt(n, 10)}, nil
}

// writeDuration writes milliseconds, which is what wasmtime reads and Go writes
// alike.
func writeDuration(flag, name string, value any) ([]string, error) {
	text, _ := value.(string)
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return nil, fmt.Errorf("it must be a duration of a millisecond or more as a string, such as \"10s\"")
	}
	return []string{flag, name + "=" + strconv.FormatInt(d.Milliseconds(), 10) + "ms"}, nil
}

// writeTable writes a flag for each variable of a table. wasmtime separates
// options by commas and knows no way around it.
func writeTable(flag, name string, value any) ([]string, error) {
	table, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it must be a table of strings")
	}
	var flags []string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		text, ok := table[key].(string)
		if !ok || key == "" || strings.ContainsAny(key, ",=\x00") || strings.ContainsAny(text, ",\x00") {
			return nil, fmt.Errorf("%q: it must be a string without comma, under a name without comma and =", key)
		}
		flags = append(flags, flag, name+"="+key+"="+text)
	}
	return flags, nil
}
