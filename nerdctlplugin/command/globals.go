package command

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/config"
	"github.com/containerd/nerdctl/v2/pkg/defaults"
	"github.com/containerd/nerdctl/v2/pkg/fs"
	"github.com/containerd/nerdctl/v2/pkg/store"
	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
)

// globals are nerdctl's global options: defaults, overridden by nerdctl.toml,
// by environment variables, and by flags, as in nerdctl.
type globals struct {
	config *config.Config
}

// loadGlobals reads nerdctl.toml ($NERDCTL_TOML) and the environment.
func loadGlobals(getenv func(string) (string, bool)) (*globals, error) {
	g := &globals{config: config.New()}
	path, given := getenv("NERDCTL_TOML")
	if !given {
		path = defaults.NerdctlTOML()
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("open nerdctl's configuration: %w", err)
	default:
		defer file.Close()
		if err := toml.NewDecoder(file).DisallowUnknownFields().Decode(g.config); err != nil {
			return nil, fmt.Errorf("read nerdctl's configuration %s (not containerd's config.toml): %w", path, err)
		}
	}
	return g, g.fromEnvironment(getenv)
}

func (g *globals) fromEnvironment(getenv func(string) (string, bool)) error {
	for name, option := range map[string]*string{
		"CONTAINERD_ADDRESS":      &g.config.Address,
		"CONTAINERD_NAMESPACE":    &g.config.Namespace,
		"CONTAINERD_SNAPSHOTTER":  &g.config.Snapshotter,
		"CNI_PATH":                &g.config.CNIPath,
		"NETCONFPATH":             &g.config.CNINetConfPath,
		"NERDCTL_HOST_GATEWAY_IP": &g.config.HostGatewayIP,
		"NERDCTL_BRIDGE_IP":       &g.config.BridgeIP,
	} {
		if value, ok := getenv(name); ok {
			*option = value
		}
	}
	if value, ok := getenv("NERDCTL_EXPERIMENTAL"); ok {
		experimental, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("NERDCTL_EXPERIMENTAL=%q is neither true nor false", value)
		}
		g.config.Experimental = experimental
	}
	return nil
}

// GlobalFlags are nerdctl's global flags, for whoever has to tell where a
// command begins.
func GlobalFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("nerdctl", pflag.ContinueOnError)
	(&globals{config: config.New()}).bind(flags, flags)
	return flags
}

