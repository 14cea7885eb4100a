package output

import (
	"bytes"
	"testing"
)

// TestListing: given -q, --format or neither, entries are shown accordingly.
func TestListing(t *testing.T) {
	entries := []Entry{{ID: "1", Value: map[string]string{"Name": "a"}, Fields: []string{"1", "a\x1b"}}}
	for _, c := range []struct {
		listing Listing
		want    string
		fails   bool
	}{
		{Listing{Columns: []string{"ID", "NAME"}}, "ID    NAME\n1     \"a\\x1b\"\n", false},
		{Listing{Quiet: true}, "1\n", false},
		{Listing{Format: "{{.Name}}!"}, "a!\n", false},
		{Listing{Format: "json"}, "{\"Name\":\"a\"}\n", false},
		{Listing{Format: "json", Quiet: true}, "", true},
	} {
		var out bytes.Buffer
		c.listing.Out = &out
		if err := c.listing.Write(entries); (err != nil) != c.fails || out.String() != c.want {
			t.Errorf("%q, %v; it has to be %q", out.String(), err, c.want)
		}
	}
}
