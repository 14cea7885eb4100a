package tracing

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is the name of the executable that exports spans.
const Program = "wasmfile-traces"

// Variables of OpenTelemetry that decide whether there is anything to do. The
// program reads all others.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// Enabled tells whether spans are asked for by an environment: it names a
// collector, and does not say otherwise. No collector is assumed where none is
// named.
func Enabled(getenv func(string) string) bool {
	if strings.EqualFold(getenv(envDisabled), "true") {
		return false
	}
	if exporter := getenv(envExporter); exporter != "" && exporter != "otlp" {
		return false
	}
	return getenv(envEndpoint) != "" || getenv(envTracesEndpoint) != ""
}

// Find returns the path of Program: beside this executable, else in PATH.
func Find() (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(self), Program)); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath(Program)
	if err != nil {
		return "", fmt.Errorf("the environment asks for traces: install %s beside the shim: %w", Program, err)
	}
	return filepath.Abs(path)
}
