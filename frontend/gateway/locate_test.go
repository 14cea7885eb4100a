package gateway

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// TestTransportable: given an error that quotes what is not UTF-8, what goes to the
// client is, and is still that error.
func TestTransportable(t *testing.T) {
	original := errors.New("unknown instruction: GR\xdcSS")
	got := transportable(original)
	if got.Error() != "unknown instruction: GR\uFFFDSS" || !utf8.ValidString(got.Error()) || !errors.Is(got, original) {
		t.Errorf("it is %q", got)
	}
	if other := errors.New("grüße"); transportable(other) != other || transportable(nil) != nil {
		t.Error("an error that can travel is changed")
	}
}
