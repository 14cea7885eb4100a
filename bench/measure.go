package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// bench is one run of all comparisons.
type bench struct {
	ctx    context.Context
	repo   string // the checkout
	dir    string // for what is made on the way
	rounds int
}

// side is one of the two things that are compared. prepare, which may be nil,
// and clean are not timed.
type side struct {
	name    string
	prepare func() error
	command []string
	clean   [][]string
}

// result is what a comparison gives.
type result struct {
	what, ours, peer string
	// ratio is the median of the rounds' ratios; low and high are their
	// extremes.
	ratio, low, high float64
	// medianOurs and medianPeer are in the unit.
	medianOurs, medianPeer float64
	unit                   string
}

// compare runs both sides in turn, the first of them alternating, so that what
// else the machine does meets both.
func (b bench) compare(what string, ours, peer side) (result, error) {
	fmt.Fprintf(os.Stderr, "bench: %s: %s / %s\n", what, ours.name, peer.name)
	var times [2][]float64
	for round := range b.rounds + 1 {
		order := []int{0, 1}
		if round%2 == 1 {
			order = []int{1, 0}
		}
		for _, i := range order {
			took, err := b.time([]side{ours, peer}[i])
			if err != nil {
				return result{}, fmt.Errorf("%s: %w", what, err)
			}
			if round > 0 { // the first warms up
				times[i] = append(times[i], took.Seconds()*1000)
			}
		}
	}
	return summarize(what, ours.name, peer.name, "ms", times[0], times[1]), nil
}

func (b bench) time(s side) (time.Duration, error) {
	if s.prepare != nil {
		if err := s.prepare(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err := b.command(s.command)
	took := time.Since(start)
	for _, args := range s.clean {
		if e := b.command(args); err == nil {
			err = e
		}
	}
	return took, err
}

func (b bench) command(args []string) error {
	cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func summarize(what, ours, peer, unit string, a, b []float64) result {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return result{
		what: what, ours: ours, peer: peer, unit: unit,
		ratio: median(ratios), low: slices.Min(ratios), high: slices.Max(ratios),
		medianOurs: median(a), medianPeer: median(b),
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
