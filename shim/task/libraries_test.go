package task

import "testing"

func TestWithoutEmpty(t *testing.T) {
	for list, want := range map[string]string{
		"": "", ":": "", "/opt/containerd/lib:": "/opt/containerd/lib", ":/a": "/a", "/a::/b": "/a:/b", "/a:/b": "/a:/b",
	} {
		if got := withoutEmpty(list); got != want {
			t.Errorf("%q became %q, not %q", list, got, want)
		}
	}
}