// bind declares the flags: persistent ones for all commands, and in local the
// short ones whose letters commands use for something else.
func (g *globals) bind(persistent, local *pflag.FlagSet) {
	c := g.config
	persistent.BoolVar(&c.Debug, "debug", c.Debug, "show debug messages")
	persistent.BoolVar(&c.DebugFull, "debug-full", c.DebugFull, "show debug messages, with full output")
	persistent.StringVar(&c.Address, "address", c.Address, "containerd's address, optionally with \"unix://\"")
	persistent.StringVar(&c.Address, "host", c.Address, "alias of --address")
	persistent.StringVar(&c.Namespace, "namespace", c.Namespace, "containerd namespace, such as \"moby\" for Docker, \"k8s.io\" for Kubernetes")
	persistent.StringVar(&c.Snapshotter, "snapshotter", c.Snapshotter, "containerd snapshotter")
	persistent.StringVar(&c.Snapshotter, "storage-driver", c.Snapshotter, "alias of --snapshotter")
	persistent.StringVar(&c.CNIPath, "cni-path", c.CNIPath, "directory of CNI plugins")
	persistent.StringVar(&c.CNINetConfPath, "cni-netconfpath", c.CNINetConfPath, "directory of CNI configuration")
	persistent.StringVar(&c.DataRoot, "data-root", c.DataRoot, "directory of nerdctl's persistent state")
	persistent.StringVar(&c.CgroupManager, "cgroup-manager", c.CgroupManager, "cgroup manager (cgroupfs|systemd|none)")
	persistent.BoolVar(&c.InsecureRegistry, "insecure-registry", c.InsecureRegistry, "do not verify HTTPS certificates, and allow plain HTTP")
	persistent.StringSliceVar(&c.HostsDir, "hosts-dir", c.HostsDir, "directory with <HOST:PORT>/hosts.toml, or Docker's <HOST:PORT>/{ca.cert,cert.pem,key.pem}")
	persistent.BoolVar(&c.Experimental, "experimental", c.Experimental, "allow nerdctl's experimental features")
	persistent.StringVar(&c.HostGatewayIP, "host-gateway-ip", c.HostGatewayIP, "address that \"host-gateway\" in --add-host stands for")
	persistent.StringVar(&c.BridgeIP, "bridge-ip", c.BridgeIP, "address of the default bridge network")
	persistent.BoolVar(&c.KubeHideDupe, "kube-hide-dupe", c.KubeHideDupe, "hide duplicate images in namespace k8s.io")
	persistent.BoolVar(&c.SelinuxEnabled, "selinux-enabled", c.SelinuxEnabled, "enable SELinux support")
	persistent.StringSliceVar(&c.CDISpecDirs, "cdi-spec-dirs", c.CDISpecDirs, "directories with CDI specifications")
	persistent.StringVar(&c.UsernsRemap, "userns-remap", c.UsernsRemap, "user whose subordinate IDs containers get")
	for name, list := range map[string]*[]string{"global-dns": &c.DNS, "global-dns-opts": &c.DNSOpts, "global-dns-search": &c.DNSSearch} {
		persistent.StringSliceVar(list, name, *list, "DNS setting of all containers")
		persistent.Lookup(name).Hidden = true
	}
	local.StringVarP(&c.Address, "a", "a", c.Address, "alias of --address")
	local.StringVarP(&c.Address, "H", "H", c.Address, "alias of --address")
	local.StringVarP(&c.Namespace, "n", "n", c.Namespace, "alias of --namespace")
}

// finish checks the options and prepares nerdctl's packages for them.
func (g *globals) finish() error {
	c := g.config
	if c.Debug || c.DebugFull {
		if err := log.SetLevel("debug"); err != nil {
			return err
		}
	}
	if strings.Contains(c.Address, "://") && !strings.HasPrefix(c.Address, "unix://") {
		return fmt.Errorf("address %q: containerd listens on a Unix socket: give its path or unix://PATH", c.Address)
	}
	switch c.CgroupManager {
	case "systemd", "cgroupfs", "none":
	default:
		return fmt.Errorf("cgroup manager %q: it has to be systemd, cgroupfs or none", c.CgroupManager)
	}
	if err := store.IsFilesystemSafe(c.Namespace); err != nil {
		return fmt.Errorf("namespace %q: %w", c.Namespace, advice.OneLine(err))
	}
	if err := fs.InitFS(c.DataRoot); err != nil {
		return fmt.Errorf("prepare nerdctl's data root %s: %w", c.DataRoot, err)
	}
	return nil
}

// options are what nerdctl's packages take.
func (g *globals) options() types.GlobalCommandOptions { return types.GlobalCommandOptions(*g.config) }

// arguments are a command line that gives a new process the same options,
// whatever its environment is: for the hooks that containers are created with.
func (g *globals) arguments() []string {
	c := g.config
	args := []string{
		"--address=" + c.Address,
		"--namespace=" + c.Namespace,
		"--data-root=" + c.DataRoot,
		"--cni-path=" + c.CNIPath,
		"--cni-netconfpath=" + c.CNINetConfPath,
		"--cgroup-manager=" + c.CgroupManager,
	}
	if c.BridgeIP != "" {
		args = append(args, "--bridge-ip="+c.BridgeIP)
	}
	if c.Debug || c.DebugFull {
		args = append(args, "--debug")
	}
	return args
}
