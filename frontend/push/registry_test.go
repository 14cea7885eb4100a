package push

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

// server is a registry in memory that speaks as much of the distribution spec
// as a push needs, over real HTTP. It has no referrers API.
type server struct {
	*httptest.Server
	password string // of the user ada; empty when anybody may
	refuse   string // a repository from which it mounts nothing, with an error

	mu        sync.Mutex
	blobs     map[string]map[string][]byte // by repository and digest
	manifests map[string][]byte            // by repository and tag or digest, with a colon between
	uploads   int
	mounts    int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{blobs: make(map[string]map[string][]byte), manifests: make(map[string][]byte)}
	s.Server = httptest.NewUnstartedServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return s.Listener.Addr().String() }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); s.password != "" && (user != "ada" || password != s.password) {
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
		s.keep(repository, d, content)
		s.uploads++
		w.WriteHeader(http.StatusCreated)
	case s.blobs[repository][rest] != nil:
		_, _ = w.Write(s.blobs[repository][rest])
	default:
		http.NotFound(w, r)
	}
}

func (s *server) keep(repository, digest string, content []byte) {
	if s.blobs[repository] == nil {
		s.blobs[repository] = make(map[string][]byte)
	}
	s.blobs[repository][digest] = content
}

func (s *server) startUpload(w http.ResponseWriter, r *http.Request, repository string) {
	from, d := r.URL.Query().Get("from"), r.URL.Query().Get("mount")
	if from != "" && from == s.refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if content, ok := s.blobs[from][d]; ok {
		s.keep(repository, d, content)
		s.mounts++
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.Header().Set("Location", "/v2/"+repository+"/blobs/uploads/one")
	w.WriteHeader(http.StatusAccepted)
}

func (s *server) manifest(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method == http.MethodPut {
		content, _ := io.ReadAll(r.Body)
		repository, _, _ := strings.Cut(name, ":")
		s.manifests[name], s.manifests[repository+":"+digest.FromBytes(content).String()] = content, content
		w.WriteHeader(http.StatusCreated)
		return
	}
	content, ok := s.manifests[name]
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
