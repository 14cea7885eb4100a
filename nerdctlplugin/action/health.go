package action

import (
	"fmt"

	"github.com/containerd/nerdctl/v2/pkg/healthcheck"
	"github.com/containerd/nerdctl/v2/pkg/labels"
)

// withoutShell makes the health check in a container's labels one that is run
// by its words: an artifact has no shell, which nerdctl would start.
func withoutShell(of map[string]string, words []string) error {
	encoded, ok := of[labels.HealthCheck]
	if !ok || len(words) == 0 {
		return nil
	}
	check, err := healthcheck.HealthCheckFromJSON(encoded)
	if err != nil {
		return fmt.Errorf("the container's health check: %w", err)
	}
	check.Test = append([]string{healthcheck.Cmd}, words...)
	of[labels.HealthCheck], err = check.ToJSONString()
	return err
}
