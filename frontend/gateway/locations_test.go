package gateway

import (
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// TestDownloadsAreLocated: given a download that a step at a line uses, the
// download belongs to that line, and has its name.
func TestDownloadsAreLocated(t *testing.T) {
	const text = "FROM scratch\nCOMPONENT http://localhost/a.wasm b\n"
	b := newBuild(t, text)
	file := llb.HTTP("http://localhost/a.wasm", llb.WithCustomName("[1/1] ADD --unpack=false [http://localhost/a.wasm, /.wasmfile/0001/as/b/]"))
	location := b.source.SourceMap.Location(toPB(b.file.Components[0].Location))
	used := llb.Scratch().File(llb.Copy(file, "a.wasm", "/"), location)
	marshaled, err := used.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	definition := marshaled.ToPB()
	b.nameSteps(definition)
	var downloads int
	for _, encoded := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			t.Fatal(err)
		}
		own := digest.FromBytes(encoded).String()
		if op.GetSource() == nil {
			continue
		}
		downloads++
		if name := definition.Metadata[own].Description["llb.customname"]; name != "[1/1] COMPONENT http://localhost/a.wasm b" {
			t.Errorf("it is named %q", name)
		}
		found := definition.Source.Locations[own].GetLocations()
		if len(found) != 1 || found[0].Ranges[0].Start.Line != 2 {
			t.Errorf("it is at %v", found)
		}
	}
	if downloads != 1 {
		t.Errorf("%d downloads", downloads)
	}
	locateDownloads(&pb.Definition{Def: [][]byte{[]byte("not a step")}})
}
