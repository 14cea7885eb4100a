package transfer

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/containerd/nerdctl/v2/pkg/imgutil/jobs"
	"github.com/docker/go-units"
	"golang.org/x/term"
)

// refreshInterval is how often progress is shown.
const refreshInterval = 100 * time.Millisecond

// showProgress shows the state of transfers until the function that it returns
// is called: bars on a terminal, and elsewhere a line for each that has ended.
func showProgress(out io.Writer, quiet bool, statuses func() []jobs.StatusInfo) (stop func()) {
	if quiet {
		return func() {}
	}
	show := plainProgress(out, statuses)
	if canDraw(out) {
		show = progressBars(out, statuses)
	}
	stopped := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		ticker := time.NewTicker(refreshInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				show()
			case <-stopped:
				show() // once more, with the last state
				return
			}
		}
	})
	return func() {
		close(stopped)
		shown.Wait()
	}
}

// canDraw reports whether bars can be drawn over the last ones: the writer of bars takes
// the width of the terminal from standard input.
func canDraw(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("TERM") != "dumb"
}

// colorless writes without colors, which are all that is set by "m".
type colorless struct{ out io.Writer }

var color = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func (c colorless) Write(p []byte) (int, error) {
	_, err := c.out.Write(color.ReplaceAll(p, nil))
	return len(p), err
}

// progressBars draws nerdctl's bars, each time over the last.
func progressBars(out io.Writer, statuses func() []jobs.StatusInfo) func() {
	if os.Getenv("NO_COLOR") != "" {
		out = colorless{out}
	}
	writer, start := progress.NewWriter(out), time.Now()
	return func() {
		table := tabwriter.NewWriter(writer, 1, 8, 1, ' ', 0)
		jobs.Display(table, statuses(), start)
		_ = table.Flush() // nobody misses progress that cannot be shown
		_ = writer.Flush()
	}
}

// plainProgress writes a line when a transfer has ended.
func plainProgress(out io.Writer, statuses func() []jobs.StatusInfo) func() {
	ended := make(map[string]bool)
	return func() {
		for _, s := range statuses() {
			if ended[s.Ref] || s.Status != jobs.StatusDone && s.Status != jobs.StatusExists {
				continue
			}
			ended[s.Ref] = true
			size := ""
			if s.Total > 0 {
				size = " (" + units.BytesSize(float64(s.Total)) + ")"
			}
			fmt.Fprintf(out, "%s: %s%s\n", s.Ref, s.Status, size)
		}
	}
}
