package push

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// plainPrefix is what a reference begins with to say that credentials may be
// sent without encryption.
const plainPrefix = "http://"

// Target is a name in a registry.
type Target struct {
	// Registry is the host, with the port if there is one.
	Registry string `json:"registry"`
	// Repository is the name in the registry.
	Repository string `json:"repository"`
	// Tag is the tag.
	Tag string `json:"tag"`
	// Plain tells that credentials may go to the registry over plain HTTP.
	Plain bool `json:"plain,omitempty"`
}

// String is the reference.
func (t Target) String() string { return t.Registry + "/" + t.Repository + ":" + t.Tag }

// ParseTargets reads a comma-separated list of references as Docker reads
// them: without a registry they are Docker Hub's, without a tag they are
// tagged latest. The same one twice is one.
func ParseTargets(list string) ([]Target, error) {
	var targets []Target
	for raw := range strings.SplitSeq(list, ",") {
		raw = strings.TrimSpace(raw)
		name, plain := strings.CutPrefix(raw, plainPrefix)
		parsed, err := reference.ParseNormalizedNamed(strings.TrimPrefix(name, "https://"))
		if err != nil {
			return nil, fmt.Errorf("%q is not a reference such as registry.example/name:tag: %w", raw, err)
		}
		if _, ok := parsed.(reference.Digested); ok {
			return nil, fmt.Errorf("%q has a digest, which is what the build makes: give a tag instead", raw)
		}
		target := Target{Registry: reference.Domain(parsed), Repository: reference.Path(parsed), Tag: "latest", Plain: plain}
		if tagged, ok := parsed.(reference.Tagged); ok {
			target.Tag = tagged.Tag()
		}
		if !slices.ContainsFunc(targets, func(other Target) bool { return other.String() == target.String() }) {
			targets = append(targets, target)
		}
	}
	return targets, nil
}

// isLoopback reports whether a registry is on this machine, so that plain HTTP
// to it crosses no network.
func isLoopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}
