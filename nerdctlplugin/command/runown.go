package command

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

// Runtime-spec annotations that the shim reads; see docs/shim.md.
const (
	annotationNetwork      = "io.github.wasmfile.network"
	annotationHTTPAddr     = "io.github.wasmfile.http.addr"
	annotationEngineConfig = "io.github.wasmfile.engine-config"
)

// ownFlags are the flags that `nerdctl run` does not have: what Wasm engines'
// users know, in terms of the container.
type ownFlags struct {
	dirs              []string
	engineConfig      string
	httpAddr          string
	allowNet, denyNet bool
}

func (w *ownFlags) bind(flags *pflag.FlagSet, o *containers.RunOptions) {
	flags.StringVar(&o.Invoke, "invoke", "", "export to call instead of the component's start, as FUNC or COMPONENT#FUNC")
	flags.StringArrayVar(&w.dirs, "dir", nil, "give the guest a directory of the host, as HOST::GUEST[:ro]")
	flags.BoolVar(&o.EnvHost, "env-host", false, "pass this process's environment on, as far as the artifact does not set the same variables")
	flags.StringVar(&w.engineConfig, "engine-config", "", "configuration of the engine that the administrator has under this NAME")
	flags.StringVar(&w.httpAddr, "http-addr", "", "address in the container to serve HTTP on, as [IP]:PORT")
	flags.BoolVar(&w.allowNet, "allow-net", false, "let the guest use sockets, names and outgoing HTTP")
	flags.BoolVar(&w.denyNet, "no-net", false, "give the guest no network, which is the default")
}

// complete turns the flags into mounts and annotations.
func (w *ownFlags) complete(flags *pflag.FlagSet, o *containers.RunOptions) error {
	for _, dir := range w.dirs {
		mount, err := dirMount(dir)
		if err != nil {
			return fmt.Errorf("--dir %s: %w", dir, err)
		}
		o.Create.Mount = append(o.Create.Mount, mount)
	}
	annotate := func(key, value string) { o.Create.Annotations = append(o.Create.Annotations, key+"="+value) }
	switch {
	case w.allowNet && w.denyNet:
		return errors.New("--allow-net and --no-net contradict each other")
	case w.allowNet:
		annotate(annotationNetwork, "allow")
	case w.denyNet:
		annotate(annotationNetwork, "deny")
	}
	if flags.Changed("http-addr") {
		addr, err := listenAddr(w.httpAddr)
		if err != nil {
			return fmt.Errorf("--http-addr %s: %w", w.httpAddr, err)
		}
		annotate(annotationHTTPAddr, addr)
	}
	if flags.Changed("engine-config") {
		annotate(annotationEngineConfig, w.engineConfig)
	}
	return nil
}

// dirMount is nerdctl's --mount for a directory as wasmtime's users write it.
func dirMount(dir string) (string, error) {
	host, guest, ok := strings.Cut(dir, "::")
	guest, readOnly := strings.CutSuffix(guest, ":ro")
	if !ok {
		host, readOnly = strings.CutSuffix(host, ":ro")
		guest = host
	}
	if !path.IsAbs(guest) {
		return "", fmt.Errorf("%q is not an absolute path in the guest: write it as HOST::GUEST, such as %s::/data", guest, host)
	}
	source, err := filepath.Abs(host)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no directory %s", source)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a directory: use -v for a file", source)
	}
	fields := []string{"type=bind", "source=" + source, "target=" + path.Clean(guest)}
	if readOnly {
		fields = append(fields, "readonly")
	}
	var line bytes.Buffer
	writer := csv.NewWriter(&line)
	if err := writer.Write(fields); err != nil {
		return "", err
	}
	writer.Flush()
	return strings.TrimSuffix(line.String(), "\n"), writer.Error()
}

// listenAddr lets the IP address be left out.
func listenAddr(addr string) (string, error) {
	if strings.HasPrefix(addr, ":") {
		addr = "0.0.0.0" + addr
	}
	parsed, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "", fmt.Errorf("%w: it has to be like :8080 or 127.0.0.1:8080", err)
	}
	return parsed.String(), nil
}
