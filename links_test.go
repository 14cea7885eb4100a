package wasmfile_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	// unslugged are the characters that an anchor leaves out of its heading.
	unslugged = regexp.MustCompile(`[^\p{L}\p{N}\-_ ]`)
)

// pages are the pages of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) == 0 {
		t.Fatal("no pages")
	}
	return pages
}

// TestLinks: given a link in the documentation to a place in the repository,
// the file and the heading are there.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		text := readPage(t, page)
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, hasAnchor := strings.Cut(found[1], "#")
			if strings.Contains(found[1], "://") {
				continue
			}
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", page, found[1])
				continue
			}
			if hasAnchor && !anchors(readPage(t, path))[anchor] {
				t.Errorf("%s links to %s: there is no such heading", page, found[1])
			}
		}
	}
}

// readPage is a page without its blocks of code.
func readPage(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(content), "")
}

// anchors are the names that GitHub gives to the headings of a page.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		slug := unslugged.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}
