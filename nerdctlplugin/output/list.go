package output

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/containerd/nerdctl/v2/pkg/formatter"

	"github.com/wasmfile/wasmfile/pkg/printable"
)

// Listing is how a command lists things, with nerdctl's -q and --format.
type Listing struct {
	// Out is where the list is written.
	Out io.Writer
	// Quiet prints the ID of each entry only.
	Quiet bool
	// Format is a Go template for each entry, "json", or "" or "table" for the
	// columns.
	Format string
	// Columns are the heads of the columns.
	Columns []string
}

// Entry is one thing in a listing.
type Entry struct {
	// ID is all that is shown of it with -q.
	ID string
	// Value is what a template applies to.
	Value any
	// Fields are what is shown of it in the columns.
	Fields []string
}

// Write writes the entries in their order. Fields are written so that a terminal can show
// them, whatever is in them.
func (l Listing) Write(entries []Entry) error {
	switch {
	case l.Quiet && l.Format != "":
		return errors.New("--format and -q cannot be used together")
	case l.Quiet:
		for _, e := range entries {
			if _, err := fmt.Fprintln(l.Out, e.ID); err != nil {
				return err
			}
		}
		return nil
	case l.Format != "" && l.Format != "table":
		values := make([]any, 0, len(entries))
		for _, e := range entries {
			values = append(values, e.Value)
		}
		return formatter.FormatSlice(l.Format, l.Out, values)
	}
	table := tabwriter.NewWriter(l.Out, 4, 8, 4, ' ', 0)
	fmt.Fprintln(table, strings.Join(l.Columns, "\t"))
	for _, e := range entries {
		for i, field := range e.Fields {
			e.Fields[i] = printable.Line(field)
		}
		fmt.Fprintln(table, strings.Join(e.Fields, "\t"))
	}
	return table.Flush()
}
