// Package registrytest is a registry in memory for tests, which speaks as much of the
// OCI distribution spec as a push needs, over real HTTP. It has no referrers API.
package registrytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// User is who may use a registry that wants a password.
const User = "ada"

// Server is a registry. What it has got may be read when nobody pushes.
type Server struct {
	*httptest.Server
	// Password is that of User; empty when anybody may.
	Password string
	// Overwrite has, by repository and tag, manifests that somebody else puts there once,
	// right after the first one that is pushed.
	Overwrite map[string][]byte
	// Refuse is a repository from which it mounts nothing, with an error.
	Refuse string

	mu sync.Mutex
	// Blobs are by repository and digest.
	Blobs map[string]map[string][]byte
	// Manifests are by repository and tag or digest, with a colon between.
	Manifests map[string][]byte
	// Uploads and Mounts count how blobs came.
	Uploads, Mounts int
}

// New returns a registry that is to be started, with TLS or without, and is closed
// when the test ends.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{Blobs: make(map[string]map[string][]byte), Manifests: make(map[string][]byte)}
	s.Server = httptest.NewUnstartedServer(s)
	t.Cleanup(s.Close)
	return s
}

// Host is the address that references to the registry begin with.
func (s *Server) Host() string { return s.Listener.Addr().String() }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); s.Password != "" && (user != User || password != s.Password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	repository, rest, isBlob := strings.Cut(path, "/blobs/")
	if !isBlob {
		repository, rest, _ = strings.Cut(path, "/manifests/")
		s.manifest(w, r, repository+":"+rest)
		return
	}
	switch {
	case r.Method == http.MethodPost:
		s.startUpload(w, r, repository)
	case r.Method == http.MethodPut:
		content, _ := io.ReadAll(r.Body)
		d := digest.FromBytes(content).String()
		if d != r.URL.Query().Get("digest") {
			http.Error(w, `{"errors":[{"code":"DIGEST_INVALID"}]}`, http.StatusBadRequest)
			return
		}
		s.Keep(repository, d, content)
		s.Uploads++
		w.Header().Set("Docker-Content-Digest", d)
		w.WriteHeader(http.StatusCreated)
	case s.Blobs[repository][rest] != nil:
		_, _ = w.Write(s.Blobs[repository][rest])
	default:
		http.NotFound(w, r)
	}
}

// Keep has a repository hold a blob.
func (s *Server) Keep(repository, digest string, content []byte) {
	if s.Blobs[repository] == nil {
		s.Blobs[repository] = make(map[string][]byte)
	}
	s.Blobs[repository][digest] = content
}

func (s *Server) startUpload(w http.ResponseWriter, r *http.Request, repository string) {
	from, d := r.URL.Query().Get("from"), r.URL.Query().Get("mount")
	if from != "" && from == s.Refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if content, ok := s.Blobs[from][d]; ok {
		s.Keep(repository, d, content)
		s.Mounts++
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.Header().Set("Location", "/v2/"+repository+"/blobs/uploads/one")
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) manifest(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method == http.MethodPut {
		content, _ := io.ReadAll(r.Body)
		repository, _, _ := strings.Cut(name, ":")
		d := digest.FromBytes(content).String()
		s.Manifests[name], s.Manifests[repository+":"+d] = content, content
		if others, ok := s.Overwrite[name]; ok {
			s.Manifests[name] = others
			delete(s.Overwrite, name)
		}
		w.Header().Set("Docker-Content-Digest", d)
		w.WriteHeader(http.StatusCreated)
		return
	}
	content, ok := s.Manifests[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	mediaType := ocispec.MediaTypeImageManifest
	if strings.Contains(name, ":sha256-") {
		mediaType = ocispec.MediaTypeImageIndex
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest.FromBytes(content).String())
	_, _ = w.Write(content)
}
