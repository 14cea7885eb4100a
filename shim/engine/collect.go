package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/wasmfile/wasmfile/shim/filelock"
)

// byFileDir is the directory, among those of engines, of what is known of executables.
const byFileDir = "by-file"

// origin says which engine was made of an executable.
type origin struct {
	Path string `json:"path"`
	// Identity is that of the executable when the engine was made of it.
	Identity string `json:"identity"`
	// Engine is the engine's digest.
	Engine string `json:"engine"`
}

// file is where it is kept: one for each path, so that a new one replaces the old.
func (o origin) file(engines string) string {
	sum := sha256.Sum256([]byte(o.Path))
	return filepath.Join(engines, byFileDir, hex.EncodeToString(sum[:]))
}

// current reports whether the executable is still the one.
func (o origin) current() bool {
	info, err := os.Stat(o.Path)
	return err == nil && identity(o.Path, info) == o.Identity
}

// write replaces what was known of the executable. Others may be doing the same, in
// this process and in others; work is a directory that is this one's alone.
func (o origin) write(engines, work string) error {
	encoded, err := json.Marshal(o)
	if err != nil {
		return err
	}
	tmp, file := filepath.Join(work, "origin"), o.file(engines)
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o711), os.WriteFile(tmp, encoded, 0o600), os.Rename(tmp, file))
}

func readOrigin(file string) (o origin, err error) {
	encoded, err := os.ReadFile(file)
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(encoded, &o)
}

// Release says that what Install was called for does not need the engine any more. It
// is removed when nothing else does, and its executable is another one by now, or gone.
func (e *Engine) Release() {
	_ = filelock.Release(e.use) // There is no other error than that it was closed before.
	engines := filepath.Dir(e.Dir)
	if !currentEngines(engines)[e.Digest] {
		collect(engines)
	}
}

// collect removes the engines that nobody uses and that are not of an executable as it
// is now. One that is removed too early, because its executable is just coming back, is
// made again. It is only tidying: what cannot be removed now is tried again next time.
func collect(engines string) {
	entries, _ := os.ReadDir(engines)
	current := currentEngines(engines)
	for _, entry := range entries {
		if name := entry.Name(); len(name) == hex.EncodedLen(sha256.Size) && !current[name] {
			discard(filepath.Join(engines, name))
		}
	}
}

// currentEngines returns the digests of the engines of executables as they are now, and
// forgets the other executables.
func currentEngines(engines string) map[string]bool {
	current := make(map[string]bool)
	files, _ := filepath.Glob(filepath.Join(engines, byFileDir, "*"))
	for _, file := range files {
		if o, err := readOrigin(file); err == nil && o.current() {
			current[o.Engine] = true
		} else {
			_ = os.Remove(file)
		}
	}
	return current
}

// discard removes an engine, unless somebody uses it. Nobody sees one that is half
// removed.
func discard(dir string) {
	// Before the engine is locked: who publishes one waits for those locks the other way
	// round.
	work, remove, err := makeWork(filepath.Dir(dir), newPrefix)
	if err != nil {
		return
	}
	if alone, err := filelock.TryAlone(dir); err == nil && alone != nil {
		_ = errors.Join(os.Rename(dir, filepath.Join(work, "engine")), alone.Close())
	}
	_ = remove()
}
