package containers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/config"
	"github.com/containerd/nerdctl/v2/pkg/healthcheck"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	"github.com/google/shlex"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// healthCheck is the health check that a container of an artifact gets, nil for
// none: the artifact's HEALTHCHECK, as far as the options say nothing else. One of an
// artifact that cannot be run is left out with a warning.
func healthCheck(ctx context.Context, a *artifact.Artifact, o types.ContainerCreateOptions) (*healthcheck.Healthcheck, error) {
	if o.NoHealthcheck {
		return nil, nil
	}
	check, err := ownHealthCheck(a.Config.Config.Healthcheck, a.WasmLayers())
	if err != nil {
		log.G(ctx).Warnf("the artifact's HEALTHCHECK is left out: %v", err)
	}
	if o.HealthCmd != "" {
		check.Test, err = checkCommand([]string{healthcheck.CmdShell, o.HealthCmd}, a.WasmLayers())
		if err != nil {
			return nil, fmt.Errorf("--health-cmd: %w", err)
		}
	}
	if len(check.Test) == 0 {
		if cmp.Or(o.HealthInterval, o.HealthTimeout, o.HealthStartPeriod) != 0 || o.HealthRetries != 0 {
			return nil, errors.New("the flags --health-* are about a health check: --health-cmd gives one, and the artifact has none")
		}
		return nil, nil
	}
	check.Interval = cmp.Or(o.HealthInterval, check.Interval)
	check.Timeout = cmp.Or(o.HealthTimeout, check.Timeout)
	check.StartPeriod = cmp.Or(o.HealthStartPeriod, check.StartPeriod)
	check.Retries = cmp.Or(o.HealthRetries, check.Retries)
	check.ApplyDefaults()
	return &check, nil
}

// ownHealthCheck is the health check of an image config, without a test when
// there is none or when it cannot be run.
func ownHealthCheck(of *dockerspec.HealthcheckConfig, layers []ocispec.Descriptor) (healthcheck.Healthcheck, error) {
	if of == nil {
		return healthcheck.Healthcheck{}, nil
	}
	if min(of.Interval, of.Timeout, of.StartPeriod) < 0 || of.Retries < 0 {
		return healthcheck.Healthcheck{}, errors.New("its numbers cannot be negative")
	}
	test, err := checkCommand(of.Test, layers)
	return healthcheck.Healthcheck{
		Test: test, Interval: of.Interval, Timeout: of.Timeout, StartPeriod: of.StartPeriod, Retries: of.Retries,
	}, err
}

// checkCommand is the test of a health check as one that is run without a shell,
// which a guest has not: a command line for a shell is split into its words. The
// first one has to name one of the layers, if there are any, or the component is a
// file. The test is empty for none.
func checkCommand(test []string, layers []ocispec.Descriptor) ([]string, error) {
	if len(test) == 0 {
		return nil, nil
	}
	words := test[1:]
	switch test[0] {
	case healthcheck.CmdNone, healthcheck.TestNone:
		return nil, nil
	case healthcheck.Cmd:
	case healthcheck.CmdShell:
		var err error
		if words, err = splitCommand(strings.Join(words, " ")); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("a health check of kind %q is unknown", test[0])
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("it has to be a component, and arguments")
	}
	if len(layers) > 0 {
		if _, err := artifact.Named(layers, words[0]); err != nil {
			return nil, fmt.Errorf("%q is none of the components: %s", words[0], strings.Join(artifact.Names(layers), ", "))
		}
	}
	return append([]string{healthcheck.Cmd}, words...), nil
}

// forShell finds what only a shell would understand in a word.
var forShell = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^[0-9]*[|&;<>]|;$|[$`]") })

// splitCommand splits a command line as a shell would. "|| exit 1" at its end, which
// such commands usually have, is left out: every code but 0 says unhealthy.
func splitCommand(line string) ([]string, error) {
	words, err := shlex.Split(line)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	if n := len(words) - 3; n > 0 && words[n] == "||" && words[n+1] == "exit" && words[n+2] != "0" {
		words = words[:n]
	}
	if i := slices.IndexFunc(words, forShell().MatchString); i >= 0 {
		return nil, fmt.Errorf("%q: there is no shell for %s: it has to be a component, and arguments", line, words[i])
	}
	return words, nil
}

// setHealthCheck makes a health check, nil for none, the one that nerdctl finds in a
// container's labels. An image's labels do not count.
func setHealthCheck(of map[string]string, check *healthcheck.Healthcheck) error {
	delete(of, labels.HealthState)
	if check == nil {
		delete(of, labels.HealthCheck)
		return nil
	}
	encoded, err := check.ToJSONString()
	if err != nil {
		return fmt.Errorf("the container's health check: %w", err)
	}
	of[labels.HealthCheck] = encoded
	return nil
}

// CheckHealth runs a container's health check once, and notes what came of it
// for `nerdctl inspect`.
func CheckHealth(ctx context.Context, name string, global types.GlobalCommandOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return err
	}
	defer done()
	found, err := daemon.FindContainer(ctx, client, name)
	if err != nil {
		return err
	}
	if err = withoutShell(ctx, client, found); err == nil {
		err = container.HealthCheck(ctx, client, found)
	}
	if err != nil {
		return fmt.Errorf("check the health of %s: %w", name, err)
	}
	return nil
}

// withoutShell makes the health check of a guest that another client created one
// that can be run.
func withoutShell(ctx context.Context, client *containerd.Client, c containerd.Container) error {
	set, err := c.Labels(ctx)
	if err != nil {
		return fmt.Errorf("read its labels: %w", err)
	}
	encoded, ok := set[labels.HealthCheck]
	if !ok {
		return nil
	}
	check, err := healthcheck.HealthCheckFromJSON(encoded)
	if err != nil || len(check.Test) == 0 || check.Test[0] != healthcheck.CmdShell {
		return err
	}
	g, err := guestOf(ctx, client, c)
	if err != nil || g == nil {
		return err
	}
	if check.Test, err = checkCommand(check.Test, g.layers); err != nil {
		return err
	}
	if encoded, err = check.ToJSONString(); err != nil {
		return err
	}
	_, err = c.SetLabels(ctx, map[string]string{labels.HealthCheck: encoded})
	return err
}

// scheduleHealthCheck has systemd run a container's health check from now on, as
// `nerdctl run` does. Where there is no systemd, or the user is not root, nobody
// does.
func scheduleHealthCheck(ctx context.Context, c containerd.Container, o types.ContainerCreateOptions) error {
	global := config.Config(o.GOptions)
	if err := healthcheck.CreateTimer(ctx, c, &global, o.NerdctlCmd, o.NerdctlArgs); err != nil {
		return fmt.Errorf("schedule health checks: %w", err)
	}
	if err := healthcheck.StartTimer(ctx, c, &global); err != nil {
		return fmt.Errorf("start health checks: %w", err)
	}
	return nil
}
