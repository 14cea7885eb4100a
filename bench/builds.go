package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// builtin is the frontend inside buildkitd, which no image is started for.
const builtin = ""

func wasmfileFrontend() string { return os.Getenv("WASMFILE_FRONTEND") }

// dockerfileFrontend is the official one, by image as a # syntax= line names it.
func dockerfileFrontend() string { return os.Getenv("DOCKERFILE_FRONTEND") }

// build is a `docker buildx build` on the sandbox's buildkitd.
func build(dir, file, frontend, output string, flags ...string) []string {
	args := []string{"docker", "buildx", "build", "--progress", "quiet", "-f", filepath.Join(dir, file), "-o", output}
	if frontend != builtin {
		args = append(args, "--build-arg", "BUILDKIT_SYNTAX="+frontend)
	}
	return append(append(args, flags...), dir)
}

// builds compares with the Dockerfile frontend that copies the same files. Both
// write the result as files in a tar, so that neither compresses.
func (b bench) builds() ([]result, error) {
	var results []result
	for _, c := range []struct {
		what, name   string
		count, size  int
		change       bool
		flags        []string
		peerFrontend string
	}{
		{what: "build, 2 kB, warm", name: "small", count: 1, peerFrontend: dockerfileFrontend()},
		{what: "build, 2 MB, --no-cache", name: "medium", count: 1, size: 2 << 20, flags: []string{"--no-cache"}, peerFrontend: dockerfileFrontend()},
		{what: "build, one of ten of 2 MB changed", name: "ten", count: 10, size: 2 << 20, change: true, peerFrontend: dockerfileFrontend()},
		{what: "build, 100 MB, --no-cache", name: "large", count: 1, size: 100 << 20, flags: []string{"--no-cache"}, peerFrontend: builtin},
	} {
		dir, err := b.contextOf(c.name, c.count, c.size)
		if err != nil {
			return nil, err
		}
		tar := filepath.Join(b.dir, "out.tar")
		ours := side{name: "Wasmfile, artifact", command: build(dir, "Wasmfile", wasmfileFrontend(), "type=tar,dest="+tar, c.flags...)}
		peer := side{name: "Dockerfile by `# syntax`", command: build(dir, "Dockerfile", c.peerFrontend, "type=tar,dest="+tar, c.flags...)}
		if c.peerFrontend == builtin {
			peer.name = "Dockerfile, built-in"
		}
		if c.change {
			change := func() error { return b.writeComponent(filepath.Join(dir, "greet4.wasm"), c.size) }
			ours.prepare, peer.prepare = change, change
		}
		r, err := b.compare(c.what, ours, peer)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// push builds the artifact of a directory and pushes it.
func (b bench) push(dir, ref string) error {
	layout, err := os.MkdirTemp(b.dir, "layout-")
	if err != nil {
		return err
	}
	if err := b.command(build(dir, "Wasmfile", wasmfileFrontend(), "type=local,dest="+layout)); err != nil {
		return err
	}
	return b.command([]string{"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", ref})
}

// publishExample pushes the artifact of an example and has containerd pull it.
func (b bench) publishExample(example, ref string) error {
	if err := b.push(b.example(example), ref); err != nil {
		return err
	}
	return b.command([]string{"nerdctl", "wasm", "pull", "-q", ref})
}

// example is the directory of an example.
func (b bench) example(name string) string { return filepath.Join(b.repo, "examples", name) }

// contextOf makes a build context with a number of greet components, each
// padded by a custom section of random bytes, a Wasmfile that takes them one
// by one and a Dockerfile that copies them one by one.
func (b bench) contextOf(name string, count, padding int) (string, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	wasmfile, dockerfile := "FROM scratch\n", "FROM scratch\n"
	first := ""
	for i := range count {
		file := "greet.wasm"
		if count > 1 {
			file = fmt.Sprintf("greet%d.wasm", i)
		}
		if first == "" {
			first = file
		}
		if err := b.writeComponent(filepath.Join(dir, file), padding); err != nil {
			return "", err
		}
		wasmfile += "COMPONENT " + file + "\n"
		dockerfile += "COPY " + file + " /\n"
	}
	for file, content := range map[string]string{
		"Wasmfile":   wasmfile + fmt.Sprintf("ENTRYPOINT [%q]\n", strings.TrimSuffix(first, ".wasm")),
		"Dockerfile": dockerfile + fmt.Sprintf("ENTRYPOINT [%q]\n", "/"+first),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeComponent writes the greet component with a custom section of padding
// random bytes, none for 0.
func (b bench) writeComponent(path string, padding int) error {
	component, err := os.ReadFile(filepath.Join(b.example("greet"), "greet.wasm"))
	if err != nil {
		return err
	}
	if padding > 0 {
		section := append([]byte("\x07padding"), make([]byte, padding)...)
		if _, err := rand.Read(section[8:]); err != nil {
			return err
		}
		component = binary.AppendUvarint(append(component, 0), uint64(len(section))) // unsigned LEB128
		component = append(component, section...)
	}
	return os.WriteFile(path, component, 0o644)
}
