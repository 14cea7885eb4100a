package build

import (
	"fmt"
	"io"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/progress/progressui"
)

// printWarnings prints what a build warned of after its progress, each with its
// lines of the Wasmfile and the page that explains it. Displays for machines
// and the quiet one get nothing.
func printWarnings(w io.Writer, mode progressui.DisplayMode, warnings []client.VertexWarning) {
	if mode == progressui.QuietMode || mode == progressui.RawJSONMode {
		return
	}
	for _, warning := range warnings {
		fmt.Fprintf(w, "\nWARNING: %s\n", warning.Short)
		if warning.URL != "" {
			fmt.Fprintln(w, warning.URL)
		}
		if warning.SourceInfo != nil {
			_ = (&errdefs.Source{Info: warning.SourceInfo, Ranges: warning.Range}).Print(w) // as for errors
		}
	}
}
