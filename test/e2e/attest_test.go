package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// scanner builds the image of a generator of SBOMs and returns its name.
func scanner(t *testing.T) string {
	t.Helper()
	ref := registry() + "/e2e/scanner:latest"
	publishOnce(ref, func() {
		must(t, "docker", "buildx", "build", "--builder", buildkitBuilder(), "--progress", "plain", "--provenance=false",
			"--build-arg", "BUSYBOX_IMAGE="+busybox(), "--push", "-t", ref, filepath.Join("testdata", "scanner"))
	})
	return ref
}

// statement is an in-toto statement with a document of the scanner.
type statement struct {
	PredicateType string
	Subject       []struct{ Digest map[string]string }
	Predicate     struct{ Files []struct{ FileName string } }
}

func (s statement) files() []string {
	var names []string
	for _, f := range s.Predicate.Files {
		names = append(names, f.FileName)
	}
	return names
}

func (s statement) isAbout(digest string) bool {
	for _, subject := range s.Subject {
		if "sha256:"+subject.Digest["sha256"] == digest {
			return true
		}
	}
	return false
}

// referrers are the predicate types of what refers to a digest, and the
// statements.
func referrers(t *testing.T, repository, digest string) map[string]statement {
	t.Helper()
	var list struct {
		Referrers []struct{ Digest, ArtifactType string }
	}
	out := must(t, "oras", "discover", "--plain-http", "--format", "json", repository+"@"+digest)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := make(map[string]statement)
	for _, r := range list.Referrers {
		var manifest struct {
			Subject, Config descriptor
			Layers          []descriptor
		}
		var s statement
		out := must(t, "crane", "manifest", repository+"@"+r.Digest)
		if err := json.Unmarshal([]byte(out), &manifest); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if manifest.Subject.Digest != digest || r.ArtifactType != "application/vnd.in-toto+json" || len(manifest.Layers) != 1 {
			t.Fatalf("the referrer %+v is %+v", r, manifest)
		}
		out = must(t, "crane", "blob", repository+"@"+manifest.Layers[0].Digest)
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !s.isAbout(digest) || len(s.Subject) != 1 {
			t.Errorf("the statement is about %v, not about %s alone", s.Subject, digest)
		}
		found[s.PredicateType] = s
	}
	return found
}

const (
	spdx       = "https://spdx.dev/Document"
	provenance = "https://slsa.dev/provenance/v1"
)

// TestAttestations: given --sbom and --provenance, the layout holds the same
// artifact as without and the attestations beside it, the SBOM says what is in
// the artifact, and every tool pushes the artifact by its digest, the plugin
// with the attestations; from both builders.
func TestAttestations(t *testing.T) {
	generator := scanner(t)
	for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
		t.Run(builder, func(t *testing.T) {
			b := build{builder: builder, dir: example("files")}
			want := layoutDigest(t, b.layout(t))
			b.flags = []string{"--sbom=generator=" + generator, "--provenance=true"}
			layout := b.layout(t)
			if got := layoutDigest(t, layout); got != want {
				t.Errorf("the artifact becomes %s, without attestations it is %s", got, want)
			}
			var sbom, slsa statement
			for name, into := range map[string]*statement{"sbom.spdx.json": &sbom, "provenance.json": &slsa} {
				content, err := os.ReadFile(filepath.Join(layout, name))
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(content, into); err != nil {
					t.Fatal(err)
				}
				if !into.isAbout(want) {
					t.Errorf("%s is not about %s", name, want)
				}
			}
			if !slices.Equal(sbom.files(), []string{"./data/poem.txt", "./files.wasm"}) {
				t.Errorf("the SBOM lists %v", sbom.files())
			}
			if slsa.PredicateType != provenance {
				t.Errorf("the provenance is a %s", slsa.PredicateType)
			}

			file := b.tar(t)
			repository := func(name string) string { return registry() + "/attested/" + builder + "-" + name }
			for name, args := range map[string][]string{
				"imagetools": {"docker", "buildx", "imagetools", "create", "--prefer-index=false", "-t", repository("imagetools") + ":1", "oci-layout://" + layout + ":latest"},
				"oras":       {"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", repository("oras") + ":1"},
				"crane":      {"crane", "push", layout, repository("crane") + ":1"},
				"regctl":     {"regctl", "image", "import", repository("regctl") + ":1", file},
				"plugin":     {"nerdctl", "wasm", "push", layout, repository("plugin") + ":1"},
				"plugin-tar": {"nerdctl", "wasm", "push", file, repository("plugin-tar") + ":1"},
			} {
				must(t, args...)
				if got := must(t, "crane", "digest", repository(name)+":1"); got != want {
					t.Errorf("%s pushed %s, not %s", name, got, want)
				}
				if !strings.HasPrefix(name, "plugin") {
					continue
				}
				must(t, args...) // again: the same are not listed twice
				found := referrers(t, repository(name), want)
				if len(found) != 2 || found[provenance].PredicateType == "" || !slices.Equal(found[spdx].files(), sbom.files()) {
					t.Errorf("%s pushed the attestations %+v", name, found)
				}
			}
		})
	}
}

