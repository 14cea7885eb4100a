package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// large is how many bytes the large component of honest has at least.
const large = 5 << 20

// honest is a registry with hostile/artifact:latest, of a small and a large
// component that no other test has.
func honest(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{blobs: make(map[string][]byte)}
	command := guest(t, "exit")
	h.artifact(t,
		h.add(componentType, "small.wasm", neverSeen(command)),
		h.add(componentType, "large.wasm", neverSeen(grown(command, large))))
	return h
}

// grown is a component with a custom section of size bytes in it.
func grown(component []byte, size int) []byte {
	section := append([]byte("\x07padding"), make([]byte, size)...)
	out := append(slices.Clone(component), 0)
	return append(binary.AppendUvarint(out, uint64(len(section))), section...)
}

// serveArtifact serves hostile/artifact:latest, in whatever way, until the test ends, and
// returns the reference to it.
func serveArtifact(t *testing.T, registry http.Handler) (ref string) {
	t.Helper()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String() + "/hostile/artifact:latest"
}

// isBlob reports whether a request is for a layer or config.
func isBlob(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }

// content is the blob that a request is for.
func (h *hostile) content(r *http.Request) []byte {
	return h.blobs[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
}

// counted remembers how often each path was asked for.
type counted struct {
	mu   sync.Mutex
	seen map[string]int
}

// first reports whether a request is the first of its method and path.
func (c *counted) first(r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[string]int)
	}
	c.seen[r.Method+r.URL.Path]++
	return c.seen[r.Method+r.URL.Path] == 1
}

// cut sends the first n bytes of content, from where the request wants it, and
// then breaks the connection.
func cut(w http.ResponseWriter, r *http.Request, content []byte, n int) {
	start := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-start))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	}
	if rest := content[start:]; n < len(rest) {
		_, _ = w.Write(rest[:n])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(content[start:])
}

// registryCase is a registry and what a pull from it has to do.
type registryCase struct {
	// serve is the registry; h is one that does nothing wrong.
	serve func(t *testing.T, h *hostile) http.Handler
	// says is what the error says; none when the pull has to succeed.
	says []string
	// keeps has a pull that failed keep what came, for the next one.
	keeps bool
	// within is how long the pull may take, a minute when it is 0.
	within time.Duration
}

