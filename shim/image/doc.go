// Package image finds what a container may run: the Wasm layers of its image,
// as containerd knows them, and the blobs that files of an image are adopted as.
// Annotations may say which layers, but only what the image's own manifest lists
// is believed.
package image
