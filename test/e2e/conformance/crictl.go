package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// crictl is the client of containerd's Kubernetes interface; every container
// has a pod.
type crictl struct {
	// handler is the runtime handler.
	handler string
	// dir is for its files.
	dir string
}

func (*crictl) name() string { return "crictl" }

// can: nothing attaches standard input when a container starts.
func (*crictl) can(r Request) bool { return r.Stdin == "" }

func (*crictl) pull(ctx context.Context, ref, _ string) error {
	_, err := must(ctx, "crictl", "pull", ref)
	return err
}

type object = map[string]any

func (c *crictl) run(ctx context.Context, r Request) (Outcome, error) {
	return c.inPod(ctx, r, func(id string) error { return c.ended(ctx, id) })
}

func (c *crictl) stop(ctx context.Context, r Request) (Outcome, error) {
	return c.inPod(ctx, r, func(id string) error {
		return inTime(func() error { _, err := must(ctx, "crictl", "stop", "--timeout", "10", id); return err })
	})
}

func (c *crictl) ended(ctx context.Context, id string) error {
	for range 200 {
		state, err := must(ctx, "crictl", "inspect", "-o", "go-template", "--template", "{{.status.state}}", id)
		if err != nil || state == "CONTAINER_EXITED" {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("container %s does not end", id)
}

// inPod runs a container in a pod of its own, until end has returned.
func (c *crictl) inPod(ctx context.Context, r Request, end func(id string) error) (got Outcome, err error) {
	name := unique()
	pod := object{
		"metadata": object{"name": name, "namespace": "default", "uid": name}, "log_directory": filepath.Join(c.dir, name),
		"linux": object{"security_context": object{"namespace_options": object{"network": 2}}},
	}
	podFile, err := c.write(name+"-pod.json", pod)
	if err != nil {
		return got, err
	}
	containerFile, err := c.write(name+".json", container(r))
	if err != nil {
		return got, err
	}
	podID, err := must(ctx, "crictl", "runp", "--runtime", c.handler, podFile)
	if err != nil {
		return got, err
	}
	defer func() {
		_, e := must(ctx, "crictl", "rmp", "-f", podID)
		err = errors.Join(err, e)
	}()
	id, err := must(ctx, "crictl", "create", "--no-pull", podID, containerFile, podFile)
	if err != nil {
		return got, err
	}
	if _, err := must(ctx, "crictl", "start", id); err != nil {
		return got, err
	}
	if err := end(id); err != nil {
		return got, err
	}
	if got, err = command(ctx, "", "crictl", "logs", id); err != nil {
		return got, err
	}
	code, err := must(ctx, "crictl", "inspect", "-o", "go-template", "--template", "{{.status.exitCode}}", id)
	if err != nil {
		return got, err
	}
	got.Code, err = strconv.Atoi(code)
	return got, err
}

// container is a request as a ContainerConfig.
func container(r Request) object {
	var envs, mounts []object
	for _, v := range r.Env {
		key, value, _ := strings.Cut(v, "=")
		envs = append(envs, object{"key": key, "value": value})
	}
	if r.Dir != "" {
		mounts = append(mounts, object{"container_path": "/data", "host_path": r.Dir, "readonly": r.ReadOnly})
	}
	return object{
		"metadata": object{"name": "guest"}, "image": object{"image": r.Ref}, "args": r.Args, "log_path": "guest.log",
		"envs": envs, "mounts": mounts, "working_dir": r.Cwd,
		"linux": object{"resources": object{"memory_limit_in_bytes": r.Memory}},
	}
}

func (c *crictl) write(name string, content object) (string, error) {
	encoded, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name)
	return path, os.WriteFile(path, encoded, 0o600)
}
