package action

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/containerd/nerdctl/v2/pkg/formatter"

	"github.com/wasmfile/wasmfile/pkg/printable"
)

// listing is how a command lists things, with nerdctl's -q and --format.
type listing struct {
	out io.Writer
	// quiet prints the ID of each entry only.
	quiet bool
	// format is a Go template for each entry, "json", or "" or "table" for the
	// columns.
	format  string
	columns []string
}

// entry is one thing in a listing.
type entry struct {
	id     string
	value  any // what a template applies to
	fields []string
}

func (l listing) write(entries []entry) error {
	switch {
	case l.quiet && l.format != "":
		return errors.New("--format and -q cannot be used together")
	case l.quiet:
		for _, e := range entries {
			if _, err := fmt.Fprintln(l.out, e.id); err != nil {
				return err
			}
		}
		return nil
	case l.format != "" && l.format != "table":
		values := make([]any, 0, len(entries))
		for _, e := range entries {
			values = append(values, e.value)
		}
		return formatter.FormatSlice(l.format, l.out, values)
	}
	table := tabwriter.NewWriter(l.out, 4, 8, 4, ' ', 0)
	fmt.Fprintln(table, strings.Join(l.columns, "\t"))
	for _, e := range entries {
		for i, field := range e.fields {
			e.fields[i] = printable.Line(field)
		}
		fmt.Fprintln(table, strings.Join(e.fields, "\t"))
	}
	return table.Flush()
}