// TestRegistriesThatMisbehave: given a registry that cuts connections, is too
// busy, fails or lies about sizes, a pull gets over what can be got over, and
// else says what happened and leaves no image.
func TestRegistriesThatMisbehave(t *testing.T) {
	cases := map[string]registryCase{
		"each blob cut once": {serve: func(t *testing.T, h *hostile) http.Handler {
			var requests counted
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch content := h.content(r); {
				case !isBlob(r) || content == nil:
					h.ServeHTTP(w, r)
				case requests.first(r):
					cut(w, r, content, len(content)/2)
				default:
					if r.Header.Get("Range") == "" && len(content) > large {
						t.Errorf("%s is fetched from its beginning again", r.URL.Path)
					}
					cut(w, r, content, len(content))
				}
			})
		}},
		"cut at every megabyte": {serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if content := h.content(r); isBlob(r) && content != nil {
					cut(w, r, content, 1<<20)
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		"always cut at the same place": {says: []string{"connection was lost", "sha256:"}, keeps: true, serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				content := h.content(r)
				if !isBlob(r) || content == nil {
					h.ServeHTTP(w, r)
					return
				}
				start := 0
				_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
				cut(w, r, content, max(0, len(content)/2-start))
			})
		}},
		"429 with Retry-After": {serve: func(t *testing.T, h *hostile) http.Handler {
			var requests counted
			var mu sync.Mutex
			refused := make(map[string]time.Time)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if requests.first(r) {
					refused[r.Method+r.URL.Path] = time.Now()
					w.Header().Set("Retry-After", "1")
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				if waited := time.Since(refused[r.Method+r.URL.Path]); waited < time.Second {
					t.Errorf("%s: asked again after %s", r.URL.Path, waited)
				}
				h.ServeHTTP(w, r)
			})
		}},
		"429 for an hour": {says: []string{"429", "try again later"}, within: 20 * time.Second, serve: func(*testing.T, *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
			})
		}},
		"each request fails once": {serve: func(_ *testing.T, h *hostile) http.Handler {
			var requests counted
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.first(r) {
					http.Error(w, "not now", http.StatusInternalServerError)
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		"blobs always fail": {says: []string{"500", "hostile/artifact"}, serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isBlob(r) && len(h.content(r)) > large {
					http.Error(w, "never", http.StatusInternalServerError)
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		"Content-Length larger than the body": {says: []string{"connection was lost"}, keeps: true, serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if content := h.content(r); isBlob(r) && len(content) > large {
					w.Header().Set("Content-Length", strconv.Itoa(len(content)))
					_, _ = w.Write(content[:100])
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		"Content-Length smaller than the size": {says: []string{"size mismatch"}, serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if content := h.content(r); isBlob(r) && len(content) > large {
					w.Header().Set("Content-Length", "100")
					_, _ = w.Write(content[:100])
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		"an endless layer": {says: []string{"sha256:", "size"}, serve: func(_ *testing.T, h *hostile) http.Handler {
			return endless(h, func(r *http.Request) bool { return isBlob(r) && len(h.content(r)) > large })
		}},
		"an endless manifest": {says: []string{"hostile/artifact"}, serve: func(_ *testing.T, h *hostile) http.Handler {
			return endless(h, func(r *http.Request) bool {
				return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/")
			})
		}},
		"another manifest than it says": {says: []string{"sha256:"}, serve: func(_ *testing.T, h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256:") {
					servedBlob(w, manifestType, append(slices.Clone(h.manifest), ' '))
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { cases[name].run(t) })
	}
}

// endless answers some requests with bytes that do not stop.
func endless(h *hostile, which func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !which(r) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", manifestType)
		chunk := make([]byte, 1<<20)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
}

func (c registryCase) run(t *testing.T) {
	h := honest(t)
	ref := serveArtifact(t, c.serve(t, h))
	namespace := unique("registries")
	defer removeNamespace(t, namespace)
	start := time.Now()
	r := try(t, "nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref)
	within := c.within
	if within == 0 {
		within = time.Minute
	}
	if took := time.Since(start); took > within {
		t.Errorf("it took %s", took)
	}
	if c.says == nil {
		if r.code != 0 {
			t.Fatalf("exit code %d: %s", r.code, r.all())
		}
		wholeImage(t, namespace, h)
		return
	}
	for _, text := range c.says {
		if r.code == 0 || !strings.Contains(r.all(), text) {
			t.Errorf("exit code %d, without %q: %s", r.code, text, r.all())
		}
	}
	if !c.keeps {
		nothingLeft(t, namespace)
	} else if out := must(t, "ctr", "-n", namespace, "images", "ls", "-q"); out != "" {
		t.Errorf("there is an image: %s", out)
	}
}

// wholeImage checks that a namespace has the image that h serves with all its
// blobs, after garbage collection and without a lease.
func wholeImage(t *testing.T, namespace string, h *hostile) {
	t.Helper()
	if out := must(t, "ctr", "-n", namespace, "leases", "ls", "-q"); out != "" {
		t.Errorf("leases are left: %s", out)
	}
	collectGarbage(t, namespace)
	list := must(t, "ctr", "-n", namespace, "content", "ls", "-q")
	for d := range h.blobs {
		if !strings.Contains(list, d) {
			t.Errorf("%s is not there after garbage collection", d)
		}
	}
}

// collectGarbage has containerd collect garbage, and waits for it.
func collectGarbage(t *testing.T, namespace string) {
	t.Helper()
	lease := unique("garbage")
	must(t, "ctr", "-n", namespace, "leases", "create", "--id", lease)
	must(t, "ctr", "-n", namespace, "leases", "rm", "--sync", lease)
}

// TestPullGoesOnWhereItWasCut: given a registry that goes away in the middle of
// a layer, the next pull fetches the rest only, and leaves no lease.
func TestPullGoesOnWhereItWasCut(t *testing.T) {
	h := honest(t)
	var mu sync.Mutex
	healthy, sent := false, make(map[string]int)
	ref := serveArtifact(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		content := h.content(r)
		if !isBlob(r) || content == nil {
			h.ServeHTTP(w, r)
			return
		}
		start := 0
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
		n := len(content) - start
		if !healthy && len(content) > large {
			n = max(0, 3*len(content)/4-start)
		}
		sent[r.URL.Path] += n
		cut(w, r, content, n)
	}))
	namespace := unique("resume")
	defer removeNamespace(t, namespace)
	pull := []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref}
	fails(t, []string{"connection was lost"}, pull...)
	mu.Lock()
	healthy = true
	mu.Unlock()
	must(t, pull...)
	wholeImage(t, namespace, h)
	for path, n := range sent {
		if size := len(h.blobs[path[strings.LastIndex(path, "/")+1:]]); size > large && n > size+size/4 {
			t.Errorf("%s: %d bytes were sent of %d", path, n, size)
		}
	}
}

// TestPrivateCA: given a registry with a certificate of a private authority, a
// pull succeeds with the authority in the hosts directory, or without
// verification when that is asked for, and else says why not.
func TestPrivateCA(t *testing.T) {
	h := honest(t)
	// Not on the loopback, where plain HTTP is the default.
	address, _, err := net.SplitHostPort(os.Getenv("PLAIN_REGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = listener
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of clients that do not trust it
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, address)}}
	server.StartTLS()
	defer server.Close()
	host := server.Listener.Addr().String()
	hosts := t.TempDir()
	dir := filepath.Join(hosts, host)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.TLS.Certificates[0].Certificate[0]})
	toml := func(more string) string { return fmt.Sprintf("server = \"https://%s\"\n%s", host, more) }
	for _, c := range []struct {
		name, toml string
		flags      []string
		says       string
	}{
		{"with it", toml(fmt.Sprintf("ca = %q\n", filepath.Join(dir, "ca.crt"))), nil, ""},
		{"without it", toml(""), nil, "certificate"},
		{"not verified, by hosts.toml", toml("skip_verify = true\n"), nil, ""},
		{"not verified, by flag", "", []string{"--insecure-registry"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			writeInto(t, dir, map[string]string{"hosts.toml": c.toml, "ca.crt": string(ca)})
			if c.toml == "" {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			namespace := unique("ca")
			defer removeNamespace(t, namespace)
			args := append([]string{"nerdctl", "--namespace", namespace, "--hosts-dir", hosts}, c.flags...)
			args = append(args, "wasm", "pull", "-q", host+"/hostile/artifact:latest")
			if c.says != "" {
				fails(t, []string{c.says}, args...)
				nothingLeft(t, namespace)
				return
			}
			must(t, args...)
			wholeImage(t, namespace, h)
		})
	}
}

// certificate is one that an address signs for itself.
func certificate(t *testing.T, address string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a private authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// TestMirrors: given a mirror in hosts.toml that fails, lacks a blob or is not
// there, the registry itself is asked; one that works is enough.
func TestMirrors(t *testing.T) {
	for name, c := range map[string]struct {
		mirror   func(h *hostile) http.Handler // nil for one that is down
		upstream bool
	}{
		"a mirror that works": {func(h *hostile) http.Handler { return h }, false},
		"a mirror that fails": {func(*hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		}, true},
		"a mirror without a layer": {func(h *hostile) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isBlob(r) && len(h.content(r)) > large {
					http.NotFound(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
		}, true},
		"a mirror that is down": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := honest(t)
			var asked counted
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.first(r)
				h.ServeHTTP(w, r)
			}))
			defer upstream.Close()
			address := "127.0.0.1:" + freePort(t)
			if c.mirror != nil {
				mirror := httptest.NewServer(c.mirror(h))
				defer mirror.Close()
				address = mirror.Listener.Addr().String()
			}
			host, hosts := upstream.Listener.Addr().String(), t.TempDir()
			writeInto(t, filepath.Join(hosts, host), map[string]string{"hosts.toml": fmt.Sprintf(
				"server = \"http://%s\"\n[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", host, address)})
			namespace := unique("mirror")
			defer removeNamespace(t, namespace)
			must(t, "nerdctl", "--namespace", namespace, "--hosts-dir", hosts, "wasm", "pull", "-q", host+"/hostile/artifact:latest")
			wholeImage(t, namespace, h)
			if (len(asked.seen) > 0) != c.upstream {
				t.Errorf("the registry behind the mirror was asked for %v", asked.seen)
			}
		})
	}
}

// TestTokensAndRedirects: given a registry that wants tokens of a token server
// and keeps its blobs on another host, the password goes to the token server
// only, the token to the registry only.
func TestTokensAndRedirects(t *testing.T) {
	h := honest(t)
	var mu sync.Mutex
	var leaks []string
	leak := func(where string, r *http.Request, allowed string) {
		mu.Lock()
		defer mu.Unlock()
		if got := r.Header.Get("Authorization"); got != "" && !strings.HasPrefix(got, allowed) {
			leaks = append(leaks, where+" got "+strings.Fields(got)[0])
		}
	}
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			leak("the storage", r, "nothing")
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(h.content(r))))
	}))
	defer storage.Close()
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leak("the token server", r, "Basic ")
		if user, password, _ := r.BasicAuth(); user != "ada" || password != "secret" {
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		if scope := r.FormValue("scope"); scope != "repository:hostile/artifact:pull" {
			t.Errorf("the scope is %q", scope)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"token":"for-pull","expires_in":300}`))
	}))
	defer tokens.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leak("the registry", r, "Bearer ")
		switch {
		case r.Header.Get("Authorization") != "Bearer for-pull":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:hostile/artifact:pull"`, tokens.URL))
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		case isBlob(r):
			// By another name the storage is another host.
			target := strings.Replace(storage.URL, "127.0.0.1", "localhost", 1)
			http.Redirect(w, r, target+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	host := server.Listener.Addr().String()
	namespace := unique("token")
	defer removeNamespace(t, namespace)
	pull := func(password string) result {
		config := t.TempDir()
		writeInto(t, config, map[string]string{"config.json": fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("ada:"+password)))})
		return command{
			args: []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", host + "/hostile/artifact:latest"},
			env:  []string{"DOCKER_CONFIG=" + config},
		}.run(t)
	}
	if r := pull("guess"); r.code == 0 || !strings.Contains(r.all(), "login") || strings.Contains(r.all(), "guess") {
		t.Errorf("with a wrong password: exit code %d: %s", r.code, r.all())
	}
	nothingLeft(t, namespace)
	if r := pull("secret"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.all())
	}
	wholeImage(t, namespace, h)
	if len(leaks) > 0 {
		t.Errorf("credentials went where they do not belong: %v", leaks)
	}
}
