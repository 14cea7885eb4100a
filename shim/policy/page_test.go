package policy

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// section is what stands below a heading of docs/shim.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/shim.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/shim.md has no heading %q", heading)
	}
	below, _, _ = strings.Cut(below, "\n## ")
	return below
}

// TestDocumentedAnnotations: given the settings, docs/shim.md has a row for each, with
// the default that it has, and an example that is accepted.
func TestDocumentedAnnotations(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\| ([^|]*) \\|.*\\| (?:`([^`]*)` )?\\|$")
	var names []string
	for _, cells := range row.FindAllStringSubmatch(section(t, "Annotations"), -1) {
		name, usual, example := cells[1], cells[2], cells[3]
		if Prefix+name == annotationEgress {
			continue
		}
		names = append(names, name)
		if fallback := settings[name].fallback; fallback != "" && !strings.HasPrefix(usual, "`"+fallback+"`") {
			t.Errorf("%s: the default is %s, and docs/shim.md says %s", name, fallback, usual)
		}
		_, value, _ := strings.Cut(example, "=")
		if s, known := settings[name]; known {
			if _, err := s.read(value); err != nil || value == "" {
				t.Errorf("%s: the example %s: %v", name, example, err)
			}
		}
	}
	slices.Sort(names)
	if want := Names(); !slices.Equal(names, want) {
		t.Errorf("docs/shim.md has rows for %v; there are %v", names, want)
	}
}

// TestDocumentedFile: given the administrator's file of docs/shim.md, it is one, and it
// shows every section and every key of those that are not free.
func TestDocumentedFile(t *testing.T) {
	_, text, _ := strings.Cut(section(t, "The administrator's file"), "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	if _, err := parse([]byte(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, key := range keys(reflect.TypeFor[file]()) {
		if !regexp.MustCompile(`(?m)^(\[` + key + `[\].]|` + key + ` = )`).MatchString(text) {
			t.Errorf("the file of docs/shim.md does not show %s:\n%s", key, text)
		}
	}
}

// keys are the names of the fields in TOML, of structs in it too.
func keys(of reflect.Type) []string {
	var found []string
	for field := range of.Fields() {
		if tag := field.Tag.Get("toml"); tag != "" {
			found = append(found, tag)
		}
		if field.Type.Kind() == reflect.Struct {
			found = append(found, keys(field.Type)...)
		}
	}
	return found
}
