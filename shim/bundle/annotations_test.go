package bundle_test

import (
	"errors"
	"testing"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

func TestHTTPAddr(t *testing.T) {
	ports := func(keys ...string) map[string]struct{} {
		m := make(map[string]struct{})
		for _, k := range keys {
			m[k] = struct{}{}
		}
		return m
	}
	cases := []struct {
		annotation string
		exposed    map[string]struct{}
		want       string
	}{
		{"", nil, "0.0.0.0:8080"},
		{"", ports("80/tcp"), "0.0.0.0:80"},
		{"", ports("9000", "443/tcp", "53/udp"), "0.0.0.0:443"},
		{"", ports("53/udp"), "0.0.0.0:8080"},
		{"", ports("http", "0/tcp", "70000", "-1", "8-9/tcp"), "0.0.0.0:8080"},
		{"127.0.0.1:1", ports("80/tcp"), "127.0.0.1:1"},
		{"[::]:80", nil, "[::]:80"},
		{":80", nil, ""},
		{"localhost:80", nil, ""},
		{"0.0.0.0:80 --dir /", nil, ""},
		{"0.0.0.0:65536", nil, ""},
		{"0.0.0.0:0", nil, ""},
		{"[fe80::1%eth0]:80", nil, ""},
	}
	for _, c := range cases {
		annotations := map[string]string{}
		if c.annotation != "" {
			annotations[bundle.AnnotationHTTPAddr] = c.annotation
		}
		got, err := bundle.HTTPAddr(annotations, c.exposed)
		if c.want == "" {
			if !errors.Is(err, bundle.ErrInvalid) {
				t.Errorf("address %q gives %s, %v", c.annotation, got, err)
			}
		} else if err != nil || got.String() != c.want {
			t.Errorf("address %q with ports %v gives %s, %v, not %s", c.annotation, c.exposed, got, err, c.want)
		}
	}
}

func TestIsSystemdCgroup(t *testing.T) {
	cases := map[string]bool{
		"system.slice:nerdctl:0123":        true,
		"user-1000.slice:docker:0123":      true,
		":nerdctl:0123":                    true,
		"kubepods-burstable.slice:cri:abc": true,
		"/default/0123":                    false,
		"":                                 false,
		"/a.slice:b:c":                     false,
		"a.slice:b:":                       false,
		"a.slice:b:c:d":                    false,
		"a:b:c":                            false,
	}
	for path, want := range cases {
		if got := bundle.IsSystemdCgroup(path); got != want {
			t.Errorf("cgroups path %q is systemd's: %v", path, got)
		}
	}
}
