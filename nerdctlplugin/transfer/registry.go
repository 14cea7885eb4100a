package transfer

import (
	"context"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	dockerconfig "github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/imgutil/dockerconfigresolver"
	"github.com/sirupsen/logrus"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
)

// registry reaches one registry by nerdctl's rules: credentials of `nerdctl
// login`, hosts directories, and plain HTTP for localhost or, after HTTPS
// failed, with --insecure-registry.
type registry struct {
	host    string
	global  types.GlobalCommandOptions
	tracker docker.StatusTracker
}

// with calls f with a resolver, a second time with plain HTTP when that is
// allowed and the first time failed for want of it.
func (r registry) with(ctx context.Context, f func(context.Context, remotes.Resolver) error) error {
	ctx = advice.Quieter(ctx, logrus.WarnLevel) // each host that has no such name is logged
	opts := []dockerconfigresolver.Opt{dockerconfigresolver.WithHostsDirs(r.global.HostsDir)}
	if r.global.InsecureRegistry {
		log.G(ctx).Debugf("not verifying the certificates of %s", r.host)
		opts = append(opts, dockerconfigresolver.WithSkipVerifyCerts(true))
	}
	err := r.try(ctx, f, opts)
	if err == nil || !isPlainHTTP(err) || !r.global.InsecureRegistry {
		return err
	}
	log.G(ctx).WithError(err).Warnf("%s does not seem to speak HTTPS, falling back to plain HTTP", r.host)
	return r.try(ctx, f, append(opts, dockerconfigresolver.WithPlainHTTP(true)))
}

func (r registry) try(ctx context.Context, f func(context.Context, remotes.Resolver) error, opts []dockerconfigresolver.Opt) error {
	hosts, err := dockerconfigresolver.NewHostOptions(ctx, r.host, opts...)
	if err != nil {
		return err
	}
	hosts.UpdateClient = withRetries
	return f(ctx, docker.NewResolver(docker.ResolverOptions{
		Tracker: r.tracker,
		Hosts:   dockerconfig.ConfigureHosts(ctx, *hosts),
	}))
}
