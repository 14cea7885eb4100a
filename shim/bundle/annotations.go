package bundle

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	// AnnotationHTTPAddr is the IP address and port, such as "0.0.0.0:8080"
	// or "[::]:8080", on which a component that handles HTTP is served.
	AnnotationHTTPAddr = "io.github.wasmfile.http.addr"

	// annotationContainerType is what the CRI plugin sets to "sandbox" for
	// the container that only holds a pod's namespaces.
	annotationContainerType = "io.kubernetes.cri.container-type"

	defaultHTTPPort = 8080
)

// IsPodSandbox reports whether the annotations are those of a Kubernetes
// pod's pause container, which is never WebAssembly.
func IsPodSandbox(annotations map[string]string) bool {
	return annotations[annotationContainerType] == "sandbox"
}

// InPod reports whether the annotations are those of a container of Kubernetes'
// CRI plugin that is not a pod's pause container.
func InPod(annotations map[string]string) bool {
	return annotations[annotationContainerType] == "container"
}

// HTTPAddr is where a component that handles HTTP listens: AnnotationHTTPAddr,
// else all addresses and the lowest TCP port that the image exposes (an image
// config keeps no order), else port 8080.
func HTTPAddr(annotations map[string]string, exposed map[string]struct{}) (netip.AddrPort, error) {
	if v, ok := annotations[AnnotationHTTPAddr]; ok {
		addr, err := netip.ParseAddrPort(v)
		if err == nil && (addr.Port() == 0 || addr.Addr().Zone() != "") {
			err = fmt.Errorf("%q has port 0 or a zone", v)
		}
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
