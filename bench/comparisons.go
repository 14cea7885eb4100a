package main

import (
	"fmt"
	"os"
	"strings"
)

func registry() string { return os.Getenv("REGISTRY") }

// runs compares with a native program that prints a line, by the same tool.
func (b bench) runs() ([]result, error) {
	artifact, native := registry()+"/bench/greet:latest", os.Getenv("BUSYBOX_IMAGE")
	if err := b.publishExample("greet", artifact); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"nerdctl", "pull", "-q", native},
		{"docker", "pull", "-q", "--platform", "wasip2/wasm", artifact},
		{"docker", "pull", "-q", native},
	} {
		if err := b.command(args); err != nil {
			return nil, err
		}
	}
	words := func(s string) []string { return strings.Fields(s) }
	var results []result
	for _, c := range []struct{ what, ours, peer string }{
		{"run --rm, no network", "nerdctl wasm run --rm --net none " + artifact, "nerdctl run --rm --net none " + native + " echo Hello"},
		{"run --rm, bridge", "nerdctl wasm run --rm " + artifact, "nerdctl run --rm " + native + " echo Hello"},
		{
			"run --rm, docker", "docker run --rm --net none --runtime io.containerd.wasmfile.v1 --platform wasip2/wasm " + artifact,
			"docker run --rm --net none " + native + " echo Hello",
		},
		{
			"run --rm, ctr", "ctr run --rm --runtime io.containerd.wasmfile.v1 " + artifact + " bench-ours",
			"ctr run --rm " + native + " bench-peer echo Hello",
		},
	} {
		r, err := b.compare(c.what, side{name: "greet through " + firstWords(c.ours), command: words(c.ours)}, side{name: "native echo through " + firstWords(c.peer), command: words(c.peer)})
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// firstWords is a command line without its flags: what a table has room for.
func firstWords(command string) string {
	name, _, _ := strings.Cut(command, " --")
	return fmt.Sprintf("`%s`", name)
}
