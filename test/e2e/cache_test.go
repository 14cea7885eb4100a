package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestCacheMountsKeepTheirContent: given a cache mount, the next build finds
// what the last one left in it.
func TestCacheMountsKeepTheirContent(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nARG ROUND\n" +
			"RUN --mount=type=cache,id=" + unique("cache") + ",target=/cache --mount=type=bind,source=app.wasm,target=/bound.wasm \\\n" +
			"    echo built >> /cache/log && cp /cache/log /log && cp /bound.wasm /app.wasm\n" +
			"FROM scratch\nCOMPONENT --from=build /app.wasm\nCOPY --from=build /log /\n",
	})
	for round := 1; round <= 2; round++ {
		found := unpacked(t, build{dir: dir, flags: []string{"--build-arg", "ROUND=" + strconv.Itoa(round)}}.layout(t))
		if want := strings.Repeat("built\n", round); found.files["log"].text != want {
			t.Errorf("build %d sees %q, not %q", round, found.files["log"].text, want)
		}
	}
}

// TestCacheTravels: given a cache that one builder exported, another that has
// never built anything of it takes every step from it, the one that makes the
// artifact too.
func TestCacheTravels(t *testing.T) {
	for name, where := range map[string]struct{ to, from string }{
		"local":    {"type=local,mode=max,dest=", "type=local,src="},
		"registry": {"type=registry,mode=max,ref=", "type=registry,ref="},
		"smallest": {"type=registry,mode=min,ref=", "type=registry,ref="},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"app.wasm": greetWasm(t),
				"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nRUN cat /proc/sys/kernel/random/uuid > /chance # " + unique("cache") + "\n" +
					"FROM scratch\nCOMPONENT app.wasm\nCOPY --from=build /chance /\n",
			})
			place := registry() + "/e2e/" + unique("cache") + ":1"
			if name == "local" {
				place = filepath.Join(t.TempDir(), "cache")
			}
			want := layoutDigest(t, build{dir: dir, flags: []string{"--cache-to", where.to + place}}.layout(t))
			layout := filepath.Join(t.TempDir(), "layout")
			r := build{builder: dockerBuilder, dir: dir, output: "type=local,dest=" + layout, flags: []string{"--cache-from", where.from + place}}.must(t)
			if got := layoutDigest(t, layout); got != want {
				t.Errorf("%s, not %s", got, want)
			}
			if strings.Contains(r.all(), "artifact sha256:") || !strings.Contains(r.all(), "CACHED") {
				t.Errorf("the step that makes the artifact was run again:\n%s", r.all())
			}
		})
	}
}

// TestInlineCacheIsRefused: given a build argument that asks for a cache in
// the image's config, the build of an artifact says why there is none; that of
// an image has it.
func TestInlineCacheIsRefused(t *testing.T) {
	inline := []string{"--build-arg", "BUILDKIT_INLINE_CACHE=1"}
	dest := filepath.Join(t.TempDir(), "layout")
	fails(t, []string{"BUILDKIT_INLINE_CACHE", "--cache-to", "type=registry"}, build{dir: example("greet"), output: "type=local,dest=" + dest, flags: inline}.args()...)
	build{dir: example("greet"), output: "type=local,dest=" + dest, flags: []string{"--build-arg", "BUILDKIT_INLINE_CACHE=0"}}.must(t)

	fails(t, []string{"type=inline", "type=registry"}, "nerdctl", "wasm", "build", "--cache-to", "type=inline", "-t", "x", example("greet"))

	image := registry() + "/e2e/" + unique("inline") + ":1"
	build{dir: example("greet"), flags: append(inline, "--platform", "wasip2/wasm", "--provenance=false", "--push", "-t", image)}.must(t)
	if config := must(t, "crane", "config", image); !strings.Contains(config, "moby.buildkit.cache.v0") {
		t.Errorf("the image has no inline cache: %s", config)
	}
}
