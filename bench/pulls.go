package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// realNerdctl is nerdctl itself: by that name alone it would be started by ours.
func realNerdctl() string {
	return filepath.Join(os.Getenv("SANDBOX_DIR"), "tools", "bin", "nerdctl")
}

// published is an artifact, and an image of the same files, in the registry.
type published struct{ artifact, image string }

// pulls compares with what moves the same bytes: oras into a layout, ctr into
// containerd with and without an image record, and nerdctl with an ordinary
// image, which it also unpacks.
func (b bench) pulls() ([]result, error) {
	var results []result
	for _, c := range []struct {
		what        string
		name        string
		count, size int
	}{
		{"pull, 1 component of 100 kB", "one", 1, 100 << 10},
		{"pull, 10 components of 100 kB", "ten", 10, 100 << 10},
		{"pull, 100 components of 100 kB", "hundred", 100, 100 << 10},
		{"pull, 1 component of 100 MB", "heavy", 1, 100 << 20},
	} {
		p, err := b.publish(c.name, c.count, c.size)
		if err != nil {
			return nil, err
		}
		ours := pullSide("nerdctl wasm pull", p.artifact, "nerdctl", "wasm", "pull", "-q", p.artifact)
		for _, peer := range b.pullPeers(p) {
			r, err := b.compare(c.what, ours, peer)
			if err != nil {
				return nil, err
			}
			results = append(results, r)
		}
		if c.name != "ten" && c.name != "hundred" {
			continue
		}
		there, err := b.pullsOfWhatIsThere(c.count, p)
		if err != nil {
			return nil, err
		}
		results = append(results, there...)
	}
	start, err := b.starts()
	return append(results, start...), err
}

func (b bench) publish(name string, count, size int) (published, error) {
	dir, err := b.contextOf("pull-"+name, count, size)
	if err != nil {
		return published{}, err
	}
	p := published{registry() + "/bench/artifact-" + name + ":latest", registry() + "/bench/image-" + name + ":latest"}
	if err := b.push(dir, p.artifact); err != nil {
		return published{}, err
	}
	return p, b.command(build(dir, "Dockerfile", builtin, "type=image,push=true,name="+p.image, "--platform", "linux/amd64", "--provenance=false"))
}

// pullSide is a pull into containerd, whose image is removed after each round.
func pullSide(name, image string, command ...string) side {
	return side{name: name, command: command, clean: [][]string{{"ctr", "images", "rm", "--sync", image}}}
}

func (b bench) pullPeers(p published) []side {
	target := filepath.Join(b.dir, "pulled")
	return []side{
		{
			name: "oras cp", command: []string{"oras", "cp", "--no-tty", "--from-plain-http", "--to-oci-layout", p.artifact, target + ":latest"},
			clean: [][]string{{"rm", "-rf", target}},
		},
		pullSide("ctr content fetch", p.artifact, "ctr", "content", "fetch", "--plain-http", p.artifact),
		pullSide("ctr image pull", p.artifact, ctrPull(p.artifact)...),
		pullSide("nerdctl pull, an image", p.image, realNerdctl(), "pull", "-q", p.image),
	}
}

// ctrPull is for artifacts: without --local, containerd's transfer service
// refuses their platform.
func ctrPull(artifact string) []string {
	return []string{"ctr", "image", "pull", "--local", "--plain-http", "--platform", "wasip2/wasm", artifact}
}

// pullsOfWhatIsThere compares pulls of an artifact that containerd has.
func (b bench) pullsOfWhatIsThere(count int, p published) ([]result, error) {
	defer func() {
		for _, image := range []string{p.artifact, p.image} {
			_ = b.command([]string{"ctr", "images", "rm", "--sync", image}) // the next run replaces it
		}
	}()
	ours := side{name: "nerdctl wasm pull", command: []string{"nerdctl", "wasm", "pull", "-q", p.artifact}}
	var results []result
	for _, peer := range []side{
		{name: "ctr image pull", command: ctrPull(p.artifact)},
		{name: "ctr image pull by the transfer service, an image", command: []string{"ctr", "image", "pull", "--plain-http", p.image}},
	} {
		r, err := b.compare(fmt.Sprintf("pull of %d components that are there", count), ours, peer)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// starts compares how long the executables take to start and say who they are.
func (b bench) starts() ([]result, error) {
	var results []result
	for _, peer := range []side{
		{name: "nerdctl version", command: []string{realNerdctl(), "version"}},
		{name: "nerdctl --version, which asks nobody", command: []string{realNerdctl(), "--version"}},
	} {
		r, err := b.compare("start of the executable", side{name: "nerdctl-wasm version", command: []string{"nerdctl-wasm", "version"}}, peer)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}
