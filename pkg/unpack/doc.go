// Package unpack brings artifacts into containerd: content, image record, root
// filesystem snapshot, and the labels that keep all of it from garbage
// collection. What is not a valid artifact leaves nothing behind.
package unpack
