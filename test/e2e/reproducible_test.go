package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// examples are the names of the directories with an example.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(example("*/Wasmfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names
}

// exampleFlags are what an example needs besides its directory; root is the
// directory of all.
func exampleFlags(name, root string) []string {
	if name == "pipeline" {
		return []string{"--build-context", "greet=" + filepath.Join(root, "greet")}
	}
	return nil
}

// checkout copies a directory as someone with another umask would have it, who
// got its files in the opposite order and at another time.
func checkout(t *testing.T, dir string, umask fs.FileMode) string {
	t.Helper()
	var paths []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "checkout")
	then := time.Now().Add(-1234 * time.Hour)
	for _, path := range slices.Backward(paths) {
		from, to := filepath.Join(dir, path), filepath.Join(root, path)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o666)
		if info.Mode()&0o100 != 0 { // which is what Git keeps of a mode
			mode = 0o777
		}
		if info.IsDir() {
			err = os.MkdirAll(to, 0o777)
		} else if err = os.MkdirAll(filepath.Dir(to), 0o777); err == nil {
			err = copyTo(from, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(to, mode&^umask); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(to, then, then); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func copyTo(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// inZone is an environment in which the client's time is that of a place.
func inZone(t *testing.T, zone string) []string {
	t.Helper()
	return []string{"TZ=" + zone, "ZONEINFO=" + filepath.Join(must(t, "go", "env", "GOROOT"), "lib", "time", "zoneinfo.zip")}
}

// TestBuildsAreIdentical: given any example, two builders make the same tar
// file of it, cached or not, whatever the umask, the time zone and the order of
// files were where it was checked out.
func TestBuildsAreIdentical(t *testing.T) {
	private, shared := checkout(t, example("."), 0o077), checkout(t, example("."), 0o002)
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := func(root string, b build) string {
				b.dir, b.flags = filepath.Join(root, name), append(b.flags, exampleFlags(name, root)...)
				return fileSum(t, b.tar(t))
			}
			want := from(example("."), build{})
			for what, got := range map[string]string{
				"again, cached": from(example("."), build{}),
				"on dockerd, private files, far in the east":      from(private, build{builder: dockerBuilder, env: inZone(t, "Pacific/Kiritimati")}),
				"without cache, shared files, half an hour apart": from(shared, build{flags: []string{"--no-cache"}, env: inZone(t, "America/St_Johns")}),
			} {
				if got != want {
					t.Errorf("%s: %s, not %s", what, got, want)
				}
			}
		})
	}
}

