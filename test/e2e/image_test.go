package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imageBuild builds the greet example in image mode, without attestations.
func imageBuild(builder string, flags ...string) []string {
	return build{builder: builder, dir: example("greet"), flags: append([]string{
		"--platform", "wasip2/wasm", "--provenance=false",
	}, flags...)}.args()
}

// imageConfig is what matters of an image's config.
type imageConfig struct {
	OS, Architecture string
	Config           struct{ Entrypoint, Cmd []string }
}

func checkImageConfig(t *testing.T, encoded string) {
	t.Helper()
	var c imageConfig
	if err := json.Unmarshal([]byte(encoded), &c); err != nil {
		t.Fatalf("%v: %s", err, encoded)
	}
	if c.OS != "wasip2" || c.Architecture != "wasm" || !slices.Equal(c.Config.Entrypoint, []string{"/greet.wasm"}) {
		t.Errorf("config %s", encoded)
	}
}

// checkImageTar reads an image out of a tar file that an exporter wrote.
func checkImageTar(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	must(t, "tar", "-xf", file, "-C", dir)
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	blob(t, dir, layoutDigest(t, dir), &manifest)
	var config json.RawMessage
	blob(t, dir, manifest.Config.Digest, &config)
	checkImageConfig(t, string(config))
	_, layer, _ := strings.Cut(manifest.Layers[0].Digest, ":")
	if list := must(t, "tar", "-tzf", filepath.Join(dir, "blobs", "sha256", layer)); len(manifest.Layers) != 1 || list != "greet.wasm" {
		t.Errorf("%d layers, the first holds\n%s", len(manifest.Layers), list)
	}
}

// TestImageMode: given a Wasm platform, the result is a classic Wasm image,
// with the component as a file that is its entrypoint, by every exporter of
// both builders.
func TestImageMode(t *testing.T) {
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		t.Run(builder+" push", func(t *testing.T) {
			t.Parallel()
			ref := registry() + "/e2e/" + unique("image") + ":latest"
			must(t, imageBuild(builder, "--push", "-t", ref)...)
			checkImageConfig(t, must(t, "crane", "config", ref))
			file := filepath.Join(t.TempDir(), "rootfs.tar")
			must(t, "crane", "export", ref, file)
			if list := must(t, "tar", "-tf", file); list != "greet.wasm" {
				t.Errorf("it holds\n%s", list)
			}
		})
		t.Run(builder+" load", func(t *testing.T) {
			t.Parallel()
			tag := unique("load") + ":latest"
			must(t, imageBuild(builder, "--load", "-t", tag)...)
			defer try(t, "docker", "rmi", "-f", tag)
			checkImageConfig(t, must(t, "docker", "image", "inspect", "--platform", "wasip2/wasm", "--format",
				`{"os":{{json .Os}},"architecture":{{json .Architecture}},"config":{{json .Config}}}`, tag))
		})
		for _, exporter := range []string{"oci", "docker"} {
			t.Run(builder+" type="+exporter, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "image.tar")
				must(t, imageBuild(builder, "-o", "type="+exporter+",dest="+file)...)
				checkImageTar(t, file)
			})
		}
		t.Run(builder+" type=image", func(t *testing.T) {
			t.Parallel()
			ref := registry() + "/e2e/" + unique("image") + ":latest"
			must(t, imageBuild(builder, "-o", "type=image,push=true,compression=zstd,force-compression=true,oci-mediatypes=true,name="+ref)...)
			checkImageConfig(t, must(t, "crane", "config", ref))
			if manifest := must(t, "crane", "manifest", ref); !strings.Contains(manifest, "tar+zstd") {
				t.Errorf("manifest %s", manifest)
			}
		})
	}
}

// imageIndex is an index with the attestations that BuildKit puts into it.
type imageIndex struct {
	MediaType string
	Manifests []struct {
		descriptor
		Platform struct{ OS, Architecture string }
	}
}

func (i imageIndex) platforms() []string {
	var all []string
	for _, m := range i.Manifests {
		all = append(all, m.Platform.OS+"/"+m.Platform.Architecture)
	}
	slices.Sort(all)
	return all
}

