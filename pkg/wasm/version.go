package wasm

import "strings"

// Track is what compatible versions have in common, by the component model's
// rules for names: the numbers up to the first that is not 0, and all of a
// version that is not released.
func Track(version string) string {
	version, _, _ = strings.Cut(version, "+")
	if strings.Contains(version, "-") {
		return version
	}
	numbers := strings.Split(version, ".")
	for i, n := range numbers {
		if n != "0" {
			return strings.Join(numbers[:i+1], ".")
		}
	}
	return version
}
