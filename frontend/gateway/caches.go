package gateway

import (
	"errors"
	"strconv"
)

// argInlineCache is the build argument that asks for a cache in the config of
// the image that is exported.
const argInlineCache = "BUILDKIT_INLINE_CACHE"

// checkCacheExport refuses a cache that would be lost without a word: only
// BuildKit's image exporters write an inline cache, and they make no artifact.
func (b *build) checkCacheExport() error {
	if asked, err := strconv.ParseBool(b.ui.BuildArgs[argInlineCache]); err != nil || !asked {
		return nil
	}
	return errors.New(argInlineCache + " asks for a cache inside of an image's config, and an artifact is not exported as an image: use --cache-to type=registry,ref=REF or type=local,dest=DIR")
}
