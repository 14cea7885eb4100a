package containers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/healthcheck"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// TestHealthCheck: given the health check of an artifact and flags, the one of the
// container, whose test is words that begin with a component.
func TestHealthCheck(t *testing.T) {
	const defaults = `"Interval":30000000000,"Timeout":30000000000,"Retries":3`
	for name, c := range map[string]struct {
		image   string // the artifact's, as JSON
		options types.ContainerCreateOptions
		want    string // as JSON, empty for none
		err     string
	}{
		"nothing":             {},
		"the artifact's":      {image: `{"Test":["CMD","a","x y"],"Interval":1,"Timeout":2,"StartPeriod":3,"Retries":4}`, want: `{"Test":["CMD","a","x y"],"Interval":1,"Timeout":2,"Retries":4,"StartPeriod":3}`},
		"a function":          {image: `{"Test":["CMD","a#check"]}`, want: `{"Test":["CMD","a#check"],` + defaults + `}`},
		"for a shell":         {image: `{"Test":["CMD-SHELL","a.wasm 'x y' || exit 1"]}`, want: `{"Test":["CMD","a.wasm","x y"],` + defaults + `}`},
		"turned off":          {image: `{"Test":["CMD","a"]}`, options: types.ContainerCreateOptions{NoHealthcheck: true}},
		"none":                {image: `{"Test":["NONE"]}`},
		"inherited":           {image: `{}`},
		"times of none":       {image: `{"Test":["NONE"]}`, options: types.ContainerCreateOptions{HealthRetries: 3}, err: "--health-cmd gives"},
		"other times":         {image: `{"Test":["CMD","a"],"Interval":1,"Retries":4}`, options: types.ContainerCreateOptions{HealthInterval: 5, HealthRetries: 6}, want: `{"Test":["CMD","a"],"Interval":5,"Timeout":30000000000,"Retries":6}`},
		"another command":     {image: `{"Test":["CMD","a"],"Retries":4}`, options: types.ContainerCreateOptions{HealthCmd: "b 'x y'"}, want: `{"Test":["CMD","b","x y"],"Interval":30000000000,"Timeout":30000000000,"Retries":4}`},
		"a command":           {options: types.ContainerCreateOptions{HealthCmd: "b"}, want: `{"Test":["CMD","b"],` + defaults + `}`},
		"no component":        {options: types.ContainerCreateOptions{HealthCmd: "curl x"}, err: `"curl" is none of the components: a.wasm, b.wasm`},
		"no words":            {options: types.ContainerCreateOptions{HealthCmd: " "}, err: "component, and arguments"},
		"an open quote":       {options: types.ContainerCreateOptions{HealthCmd: "a 'x"}, err: "EOF"},
		"a pipe":              {options: types.ContainerCreateOptions{HealthCmd: "a | b"}, err: "no shell for |"},
		"a variable":          {options: types.ContainerCreateOptions{HealthCmd: "a $PORT"}, err: "no shell for $PORT"},
		"always healthy":      {options: types.ContainerCreateOptions{HealthCmd: "a || exit 0"}, err: "no shell for ||"},
		"an artifact's curl":  {image: `{"Test":["CMD","curl"],"Retries":4}`},
		"an artifact's shell": {image: `{"Test":["CMD-SHELL","a && b"]}`},
		"an unknown kind":     {image: `{"Test":["RUN","a"]}`},
		"an empty test":       {image: `{"Test":["CMD"]}`},
		"negative":            {image: `{"Test":["CMD","a"],"Timeout":-1}`},
	} {
		a := &artifact.Artifact{Manifest: ofType(artifact.MediaTypeComponentLayer, "a.wasm", "b.wasm").Manifest}
		if c.image != "" {
			a.Config.Config.Healthcheck = new(dockerspec.HealthcheckConfig)
			if err := json.Unmarshal([]byte(c.image), a.Config.Config.Healthcheck); err != nil {
				t.Fatal(err)
			}
		}
		check, err := healthCheck(t.Context(), a, c.options)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		of := map[string]string{labels.HealthCheck: "the image's label", labels.HealthState: "the image's, too"}
		if err := setHealthCheck(of, check); err != nil {
			t.Fatal(err)
		}
		if got := of[labels.HealthCheck]; err != nil || got != c.want || (check == nil) != (got == "") || of[labels.HealthState] != "" {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// TestHealthCheckOfFiles: given a component that is a file, which files there are is
// not known before the check runs.
func TestHealthCheckOfFiles(t *testing.T) {
	got, err := checkCommand([]string{healthcheck.Cmd, "/bin/check.wasm"}, nil)
	if err != nil || strings.Join(got, " ") != "CMD /bin/check.wasm" {
		t.Errorf("%q, %v", got, err)
	}
}
