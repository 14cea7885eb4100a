package transfer

import (
	"fmt"
	"io"
	"os"
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
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
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

// progressBars draws nerdctl's bars, each time over the last.
func progressBars(out io.Writer, statuses func() []jobs.StatusInfo) func() {
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
