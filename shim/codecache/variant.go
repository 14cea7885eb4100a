package codecache

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/cpu"
)

// maker names what makes code: an engine on a processor. Code of another is of
// no more use on this host, because an engine was updated, or the host moved.
func (c *Cache) maker() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %+v %+v", c.Engine.Digest, runtime.GOARCH, cpu.X86, cpu.ARM64)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// variant names code among all that was made of one component: by the maker,
// and by the flags that it was made with.
func (c *Cache) variant(flags []string) string {
	sum := sha256.Sum256([]byte(strings.Join(flags, "\x00")))
	return c.maker() + "." + hex.EncodeToString(sum[:4])
}

// seal is proof that this host's shim made the code of a component. A digest
// alone would tell only that the code is what somebody wrote into a label.
func (c *Cache) seal(component digest.Digest, variant string, code digest.Digest) (string, error) {
	key, err := c.key()
	if err != nil {
		return "", fmt.Errorf("the key that seals code: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s %s %s", component, variant, code)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

const (
	keyName = "code.key"
	keySize = 32
)

// key is the host's own, made when it is first needed.
func (c *Cache) key() ([]byte, error) {
	path := filepath.Join(c.State, keyName)
	if key, err := os.ReadFile(path); err == nil && len(key) == keySize {
		return key, nil
	}
	if err := os.MkdirAll(c.State, 0o711); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(c.State, ".key-")
	if err != nil {
		return nil, err
	}
	key := make([]byte, keySize)
	_, err = rand.Read(key)
	if err == nil {
		_, err = f.Write(key)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	// Linked, not renamed: the first of several shims wins. One that is
	// damaged is in the way.
	err = os.Link(f.Name(), path)
	if errors.Is(err, os.ErrExist) {
		if found, readErr := os.ReadFile(path); readErr == nil && len(found) == keySize {
			return found, os.Remove(f.Name())
		}
		return key, os.Rename(f.Name(), path)
	}
	return key, errors.Join(err, os.Remove(f.Name()))
}
