package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// removeCNIRules removes what the CNI plugins left in iptables for the
// containers on nerdctl's bridge, and the plugins' own chains when no one
// else's containers use them.
func (s *Sandbox) removeCNIRules(ctx context.Context) error {
	for _, table := range []string{"nat", "filter"} {
		saved, err := s.command(ctx, "iptables-save", "--table", table)
		if err != nil {
			return err
		}
		script := cniCleanup(saved, table, s.subnet(1)+".", s.nerdctlBridge())
		if script == "" {
			continue
		}
		restore := exec.CommandContext(ctx, "iptables-restore", "--wait", "10", "--noflush")
		restore.Env = s.environ()
		restore.Stdin = strings.NewReader(script)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("iptables-restore: %w\n%s\n%s", err, out, script)
		}
	}
	return nil
}

// savedRule is a line of iptables-save.
type savedRule struct{ text, chain, target string }

func (r savedRule) mentions(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(r.text, w) })
}

// sharedCNIChain tells the chains that the plugins share between containers
// from those, named by a hash, that belong to one.
func sharedCNIChain(chain string) bool {
	for _, prefix := range []string{"CNI-ADMIN", "CNI-FORWARD", "CNI-ISOLATION-", "CNI-HOSTPORT-"} {
		if strings.HasPrefix(chain, prefix) {
			return true
		}
	}
	return false
}

func isCNIChain(chain string) bool { return strings.HasPrefix(chain, "CNI-") }

// cniCleanup turns what iptables-save says about a table into input for
// iptables-restore that removes the CNI rules that mention any of the words,
// and the chains of the containers that those belong to.
func cniCleanup(saved, table string, words ...string) string {
	chains, rules := parseSaved(saved)
	own := map[string]bool{}
	for _, r := range rules {
		if isCNIChain(r.chain) && !sharedCNIChain(r.chain) && r.mentions(words...) {
			own[r.chain] = true
		}
	}
	var kept []savedRule
	var script []string
	for _, r := range rules {
		switch {
		case own[r.chain]: // goes with its chain
		case own[r.target], (isCNIChain(r.chain) || isCNIChain(r.target)) && r.mentions(words...):
			script = append(script, "-D"+strings.TrimPrefix(r.text, "-A"))
		default:
			kept = append(kept, r)
		}
	}
	if !slices.ContainsFunc(kept, servesContainer) {
		for _, r := range kept {
			if isCNIChain(r.target) && !isCNIChain(r.chain) {
				script = append(script, "-D"+strings.TrimPrefix(r.text, "-A"))
			}
		}
		for _, chain := range chains {
			own[chain] = isCNIChain(chain)
		}
	}
	// All are emptied before the first is deleted: they may refer to each other.
	for _, verb := range []string{"-F ", "-X "} {
		for _, chain := range chains {
			if own[chain] {
				script = append(script, verb+chain)
			}
		}
	}
	if len(script) == 0 {
		return ""
	}
	return "*" + table + "\n" + strings.Join(script, "\n") + "\nCOMMIT\n"
}

// servesContainer is whether a rule in the CNI chains is somebody's: of a
// container or bridge, or an administrator's.
func servesContainer(r savedRule) bool {
	if !isCNIChain(r.chain) && !isCNIChain(r.target) {
		return false
	}
	private := isCNIChain(r.target) && !sharedCNIChain(r.target)
	return private || r.chain == "CNI-ADMIN" || r.mentions(" -s ", " -d ", " -i ", " -o ", "ports ")
}

func parseSaved(saved string) (chains []string, rules []savedRule) {
	for _, line := range strings.Split(saved, "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, ":"):
			chains = append(chains, fields[0][1:])
		case strings.HasPrefix(line, "-A ") && len(fields) > 1:
			r := savedRule{text: line, chain: fields[1]}
			if i := slices.Index(fields, "-j"); i >= 0 && i+1 < len(fields) {
				r.target = fields[i+1]
			}
			rules = append(rules, r)
		}
	}
	return chains, rules
}
