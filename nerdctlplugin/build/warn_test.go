package build

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/progress/progressui"
)

func TestPrintWarnings(t *testing.T) {
	warnings := []client.VertexWarning{
		{Short: []byte("MixedWASI: a and b (line 2)"), URL: "https://example.com/mixed", SourceInfo: &pb.SourceInfo{Filename: "Wasmfile", Data: []byte("FROM scratch\nCOMPONENT b\n")}, Range: []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}}},
		{Short: []byte("without a place")},
	}
	const want = `
WARNING: MixedWASI: a and b (line 2)
https://example.com/mixed
Wasmfile:2
--------------------
   1 |     FROM scratch
   2 | >>> COMPONENT b
   3 |     
--------------------

WARNING: without a place
`
	for mode, want := range map[progressui.DisplayMode]string{
		progressui.PlainMode: want, progressui.AutoMode: want, progressui.QuietMode: "", progressui.RawJSONMode: "",
	} {
		var out strings.Builder
		printWarnings(&out, mode, warnings)
		if out.String() != want {
			t.Errorf("%s prints\n%s\nwant\n%s", mode, out.String(), want)
		}
	}
}
