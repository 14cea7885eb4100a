// Package image finds what a container may run: the Wasm layers of its image,
// as containerd knows them. Annotations may say which, but only what the
// image's own manifest lists is believed.
package image
