package engine_test

import (
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/shim/engine"
)

// Containers share code exactly when nothing that it depends on differs.
func TestCodeFlags(t *testing.T) {
	cases := []struct {
		wasm        map[string]any
		code, flags string
	}{
		{nil, "", ""},
		{map[string]any{"max-memory-size": int64(65536), "max-instances": int64(3)}, "", "-W max-instances=3 -W max-memory-size=65536"},
		{map[string]any{"fuel": int64(500)}, "-W fuel=1", "-W fuel=500"},
		{map[string]any{"timeout": "1.5s"}, "-W epoch-interruption=y", "-W timeout=1500ms"},
		{map[string]any{"gc": true, "threads": false}, "-W gc=y -W threads=n", "-W gc=y -W threads=n"},
	}
	for _, c := range cases {
		o := engine.Options{Wasm: c.wasm}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		if code, flags := strings.Join(o.CodeFlags(), " "), strings.Join(o.Flags(), " "); code != c.code || flags != c.flags {
			t.Errorf("%v gives %q and %q", c.wasm, code, flags)
		}
	}
	o := engine.Options{
		Optimize: map[string]any{"opt-level": "s", "pooling-allocator": true}, Codegen: map[string]any{"compiler": "winch"},
		WASI: map[string]any{"config": true, "config-var": map[string]any{"b": "2", "a": "x=y"}},
	}
	const want = "-O opt-level=s -O pooling-allocator=y -C compiler=winch -S config=y -S config-var=a=x=y -S config-var=b=2"
	if got := strings.Join(o.Flags(), " "); got != want {
		t.Errorf("the flags are %s", got)
	}
	if got := strings.Join(o.CodeFlags(), " "); got != "-O opt-level=s -C compiler=winch" {
		t.Errorf("the flags for code are %s", got)
	}
}
