package policy

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
)

// Prefix is that of the annotations by which a container asks for something.
// What follows it is the name of the setting in the administrator's file.
const Prefix = "io.github.wasmfile."

// The settings, by their names.
const (
	settingNetwork     = "network"
	settingEngine      = "engine-config"
	settingMemory      = "memory"
	settingTimeout     = "http.timeout"
	settingDrain       = "http.drain"
	settingRequests    = "http.requests"
	settingConnections = "http.connections"
	settingReuse       = "http.reuse"

	// annotationEgress asks for what the engine cannot do.
	annotationEgress = Prefix + "egress"
)

// ErrDenied is returned for an annotation that asks for what cannot be, or for
// more than the administrator allows.
var ErrDenied = errors.New("annotation")

// Network is what a guest may do with the container's network.
type Network uint64

const (
	// NetworkDeny is nothing, but for the port that a server listens on.
	NetworkDeny Network = iota
	// NetworkHTTP is requests by wasi:http.
	NetworkHTTP
	// NetworkAllow is that, sockets and name lookup.
	NetworkAllow
)

// unlimited is the value of a limit that there is not.
const unlimited = math.MaxUint64

// Container is what has to be known of a container to decide what it gets.
type Container struct {
	// Annotations are the container's.
	Annotations map[string]string
	// Serves says that it is a server of HTTP.
	Serves bool
	// InPod says that its network is one that it shares with a pod.
	InPod bool
}

// Settings are what a container gets.
type Settings struct {
	Network Network
	// Engine are the engine's options, with the limits of memory and time.
	Engine engine.Options
	// Drain is how long a server that is asked to end may go on with requests
	// that it has begun.
	Drain time.Duration
	// Requests and Connections are the most that a server has at one time.
	Requests, Connections uint64
	// Reuse is how many requests one instance gets.
	Reuse uint64
}

// setting is how the text of a setting is read. Values are numbers, of which
// the largest asks for most.
type setting struct {
	// fallback is the text when nobody says another; settings without depend
	// on the container.
	fallback string
	// read returns an error that says what would be right.
	read func(text string) (uint64, error)
}

var settings = map[string]setting{
	settingNetwork:     {read: readNetwork},
	settingEngine:      {read: func(string) (uint64, error) { return 0, nil }},
	settingMemory:      {read: readSize},
	settingTimeout:     {"30s", timeFrom(time.Millisecond, 24*time.Hour)},
	settingDrain:       {"2s", timeFrom(0, time.Hour)},
	settingRequests:    {"128", countTo(100_000)},
	settingConnections: {"1024", countTo(100_000)},
	settingReuse:       {"1", countTo(1_000_000)},
}

// serverMemory is a server's when nobody says another: requests that are
// served at once are not to take all that the container has.
const serverMemory = 256 << 20

// Settings decides what a container gets. It returns an error that matches
// ErrDenied for an annotation that asks for what it cannot have, or that is not
// known: a limit whose name has a typo would be none.
func (p *Policy) Settings(c Container) (Settings, error) {
	if _, ok := c.Annotations[annotationEgress]; ok {
		return Settings{}, fmt.Errorf("%w %s: the engine cannot keep a guest to a list of addresses: filter the container's network instead, "+
			"by a NetworkPolicy or a firewall, and remove the annotation", ErrDenied, annotationEgress)
	}
	if err := checkNames(c.Annotations); err != nil {
		return Settings{}, err
	}
	d := decision{policy: p, annotations: c.Annotations}
	options := d.engine()
	memory, timeout := uint64(unlimited), uint64(unlimited)
	if t := options.Timeout(); t > 0 {
		timeout = uint64(t)
	}
	request := d.number(settingTimeout, 0, timeout)
	if c.Serves {
		memory, timeout = serverMemory, request
	}
	limit := uint64(unlimited)
	if n := options.MaxMemory(); n > 0 {
		limit = n
	}
	memory = d.number(settingMemory, memory, limit)
	s := Settings{
		Network:     Network(d.number(settingNetwork, uint64(usualNetwork(c)), unlimited)),
		Engine:      options.WithLimits(zeroIfUnlimited(memory), time.Duration(zeroIfUnlimited(timeout))),
		Drain:       time.Duration(d.number(settingDrain, 0, unlimited)),
		Requests:    d.number(settingRequests, 0, unlimited),
		Connections: d.number(settingConnections, 0, unlimited),
		Reuse:       d.number(settingReuse, 0, unlimited),
	}
	return s, d.err
}

// checkNames returns an error for the first annotation that nobody reads.
func checkNames(annotations map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		setting, ours := strings.CutPrefix(name, Prefix)
		switch name {
		case bundle.AnnotationHTTPAddr, artifact.AnnotationLayers, artifact.AnnotationManifest:
			continue
		}
		if _, known := settings[setting]; ours && !known {
			return fmt.Errorf("%w %s is not known: known are %s", ErrDenied, name, strings.Join(Names(), ", "))
		}
	}
	return nil
}

// Names are the annotations by which a container can ask for something,
// without their prefix.
func Names() []string {
	names := append(slices.Collect(maps.Keys(settings)), strings.TrimPrefix(bundle.AnnotationHTTPAddr, Prefix))
	slices.Sort(names)
	return names
}

func usualNetwork(c Container) Network {
	switch {
	case c.InPod:
		return NetworkAllow
	case c.Serves:
		return NetworkHTTP
	}
	return NetworkDeny
}

func zeroIfUnlimited(n uint64) uint64 {
	if n == unlimited {
		return 0
	}
	return n
}

// decision is one container's; it keeps the first error.
type decision struct {
	policy      *Policy
	annotations map[string]string
	err         error
}

// number is the value of a setting: what the container asks for, else the
// administrator's default, else the setting's own, else fallback. What the
// container asks for has to be within the limits; what it did not ask for is
// made to be.
func (d *decision) number(name string, fallback, limit uint64) uint64 {
	read := settings[name].read
	value := fallback
	for _, text := range []string{settings[name].fallback, d.policy.defaults[name]} {
		if text != "" {
			value, _ = read(text) // Load and the tests have read it.
		}
	}
	if text, ok := d.policy.limits[name]; ok {
		n, _ := read(text)
		limit = min(limit, n)
	}
	text, asked := d.annotations[Prefix+name]
	if !asked {
		return min(value, limit)
	}
	value, err := read(text)
	if err == nil && value > limit {
		err = errors.New("it is more than the administrator of this host allows")
	}
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w %s%s is %q: %w", ErrDenied, Prefix, name, text, err)
	}
	return value
}

// engine chooses among the administrator's configurations of the engine.
func (d *decision) engine() engine.Options {
	name, asked := d.annotations[Prefix+settingEngine]
	if !asked {
		return d.policy.engines[d.policy.defaults[settingEngine]]
	}
	options, ok := d.policy.engines[name]
	if !ok {
		allowed := "there is none"
		if names := slices.Sorted(maps.Keys(d.policy.engines)); len(names) > 0 {
			allowed = "there are " + strings.Join(names, ", ")
		}
		d.err = fmt.Errorf("%w %s%s is %q: it must name an engine configuration of this host, of which %s",
			ErrDenied, Prefix, settingEngine, name, allowed)
	}
	return options
}
