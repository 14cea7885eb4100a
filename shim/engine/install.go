package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/wasmfile/wasmfile/shim/filelock"
)

const (
	enginesDir  = "engines"
	newPrefix   = ".new-"
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

	// use is a shared lock of the directory, which keeps it.
	use *os.File
}

// Install returns the engine that was made of an executable, making it below
// state first when there is none or when the executable has changed. codeName
// is the empty file that it gets for code to be mounted on. The engine stays
// until it is given to Release, or this process ends.
func Install(ctx context.Context, state, executable, codeName string, run Runner) (*Engine, error) {
	info, err := os.Stat(executable)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	parent := filepath.Join(state, enginesDir)
	source := origin{Path: executable, Identity: identity(executable, info)}
	if known, err := readOrigin(source.file(parent)); err == nil && known.Identity == source.Identity {
		if e, err := open(filepath.Join(parent, filepath.Base(known.Engine))); err == nil {
			return e, nil
		}
	}
	e, err := install(ctx, parent, source, codeName, run)
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", executable, err)
	}
	collect(parent)
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

// open returns the engine in a directory, which keeps it.
func open(dir string) (*Engine, error) {
	use, err := filelock.Share(dir)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e := &Engine{Dir: dir, use: use}
	encoded, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open engine: %w", err), use.Close())
	}
	if err := json.Unmarshal(encoded, e); err != nil || e.Digest != filepath.Base(dir) {
		return nil, errors.Join(fmt.Errorf("engine in %s is damaged: remove the directory", dir), use.Close())
	}
	return e, nil
}

func install(ctx context.Context, parent string, source origin, codeName string, run Runner) (_ *Engine, err error) {
	needed, err := findLibraries(source.Path)
	if err != nil {
		return nil, err
	}
	e := &Engine{}
	if e.Version, err = version(ctx, source.Path, run); err != nil {
		return nil, err
	}
	work, remove, err := makeWork(parent, newPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	tmp := filepath.Join(work, "engine")
	if err := e.populate(tmp, source.Path, needed, codeName); err != nil {
		return nil, err
	}
	if e, err = e.publish(tmp, filepath.Join(parent, e.Digest)); err != nil {
		return nil, err
	}
	source.Engine = e.Digest
	if err := source.write(parent, work); err != nil {
		return nil, errors.Join(fmt.Errorf("remember the engine: %w", err), e.use.Close())
	}
	return e, nil
}

// publish moves an engine's directory to where it belongs, and returns the engine
// that is there then: another shim may have been first.
func (e *Engine) publish(tmp, dir string) (_ *Engine, err error) {
	if e.use, err = filelock.Share(tmp); err != nil {
		return nil, err
	}
	e.Dir = dir
	// One at a time: what is damaged, or was just discarded, would be another's engine by
	// the time that it is removed here.
	one, err := filelock.Wait(filepath.Join(filepath.Dir(dir), lockName))
	if err != nil {
		return nil, errors.Join(err, e.use.Close())
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	if err := os.Rename(tmp, dir); err == nil {
		return e, nil
	}
	if found, err := open(dir); err == nil {
		return found, e.use.Close()
	}
	// What is there is damaged.
	if err := errors.Join(os.RemoveAll(dir), os.Rename(tmp, dir)); err != nil {
		return nil, errors.Join(err, e.use.Close())
	}
	return e, nil
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

// copyFile copies an executable or a library, and returns the SHA-256 of it.
func copyFile(target, source string) (sum []byte, err error) {
	in, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := sha256.New()
	if err := writeExecutable(target, io.TeeReader(in, h)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", source, err)
	}
	// The record of the engine, which is written later, must not outlive its files
	// when the host loses power.
	written, err := os.Open(target)
	if err != nil {
		return nil, err
	}
	return h.Sum(nil), errors.Join(written.Sync(), written.Close())
}

// writeExecutable writes a file that can be executed at once: no process is started
// meanwhile, which would have it open for writing until it executes something itself.
func writeExecutable(path string, content io.Reader) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}
