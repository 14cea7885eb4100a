package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// PrintStatus shows the daemons, tools and images. It returns an error when a
// daemon is down.
func (s *Sandbox) PrintStatus(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DAEMON\tSTATE\tPID\tENDPOINT\tLOG")
	down := 0
	for _, d := range s.daemons() {
		p, alive := s.running(d)
		state, pid := "down", "-"
		switch {
		case alive && d.ready(ctx) == nil:
			state, pid = "up", fmt.Sprint(p.pid)
		case alive:
			state, pid = "not answering", fmt.Sprint(p.pid)
		}
		if state != "up" {
			down++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.name, state, pid, d.endpoint, s.logFile(d))
	}
	fmt.Fprintln(table, "\nIMAGE\tDIGEST\t\t\t")
	for _, ref := range []string{s.image("busybox"), s.image("golang"), s.image("pause"), s.frontendImage()} {
		digest, err := s.command(ctx, "crane", "digest", ref)
		if err != nil {
			digest = "missing"
		}
		fmt.Fprintf(table, "%s\t%s\t\t\t\n", ref, digest)
	}
	missing := 0
	for _, t := range goTools {
		if !exists(s.tool(t.name)) {
			missing++
		}
	}
	fmt.Fprintf(table, "\ntools: %d of %d built, in %s\n", len(goTools)-missing, len(goTools), s.path("tools", "bin"))
	if err := table.Flush(); err != nil {
		return err
	}
	if down > 0 {
		return errors.New("not all daemons are up: run `make sandbox-up`")
	}
	return nil
}
