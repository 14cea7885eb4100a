package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Bridges and subnets derive from the sandbox's id, so that two sandboxes and
// the host's own networks stay apart. dockerd is told not to touch iptables:
// its chains have fixed names, and starting it flushes those of the host's own
// dockerd. What it needs are three rules, which are made here instead;
// published ports go through its proxy.

func (s *Sandbox) dockerBridge() string  { return "wfd" + s.id }
func (s *Sandbox) nerdctlBridge() string { return "wfn" + s.id }

// subnet is the first three numbers of a /24 of this sandbox's, n being 0 for
// dockerd and 1 for nerdctl.
func (s *Sandbox) subnet(n int) string {
	var id [3]byte
	if _, err := fmt.Sscanf(s.id, "%02x%02x%02x", &id[0], &id[1], &id[2]); err != nil {
		panic(fmt.Sprintf("the sandbox's id %q is not hexadecimal", s.id))
	}
	return fmt.Sprintf("10.%d.%d", 128+int(id[0])%96, int(id[1])&^1+n)
}

// plainRegistry is an address of dockerd's bridge at which nothing listens, and
// with which the builders speak plain HTTP if something does. Containers of
// either builder reach it.
func (s *Sandbox) plainRegistry() string { return s.subnet(0) + ".1:5080" }

// rule is an iptables rule without the command that adds, checks or deletes it.
type rule struct {
	table, chain string
	match        []string
}

func (r rule) arguments(verb string) []string {
	return append([]string{"--wait", "10", "--table", r.table, verb, r.chain}, r.match...)
}

// rules let the containers of dockerd's bridge reach the network.
func (s *Sandbox) rules() []rule {
	bridge := s.dockerBridge()
	comment := []string{"-m", "comment", "--comment", "wasmfile sandbox " + s.id}
	return []rule{
		{"filter", "FORWARD", append([]string{"-i", bridge, "-j", "ACCEPT"}, comment...)},
		{"filter", "FORWARD", append([]string{"-o", bridge, "-j", "ACCEPT"}, comment...)},
		{"nat", "POSTROUTING", append([]string{"-s", s.subnet(0) + ".0/24", "!", "-o", bridge, "-j", "MASQUERADE"}, comment...)},
	}
}

// connect makes dockerd's bridge and its rules, where they are missing.
func (s *Sandbox) connect(ctx context.Context) error {
	bridge := s.dockerBridge()
	if !hasInterface(bridge) {
		for _, args := range [][]string{
			{"link", "add", "name", bridge, "type", "bridge"},
			{"addr", "add", s.subnet(0) + ".1/24", "dev", bridge},
			{"link", "set", bridge, "up"},
		} {
			if _, err := s.command(ctx, "ip", args...); err != nil {
				return err
			}
		}
	}
	for _, r := range s.rules() {
		if _, err := s.command(ctx, "iptables", r.arguments("--check")...); err == nil {
			continue
		}
		// First, before another's rules that drop what they do not know.
		if _, err := s.command(ctx, "iptables", r.arguments("--insert")...); err != nil {
			return err
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the containers reach the network: %w", err)
	}
	return nil
}

// disconnect removes the bridges and every rule that concerns them.
func (s *Sandbox) disconnect(ctx context.Context) error {
	var failed error
	for _, r := range s.rules() {
		if _, err := s.command(ctx, "iptables", r.arguments("--check")...); err != nil {
			continue
		}
		_, err := s.command(ctx, "iptables", r.arguments("--delete")...)
		failed = errors.Join(failed, err)
	}
	failed = errors.Join(failed, s.removeCNIRules(ctx))
	for _, bridge := range []string{s.dockerBridge(), s.nerdctlBridge()} {
		if !hasInterface(bridge) {
			continue
		}
		_, err := s.command(ctx, "ip", "link", "delete", bridge)
		failed = errors.Join(failed, err)
	}
	return failed
}

func hasInterface(name string) bool { return exists("/sys/class/net/" + name) }
