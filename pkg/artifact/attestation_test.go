package artifact

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const someStatement = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",
	"subject":[{"name":"other","digest":{"sha256":"00"}}],"predicate":{"b":1,"a":2}}`

// TestReferrerNamesItsSubject: given a statement about other things, the
// referrer is about the artifact and says the same.
func TestReferrerNamesItsSubject(t *testing.T) {
	s, err := ReadStatement(strings.NewReader(someStatement))
	if err != nil {
		t.Fatal(err)
	}
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("artifact"), Size: 8}
	blobs, err := Referrer(subject, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		if b.Descriptor.Digest != digest.FromBytes(b.Content) || b.Descriptor.Size != int64(len(b.Content)) {
			t.Errorf("%s is not its descriptor's", b.Content)
		}
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(blobs[2].Content, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Subject == nil || manifest.Subject.Digest != subject.Digest || manifest.ArtifactType != MediaTypeInToto ||
		manifest.Config.Digest != blobs[0].Descriptor.Digest || manifest.Layers[0].Digest != blobs[1].Descriptor.Digest ||
		manifest.Annotations[AnnotationPredicateType] != "https://spdx.dev/Document" {
		t.Errorf("the manifest is %s", blobs[2].Content)
	}
	var said Statement
	if err := json.Unmarshal(blobs[1].Content, &said); err != nil {
		t.Fatal(err)
	}
	if !said.IsAbout(subject.Digest) || len(said.Subject) != 1 || string(said.Predicate) != `{"b":1,"a":2}` {
		t.Errorf("the statement is %s", blobs[1].Content)
	}
	again, err := Referrer(subject, s)
	if err != nil || again[2].Descriptor.Digest != blobs[2].Descriptor.Digest {
		t.Errorf("made again it is %v, %v", again, err)
	}
	if _, err := Referrer(ocispec.Descriptor{Digest: "sha256:short"}, s); !errors.Is(err, ErrInvalid) {
		t.Errorf("a bad subject gives %v", err)
	}
}

func TestStatementSubjects(t *testing.T) {
	manifest := digest.FromString("artifact")
	s := Statement{Subject: []StatementSubject{{Digest: map[string]string{"sha512": manifest.Encoded()}}, {Digest: map[string]string{"sha256": manifest.Encoded()}}}}
	if !s.IsAbout(manifest) || s.IsAbout(digest.FromString("another")) {
		t.Errorf("it is about the wrong one of %v", s.Subject)
	}
}

func TestReadStatementRefuses(t *testing.T) {
	for name, encoded := range map[string]string{
		"no JSON":           `SPDXVersion: SPDX-2.3`,
		"an array":          `[]`,
		"another type":      `{"_type":"x","predicateType":"p","predicate":{}}`,
		"no predicate type": `{"_type":"https://in-toto.io/Statement/v1","predicate":{}}`,
		"no predicate":      `{"_type":"https://in-toto.io/Statement/v1","predicateType":"p"}`,
	} {
		if _, err := ReadStatement(strings.NewReader(encoded)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	endless := strings.NewReader(strings.Repeat(" ", MaxStatementSize+1))
	if _, err := ReadStatement(endless); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestAttestationFiles(t *testing.T) {
	for name, want := range map[string]bool{
		"provenance.json": true, "sbom.spdx.json": true, "sbom-build.spdx.json": true,
		"index.json": false, "oci-layout": false, "package.json": false,
	} {
		if IsAttestationFile(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
