package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// component and module are what is read of one.
func component(imports, exports string) *wasm.Info {
	return &wasm.Info{Kind: wasm.KindComponent, WASI: 2, Imports: strings.Fields(imports), Exports: strings.Fields(exports)}
}

func module(imports, exports string) *wasm.Info {
	info := &wasm.Info{Kind: wasm.KindModule, Imports: strings.Fields(imports), Exports: strings.Fields(exports)}
	if slices.Contains(info.Imports, "wasi_snapshot_preview1") {
		info.WASI = 1
	}
	return info
}

const (
	run2 = "wasi:cli/run@0.2.3"
	run3 = "wasi:cli/run@0.3.0"
)

// TestComponentRules: given an artifact's components, each with a COMPONENT of
// its own, what the rules say.
func TestComponentRules(t *testing.T) {
	type named struct {
		name string
		info *wasm.Info
	}
	cases := []struct {
		name       string
		process    string // an ENTRYPOINT or CMD
		components []named
		says       []string // in the order of lines
	}{
		{name: "a command", components: []named{{"a", component("wasi:cli/stdout@0.2.0 wasi:io/streams@0.2.6", run2)}}},
		{name: "a server", components: []named{{"a", component("wasi:http/types@0.2.0", "wasi:http/incoming-handler@0.2.0")}}},
		{name: "a module", components: []named{{"a", module("wasi_snapshot_preview1", "_start memory")}}},
		{name: "two commands, of which the process names one", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("", run2)}, {"b", component("", run2)}}},

		{name: "a module of data", components: []named{{"a", module("", "memory")}}, says: []string{"ComponentNotStartable"}},
		{name: "a library alone", components: []named{{"a.wasm", component("", "a:b/c@1.0.0")}}, says: []string{`ENTRYPOINT ["a#FUNCTION"]`}},
		{name: "a library of which a function is named", process: `ENTRYPOINT ["a#f"]`, components: []named{{"a.wasm", component("", "a:b/c@1.0.0")}}},
		{name: "one whose importer is there", process: `ENTRYPOINT ["b"]`, components: []named{{"a", component("", "a:b/c@1.0.0")}, {"b", component("a:b/c@1.0.0", run2)}}},
		{name: "one whose importer is itself", process: `ENTRYPOINT ["b"]`, components: []named{{"a", component("a:b/c@1.0.0", "a:b/c@1.0.0")}, {"b", component("", run2)}}, says: []string{"UnusedComponent", "UnprovidedImport"}},
		{name: "a process that names none", process: `CMD ["x"]`, components: []named{{"a", component("", "f")}, {"b", component("", run2)}}},

		{name: "the host's own", components: []named{{"a", component("wasi:http/outgoing-handler@0.2.1 wasi:sockets/tcp@0.2.0 wasi:random/random@0.2", run2)}}},
		{name: "interfaces of no host", components: []named{{"a", component("wasi:keyvalue/store@0.2.0-draft wasi:io/poll@0.3.0 log", run3)}}, says: []string{"imports wasi:keyvalue/store@0.2.0-draft, wasi:io/poll@0.3.0, log, which"}},
		{name: "a function that another exports", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("log", run2)}, {"b", component("", "log")}}},
		{name: "a module's imports, which no component provides", process: `ENTRYPOINT ["a"]`, components: []named{{"a", module("env wasi_snapshot_preview1", "_start")}, {"b", component("", "env "+run2)}}, says: []string{"imports env, which", "MixedWASI"}},
		{name: "many", components: []named{{"a", component("a b c d e f g", run2)}}, says: []string{"imports a, b, c, d, e and 2 more, which"}},

		{name: "a compatible version", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("a:b/c@1.2.0", run2)}, {"b", component("", "a:b/c@1.0.0")}}},
		{name: "one that is not", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("a:b/c@0.2.0", run2)}, {"b", component("", "a:b/c@0.3.0")}}, says: []string{"a imports a:b/c@0.2.0, but b exports a:b/c@0.3.0"}},
		{name: "one that is not, beside one that is", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("a:b/c@1.0.0", run2)}, {"b", component("", "a:b/c@2.0.0 "+run2)}, {"c", component("", "a:b/c@1.0.0")}}},
		{name: "another version of what the host provides", process: `ENTRYPOINT ["a"]`, components: []named{{"a", component("wasi:cli/stdin@0.2.0", run2)}, {"b", component("", "wasi:cli/stdin@0.1.0 "+run2)}}},

		{name: "both WASI in one component", components: []named{{"a", component("wasi:cli/stdin@0.2.0", run3)}}, says: []string{"WASI 0.2 and 0.3"}},
		{name: "a version that is not released is of its release", components: []named{{"a", component("", "wasi:cli/run@0.3.0-rc-2026-01-01")}}},
		{name: "three versions: each is said once", process: `ENTRYPOINT ["a"]`, components: []named{{"a", module("wasi_snapshot_preview1", "_start")}, {"b", component("", run2)}, {"c", component("", run3)}, {"d", component("", run2)}}, says: []string{"b is written for WASI 0.2 and a for WASI 0.1", "c is written for WASI 0.3 and a for WASI 0.1"}},

		{name: "debugging at the limit", components: []named{{"a", &wasm.Info{Kind: wasm.KindComponent, Exports: []string{run2}, DebugSize: maxDebugSize}}}},
		{name: "debugging beyond it", components: []named{{"a", &wasm.Info{Kind: wasm.KindComponent, Exports: []string{run2}, DebugSize: 5 << 20}}}, says: []string{"5.0 MiB of a"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "FROM scratch\n"
			var reports []assemble.ComponentReport
			for i, n := range c.components {
				text += "COMPONENT --name=" + n.name + " x\n"
				reports = append(reports, assemble.ComponentReport{Name: n.name, Ordinal: i + 1, Info: n.info})
			}
			read := func(*wasmfile.File) []assemble.ComponentReport { return reports }
			expect(t, check(t, []byte(text+c.process+"\n"), read, wasmfile.Artifact), c.says)
		})
	}
}

