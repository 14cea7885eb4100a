package transfer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/log"
	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// maxReferrersShown is how many referrers are shown.
	maxReferrersShown = 20

	// referrersTimeout is how long a registry may take to list them.
	referrersTimeout = 10 * time.Second
)

// referrers asks a registry for what refers to an image, such as attestations
// and signatures, beside the pull. The function that it returns waits for the
// answer and shows it. That there is none is no reason for the pull to fail.
func referrers(ctx context.Context, fetcher remotes.Fetcher, subject digest.Digest) (show func(io.Writer)) {
	lister, ok := fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return func(io.Writer) {}
	}
	ctx, cancel := context.WithTimeout(ctx, referrersTimeout)
	answer := make(chan []ocispec.Descriptor, 1)
	go func() {
		defer cancel()
		list, err := lister.FetchReferrers(ctx, subject)
		if err != nil {
			log.G(ctx).WithError(err).Debugf("cannot list what refers to %s", subject)
		}
		answer <- list
	}()
	return func(out io.Writer) {
		list := <-answer
		for i, d := range list {
			if i == maxReferrersShown {
				fmt.Fprintf(out, "referrers: %d more\n", len(list)-i)
				return
			}
			// Nothing of it is verified, so it must not write on a terminal.
			fmt.Fprintf(out, "referrer: %q, a %q (%s)\n", d.Digest, cmp.Or(d.ArtifactType, d.MediaType), units.BytesSize(float64(d.Size)))
		}
	}
}
