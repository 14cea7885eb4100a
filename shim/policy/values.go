package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values are settings by name, as texts that have been read once.
type values map[string]string

// readValues flattens a table of the administrator's file and reads it.
func readValues(section string, table map[string]any) (values, error) {
	flat := make(values)
	if err := flatten(flat, "", table); err != nil {
		return nil, fmt.Errorf("%s.%w", section, err)
	}
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		s, ok := settings[name]
		if !ok {
			return nil, fmt.Errorf("%s.%s is not known: known are %s", section, name, strings.Join(slices.Sorted(maps.Keys(settings)), ", "))
		}
		if _, err := s.read(flat[name]); err != nil {
			return nil, fmt.Errorf("%s.%s is %q: %w", section, name, flat[name], err)
		}
	}
	return flat, nil
}

func flatten(into values, prefix string, table map[string]any) error {
	for key, value := range table {
		switch v := value.(type) {
		case string:
			into[prefix+key] = v
		case int64:
			into[prefix+key] = strconv.FormatInt(v, 10)
		case map[string]any:
			if err := flatten(into, prefix+key+".", v); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s%s must be a string or a number", prefix, key)
		}
	}
	return nil
}

func readNetwork(text string) (uint64, error) {
	switch text {
	case "deny":
		return uint64(NetworkDeny), nil
	case "http":
		return uint64(NetworkHTTP), nil
	case "allow":
		return uint64(NetworkAllow), nil
	}
	return 0, errors.New(`use "deny", "http" or "allow"`)
}

var units = []struct {
	suffix string
	bytes  uint64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"", 1}}

// A linear memory grows by pages of 64 KiB, and cannot have more than 64 bits
// address; no host has the most of them.
const minSize, maxSize = 64 << 10, 16 << 40

func readSize(text string) (uint64, error) {
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err == nil && n <= maxSize/unit.bytes && n*unit.bytes >= minSize {
			return n * unit.bytes, nil
		}
		break
	}
	return 0, errors.New("use a size from 64KiB to 16TiB, such as 64MiB")
}

func timeFrom(least, most time.Duration) func(string) (uint64, error) {
	return func(text string) (uint64, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("use a duration from %s to %s, such as 10s", least, most)
		}
		return uint64(d), nil
	}
}

func countTo(most uint64) func(string) (uint64, error) {
	return func(text string) (uint64, error) {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 || n > most {
			return 0, fmt.Errorf("use a number from 1 to %d", most)
		}
		return n, nil
	}
}
