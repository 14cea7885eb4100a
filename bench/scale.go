package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// scale compares builds of much with the official Dockerfile frontend that
// copies the same files, in a few rounds.
func (b bench) scale() ([]result, error) {
	b.rounds = min(b.rounds, 3)
	var results []result
	for _, c := range []struct {
		what string
		make func(dir string) error
		peer string // its output: files in a tar, or an image, which compresses like the layout
	}{
		{"build, 2,000 components of 10 KB by one wildcard, --no-cache", b.many, "type=tar"},
		{"build, 1 GB, --no-cache", b.huge, "type=tar"},
		{"build, 200 MB of static files, --no-cache", b.static, "type=oci"},
	} {
		dir := filepath.Join(b.dir, "scale")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := c.make(dir); err != nil {
			return nil, err
		}
		out := filepath.Join(b.dir, "out")
		name := "Dockerfile by `# syntax`"
		if dockerfileFrontend() == builtin {
			name = "Dockerfile, built-in"
		}
		r, err := b.compare(c.what,
			side{name: "Wasmfile, artifact", command: build(dir, "Wasmfile", wasmfileFrontend(), "type=tar,dest="+out, "--no-cache")},
			side{name: name, command: build(dir, "Dockerfile", dockerfileFrontend(), c.peer+",dest="+out, "--no-cache")})
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (b bench) many(dir string) error {
	for i := range 2000 {
		if err := b.writeComponent(filepath.Join(dir, fmt.Sprintf("c%04d.wasm", i)), 8<<10); err != nil {
			return err
		}
	}
	return writeFiles(dir, "COMPONENT *.wasm", "COPY *.wasm /")
}

func (b bench) huge(dir string) error {
	if err := b.writeComponent(filepath.Join(dir, "c0000.wasm"), 1<<30); err != nil {
		return err
	}
	return writeFiles(dir, "COMPONENT c0000.wasm", "COPY c0000.wasm /")
}

// static is files of which half compresses.
func (b bench) static(dir string) error {
	static := filepath.Join(dir, "static")
	if err := os.Mkdir(static, 0o755); err != nil {
		return err
	}
	content := make([]byte, 100_000)
	for i := range 2000 {
		if _, err := rand.Read(content[:len(content)/2]); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(static, fmt.Sprint(i)), content, 0o644); err != nil {
			return err
		}
	}
	if err := b.writeComponent(filepath.Join(dir, "c0000.wasm"), 0); err != nil {
		return err
	}
	return writeFiles(dir, "COMPONENT c0000.wasm\nCOPY static /static/", "COPY c0000.wasm /\nCOPY static /static/")
}

func writeFiles(dir, wasmfile, dockerfile string) error {
	for file, instructions := range map[string]string{"Wasmfile": wasmfile, "Dockerfile": dockerfile} {
		text := "FROM scratch\n" + instructions + "\nENTRYPOINT [\"c0000\"]\n"
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
