package command

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/log"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

// effect is what a flag of `nerdctl run` comes to for a Wasm container.
type effect string

const (
	works   effect = "works"
	ignored effect = "ignored"
	refused effect = "refused"
)

// verdict is an effect and, where the flag does not work, why.
type verdict struct {
	effect effect
	reason string
}

const (
	noProcesses    = "a Wasm guest starts no processes, so there is nothing for an init process to do"
	noCapabilities = "WASI has nothing that a Linux capability would allow, and the guest's process has none"
	noSharedMemory = "WASI has no shared memory"
)

// verdicts are about the flags of `nerdctl run` that do not work for a Wasm
// guest. All others do.
var verdicts = map[string]verdict{
	"cap-add":      {ignored, noCapabilities},
	"privileged":   {ignored, noCapabilities},
	"device":       {ignored, "WASI has no devices"},
	"ipc":          {ignored, noSharedMemory},
	"shm-size":     {ignored, noSharedMemory},
	"gpus":         {refused, "the guest would not see them: WASI has no GPUs"},
	"init":         {refused, noProcesses},
	"init-binary":  {refused, noProcesses},
	"systemd":      {refused, "systemd is not WebAssembly"},
	"rootfs":       {refused, "a Wasm container needs an artifact: use -v to give it a directory"},
	"ipfs-address": {refused, "artifacts come from registries and files, not from IPFS"},
}

// judge refuses flags that cannot be obeyed, and warns of those that change
// nothing. Other Wasm shims may know what to do with the latter, so there they
// are only passed on.
func judge(flags *pflag.FlagSet, o *containers.RunOptions) error {
	var err error
	flags.Visit(func(flag *pflag.Flag) {
		about, found := verdicts[flag.Name]
		value := flag.Value.String()
		if !found || value == "false" || value == flag.DefValue {
			return
		}
		switch {
		case about.effect == refused:
			err = cmp.Or(err, fmt.Errorf("--%s: %s", flag.Name, about.reason))
		case daemon.IsOwnRuntime(o.Create.Runtime):
			log.L.Warnf("--%s has no effect: %s", flag.Name, about.reason)
		}
	})
	return err
}

// document is the table of flags in docs/nerdctl-wasm-flags.md. own are the
// flags that nerdctl does not have.
func document(flags *pflag.FlagSet, own map[string]bool) string {
	var nerdctls, ours strings.Builder
	flags.VisitAll(func(flag *pflag.Flag) {
		name := "`--" + flag.Name + "`"
		if flag.Shorthand != "" {
			name += ", `-" + flag.Shorthand + "`"
		}
		if own[flag.Name] {
			fmt.Fprintf(&ours, "| %s | %s |\n", name, cell(flag.Usage))
			return
		}
		about, found := verdicts[flag.Name]
		if !found {
			about = verdict{works, flag.Usage}
		}
		fmt.Fprintf(&nerdctls, "| %s | %s | %s |\n", name, about.effect, cell(about.reason))
	})
	return fmt.Sprintf(flagsDocument, nerdctls.String(), ours.String())
}

// cell is a text for a cell of a Markdown table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(text) }

// flagsDocument is everything but the rows. Its rows are written, and compared
// with nerdctl's flags, by a test.
const flagsDocument = `# Flags of nerdctl wasm run

` + "`nerdctl wasm run` has every flag of `nerdctl run`, with the same letters and types;\n`nerdctl wasm create` has them too, but for `-a` and `-d`." + ` A flag that is ignored says
so in a warning, unless another runtime is asked for, which may know what to do with
it. This page is generated.

## nerdctl's

| flag | effect | |
|---|---|---|
%s
## Ours

| flag | |
|---|---|
%s`

// hideRefused keeps help short.
func hideRefused(flags *pflag.FlagSet) {
	for _, name := range slices.Sorted(maps.Keys(verdicts)) {
		if flag := flags.Lookup(name); flag != nil && verdicts[name].effect == refused {
			flag.Hidden = true
		}
	}
}
