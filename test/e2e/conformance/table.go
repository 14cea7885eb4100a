package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Table is the results as Markdown: a line for each case, a column for each
// client.
func Table(results []Result) string {
	var names, clients []string
	guests := make(map[string][]string)
	cells := make(map[[2]string]string)
	for _, r := range results {
		if !slices.Contains(names, r.Case) {
			names = append(names, r.Case)
		}
		if !slices.Contains(clients, r.Client) {
			clients = append(clients, r.Client)
		}
		if !slices.Contains(guests[r.Case], r.Guest) {
			guests[r.Case] = append(guests[r.Case], r.Guest)
		}
		key := [2]string{r.Case, r.Client}
		switch {
		case r.Impossible:
			cells[key] = "—"
		case r.Err != nil:
			cells[key] = "**no**"
		case cells[key] == "":
			cells[key] = "yes"
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "| | guests | %s |\n|---|---|%s\n", strings.Join(clients, " | "), strings.Repeat("---|", len(clients)))
	for _, name := range names {
		row := []string{name, strings.Join(guests[name], ", ")}
		for _, client := range clients {
			row = append(row, cells[[2]string{name, client}])
		}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
	}
	return out.String()
}
