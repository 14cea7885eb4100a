package transfer

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestStalling: given a registry that stops in the middle of an answer, reading it ends as
// of a connection that was lost; given one that is slow, it does not.
func TestStalling(t *testing.T) {
	ends := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w).Flush
		for range 8 {
			_, _ = io.WriteString(w, "x")
			_ = flush()
			time.Sleep(50 * time.Millisecond)
		}
		if r.URL.Path == "/stops" {
			<-ends
		}
	}))
	defer server.Close()
	defer close(ends)
	client := &http.Client{}
	if err := withRetries(client); err != nil {
		t.Fatal(err)
	}
	// As it is for a registry, but for the time.
	client.Transport = stalling{client.Transport.(retrying).next.(stalling).next, 300 * time.Millisecond}
	for path, stops := range map[string]bool{"/stops": true, "/slow": false} {
		response, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		var network net.Error
		if string(content) != "xxxxxxxx" || errors.Is(err, errStalled) != stops || errors.As(err, &network) != stops {
			t.Errorf("%s: %q, %v", path, content, err)
		}
	}
}