// TestStrangeAttestations: given an attestation of another build beside a
// layout, the plugin says so and leaves it.
func TestStrangeAttestations(t *testing.T) {
	layout := build{builder: buildkitBuilder(), dir: example("greet")}.layout(t)
	foreign := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + spdx + `","subject":[{"name":"_","digest":{"sha256":"00"}}],"predicate":{}}`
	if err := os.WriteFile(filepath.Join(layout, "sbom.spdx.json"), []byte(foreign), 0o644); err != nil {
		t.Fatal(err)
	}
	repository := registry() + "/e2e/" + unique("strange")
	r := try(t, "nerdctl", "wasm", "push", layout, repository+":1")
	if r.code != 0 || !strings.Contains(r.stderr, "sbom.spdx.json is about another image") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	if found := referrers(t, repository, layoutDigest(t, layout)); len(found) > 0 {
		t.Errorf("it was pushed: %v", found)
	}
}

// TestPushAttestations: given --sbom with a push inside the build, the SBOM is
// a referrer in every repository that the artifact goes to.
func TestPushAttestations(t *testing.T) {
	repositories := []string{registry() + "/e2e/" + unique("sbom-a"), registry() + "/e2e/" + unique("sbom-b")}
	b, component := pushing(t, buildkitBuilder(), repositories[0]+":1", repositories[1]+":1")
	b.output = "type=cacheonly"
	b.flags = append(b.flags, "--sbom=generator="+scanner(t))
	must(t, b.args()...)
	want := layoutDigest(t, build{builder: b.builder, dir: b.dir}.layout(t))
	for _, repository := range repositories {
		found := referrers(t, repository, want)
		if len(found) != 1 || !slices.Equal(found[spdx].files(), []string{"./probe.wasm"}) {
			t.Errorf("%s has %+v", repository, found)
		}
		if out := must(t, "crane", "digest", repository+":1"); out != want {
			t.Errorf("%s has %s, the layout %s of %s", repository, out, want, component)
		}
	}
}

// TestNerdctlWasmBuildAttests: given attestations, the plugin's own build
// writes them beside the layout, and refuses them for containerd.
func TestNerdctlWasmBuildAttests(t *testing.T) {
	layout := filepath.Join(t.TempDir(), "layout")
	args := []string{"nerdctl", "wasm", "build", "--progress", "plain", "--sbom=generator=" + scanner(t), "--provenance"}
	must(t, append(args, "-o", "type=local,dest="+layout, example("greet"))...)
	for _, name := range []string{"sbom.spdx.json", "provenance.json"} {
		if _, err := os.Stat(filepath.Join(layout, name)); err != nil {
			t.Error(err)
		}
	}
	fails(t, []string{"--sbom", "-o type=local"}, append(args, "-t", unique("attested"), example("greet"))...)
}
