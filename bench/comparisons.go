package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// payload is the size of the component that is pulled, in bytes.
const payload = 50 << 20

func registry() string { return os.Getenv("REGISTRY") }

// pulls compares what moves the same bytes: oras into a layout, and nerdctl
// with an ordinary image, which it also unpacks.
func (b bench) pulls() ([]result, error) {
	dir, err := b.context("pull", payload)
	if err != nil {
		return nil, err
	}
	artifact, image := registry()+"/bench/artifact:latest", registry()+"/bench/image:latest"
	layout := filepath.Join(b.dir, "layout")
	for _, args := range [][]string{
		build(dir, "Wasmfile", wasmfileFrontend(), "type=local,dest="+layout),
		{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", artifact},
		build(dir, "Dockerfile", builtin, "type=image,push=true,name="+image, "--platform", "linux/amd64", "--provenance=false"),
	} {
		if err := b.command(args); err != nil {
			return nil, err
		}
	}
	target := filepath.Join(b.dir, "pulled")
	ours := side{
		name:    "nerdctl wasm pull",
		command: []string{"nerdctl", "wasm", "pull", "-q", artifact},
		clean:   [][]string{{"nerdctl", "rmi", "-f", artifact}, {"ctr", "content", "prune", "references"}},
	}
	var results []result
	for _, c := range []struct {
		what string
		peer side
	}{
		{"pull, 50 MB", side{
			name: "oras cp", command: []string{"oras", "cp", "--no-tty", "--from-plain-http", "--to-oci-layout", artifact, target + ":latest"},
			clean: [][]string{{"rm", "-rf", target}},
		}},
		{"pull, 50 MB", side{
			name: "nerdctl pull, an image", command: []string{"nerdctl", "pull", "-q", image},
			clean: [][]string{{"nerdctl", "rmi", "-f", image}, {"ctr", "content", "prune", "references"}},
		}},
	} {
		r, err := b.compare(c.what, ours, c.peer)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// runs compares with a native program that prints a line, by the same tool.
func (b bench) runs() ([]result, error) {
	dir, err := b.context("small", 0)
	if err != nil {
		return nil, err
	}
	artifact, native := registry()+"/bench/greet:latest", os.Getenv("BUSYBOX_IMAGE")
	layout := filepath.Join(b.dir, "greet")
	for _, args := range [][]string{
		build(dir, "Wasmfile", wasmfileFrontend(), "type=local,dest="+layout),
		{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", artifact},
		{"nerdctl", "wasm", "pull", "-q", artifact},
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
