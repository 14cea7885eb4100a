// Package image finds what a container may run: the Wasm layers of its image,
// as containerd knows them, or the file that its process names. Annotations may
// say which layers, but only what the image's own manifest lists is believed.
package image
