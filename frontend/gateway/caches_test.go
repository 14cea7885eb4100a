package gateway

import (
	"strings"
	"testing"
)

func TestInlineCacheIsRefused(t *testing.T) {
	for value, refused := range map[string]bool{"1": true, "true": true, "0": false, "": false, "maybe": false} {
		b := newBuild(t, "FROM scratch\nCOMPONENT a\n")
		b.ui.BuildArgs = map[string]string{argInlineCache: value}
		err := b.checkCacheExport()
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "--cache-to type=registry") {
			t.Errorf("%s=%s: %v", argInlineCache, value, err)
		}
	}
}
