package sandbox

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// configFiles are the templates of what daemons and clients read.
//
//go:embed config
var configFiles embed.FS

// settings is what the templates fill in.
type settings struct {
	Root, Run, Tools             string   // directories
	Listen                       string   // the registry's address
	RegistryNames                []string // host:port by which clients may name the registry
	PlainRegistry                string   // host:port of a registry without HTTPS that a test may start
	Containerd, Buildkit, Docker string   // sockets
	DockerBridge                 string
	NerdctlBridge, NerdctlSubnet string // the subnet's first three numbers
	PauseImage                   string
	CgroupManager                string // "cgroupfs" or "systemd"
}

func (s *Sandbox) settings() settings {
	manager := "cgroupfs"
	if s.systemd {
		manager = "systemd"
	}
	return settings{
		Root: s.root, Run: s.run, Tools: s.path("tools", "bin"),
		Listen: s.registryAddress(), RegistryNames: []string{s.Registry(), s.registryAddress()},
		PlainRegistry: s.plainRegistry(),
		Containerd:    s.containerdSocket(), Buildkit: s.buildkitSocket(), Docker: s.dockerSocket(),
		DockerBridge: s.dockerBridge(), NerdctlBridge: s.nerdctlBridge(), NerdctlSubnet: s.subnet(1),
		PauseImage:    s.Image("pause"),
		CgroupManager: manager,
	}
}

// render is a template of config/ with the sandbox's settings.
func (s *Sandbox) render(name string) ([]byte, error) {
	parsed, err := template.ParseFS(configFiles, "config/"+name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, s.settings()); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", name, err)
	}
	return text.Bytes(), nil
}

// configure writes a template of config/ to a path below etc/.
func (s *Sandbox) configure(name, path string) error {
	text, err := s.render(name)
	if err != nil {
		return err
	}
	path = s.path("etc", path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
