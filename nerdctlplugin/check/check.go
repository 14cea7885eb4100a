// Package check finds out whether a machine has what Wasm containers need: which
// programs there are, of which version, and what to do about those that are
// missing. It looks where containerd looks, with the PATH of the daemon.
package check

import (
	"context"
	"slices"
	"strings"
)

// Status is the outcome of one check.
type Status string

const (
	// OK is for what is there.
	OK Status = "ok"
	// Warning is for what some containers need, and which is missing.
	Warning Status = "warning"
	// Missing is for what no Wasm container runs without.
	Missing Status = "missing"
)

// Result is the outcome of one check.
type Result struct {
	// Name is what was looked for.
	Name string `json:"name"`
	// Status says whether it is there.
	Status Status `json:"status"`
	// Version is empty when it has none, or did not say.
	Version string `json:"version,omitempty"`
	// Detail is where it is, or what is wrong.
	Detail string `json:"detail,omitempty"`
	// Fix is what to do when it is missing, usually a command line.
	Fix string `json:"fix,omitempty"`
}

// Report is the outcome of all checks.
type Report struct {
	// OK says that Wasm containers can run.
	OK bool `json:"ok"`
	// Rootless says that containerd is, or would be, an ordinary user's own.
	Rootless bool     `json:"rootless"`
	Results  []Result `json:"checks"`
}

// Options say what to look for.
type Options struct {
	// Daemon is the containerd that is there, nil when there is none.
	Daemon *Daemon
	// DaemonError is why there is none, Address where it was looked for.
	DaemonError error
	Address     string
	// Rootless is what is known of the user whose containerd it is, nil for
	// root's.
	Rootless *Rootless
	// CgroupManager is who makes the containers' cgroups, "none" for nobody.
	CgroupManager string
	// Snapshotter is the one that will be used.
	Snapshotter string
	// CNIPath is the directory of CNI plugins.
	CNIPath string
	// Nerdctl finds the real nerdctl; its error says how to get one.
	Nerdctl func() (string, error)
	// Builder finds the BuildKit daemon; its error says where it was looked for.
	Builder func(context.Context) (address, version string, err error)
}

// Daemon is what a running containerd says of itself.
type Daemon struct {
	// Version is as containerd says it.
	Version string
	// PID is the process, 0 when it is not known.
	PID int
	// Snapshotters are those that it loaded.
	Snapshotters []string
}

// Run makes all checks.
func Run(ctx context.Context, o Options) Report {
	env := environmentOf(o.Daemon)
	report := Report{OK: true, Rootless: o.Rootless != nil}
	checks := []func(context.Context, Options, environment) Result{
		mode, containerd, snapshotter, shim, engine, engineFeatures, runc, cgroups, cni, nerdctl, buildkitd,
	}
	if o.Rootless != nil {
		checks = slices.Insert(checks, 1, rootlesskit, userNamespaces, newIDMap, subordinateIDs, tunDevice, slirp4netns)
	}
	for _, one := range checks {
		result := one(ctx, o, env)
		if result.Status == OK {
			result.Fix = ""
		}
		report.OK = report.OK && result.Status != Missing
		report.Results = append(report.Results, result)
	}
	return report
}

func containerd(_ context.Context, o Options, _ environment) Result {
	r := Result{Name: "containerd", Status: OK, Detail: o.Address, Fix: "apt-get install containerd && systemctl start containerd, or name its socket with --address"}
	if o.Rootless != nil {
		r.Fix = "as this user, containerd-rootless-setuptool.sh install, or without systemd containerd-rootless.sh in the background; both are in nerdctl's archive, https://github.com/containerd/nerdctl/releases"
	}
	if o.Daemon == nil {
		r.Status, r.Detail = Missing, o.DaemonError.Error()
		return r
	}
	r.Version = o.Daemon.Version
	return r
}

func snapshotter(_ context.Context, o Options, _ environment) Result {
	r := Result{Name: "snapshotter", Status: OK, Detail: o.Snapshotter, Fix: "use another one with --snapshotter, such as native"}
	if o.Daemon == nil {
		r.Status, r.Detail, r.Fix = Warning, "not known without containerd", ""
		return r
	}
	for _, name := range o.Daemon.Snapshotters {
		if name == o.Snapshotter {
			return r
		}
	}
	r.Status, r.Detail = Missing, "containerd has no "+o.Snapshotter+", only "+strings.Join(o.Daemon.Snapshotters, ", ")
	return r
}
