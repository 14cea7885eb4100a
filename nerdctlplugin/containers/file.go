package containers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// localDomain begins the names that images have while a container is made of
// a file.
const localDomain = "wasmfile.local/"

// isFile reports whether what is to be run is a file or directory of this
// machine, and not an image.
func isFile(raw string) bool {
	if source.LooksLikePath(raw) {
		return true
	}
	if !strings.HasSuffix(raw, ".wasm") {
		return false
	}
	_, err := os.Stat(raw)
	return err == nil
}

// importFile brings a .wasm file or a layout into containerd, under a name that
// nobody else has and that forget removes again.
func importFile(ctx context.Context, client *containerd.Client, raw string, o RunOptions) (_ *unpack.Image, forget func(), err error) {
	opened, done, err := source.OpenFile(raw)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	name := localDomain + source.NameOfFile(raw) + ":" + strings.ToLower(rand.Text()[:12])
	image, err := unpack.Import(ctx, client, name, opened.Root(), opened, unpack.Options{
		Snapshotter: o.Create.GOptions.Snapshotter, Platform: o.Create.Platform,
		Labels: expiry(),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", raw, daemon.AdviseImage(err, raw))
	}
	return image, func() { removeImage(ctx, client, name) }, nil
}
