package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/wasmfile/wasmfile/pkg/version"
)

// probeTimeout bounds the first request to a registry.
const probeTimeout = 30 * time.Second

// client makes the requests to all registries.
type client struct {
	logins    logins
	transport *http.Transport
	auth      *auth.Client
}

func newClient(l logins, config *tls.Config) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The flow control of HTTP/2 makes uploads slow: golang.org/issue/14077.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.TLSClientConfig = config
	c := &client{logins: l, transport: transport}
	c.auth = &auth.Client{
		Client:     &http.Client{Transport: retry.NewTransport(transport)},
		Cache:      auth.NewCache(),
		ClientID:   "wasmfile",
		Credential: l.of,
	}
	c.auth.SetUserAgent("wasmfile/" + version.Version)
	return c
}

// repository opens a target after its registry has said which protocol it
// speaks. HTTPS is what is asked for; plain HTTP needs more than that the
// answer is not HTTPS, because whoever is on the way can make it so. known is
// what buildkitd says of the registry, nil when it was not asked yet: when that
// matters, the error is errUnknown.
func (c *client) repository(ctx context.Context, t Target, known *Registry) (*destination, error) {
	repository := &remote.Repository{
		Client:    c.auth,
		Reference: registry.Reference{Registry: t.Registry, Repository: t.Repository, Reference: t.Tag},
		// Not every registry lets delete, and a list that nothing points to
		// does no harm.
		SkipReferrersGC: true,
	}
	err := c.probe(ctx, repository.Reference.Host())
	plain := errors.Is(err, http.ErrSchemeMismatch)
	switch {
	case err == nil:
	case plain && isLoopback(t.Registry): // it crosses no network
		repository.PlainHTTP = true
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case isLoopback(t.Registry):
		return nil, unreachable(t, Registry{}, err)
	case known == nil:
		return nil, errUnknown
	case plain:
		if err := c.checkPlain(ctx, t, *known); err != nil {
			return nil, err
		}
		repository.PlainHTTP = true
	default:
		return nil, unreachable(t, *known, err)
	}
	return &destination{repository}, nil
}

// errUnknown is returned when what buildkitd says of a registry matters and is
// not known.
var errUnknown = errors.New("buildkitd has to be asked")

// probe asks for anything by HTTPS. It sends no credentials.
func (c *client) probe(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/", nil)
	if err != nil {
		return err
	}
	plain := http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := plain.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// checkPlain decides whether plain HTTP may be spoken to a registry that does
// not speak HTTPS. buildkitd must have got through, which it does only when it
// is configured for plain HTTP, or when the answer that came here was forged;
// so credentials need a word of the user.
func (c *client) checkPlain(ctx context.Context, t Target, known Registry) error {
	if !known.Answered {
		return &problem{fmt.Sprintf("%s speaks plain HTTP only, and buildkitd does not speak it with %s (%s): set http = true for it in buildkitd.toml", t, t.Registry, known.Problem)}
	}
	credential, err := c.logins.of(ctx, t.Registry)
	if err != nil {
		return err
	}
	if credential != auth.EmptyCredential && !t.Plain {
		return &problem{fmt.Sprintf("%s speaks plain HTTP only, over which credentials are not sent unless you say so: write %s%s, or leave the credentials for %s out of the secret %s", t, plainPrefix, t, t.Registry, SecretConfig)}
	}
	return nil
}

// unreachable explains an error of the first request.
func unreachable(t Target, known Registry, err error) error {
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return &problem{fmt.Sprintf("%s: %v: give the certificate of its authority with --secret id=%s,src=ca.pem", t, certificate.Err, SecretCA)}
	case isLoopback(t.Registry):
		return &problem{fmt.Sprintf("%s cannot be reached from a container of the builder, where %s is the container itself, unless the builder's containers are in the host's network: use --network=host with --allow=network.host, or a name that is the same everywhere (%v)", t, t.Registry, err)}
	case known.Answered:
		return &problem{fmt.Sprintf("%s can be reached by buildkitd, but not from a container of the builder: it is its network that has to change, or use --network=host with --allow=network.host (%v)", t, err)}
	case errors.As(err, &lookup):
		return &problem{fmt.Sprintf("%s: the builder does not know the host %s: check the name (%v)", t, t.Registry, err)}
	}
	return &problem{fmt.Sprintf("%s cannot be reached from the builder: check the name and the builder's network (%v)", t, err)}
}

// destination is a repository that takes what its registry refuses to mount as
// an upload.
type destination struct{ *remote.Repository }

// Mount makes a blob of another repository one of this.
func (d *destination) Mount(ctx context.Context, desc ocispec.Descriptor, from string, open func() (io.ReadCloser, error)) error {
	opened := false
	err := d.Repository.Mount(ctx, desc, from, func() (io.ReadCloser, error) {
		opened = true
		return open()
	})
	var refused *errcode.ErrorResponse
	if opened || !errors.As(err, &refused) {
		return err
	}
	content, err := open()
	if err != nil {
		return err
	}
	defer content.Close()
	return d.Push(ctx, desc, content)
}

// explain tells what to do about an error of a registry.
func (c *client) explain(ctx context.Context, t Target, err error) error {
	var refused *errcode.ErrorResponse
	denied := errors.Is(err, auth.ErrBasicCredentialNotFound) ||
		errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden)
	if !denied {
		return &problem{fmt.Sprintf("%s: %v", t, err)}
	}
	give := fmt.Sprintf("--secret id=%s,src=$HOME/.docker/config.json", SecretConfig)
	helper := c.logins.helperFor(t.Registry)
	credential, _ := c.logins.of(ctx, t.Registry)
	switch {
	case !c.logins.given:
		return &problem{fmt.Sprintf("%s: the registry wants credentials, which a build does not have by itself: give them with %s (%v)", t, give, err)}
	case credential == auth.EmptyCredential && helper != "":
		return &problem{fmt.Sprintf("%s: the credentials are in docker-credential-%s, which cannot run inside of the builder: give another file with {\"auths\": {%q: {\"username\": ..., \"password\": ...}}} as --secret id=%s,src=FILE; a token will do as password (%v)", t, helper, t.Registry, SecretConfig, err)}
	case credential == auth.EmptyCredential:
		return &problem{fmt.Sprintf("%s: the secret %s has no credentials for %s: log in with `docker login %s`, and give the file with %s (%v)", t, SecretConfig, t.Registry, t.Registry, give, err)}
	}
	return &problem{fmt.Sprintf("%s: the registry does not accept the credentials of the secret %s, or they may not push there: log in again with `docker login %s`, and give the file with %s (%v)", t, SecretConfig, t.Registry, give, err)}
}

// problem is something that the user has to change. It is the error of the
// whole build.
type problem struct{ message string }

func (p *problem) Error() string { return p.message }
