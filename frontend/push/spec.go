// Package push is the step of a build that pushes the layout to registries. It
// runs in a container of the builder: what it is told and what it did goes
// through files, credentials come as a secret of the build.
package push

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Where things are in the container of the step.
const (
	// LayoutDir is the OCI image layout to push.
	LayoutDir = "/run/wasmfile/layout"
	// AttestationDir has in-toto statements, one a file, if there are any.
	AttestationDir = "/run/wasmfile/attestations"
	// SpecDir holds SpecFile.
	SpecDir = "/run/wasmfile/spec"
	// OutputDir takes ResultFile.
	OutputDir = "/run/wasmfile/output"
	// ConfigFile is the secret SecretConfig, if it was given.
	ConfigFile = "/run/wasmfile/secret/config.json"
	// CAFile is the secret SecretCA, if it was given.
	CAFile = "/run/wasmfile/secret/ca.pem"

	// SpecFile is the name of the file with the Spec, in JSON.
	SpecFile = "push.json"
	// ResultFile is the name of the file with the Result, in JSON.
	ResultFile = "pushed.json"
)

// The secrets of the build that the step gets, if they are given. No other
// step does.
const (
	// SecretConfig is Docker's config.json, with credentials.
	SecretConfig = "WASMFILE_PUSH_CONFIG"
	// SecretCA is certificates in PEM of authorities to trust besides the
	// public ones.
	SecretCA = "WASMFILE_PUSH_CA"
)

const (
	// maxSpecSize bounds the spec, in bytes.
	maxSpecSize = 4 << 20
	// maxSecretSize bounds each secret, in bytes: twice what BuildKit sends.
	maxSecretSize = 1 << 20
)

// Spec is what the step is told.
type Spec struct {
	// Manifest is the artifact's.
	Manifest ocispec.Descriptor `json:"manifest"`
	// Targets are where it goes, in this order.
	Targets []Target `json:"targets"`
	// Registries is what buildkitd says about the targets' registries, by
	// Target.Registry, as far as it was asked.
	Registries map[string]*Registry `json:"registries,omitempty"`
	// Origins are repositories that some of the components come from, such as
	// registry.example/some/name.
	Origins []string `json:"origins,omitempty"`
}

// Registry is what buildkitd says about a registry.
type Registry struct {
	// Answered tells that buildkitd got an answer, by the protocol that its
	// configuration says.
	Answered bool `json:"answered"`
	// Problem is the error when it got none.
	Problem string `json:"problem,omitempty"`
}

// Result is what the step did.
type Result struct {
	// Problem is why not all is pushed, and what to do; empty when all is.
	Problem string `json:"problem,omitempty"`
	// References are what was pushed, with digests.
	References []string `json:"references,omitempty"`
	// Unknown are targets whose Registry the step has to know: nothing is
	// pushed then, and it has to run again.
	Unknown []Target `json:"unknown,omitempty"`
}

// ReadResult reads what the step wrote.
func ReadResult(encoded []byte) (Result, error) {
	var result Result
	if err := json.Unmarshal(encoded, &result); err != nil {
		return result, fmt.Errorf("read the result of the push: %w", err)
	}
	return result, nil
}

func readSpec(path string) (Spec, error) {
	var spec Spec
	encoded, err := readBounded(path, maxSpecSize)
	if err != nil {
		return spec, fmt.Errorf("read what to push: %w", err)
	}
	if err := json.Unmarshal(encoded, &spec); err != nil {
		return spec, fmt.Errorf("read what to push: %w", err)
	}
	return spec, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s has over %d bytes", path, limit)
	}
	return content, err
}
