// Package output writes the results of commands: lists in nerdctl's formats, and files
// that appear whole or not at all.
package output
