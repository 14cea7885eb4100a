package build

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func contextDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, defaultFile), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRequestBecomesFrontendOptions(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("SOURCE_DATE_EPOCH", "7")
	t.Setenv("FROM_ENVIRONMENT", "given")
	r := Request{
		Context: contextDir(t), Target: "stage", BuildArgs: []string{"A=1=2", "FROM_ENVIRONMENT", "NOT_GIVEN_AT_ALL"},
		Labels: []string{"l=x", "empty"}, Platforms: []string{"wasip2/wasm"}, NoCache: true, Pull: true,
		Network: "none", Contexts: []string{"dir=" + t.TempDir(), "context=" + t.TempDir(), "docker.io/library/img:latest=docker-image://busybox", "web=https://example.com/x.tar"},
		Stderr: os.Stderr,
	}
	opt, done, err := r.solveOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	want := map[string]string{
		"filename": "Wasmfile", "target": "stage", "build-arg:A": "1=2", "build-arg:FROM_ENVIRONMENT": "given",
		"build-arg:SOURCE_DATE_EPOCH": "7", "label:l": "x", "label:empty": "", "platform": "wasip2/wasm",
		"no-cache": "", "image-resolve-mode": "pull", "force-network-mode": "none",
		"context:dir": "local:named-dir", "context:context": "local:named-context", "context:img": "docker-image://busybox", "context:web": "https://example.com/x.tar",
	}
	if !maps.Equal(opt.FrontendAttrs, want) {
		t.Errorf("options are\n%v, not\n%v", opt.FrontendAttrs, want)
	}
	for _, name := range []string{"context", "dockerfile", "named-dir", "named-context"} {
		if opt.LocalMounts[name] == nil {
			t.Errorf("no files %q", name)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	dir := contextDir(t)
	for name, c := range map[string]struct {
		request  Request
		filename string // empty for an error
		says     string
	}{
		"the context's":                   {Request{Context: dir}, "Wasmfile", ""},
		"another":                         {Request{Context: t.TempDir(), File: filepath.Join(dir, "Wasmfile")}, "Wasmfile", ""},
		"standard input":                  {Request{Context: dir, File: "-", Stdin: strings.NewReader("FROM scratch\n")}, "Wasmfile", ""},
		"of a URL":                        {Request{Context: "https://example.com/r.git", File: "sub/W"}, "sub/W", ""},
		"a URL's default":                 {Request{Context: "https://example.com/r.git"}, "Wasmfile", ""},
		"missing":                         {Request{Context: t.TempDir()}, "", "does not exist"},
		"no context":                      {Request{Context: filepath.Join(dir, "none")}, "", "build context"},
		"too much input":                  {Request{Context: dir, File: "-", Stdin: strings.NewReader(strings.Repeat("#", maxFileSize+1))}, "", "over"},
		"a bad secret":                    {Request{Context: dir, Secrets: []string{"nope"}}, "", "--secret"},
		"a bad context":                   {Request{Context: dir, Contexts: []string{"nope"}}, "", "NAME=SOURCE"},
		"a context no FROM could name":    {Request{Context: dir, Contexts: []string{"A=" + dir}}, "", "must be lowercase"},
		"a label without a key":           {Request{Context: dir, Labels: []string{"=x"}}, "", "KEY=VALUE"},
		"a build argument without a name": {Request{Context: dir, BuildArgs: []string{"=x"}}, "", "NAME=VALUE"},
		"no layout":                       {Request{Context: dir, Contexts: []string{"l=oci-layout://" + dir}}, "", "not an OCI image layout"},
		"inline cache":                    {Request{Context: dir, CacheTo: []string{"type=inline"}}, "", "type=registry"},
		"of an image":                     {Request{Context: dir, CacheTo: []string{"type=inline"}, Platforms: []string{"wasi/wasm"}}, "Wasmfile", ""},
		"both no-cache":                   {Request{Context: dir, NoCache: true, NoCacheFilter: []string{"a"}}, "", "together"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Stderr = os.Stderr
			opt, done, err := c.request.solveOptions()
			defer done()
			switch {
			case c.filename == "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("the error is %v; it has to say %q", err, c.says)
			case c.filename != "" && (err != nil || opt.FrontendAttrs["filename"] != c.filename):
				t.Errorf("the file is %q, %v; it has to be %q", opt.FrontendAttrs["filename"], err, c.filename)
			}
		})
	}
}

func TestIsImage(t *testing.T) {
	for platforms, want := range map[string]bool{"": false, "linux/amd64": false, "wasi/wasm": true, "WASI/Wasm": true, "linux/amd64,wasip1/wasm": true} {
		if r := (Request{Platforms: []string{platforms}}); r.isImage() != want {
			t.Errorf("%q: %v", platforms, r.isImage())
		}
	}
}

func TestNoBuilder(t *testing.T) {
	address := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	_, err := solve(t.Context(), Request{Address: address, Context: contextDir(t), Stderr: os.Stderr})
	if err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("the error is %v", err)
	}
	t.Setenv("BUILDKIT_HOST", "")
	if got := addresses("", "ns"); len(got) != 3 || !strings.HasSuffix(got[0], "/buildkit-ns/buildkitd.sock") {
		t.Errorf("it looks at %v", got)
	}
}

func TestAssemblerIsThisExecutable(t *testing.T) {
	r := Request{Context: contextDir(t), Stderr: os.Stderr}
	opt, done, err := r.solveOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	assembler, err := addAssembler(&opt)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if want := "/" + filepath.Base(own) + " internal"; strings.Join(assembler.Command, " ") != want {
		t.Errorf("the builder runs %v, not %s", assembler.Command, want)
	}
	if opt.LocalMounts[assemblerMount] == nil {
		t.Error("the builder does not get it")
	}
}

func TestAttests(t *testing.T) {
	for _, c := range []struct {
		request Request
		want    map[string]string
	}{
		{Request{}, map[string]string{}},
		{Request{SBOM: "false", Provenance: "false"}, map[string]string{}},
		{Request{SBOM: "generator=r.example/s", Provenance: "true"}, map[string]string{"attest:sbom": "generator=r.example/s", "attest:provenance": ""}},
	} {
		attrs := make(map[string]string)
		c.request.attest(attrs)
		if !maps.Equal(attrs, c.want) || c.request.attests() != (len(c.want) > 0) {
			t.Errorf("%+v asks for %v", c.request, attrs)
		}
	}
}
