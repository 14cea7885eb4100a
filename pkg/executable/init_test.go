package executable_test

import (
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/executable"
)

func TestWithoutInit(t *testing.T) {
	cases := map[string]string{
		"/sbin/docker-init -- hello -x": "hello -x",
		"/sbin/tini -- hello":           "hello",
		"/sbin/tini hello":              "/sbin/tini hello",
		"/sbin/tini":                    "/sbin/tini",
		"hello -- /sbin/tini --":        "hello -- /sbin/tini --",
		"":                              "",
	}
	for args, want := range cases {
		if got := strings.Join(executable.WithoutInit(strings.Split(args, " ")), " "); got != want {
			t.Errorf("%q becomes %q", args, got)
		}
	}
}
