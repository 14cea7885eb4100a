package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/user"
	"strconv"
	"text/tabwriter"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/errutil"
	"github.com/containerd/nerdctl/v2/pkg/infoutil"
	"github.com/containerd/nerdctl/v2/pkg/rootlessutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/dispatch"
	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
	"github.com/wasmfile/wasmfile/pkg/printable"
)

// PrintOptions are those of Print.
type PrintOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Builder is Options.Builder.
	Builder func(context.Context) (address, version string, err error)
	// JSON prints a Report.
	JSON bool
	// Stdout is where it is written.
	Stdout io.Writer
}

// Print prints what Wasm containers need of this machine and whether it
// is there. When something is missing that all of them need, the error is an
// errutil.ExitCodeError with 1.
func Print(ctx context.Context, o PrintOptions) error {
	options := Options{
		Address: o.Global.Address, Snapshotter: o.Global.Snapshotter, CNIPath: o.Global.CNIPath, CgroupManager: o.Global.CgroupManager,
		Nerdctl: dispatch.Nerdctl, Builder: o.Builder,
	}
	if rootless.Is() {
		options.Rootless = containerdUser()
	}
	if rootless.Outside() { // there is none to enter
		options.DaemonError = rootless.Running()
	} else {
		options.Daemon, options.DaemonError = findDaemon(ctx, o.Global)
	}
	report := Run(ctx, options)
	var err error
	if o.JSON {
		encoder := json.NewEncoder(o.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = writeReport(o.Stdout, report)
	}
	if err == nil && !report.OK {
		err = errutil.NewExitCoderErr(1)
	}
	return err
}

// containerdUser is whose the rootless containerd is.
func containerdUser() *Rootless {
	r := &Rootless{UID: rootlessutil.ParentEUID(), Inside: !rootless.Outside()}
	r.User = strconv.Itoa(r.UID)
	if found, err := user.LookupId(r.User); err == nil {
		r.User = found.Username
	}
	return r
}

func findDaemon(ctx context.Context, global types.GlobalCommandOptions) (*Daemon, error) {
	connected, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return nil, err
	}
	defer done()
	return askDaemon(ctx, connected)
}

// askDaemon asks containerd about itself.
func askDaemon(ctx context.Context, c *client.Client) (*Daemon, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask containerd for its version: %w", err)
	}
	snapshotters, err := infoutil.GetSnapshotterNames(ctx, c.IntrospectionService())
	if err != nil {
		return nil, fmt.Errorf("ask containerd for its snapshotters: %w", err)
	}
	found := &Daemon{Version: version.Version, Snapshotters: snapshotters}
	// Older ones do not say it.
	if server, err := c.IntrospectionService().Server(ctx); err == nil {
		found.PID = int(server.Pid)
	}
	return found, nil
}

func writeReport(out io.Writer, report Report) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range report.Results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Status, r.Name, r.Version, printable.Line(r.Detail))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range report.Results {
		if r.Fix != "" {
			fmt.Fprintf(out, "\n%s: %s\n", r.Name, r.Fix)
		}
	}
	return nil
}
