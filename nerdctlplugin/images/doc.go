// Package images is the commands that look at artifacts in containerd or a layout, and
// that compile or remove them: images, inspect, history, diff, export, precompile and
// prune. inspect also shows containers, volumes and networks, as nerdctl does.
package images
