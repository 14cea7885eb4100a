package e2e

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// serveFiles serves a directory by HTTP on loopback and returns its address,
// with a slash at the end.
func serveFiles(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// serveGit commits a directory, serves it by Git's own HTTP program on
// loopback and returns the address of the repository. Its one branch is main.
func serveGit(t *testing.T, dir string) string {
	t.Helper()
	root := t.TempDir()
	repository := filepath.Join(root, "app.git")
	work := []string{"git", "--git-dir", repository, "--work-tree", dir}
	must(t, "git", "init", "--quiet", "--bare", "--initial-branch", "main", repository)
	must(t, append(work, "add", "--all", "--force")...)
	must(t, append(work, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "A test")...)
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(must(t, "git", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(server.Close)
	return server.URL + "/app.git"
}
