package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

const (
	enginesDir  = "engines"
	byFileDir   = "by-file"
	libraryDir  = "lib"
	recordName  = "engine.json"
	programName = executableName
)

// Engine is an installed engine: a directory that holds the executable, the
// shared libraries it needs and an empty file to mount code on, all readable
// by everyone.
type Engine struct {
	// Digest is the SHA-256, in hexadecimal, over all files. Code that one
	// engine compiled is only ever given to an engine of the same digest.
	Digest string `json:"digest"`
	// Version is what the executable says of itself.
	Version string `json:"version"`
	// Interpreter is the dynamic linker's file name, empty for a static
	// executable.
	Interpreter string `json:"interpreter,omitempty"`
	// Dir is the directory on the host.
	Dir string `json:"-"`
}

// Install returns the engine that was made of an executable, making it below
// state first when there is none or when the executable has changed. codeName
// is the empty file that it gets for code to be mounted on.
func Install(ctx context.Context, state, executable, codeName string, run Runner) (*Engine, error) {
	info, err := os.Stat(executable)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	known := filepath.Join(state, enginesDir, byFileDir, identity(executable, info))
	if digest, err := os.Readlink(known); err == nil {
		if e, err := open(filepath.Join(state, enginesDir, filepath.Base(digest))); err == nil {
			return e, nil
		}
	}
	e, err := install(ctx, state, executable, codeName, run)
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", executable, err)
	}
	if err := os.MkdirAll(filepath.Dir(known), 0o711); err != nil {
		return nil, fmt.Errorf("remember the engine: %w", err)
	}
	if err := replaceLink(filepath.Join("..", e.Digest), known); err != nil {
		return nil, fmt.Errorf("remember the engine: %w", err)
	}
	return e, nil
}

// identity changes whenever the file does: it is cheap to compute at every
// start of a container, where a digest of the file is not.
func identity(path string, info os.FileInfo) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%d\n", path, info.Size(), info.ModTime().UnixNano())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		fmt.Fprintf(h, "%d\n%d\n%d.%d\n", st.Dev, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func open(dir string) (*Engine, error) {
	encoded, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e := &Engine{Dir: dir}
	if err := json.Unmarshal(encoded, e); err != nil || e.Digest != filepath.Base(dir) {
		return nil, fmt.Errorf("engine in %s is damaged: remove the directory", dir)
	}
	return e, nil
}

func install(ctx context.Context, state, executable, codeName string, run Runner) (_ *Engine, err error) {
	needed, err := findLibraries(executable)
	if err != nil {
		return nil, err
	}
	e := &Engine{}
	if e.Version, err = version(ctx, executable, run); err != nil {
		return nil, err
	}
	parent := filepath.Join(state, enginesDir)
	work, remove, err := makeWork(parent, ".new-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	tmp := filepath.Join(work, "engine")
	if err := e.populate(tmp, executable, needed, codeName); err != nil {
		return nil, err
	}
	e.Dir = filepath.Join(parent, e.Digest)
	if err := os.Rename(tmp, e.Dir); err == nil {
		return e, nil
	}
	// Another shim was first, or what is there is damaged.
	if found, err := open(e.Dir); err == nil {
		return found, nil
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return nil, err
	}
	return e, os.Rename(tmp, e.Dir)
}

// populate makes an engine's directory, with the executable and what it needs,
// and computes its digest.
func (e *Engine) populate(dir, executable string, needed *closure, codeName string) error {
	files := append([]library{{name: programName, path: executable}}, needed.libraries...)
	if e.Interpreter = needed.interpreter.name; e.Interpreter != "" {
		files = append(files, needed.interpreter)
	}
	for _, d := range []string{dir, filepath.Join(dir, libraryDir)} {
		if err := errors.Join(os.Mkdir(d, 0o755), os.Chmod(d, 0o755)); err != nil { // whatever the umask is
			return err
		}
	}
	all := sha256.New()
	for i, file := range files {
		target := filepath.Join(dir, libraryDir, file.name)
		if i == 0 {
			target = filepath.Join(dir, programName)
		}
		sum, err := copyFile(target, file.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(all, "%s %x\n", file.name, sum)
	}
	e.Digest = hex.EncodeToString(all.Sum(nil))
	if err := os.WriteFile(filepath.Join(dir, codeName), nil, 0o644); err != nil {
		return err
	}
	record, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordName), record, 0o644)
}

func copyFile(target, source string) (sum []byte, err error) {
	in, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, h), in); err != nil {
		return nil, fmt.Errorf("copy %s: %w", source, err)
	}
	// The record of the engine, which is written later, must not outlive its files
	// when the host loses power.
	return h.Sum(nil), errors.Join(out.Chmod(0o755), out.Sync())
}

// replaceLink makes a link, in place of one that is there. Others may be doing the
// same, in this process and in others.
func replaceLink(target, path string) error {
	tmp := path + "." + rand.Text()
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}
