// Package source opens the artifacts that commands read, wherever they are: in
// containerd by name or ID, in an OCI image layout by path, or made of a .wasm file. It
// gives their components alike, whether those are layers or files of an image.
package source
