// Package images is the commands that look at artifacts in containerd or a layout, and
// that make others of them or remove them: images, inspect, history, diff, export,
// convert, precompile and prune. inspect also shows containers, volumes and networks, as
// nerdctl does.
package images
