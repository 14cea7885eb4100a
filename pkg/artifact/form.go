package artifact

import "fmt"

// Form is a way to lay out an artifact.
type Form string

const (
	// FormOCI has an OCI image config, so that every container engine can
	// read its entrypoint, environment and filesystem layers.
	FormOCI Form = "oci"

	// FormCNCF is the CNCF TAG Runtime Wasm OCI artifact layout.
	FormCNCF Form = "cncf"

	// FormBare has a config that says nothing: it is what tools such as oras
	// and regctl make of a .wasm file when they are told no more. It is read
	// and never written.
	FormBare Form = "bare"

	// FormImage is an image for a platform of Wasm whose components are files:
	// all its layers are of the filesystem. It is what BuildKit makes for
	// `--platform wasi/wasm`. It is read and never written.
	FormImage Form = "image"
)

// ParseForm returns the form of this name. It returns an error for one that
// cannot be written.
func ParseForm(name string) (Form, error) {
	switch form := Form(name); form {
	case FormOCI, FormCNCF:
		return form, nil
	}
	return "", fmt.Errorf("there is no form %q of an artifact: it is %s or %s", name, FormOCI, FormCNCF)
}
