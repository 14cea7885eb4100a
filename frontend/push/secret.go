package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// dockerHub is under which host Docker's configuration has the credentials of
// Docker Hub.
const dockerHub = "index.docker.io"

// logins are the credentials of registries; the zero value has none.
type logins struct {
	given   bool
	store   credentials.Store
	helper  string            // for all registries
	helpers map[string]string // by registry
}

// readLogins reads Docker's configuration. Nothing of its content may be in an
// error, not even a part that does not parse.
func readLogins(path string) (logins, error) {
	content, err := readBounded(path, maxSecretSize)
	if errors.Is(err, fs.ErrNotExist) {
		return logins{}, nil
	}
	if err != nil {
		return logins{}, fmt.Errorf("read the secret %s: %w", SecretConfig, err)
	}
	var config struct {
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
	}
	store, storeErr := credentials.NewMemoryStoreFromDockerConfig(content)
	if json.Unmarshal(content, &config) != nil || storeErr != nil {
		return logins{}, &problem{fmt.Sprintf("the secret %s is not a config.json of Docker: it looks like {\"auths\": {\"registry.example\": {\"auth\": \"...\"}}}", SecretConfig)}
	}
	return logins{given: true, store: store, helper: config.CredsStore, helpers: config.CredHelpers}, nil
}

// of returns the credentials for a host, empty ones when there are none.
func (l logins) of(ctx context.Context, host string) (auth.Credential, error) {
	if host == "registry-1.docker.io" || host == "docker.io" {
		host = dockerHub
	}
	if l.store == nil {
		return auth.EmptyCredential, nil
	}
	return l.store.Get(ctx, host)
}

// helperFor is the program that has the credentials of a registry, empty when
// none does. It is not in the container of the step.
func (l logins) helperFor(registry string) string {
	if helper, ok := l.helpers[registry]; ok {
		return helper
	}
	return l.helper
}

// readTLS is the TLS configuration: the authorities of the secret, if it is
// there, besides the public ones.
func readTLS(path string) (*tls.Config, error) {
	pool, err := publicAuthorities()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	content, err := readBounded(path, maxSecretSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return config, nil
	case err != nil:
		return nil, fmt.Errorf("read the secret %s: %w", SecretCA, err)
	case !pool.AppendCertsFromPEM(content):
		return nil, &problem{fmt.Sprintf("the secret %s has no certificate in PEM", SecretCA)}
	}
	return config, nil
}

// publicAuthorities are those of the system, or Mozilla's: the image of the
// frontend has no files with any.
func publicAuthorities() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return pool, nil
	}
	return bundledAuthorities()
}

func bundledAuthorities() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read the public certificate authorities: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else {
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return pool, nil
}