// TestFileModes: given checkouts with different umasks, a component is the
// same, and a file has the mode that it has there, unless the Wasmfile says
// which.
func TestFileModes(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t), "data/sub/note": "text\n", "data/sub/run": "#!/bin/sh\n",
		"Component": "FROM scratch\nCOMPONENT app.wasm\n",
		"Kept":      "FROM scratch\nCOMPONENT app.wasm\nCOPY data /data\n",
		"Said":      "FROM scratch\nCOMPONENT app.wasm\nCOPY --chmod=u=rwX,go=rX data /data\n",
	})
	if err := os.Chmod(filepath.Join(dir, "data/sub/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	digests := make(map[string]string)
	for umask, modes := range map[fs.FileMode]struct{ dir, note, run fs.FileMode }{
		0o077: {0o700, 0o600, 0o700}, 0o002: {0o775, 0o664, 0o775}, 0o022: {0o755, 0o644, 0o755},
	} {
		root := checkout(t, dir, umask)
		layout := func(file string, flags ...string) string {
			return build{dir: root, file: filepath.Join(root, file), flags: flags}.layout(t)
		}
		for _, file := range []string{"Component", "Said"} {
			got := layoutDigest(t, layout(file, "--no-cache"))
			if want, built := digests[file]; built && got != want {
				t.Errorf("umask %o: %s builds %s, not %s", umask, file, got, want)
			}
			digests[file] = got
		}
		files := unpacked(t, layout("Kept")).files
		for path, want := range map[string]fs.FileMode{"data/sub/": modes.dir | fs.ModeDir, "data/sub/note": modes.note, "data/sub/run": modes.run} {
			if files[path].mode != want {
				t.Errorf("umask %o: /%s has mode %s, not %s", umask, path, files[path].mode, want)
			}
		}
	}
}

// TestSourceDateEpoch: given a time by the client's environment or by a build
// argument, it is that of every file, older and newer ones, and of the
// artifact; without one it is 1970.
func TestSourceDateEpoch(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t), "old": "old\n",
		"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nRUN mkdir /made && touch -d 2037-01-01 /made/new\n" +
			"FROM scratch\nCOMPONENT app.wasm\nCOPY old /\nCOPY --from=build /made /made\n",
	})
	old := time.Unix(1_000_000, 0)
	if err := os.Chtimes(filepath.Join(dir, "old"), old, old); err != nil {
		t.Fatal(err)
	}
	const epoch = "SOURCE_DATE_EPOCH=1700000000"
	digests := make(map[string]string)
	for name, c := range map[string]struct {
		build
		seconds int64
		created string
	}{
		"environment": {build{env: []string{epoch}}, 1_700_000_000, "2023-11-14T22:13:20Z"},
		"argument":    {build{flags: []string{"--build-arg", epoch}}, 1_700_000_000, "2023-11-14T22:13:20Z"},
		"dockerd":     {build{builder: dockerBuilder, flags: []string{"--build-arg", epoch}, env: []string{"SOURCE_DATE_EPOCH=1"}}, 1_700_000_000, "2023-11-14T22:13:20Z"},
		"none":        {build{}, 0, ""},
	} {
		c.dir = dir
		layout := c.layout(t)
		digests[name] = layoutDigest(t, layout)
		var manifest struct{ Config descriptor }
		blob(t, layout, digests[name], &manifest)
		var config struct{ Created string }
		blob(t, layout, manifest.Config.Digest, &config)
		if config.Created != c.created {
			t.Errorf("%s: created %q, not %q", name, config.Created, c.created)
		}
		files := unpacked(t, layout).files
		for _, path := range []string{"old", "made/", "made/new"} {
			if got := files[path].modified.Unix(); got != c.seconds {
				t.Errorf("%s: /%s is of %d, not %d", name, path, got, c.seconds)
			}
		}
	}
	if digests["environment"] != digests["argument"] || digests["dockerd"] != digests["argument"] {
		t.Errorf("the same time makes different artifacts: %v", digests)
	}
}

// TestImageTimes: given a Wasm image and rewrite-timestamp, its layers have no
// time of the build, and two builds without cache have one digest.
func TestImageTimes(t *testing.T) {
	var digests []string
	for range 2 {
		image := registry() + "/e2e/" + unique("times") + ":1"
		build{
			dir: example("greet"), env: []string{"SOURCE_DATE_EPOCH=1700000000"},
			output: "type=image,push=true,rewrite-timestamp=true,name=" + image,
			flags:  []string{"--no-cache", "--provenance=false", "--platform", "wasip2/wasm"},
		}.must(t)
		digests = append(digests, must(t, "crane", "digest", image))
		if config := must(t, "crane", "config", image); !strings.Contains(config, `"created":"2023-11-14T22:13:20Z"`) {
			t.Errorf("its config is %s", config)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("%v", digests)
	}
}

// TestFrontendImageIsReproducible: given the frontend's binary, its image has
// the digest that was pushed, built again without cache.
func TestFrontendImageIsReproducible(t *testing.T) {
	layout := filepath.Join(t.TempDir(), "image")
	must(t, "buildctl", "build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0",
		"--local", "context=../../bin", "--local", "dockerfile=../../frontend", "--opt", "build-arg:SOURCE_DATE_EPOCH=0",
		"--output", "type=oci,dest="+layout+",tar=false,rewrite-timestamp=true")
	if got, want := layoutDigest(t, layout), must(t, "crane", "digest", os.Getenv("WASMFILE_FRONTEND")); got != want {
		t.Errorf("built %s, not %s", got, want)
	}
}