// TestImageModePlatforms: given several Wasm platforms, an index of one image
// for each.
func TestImageModePlatforms(t *testing.T) {
	dir := greetWith(t, "FROM scratch\nARG TARGETOS\nCOMPONENT --name=greet-$TARGETOS.wasm greet.wasm\n")
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		t.Run(builder, func(t *testing.T) {
			ref := registry() + "/e2e/" + unique("index") + ":latest"
			must(t, build{builder: builder, dir: dir, flags: []string{
				"--platform", "wasip1/wasm,wasip2/wasm", "--provenance=false", "--push", "-t", ref,
			}}.args()...)
			var index imageIndex
			if err := json.Unmarshal([]byte(must(t, "crane", "manifest", ref)), &index); err != nil {
				t.Fatal(err)
			}
			if got := index.platforms(); !slices.Equal(got, []string{"wasip1/wasm", "wasip2/wasm"}) {
				t.Errorf("a %s of %q", index.MediaType, got)
			}
			for _, platform := range []string{"wasip1", "wasip2"} {
				var c imageConfig
				if err := json.Unmarshal([]byte(must(t, "crane", "config", "--platform", platform+"/wasm", ref)), &c); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(c.Config.Entrypoint, []string{"/greet-" + platform + ".wasm"}) {
					t.Errorf("%s starts %q", platform, c.Config.Entrypoint)
				}
			}
		})
	}
}

// TestPlatformErrors: given platforms for which there is nothing to build, an
// error that says what to do.
func TestPlatformErrors(t *testing.T) {
	dest := "type=local,dest=" + filepath.Join(t.TempDir(), "layout")
	cases := map[string]struct {
		flags, says []string
	}{
		"an artifact for several":      {[]string{"--platform", "linux/amd64,linux/arm64", "-o", dest}, []string{"same for every host", "linux/arm64", "leave out --platform"}},
		"an image for Wasm and a host": {[]string{"--platform", "linux/amd64,wasip2/wasm", "--push", "-t", registry() + "/e2e/mixed"}, []string{"linux/amd64", "Wasm platforms only", "imagetools create"}},
		"an image of a form":           {[]string{"--platform", "wasip2/wasm", "--build-arg", "WASMFILE_FORM=cncf", "--push", "-t", registry() + "/e2e/form"}, []string{"WASMFILE_FORM", "artifact"}},
		"an image's compression":       {[]string{"--platform", "wasip2/wasm", "--build-arg", "WASMFILE_COMPRESSION=zstd", "--push", "-t", registry() + "/e2e/zstd"}, []string{"WASMFILE_COMPRESSION", "compression=zstd"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fails(t, c.says, build{builder: buildkitBuilder(), dir: example("greet"), flags: c.flags}.args()...)
		})
	}
}

// TestPlainDockerfileForSeveral: given a target without components, Wasm and
// native platforms may be built in one.
func TestPlainDockerfileForSeveral(t *testing.T) {
	dir := greetWith(t, "FROM scratch\nCOPY greet.wasm /\nENTRYPOINT [\"/greet.wasm\"]\n")
	ref := registry() + "/e2e/" + unique("plain") + ":latest"
	must(t, build{builder: buildkitBuilder(), dir: dir, flags: []string{
		"--platform", "linux/amd64,wasi/wasm", "--provenance=false", "--push", "-t", ref,
	}}.args()...)
	var index imageIndex
	if err := json.Unmarshal([]byte(must(t, "crane", "manifest", ref)), &index); err != nil {
		t.Fatal(err)
	}
	if got := index.platforms(); !slices.Equal(got, []string{"linux/amd64", "wasi/wasm"}) {
		t.Errorf("platforms %q", got)
	}
}

// TestImageAttestations: given --provenance and --sbom, an image in image mode
// has both, as one from a Dockerfile has.
func TestImageAttestations(t *testing.T) {
	ref := registry() + "/e2e/" + unique("attested") + ":latest"
	must(t, build{builder: buildkitBuilder(), dir: example("greet"), flags: []string{
		"--platform", "wasip2/wasm", "--provenance=mode=max", "--sbom=generator=" + scanner(t), "--push", "-t", ref,
	}}.args()...)
	for field, want := range map[string]string{
		"{{json .Provenance.SLSA}}": "Wasmfile",
		"{{json .SBOM.SPDX}}":       "greet.wasm",
	} {
		if out := must(t, "docker", "buildx", "imagetools", "inspect", "--builder", buildkitBuilder(), "--format", field, ref); !strings.Contains(out, want) {
			t.Errorf("%s does not say %s: %s", field, want, out)
		}
	}
}
