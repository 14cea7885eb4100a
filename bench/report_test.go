package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// row is a line of the table in docs/performance.md: three sides, the ratio and
// Wasmfile's median.
var row = regexp.MustCompile(`(?m)^\| (.*) \| (.*) \| (.*) \| \*\*([\d.]+)\*\* \| .* \| ([\d.]+) (\S+) \| .* \|$`)

// TestSummary: given the table in docs/performance.md, the page begins with its summary.
func TestSummary(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var results []result
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		results = append(results, result{what: m[1], ours: m[2], peer: m[3], ratio: number(m[4]), medianOurs: number(m[5]), unit: m[6]})
	}
	want, err := summary(results)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(want, "not measured") {
		t.Errorf("the summary has a place for which there is no row:\n%s", want)
	}
	if !strings.HasPrefix(string(page), "# Performance\n\n"+want+"\n") {
		t.Errorf("docs/performance.md does not begin with the summary of its table:\n%s", want)
	}
}