// TestLibrary: given a library in form cncf, which has no ENTRYPOINT to name a
// function in, no advice to do so.
func TestLibrary(t *testing.T) {
	read := func(*wasmfile.File) []assemble.ComponentReport {
		return []assemble.ComponentReport{{Name: "a", Ordinal: 1, Info: component("", "a:b/c@1.0.0")}}
	}
	expect(t, check(t, []byte("# form=cncf\nFROM scratch\nCOMPONENT a\n"), read, wasmfile.Artifact), nil)
}

// TestHostileComponents: given components with as many imports and exports as
// there may be, few findings, soon.
func TestHostileComponents(t *testing.T) {
	var imports, exports []string
	for i := range 50_000 {
		imports = append(imports, fmt.Sprintf("a:b/c@1.0.%d", i), fmt.Sprintf("a:b/c%d@3.0.0", i))
		exports = append(exports, fmt.Sprintf("a:b/c@2.0.%d", i), fmt.Sprintf("a:b/c%d@4.0.0", i))
	}
	text := "FROM scratch\nCOMPONENT a b.wasm\nENTRYPOINT [\"a\"]\n"
	got := check(t, []byte(text), func(*wasmfile.File) []assemble.ComponentReport {
		return []assemble.ComponentReport{
			{Name: "a", Ordinal: 1, Info: &wasm.Info{Kind: wasm.KindComponent, Imports: imports, Exports: []string{run2}}},
			{Name: "b", Ordinal: 1, Info: &wasm.Info{Kind: wasm.KindComponent, Exports: exports}},
			{Name: "beyond", Ordinal: 9, Info: component("", "")},
		}
	}, wasmfile.Artifact)
	if count := strings.Count(got, "WARNING: "); count > 2*maxListed || len(got) > 100_000 {
		t.Errorf("%d findings of %d bytes", count, len(got))
	}
}

// TestManyFindings: given more findings of a rule than a person reads, the first
// of them and how many more there are; those that a comment skips do not count.
func TestManyFindings(t *testing.T) {
	text := "FROM scratch\n# check=skip=ComponentNotStartable\nCOMPONENT skipped\n"
	reports := []assemble.ComponentReport{{Name: "skipped", Ordinal: 1, Info: module("", "memory")}}
	var says []string
	for i := range wasmfile.MaxEnumerated + 7 {
		name := fmt.Sprintf("c%d", i)
		text += "COMPONENT --name=" + name + " x\n"
		reports = append(reports, assemble.ComponentReport{Name: name, Ordinal: i + 2, Info: module("", "memory")})
		if i < wasmfile.MaxEnumerated {
			says = append(says, "nobody can start "+name+":")
		}
	}
	read := func(*wasmfile.File) []assemble.ComponentReport { return reports }
	last := fmt.Sprintf("7 more like this, the first of them here\nWasmfile:%d\n", 4+wasmfile.MaxEnumerated)
	expect(t, check(t, []byte(text), read, wasmfile.Artifact), append(says, last))
}
