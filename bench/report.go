package main

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/template"
)

// reportHead is what comes before the table; its %s is the summary.
const reportHead = `# Performance

%s
The figures are written by ` + "`make bench`" + `. Each line of the table compares Wasmfile
with a peer that does the same job, both in one run on one machine, in turn. The ratio
is the median of the rounds' ratios, followed by the lowest and the highest. Below 1
Wasmfile is faster or smaller, except for requests and containers per second, where
above 1 is better. The absolute figures are medians and belong to the machine.

`

// reportSummary says in a line for each job how Wasmfile compares: a template, whose
// functions are those of summary.
//
//go:embed summary.md
var reportSummary string

// reportNotes say what the figures are made of.
//
//go:embed notes.md
var reportNotes string

// formatReport is docs/performance.md.
func formatReport(ctx context.Context, rounds int, results []result) (string, error) {
	summed, err := summary(results)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, reportHead, summed)
	out.WriteString("| what | Wasmfile | peer | ratio | lowest–highest | median, Wasmfile | median, peer |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&out, "| %s | **%.2f** | %.2f–%.2f | %s %s | %s %s |\n",
			r.sides(), r.ratio, r.low, r.high, figure(r.medianOurs), r.unit, figure(r.medianPeer), r.unit)
	}
	fmt.Fprintf(&out, "\n%d rounds after one to warm up; %d CPUs, %s/%s; %s.\n", rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, strings.Join(versions(ctx), ", "))
	out.WriteString("\n" + reportNotes)
	return out.String(), nil
}

// sides are the first columns of a line of the table.
func (r result) sides() string { return r.what + " | " + r.ours + " | " + r.peer }

// summary is reportSummary with the figures of results, which are selected by regular
// expressions for their sides.
func summary(results []result) (string, error) {
	text, err := template.New("summary").Funcs(template.FuncMap{
		// ratio is the range of the ratios.
		"ratio": func(sides string) string {
			low, high := math.Inf(1), 0.0
			for _, r := range selected(results, sides) {
				low, high = min(low, r.ratio), max(high, r.ratio)
			}
			from, to := fmt.Sprintf("%.2f", low), fmt.Sprintf("%.2f", high)
			switch {
			case high == 0:
				return "(not measured)"
			case from == to:
				return from
			}
			return from + "–" + to
		},
		// size is Wasmfile's, of the first.
		"size": func(sides string) string {
			for _, r := range selected(results, sides) {
				return figure(r.medianOurs) + " " + r.unit
			}
			return "(not measured)"
		},
	}).Parse(reportSummary)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = text.Execute(&out, nil)
	return out.String(), err
}

// selected are the results whose sides match.
func selected(results []result, sides string) []result {
	matches := regexp.MustCompile(sides)
	return slices.DeleteFunc(slices.Clone(results), func(r result) bool { return !matches.MatchString(r.sides()) })
}

// figure is a number with two digits or more.
func figure(v float64) string {
	if v < 20 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// versions are those of the parts that were measured.
func versions(ctx context.Context) []string {
	var versions []string
	for _, args := range [][]string{
		{"containerd", "--version"}, {"buildkitd", "--version"}, {"dockerd", "--version"}, {"runc", "--version"}, {"wasmtime", "--version"}, {"nerdctl", "--version"},
	} {
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		for _, word := range strings.Fields(line) {
			if strings.ContainsAny(word, "0123456789") && strings.Contains(word, ".") && !strings.Contains(word, "/") {
				versions = append(versions, args[0]+" "+strings.TrimSuffix(strings.TrimPrefix(word, "v"), ","))
				break
			}
		}
	}
	return versions
}
