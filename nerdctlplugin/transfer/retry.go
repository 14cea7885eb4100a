package transfer

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// maxRetries is how often a request is sent again that a registry was too
	// busy for.
	maxRetries = 3

	// maxRetryAfter is how long a registry may have a request wait.
	maxRetryAfter = time.Minute

	// retryWait is how long to wait before a request is sent again, once, that
	// a registry failed on without saying when to come back.
	retryWait = 200 * time.Millisecond
)

// retrying sends requests that only read again when a registry was too busy for
// them or failed, at the time that it says (RFC 9110, 10.2.3).
type retrying struct{ next http.RoundTripper }

// withRetries makes a client's requests retrying, and has them end when an answer stalls.
func withRetries(client *http.Client) error {
	next := client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	if _, ok := next.(retrying); !ok {
		client.Transport = retrying{stalling{next, stallTimeout}}
	}
	return nil
}

// RoundTrip sends a request.
func (r retrying) RoundTrip(request *http.Request) (*http.Response, error) {
	for sent := 1; ; sent++ {
		response, err := r.next.RoundTrip(request)
		if err != nil || request.Method != http.MethodGet && request.Method != http.MethodHead {
			return response, err
		}
		wait, again := retryAfter(response, time.Now())
		if !again || sent > maxRetries || wait == 0 && sent > 1 {
			return response, nil
		}
		timer := time.NewTimer(max(wait, retryWait))
		select {
		case <-timer.C:
			_ = response.Body.Close() // nobody reads what it says
		case <-request.Context().Done():
			timer.Stop()
			return response, nil // the caller sees that it was interrupted
		}
	}
}

// retryAfter reports whether to send a request again, and when; 0 when the
// response does not say.
func retryAfter(response *http.Response, now time.Time) (time.Duration, bool) {
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	value := response.Header.Get("Retry-After")
	if value == "" {
		return 0, true
	}
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	} else {
		return 0, true
	}
	return max(wait, retryWait), wait <= maxRetryAfter
}
