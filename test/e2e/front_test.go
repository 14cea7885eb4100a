package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// front is a proxy in front of the sandbox's registry that remembers what was
// asked of it, and may want a password.
type front struct {
	*httptest.Server
	password string // of the user ada; empty when anybody may
	mu       sync.Mutex
	requests []string
}

// newFront starts a proxy at an address, and one with HTTPS when secure.
func newFront(t *testing.T, address string, secure bool) *front {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: registry()})
		r.Out.Host = r.In.Host
		r.SetXForwarded() // so that the registry answers with this proxy's address
	}}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); f.password != "" && (user != "ada" || password != f.password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
		f.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	f.Listener.Close()
	f.Listener = listener
	if secure {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

func (f *front) host() string { return f.Listener.Addr().String() }

// count is how many requests since the last call of forget contain all of
// these texts.
func (f *front) count(texts ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, request := range f.requests {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(request, text) }) {
			n++
		}
	}
	return n
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
}

// ref names a repository of the sandbox's registry through the proxy.
func (f *front) ref(ref string) string { return f.host() + strings.TrimPrefix(ref, registry()) }
