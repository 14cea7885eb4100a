package bundle

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// AnnotationNetwork, with the value "allow", gives the guest sockets and
	// name lookup in the container's network. Without it a command has no
	// network at all and a served component has what wasi:http gives it.
	AnnotationNetwork = "io.github.wasmfile.network"

	// AnnotationHTTPAddr is the IP address and port, such as "0.0.0.0:8080"
	// or "[::]:8080", on which a component that handles HTTP is served.
	AnnotationHTTPAddr = "io.github.wasmfile.http.addr"

	// AnnotationHTTPDrain is how long a server may go on serving what it has
	// begun after it was asked to stop, as a duration such as "30s"; two
	// seconds by default. Container engines kill what does not stop in a time
	// of their own (Docker ten seconds, Kubernetes thirty), so a longer one
	// needs a longer one there.
	AnnotationHTTPDrain = "io.github.wasmfile.http.drain"

	// annotationContainerType is what the CRI plugin sets to "sandbox" for
	// the container that only holds a pod's namespaces.
	annotationContainerType = "io.kubernetes.cri.container-type"

	defaultHTTPPort  = 8080
	defaultHTTPDrain = 2 * time.Second
	maxHTTPDrain     = time.Hour
)

// IsPodSandbox reports whether the annotations are those of a Kubernetes
// pod's pause container, which is never WebAssembly.
func IsPodSandbox(annotations map[string]string) bool {
	return annotations[annotationContainerType] == "sandbox"
}

// NetworkAllowed reads AnnotationNetwork. It returns an error that matches
// ErrInvalid for a value that means nothing, lest a typo open or close more
// than was meant.
func NetworkAllowed(annotations map[string]string) (bool, error) {
	switch v := annotations[AnnotationNetwork]; v {
	case "", "none", "deny":
		return false, nil
	case "allow":
		return true, nil
	default:
		return false, fmt.Errorf("%w: annotation %s is %q: use \"allow\" or \"deny\"", ErrInvalid, AnnotationNetwork, v)
	}
}

// HTTPAddr is where a component that handles HTTP listens: AnnotationHTTPAddr,
// else all addresses and the lowest TCP port that the image exposes (an image
// config keeps no order), else port 8080.
func HTTPAddr(annotations map[string]string, exposed map[string]struct{}) (netip.AddrPort, error) {
	if v, ok := annotations[AnnotationHTTPAddr]; ok {
		addr, err := netip.ParseAddrPort(v)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: annotation %s: %w: it must be an IP address and a port such as 0.0.0.0:8080", ErrInvalid, AnnotationHTTPAddr, err)
		}
		return addr, nil
	}
	port := uint16(defaultHTTPPort)
	if ports := tcpPorts(exposed); len(ports) > 0 {
		port = slices.Min(ports)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
}

// HTTPDrain reads AnnotationHTTPDrain. It returns an error that matches
// ErrInvalid for what is not a duration from zero to one hour.
func HTTPDrain(annotations map[string]string) (time.Duration, error) {
	v, ok := annotations[AnnotationHTTPDrain]
	if !ok {
		return defaultHTTPDrain, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > maxHTTPDrain {
		return 0, fmt.Errorf("%w: annotation %s is %q: use a duration from 0s to 1h, such as 30s", ErrInvalid, AnnotationHTTPDrain, v)
	}
	return d, nil
}

// tcpPorts are the ports of an image config's ExposedPorts, whose keys are
// "port", "port/tcp" or "port/udp". What is none of them is not ours to judge
// and is left out.
func tcpPorts(exposed map[string]struct{}) []uint16 {
	var ports []uint16
	for key := range exposed {
		number, protocol, _ := strings.Cut(key, "/")
		port, err := strconv.ParseUint(number, 10, 16)
		if err == nil && port > 0 && (protocol == "" || protocol == "tcp") {
			ports = append(ports, uint16(port))
		}
	}
	return ports
}
