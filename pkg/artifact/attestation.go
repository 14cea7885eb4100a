package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// MediaTypeInToto is the type of an attestation: the artifact type of its
	// manifest, and the type of that manifest's only layer.
	MediaTypeInToto = "application/vnd.in-toto+json"

	// AnnotationPredicateType says what an attestation attests, as BuildKit's
	// attestations of images do.
	AnnotationPredicateType = "in-toto.io/predicate-type"

	// MaxStatementSize is the most bytes that an in-toto statement may have:
	// what BuildKit reads of one.
	MaxStatementSize = 80 << 20

	// statementType is in-toto's current version, and statementPrefix what the
	// types of all versions begin with.
	statementType   = "https://in-toto.io/Statement/v1"
	statementPrefix = "https://in-toto.io/Statement/"
)

// Statement is an in-toto statement: something that is said about content.
type Statement struct {
	// Type is in-toto's, with its version.
	Type string `json:"_type"`
	// Subject is what the statement is about.
	Subject []StatementSubject `json:"subject"`
	// PredicateType is what is said, such as https://spdx.dev/Document.
	PredicateType string `json:"predicateType"`
	// Predicate is what is said, in JSON.
	Predicate json.RawMessage `json:"predicate"`
}

// StatementSubject is content, by its digests in hexadecimal, by algorithm.
type StatementSubject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// ReadStatement reads an in-toto statement. It returns errors that match
// ErrTooLarge or ErrInvalid.
func ReadStatement(r io.Reader) (Statement, error) {
	var s Statement
	encoded, err := io.ReadAll(io.LimitReader(r, MaxStatementSize+1))
	switch {
	case err != nil:
		return s, err
	case len(encoded) > MaxStatementSize:
		return s, fmt.Errorf("%w: the statement has over %d bytes", ErrTooLarge, MaxStatementSize)
	}
	if err := json.Unmarshal(encoded, &s); err != nil {
		return s, fmt.Errorf("%w: not an in-toto statement: %w", ErrInvalid, err)
	}
	if !strings.HasPrefix(s.Type, statementPrefix) || s.PredicateType == "" || len(s.Predicate) == 0 {
		return s, fmt.Errorf("%w: not an in-toto statement: _type is %.80q, predicateType %.80q", ErrInvalid, s.Type, s.PredicateType)
	}
	return s, nil
}

// IsAbout reports whether a digest is among the subjects of a statement.
func (s Statement) IsAbout(d digest.Digest) bool {
	return slices.ContainsFunc(s.Subject, func(subject StatementSubject) bool {
		return subject.Digest[d.Algorithm().String()] == d.Encoded()
	})
}

// Blob is content with its descriptor.
type Blob struct {
	Descriptor ocispec.Descriptor
	Content    []byte
}

// NewBlob is content with the descriptor that fits it.
func NewBlob(mediaType string, content []byte) Blob {
	return Blob{
		Descriptor: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))},
		Content:    content,
	}
}

// Reader reads the blob's content.
func (b Blob) Reader() io.Reader { return bytes.NewReader(b.Content) }

// Referrer makes a statement one about the manifest that subject describes,
// and about nothing else, and returns what a registry needs of it: config,
// statement, and last the manifest that refers to subject. The same statement
// gives the same bytes.
func Referrer(subject ocispec.Descriptor, s Statement) ([]Blob, error) {
	if err := checkDescriptor(subject); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	s.Type = statementType
	s.Subject = []StatementSubject{{
		Name:   "_", // in-toto's word for a name that says nothing
		Digest: map[string]string{subject.Digest.Algorithm().String(): subject.Digest.Encoded()},
	}}
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	annotations := map[string]string{AnnotationPredicateType: s.PredicateType}
	statement, config := NewBlob(MediaTypeInToto, encoded), NewBlob(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	statement.Descriptor.Annotations = annotations
	encoded, err = json.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: MediaTypeInToto,
		Config:       config.Descriptor,
		Layers:       []ocispec.Descriptor{statement.Descriptor},
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:  annotations,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the manifest of the statement: %w", err)
	}
	manifest := NewBlob(ocispec.MediaTypeImageManifest, encoded)
	// What a list of referrers says of each.
	manifest.Descriptor.ArtifactType, manifest.Descriptor.Annotations = MediaTypeInToto, annotations
	return []Blob{config, statement, manifest}, nil
}

// IsAttestationFile reports whether a file beside a layout's index.json has
// the name of an attestation that BuildKit wrote there.
func IsAttestationFile(name string) bool {
	return name == "provenance.json" || strings.HasSuffix(name, ".spdx.json")
}
