// Package daemon reaches containerd as nerdctl's global options name it: it connects,
// finds images and containers by what a user calls them, and records what a command
// made. It knows the names of this project's runtime.
package daemon
