package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/dnsutil"
	"github.com/containerd/nerdctl/v2/pkg/portutil"
	"github.com/containerd/nerdctl/v2/pkg/strutil"
	"github.com/spf13/pflag"
	cdiparser "tags.cncf.io/container-device-interface/pkg/parser"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

// options checks the parsed flags as `nerdctl run` does and completes the
// option structs.
func (r *runFlags) options(flags *pflag.FlagSet, g *globals) (containers.RunOptions, error) {
	o := r.bound
	c := &o.Create
	c.GOptions, c.InRun = g.options(), true
	for _, check := range []func(*pflag.FlagSet, *containers.RunOptions) error{
		judge, checkHealth, r.own.complete, checkStreams, r.completeUser, r.completeNetwork, r.completeDNS, r.completePorts,
	} {
		if err := check(flags, &o); err != nil {
			return o, err
		}
	}
	given := flags.Changed
	c.MemoryReservationChanged = given("memory-reservation")
	c.MemorySwappiness64Changed = given("memory-swappiness")
	c.KernelMemoryChanged = given("kernel-memory")
	c.OomScoreAdjChanged = given("oom-score-adj")
	c.EntrypointChanged = given("entrypoint")
	c.Systemd = "false"
	for _, device := range r.devices {
		if cdiparser.IsQualifiedName(device) {
			c.CDIDevices = append(c.CDIDevices, device)
		} else {
			c.Device = append(c.Device, device)
		}
	}
	program, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("find this executable, which the container's hooks run: %w", err)
	}
	c.NerdctlCmd, c.NerdctlArgs = program, g.arguments()
	return o, nil
}

func checkStreams(_ *pflag.FlagSet, o *containers.RunOptions) error {
	c := &o.Create
	for i, stream := range c.Attach {
		c.Attach[i] = strings.ToUpper(stream)
		if !slices.Contains([]string{"STDIN", "STDOUT", "STDERR"}, c.Attach[i]) {
			return fmt.Errorf("--attach %s: the streams are STDIN, STDOUT and STDERR", stream)
		}
	}
	switch {
	case c.Detach && c.Rm:
		return errors.New("-d and --rm cannot be used together, as in nerdctl")
	case c.Detach && len(c.Attach) > 0:
		return errors.New("-d and -a cannot be used together")
	case !slices.Contains([]string{containers.PullAlways, containers.PullMissing, containers.PullNever}, c.Pull):
		return fmt.Errorf("--pull %s: it has to be always, missing or never", c.Pull)
	}
	return nil
}

// checkHealth checks the flags of a health check, as far as that takes no artifact.
func checkHealth(flags *pflag.FlagSet, o *containers.RunOptions) error {
	c := &o.Create
	if c.NoHealthcheck {
		for _, name := range []string{"health-cmd", "health-interval", "health-timeout", "health-retries", "health-start-period"} {
			if flags.Changed(name) {
				return fmt.Errorf("--no-healthcheck and --%s cannot be used together", name)
			}
		}
	}
	if min(c.HealthInterval, c.HealthTimeout, c.HealthStartPeriod) < 0 || c.HealthRetries < 0 {
		return errors.New("the numbers of a health check cannot be negative")
	}
	return nil
}

func (r *runFlags) completeUser(_ *pflag.FlagSet, o *containers.RunOptions) error {
	switch r.userns {
	case "":
		o.Create.UserNS = o.Create.GOptions.UsernsRemap
	case "host":
	default:
		return fmt.Errorf("--userns %s: only \"host\" is known", r.userns)
	}
	if o.Create.Privileged && o.Create.UserNS != "" {
		return errors.New("--privileged and --userns-remap cannot be used together")
	}
	return nil
}

func (r *runFlags) completeNetwork(flags *pflag.FlagSet, o *containers.RunOptions) error {
	networks := r.networks
	switch {
	case flags.Changed("network") && flags.Changed("net"):
		networks = slices.Concat(r.networks, r.nets)
	case flags.Changed("net"):
		networks = r.nets
	}
	o.Network.NetworkSlice = strutil.DedupeStrSlice(networks)
	if mac := o.Network.MACAddress; mac != "" {
		if _, err := net.ParseMAC(mac); err != nil {
			return fmt.Errorf("--mac-address: %w", err)
		}
	}
	return nil
}

// completeDNS lets flags replace what nerdctl.toml says.
func (r *runFlags) completeDNS(flags *pflag.FlagSet, o *containers.RunOptions) error {
	global := o.Create.GOptions
	servers, search, options := global.DNS, global.DNSSearch, global.DNSOpts
	if flags.Changed("dns") {
		servers = r.dns
		for _, server := range servers {
			if _, err := dnsutil.ValidateIPAddress(server); err != nil {
				return fmt.Errorf("--dns: %w", err)
			}
		}
	}
	if flags.Changed("dns-search") {
		search = r.dnsSearch
	}
	if flags.Changed("dns-opt") || flags.Changed("dns-option") {
		options = slices.Concat(r.dnsOpts, r.dnsOptions)
	}
	o.Network.DNSServers = strutil.DedupeStrSlice(servers)
	o.Network.DNSSearchDomains = strutil.DedupeStrSlice(search)
	o.Network.DNSResolvConfOptions = strutil.DedupeStrSlice(options)
	return nil
}

func (r *runFlags) completePorts(_ *pflag.FlagSet, o *containers.RunOptions) error {
	for _, port := range strutil.DedupeStrSlice(r.publish) {
		mappings, err := portutil.ParseFlagP(port)
		if err != nil {
			return fmt.Errorf("--publish %s: %w", port, err)
		}
		o.Network.PortMappings = append(o.Network.PortMappings, mappings...)
	}
	return nil
}
