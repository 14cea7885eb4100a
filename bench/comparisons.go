package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// payload is the size of the component that is built and pulled, in bytes.
const payload = 50 << 20

func registry() string { return os.Getenv("REGISTRY") }

// context makes a build context with the greet component, padded by a custom
// section of random bytes.
func (b bench) context(name string, padding int) (string, error) {
	repo, err := os.Getwd()
	if err != nil {
		return "", err
	}
	component, err := os.ReadFile(filepath.Join(repo, "examples", "greet", "greet.wasm"))
	if err != nil {
		return "", err
	}
	if padding > 0 {
		section := append([]byte("\x07padding"), make([]byte, padding)...)
		if _, err := rand.Read(section[8:]); err != nil {
			return "", err
		}
		component = append(component, 0)
		size := len(section)
		for ; size >= 0x80; size >>= 7 {
			component = append(component, byte(size)|0x80)
		}
		component = append(append(component, byte(size)), section...)
	}
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for file, content := range map[string][]byte{
		"greet.wasm": component,
		"Wasmfile":   []byte("FROM scratch\nCOMPONENT greet.wasm\nENTRYPOINT [\"greet\"]\n"),
		"Dockerfile": []byte("FROM scratch\nCOPY greet.wasm /\nENTRYPOINT [\"/greet.wasm\"]\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// build is a `docker buildx build` on the sandbox's buildkitd.
func build(dir, file, output string, flags ...string) []string {
	args := []string{"docker", "buildx", "build", "--progress", "quiet", "-f", filepath.Join(dir, file), "-o", output}
	if file == "Wasmfile" {
		args = append(args, "--build-arg", "BUILDKIT_SYNTAX="+os.Getenv("WASMFILE_FRONTEND"))
	}
	return append(append(args, flags...), dir)
}

// builds compares with the Dockerfile frontend that is built into buildkitd.
func (b bench) builds() ([]result, error) {
	small, err := b.context("small", 0)
	if err != nil {
		return nil, err
	}
	large, err := b.context("large", payload)
	if err != nil {
		return nil, err
	}
	var results []result
	for _, c := range []struct {
		what, dir string
		flags     []string
	}{
		{"build, 2 kB, warm", small, nil},
		{"build, 2 kB, --no-cache", small, []string{"--no-cache"}},
		{"build, 50 MB, warm", large, nil},
		{"build, 50 MB, --no-cache", large, []string{"--no-cache"}},
	} {
		tar := filepath.Join(b.dir, "out.tar")
		r, err := b.compare(c.what,
			side{name: "Wasmfile, artifact", command: build(c.dir, "Wasmfile", "type=tar,dest="+tar, c.flags...)},
			side{name: "Dockerfile, OCI image", command: build(c.dir, "Dockerfile", "type=oci,dest="+tar, c.flags...)})
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// pulls compares what moves the same bytes: oras into a layout, and nerdctl
// with an ordinary image, which it also unpacks.
func (b bench) pulls() ([]result, error) {
	dir, err := b.context("large", payload)
	if err != nil {
		return nil, err
	}
	artifact, image := registry()+"/bench/artifact:latest", registry()+"/bench/image:latest"
	layout := filepath.Join(b.dir, "layout")
	for _, args := range [][]string{
		build(dir, "Wasmfile", "type=local,dest="+layout),
		{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", artifact},
		build(dir, "Dockerfile", "type=image,push=true,name="+image, "--platform", "linux/amd64", "--provenance=false"),
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
		build(dir, "Wasmfile", "type=local,dest="+layout),
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
