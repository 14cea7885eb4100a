package output

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ToFile has something written to a file, or to out when there is no name. The
// file gets its name when all is written: until then, and when that fails, an
// older one of that name stays as it is.
func ToFile(name string, out io.Writer, write func(io.Writer) error) (err error) {
	if name == "" || name == "-" {
		return write(out)
	}
	if there, err := filepath.EvalSymlinks(name); err == nil {
		name = there
	}
	info, err := os.Stat(name)
	special := err == nil && !info.Mode().IsRegular() // a pipe or a device
	path := name
	if !special {
		path = fmt.Sprintf("%s.%s.tmp", name, rand.Text()[:8])
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil && !special {
		err = file.Sync() // or a crash after the rename leaves neither the old file nor the new one
	}
	err = errors.Join(err, file.Close())
	if special {
		return err
	}
	if err == nil {
		err = os.Rename(path, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
