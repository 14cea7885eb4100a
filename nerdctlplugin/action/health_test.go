package action

import (
	"strings"
	"testing"

	"github.com/containerd/nerdctl/v2/pkg/labels"
)

// TestHealthCheckWithoutShell: given the health check that nerdctl makes of a
// command, it is one of words, with the same times.
func TestHealthCheckWithoutShell(t *testing.T) {
	of := map[string]string{labels.HealthCheck: `{"Test":["CMD-SHELL","guest check 'a b'"],"Timeout":1000000000}`}
	if err := withoutShell(of, []string{"guest", "check", "a b"}); err != nil {
		t.Fatal(err)
	}
	if got := of[labels.HealthCheck]; !strings.HasPrefix(got, `{"Test":["CMD","guest","check","a b"]`) || !strings.Contains(got, `"Timeout":1000000000`) {
		t.Errorf("it is %s", got)
	}
	none := map[string]string{labels.HealthCheck: `{"Test":["NONE"]}`}
	if err := withoutShell(none, nil); err != nil || none[labels.HealthCheck] != `{"Test":["NONE"]}` {
		t.Errorf("none is %s, %v", none[labels.HealthCheck], err)
	}
}
