package traceexport

import (
	"errors"
	"net/url"
	"strings"
	"sync"
)

// failures keeps what the SDK reports, which it returns from nowhere.
type failures struct {
	mu   sync.Mutex
	errs []error
}

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

// withoutSecrets is a message without the values of headers and the users of
// endpoints in an environment. The message may have the answer of a collector,
// which may repeat what it was sent.
func withoutSecrets(message string, environ []string) string {
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "OTEL_EXPORTER_OTLP_") {
			continue
		}
		for _, secret := range secretsOf(name, value) {
			if secret != "" {
				message = strings.ReplaceAll(message, secret, "[hidden]")
			}
		}
	}
	return message
}

func secretsOf(name, value string) (secrets []string) {
	switch {
	case strings.HasSuffix(name, "_HEADERS"):
		for pair := range strings.SplitSeq(value, ",") {
			_, encoded, _ := strings.Cut(pair, "=")
			encoded = strings.TrimSpace(encoded)
			secrets = append(secrets, encoded)
			if decoded, err := url.PathUnescape(encoded); err == nil {
				secrets = append(secrets, decoded)
				// Of "Bearer TOKEN", the token alone is as secret.
				_, token, _ := strings.Cut(decoded, " ")
				secrets = append(secrets, token)
			}
		}
	case strings.HasSuffix(name, "_ENDPOINT"):
		if endpoint, err := url.Parse(value); err == nil && endpoint.User != nil {
			password, _ := endpoint.User.Password()
			secrets = append(secrets, endpoint.User.String(), password)
		}
	}
	return secrets
}
