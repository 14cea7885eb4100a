package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
)

// PrintStatus shows the daemons, tools and images. It returns an error when a
// daemon is down.
func (s *Sandbox) PrintStatus(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DAEMON\tSTATE\tPID\tENDPOINT\tVERSION\tLOG")
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", d.name, state, pid, d.endpoint, s.version(ctx, d), s.logFile(d))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "\nIMAGE\tDIGEST")
	for _, ref := range []string{s.Image("busybox"), s.Image("golang"), s.Image("pause"), s.FrontendImage()} {
		digest, err := s.command(ctx, "crane", "digest", ref)
		if err != nil {
			digest = "missing"
		}
		fmt.Fprintf(table, "%s\t%s\n", ref, digest)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", s.toolStatus())
	if s.run != s.path("run") {
		fmt.Fprintf(out, "the path of %s is too long for sockets: they are reached by the link %s\n", s.root, s.run)
	}
	if down > 0 {
		return errors.New("not all daemons are up: run `make sandbox-up`")
	}
	return nil
}

// version is the version that a daemon's executable says it has.
func (s *Sandbox) version(ctx context.Context, d daemon) string {
	out, err := s.command(ctx, d.version[0], d.version[1:]...)
	if err != nil {
		return "-"
	}
	if version := versionNumber.FindString(out); version != "" {
		return version
	}
	return out
}

// versionNumber finds v2.4.2 in what the daemons say, but not the v2 of an
// import path.
var versionNumber = regexp.MustCompile(`\bv?\d+\.\d+\.\d+[-.\w]*`)

// toolStatus says which tools there are.
func (s *Sandbox) toolStatus() string {
	names := []string{"wasmtime"}
	for _, t := range goTools {
		names = append(names, t.name)
	}
	var built, missing []string
	for _, name := range names {
		if exists(s.tool(name)) {
			built = append(built, name)
		} else {
			missing = append(missing, name)
		}
	}
	text := fmt.Sprintf("TOOLS in %s: %s", s.path("tools", "bin"), strings.Join(built, " "))
	if len(missing) > 0 {
		text += "; missing: " + strings.Join(missing, " ")
	}
	return text
}
