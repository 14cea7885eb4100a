package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// logLine is a structured line of a log: time, level and message, as fields.
var logLine = regexp.MustCompile(`^time="[^"]+" level=[a-z]+ msg=`)

var debugOfShim = regexp.MustCompile(`level=debug .* runtime=` + regexp.QuoteMeta(runtimeName))

// TestLogsKeepSecrets: given containers with secrets in their environment and
// arguments, of which some cannot be created or started, and a collector that
// repeats what it is sent, no log has a secret in it, however much is logged.
func TestLogsKeepSecrets(t *testing.T) {
	const secret, token = "s3cr3t-of-the-guest", "t0ken-of-the-collector"
	ref := publishTwo(t)
	parrot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "who is "+r.Header.Get("X-Token")+"?", http.StatusUnauthorized)
	}))
	defer parrot.Close()
	shims := shimEnvironment("OTEL_EXPORTER_OTLP_ENDPOINT="+parrot.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-token="+token)
	c := startContainerd(t, "", func(config string) string { return shims(config) + "\n[debug]\n  level = 'trace'\n" })
	c.pull(ref)
	run := func(flags []string, id string, args ...string) result {
		line := append(c.ctr("run", "--runtime", runtimeName, "--env", "SECRET="+secret), flags...)
		return try(t, append(append(line, ref, id), args...)...)
	}
	kinds := map[string]struct {
		flags, args []string
		code        int
	}{
		"fine":       {nil, []string{"a", "args", secret}, 0},
		"trap":       {nil, []string{"a", "trap", secret}, 134},
		"no-program": {nil, []string{"nosuch", secret}, 1},
		"no-mount":   {[]string{"--mount", "type=bind,src=/nowhere,dst=/x,options=rbind:ro"}, []string{"a", "args", secret}, 1},
		"bad-ask":    {[]string{"--annotation", "io.github.wasmfile.memory=1"}, []string{"a", "args", secret}, 1},
	}
	for kind, k := range kinds {
		r := run(append(k.flags, "--rm"), unique(kind), k.args...)
		if r.code != k.code {
			t.Errorf("%s ends with %d: %s", kind, r.code, r.all())
		}
		if kind != "fine" && strings.Contains(r.stderr, secret) {
			t.Errorf("%s says %s", kind, r.stderr)
		}
	}
	// A long-lived one, whose shim logs that its spans are refused.
	id := unique("long")
	if r := run([]string{"-d"}, id, "a", "sleep", "300", secret); r.code != 0 {
		t.Fatal(r.all())
	}
	must(t, c.ctr("tasks", "exec", "--exec-id", "e", id, "a", "args", secret)...)
	log := filepath.Join(c.dir, "log")
	eventually(t, 20*time.Second, "the refusal of the collector in the log", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), "cannot export spans") && strings.Contains(string(text), "401")
	})
	text := readFile(t, log)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if strings.Contains(line, secret) || strings.Contains(line, token) {
			t.Errorf("logged is %s", line)
		}
		if !logLine.MatchString(line) {
			t.Errorf("not structured: %s", line)
		}
	}
	if !debugOfShim.MatchString(text) {
		t.Error("the log has nothing of a shim that says all")
	}
}
