package version_test

import (
	"testing"

	"github.com/wasmfile/wasmfile/pkg/version"
)

func TestString(t *testing.T) {
	defer func(v, c string) { version.Version, version.Commit = v, c }(version.Version, version.Commit)
	cases := []struct{ version, commit, want string }{
		{"dev", "", "dev"},
		{"v1.2.3", "0123456789abcdef0123456789abcdef01234567", "v1.2.3 (0123456789ab)"},
	}
	for _, c := range cases {
		version.Version, version.Commit = c.version, c.commit
		if got := version.String(); got != c.want {
			t.Errorf("version %q of commit %q is shown as %q, not %q", c.version, c.commit, got, c.want)
		}
	}
}
