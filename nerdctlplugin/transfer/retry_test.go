package transfer

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := map[string]struct {
		status int
		header string
		wait   time.Duration
		again  bool
	}{
		"an answer":              {http.StatusOK, "5", 0, false},
		"not found":              {http.StatusNotFound, "", 0, false},
		"too many requests":      {http.StatusTooManyRequests, "7", 7 * time.Second, true},
		"at once":                {http.StatusTooManyRequests, "0", retryWait, true},
		"a date":                 {http.StatusServiceUnavailable, "Fri, 02 Jan 2026 03:04:15 GMT", 10 * time.Second, true},
		"a date that is over":    {http.StatusServiceUnavailable, "Fri, 02 Jan 2026 03:04:00 GMT", retryWait, true},
		"too long":               {http.StatusTooManyRequests, "3600", time.Hour, false},
		"more than there can be": {http.StatusTooManyRequests, "99999999999999999999", 0, true},
		"nonsense":               {http.StatusServiceUnavailable, "soon", 0, true},
		"a failure":              {http.StatusInternalServerError, "", 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			response := &http.Response{StatusCode: c.status, Header: http.Header{}}
			if c.header != "" {
				response.Header.Set("Retry-After", c.header)
			}
			if wait, again := retryAfter(response, now); wait != c.wait || again != c.again {
				t.Errorf("%v, %t; it has to be %v, %t", wait, again, c.wait, c.again)
			}
		})
	}
}

// TestRetrying: given a registry that fails, a request that reads is sent again,
// and one that writes is not.
func TestRetrying(t *testing.T) {
	for name, c := range map[string]struct {
		method   string
		header   string
		failures int
		requests int
		status   int
	}{
		"one failure":            {http.MethodGet, "", 1, 2, http.StatusOK},
		"two failures":           {http.MethodGet, "", 2, 2, http.StatusServiceUnavailable},
		"three, told to wait":    {http.MethodHead, "0", 3, 4, http.StatusOK},
		"for ever, told to wait": {http.MethodGet, "0", 100, 4, http.StatusServiceUnavailable},
		"an upload":              {http.MethodPut, "0", 1, 1, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests++; requests <= c.failures {
					if c.header != "" {
						w.Header().Set("Retry-After", c.header)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer server.Close()
			client := &http.Client{}
			for range 2 { // the second changes nothing
				if err := withRetries(client); err != nil {
					t.Fatal(err)
				}
			}
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != c.status || requests != c.requests {
				t.Errorf("status %d after %d requests; it has to be %d after %d", response.StatusCode, requests, c.status, c.requests)
			}
		})
	}
}
