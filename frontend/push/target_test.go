package push

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// quiet is the log of servers whose clients hang up.
var quiet = log.New(io.Discard, "", 0)

func TestParseTargets(t *testing.T) {
	for list, want := range map[string]string{
		"registry.example/a/b:1": "registry.example/a/b:1",
		"localhost:5000/a":       "localhost:5000/a:latest",
		"user/app:2":             "docker.io/user/app:2",
		" r.example/a:1 , r.example/b,r.example/a:1":    "r.example/a:1 r.example/b:latest",
		"http://r.example:5000/a":                       "plain r.example:5000/a:latest",
		"https://r.example/a":                           "r.example/a:latest",
		"r.example/UPPER":                               "",
		"r.example/a,":                                  "",
		"r.example/a@sha256:" + strings.Repeat("0", 64): "",
	} {
		targets, err := ParseTargets(list)
		var got []string
		for _, target := range targets {
			text := target.String()
			if target.Plain {
				text = "plain " + text
			}
			got = append(got, text)
		}
		if joined := strings.Join(got, " "); joined != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; not %q", list, joined, err, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for registry, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.9.9.9": true, "[::1]:5000": true,
		"registry.example": false, "10.0.0.1:5000": false, "localhost.example": false, "127.0.0.1.example:80": false,
	} {
		if isLoopback(registry) != want {
			t.Errorf("%s: %v", registry, !want)
		}
	}
}

// TestPlainHTTP: given a registry elsewhere that speaks plain HTTP only, who
// may be spoken to, and with credentials.
func TestPlainHTTP(t *testing.T) {
	const host = "registry.example:5000"
	file := filepath.Join(t.TempDir(), "config.json")
	write(t, file, config(host, "pass-phrase"))
	with, err := readLogins(file)
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Registry: host, Repository: "a", Tag: "1"}
	said := target
	said.Plain = true
	for name, c := range map[string]struct {
		logins   logins
		target   Target
		answered bool
		says     string // empty when it may
	}{
		"anonymous":                     {logins{}, target, true, ""},
		"buildkitd gets no answer":      {logins{}, target, false, "http = true"},
		"nor when the user says so":     {with, said, false, "http = true"},
		"credentials":                   {with, target, true, "write http://registry.example:5000/a:1"},
		"credentials, as the user says": {with, said, true, ""},
	} {
		err := newClient(c.logins, nil).checkPlain(t.Context(), c.target, Registry{Answered: c.answered, Problem: "no"})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error is %v; it has to say %q", name, err, c.says)
		}
	}
}

func TestUnreachable(t *testing.T) {
	elsewhere, here := Target{Registry: "registry.example", Repository: "a", Tag: "1"}, Target{Registry: "localhost:5000", Repository: "a", Tag: "1"}
	for says, c := range map[string]struct {
		target   Target
		answered bool
		err      error
	}{
		"id=WASMFILE_PUSH_CA":     {elsewhere, true, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
		"is the container itself": {here, true, errors.New("refused")},
		"reached by buildkitd":    {elsewhere, true, errors.New("refused")},
		"does not know the host":  {elsewhere, false, fmt.Errorf("dial: %w", &net.DNSError{})},
		"from the builder":        {elsewhere, false, errors.New("refused")},
	} {
		if err := unreachable(c.target, Registry{Answered: c.answered}, c.err); !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), c.target.String()) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}

// TestDockerHub: given a login of Docker Hub, it is found by the name of the
// registry's host.
func TestDockerHub(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	write(t, file, config("https://index.docker.io/v1/", "pass-phrase"))
	l, err := readLogins(file)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := l.of(t.Context(), "registry-1.docker.io"); err != nil || found.Username != "ada" {
		t.Errorf("found %+v, %v", found.Username, err)
	}
}

func TestBundledAuthorities(t *testing.T) {
	pool, err := bundledAuthorities()
	if err != nil || pool.Equal(x509.NewCertPool()) {
		t.Errorf("there are none: %v", err)
	}
}
