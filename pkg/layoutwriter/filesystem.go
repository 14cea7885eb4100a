package layoutwriter

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// errNoFiles is returned for an empty directory.
var errNoFiles = errors.New("no files")

// xattrPrefix is how a PAX record names an extended attribute.
const xattrPrefix = "SCHILY.xattr."

// writeFilesystem packs the files below root into a tar: sorted, with numeric
// owners and with every time the same, because a file's own depends on the
// clone, checkout or build cache that it came from. It returns the tar's
// digest, the layer's diff ID, or errNoFiles without having written anything.
func writeFilesystem(out io.Writer, root string, modified time.Time) (digest.Digest, error) {
	hash := sha256.New()
	p := packer{
		tar:      tar.NewWriter(io.MultiWriter(out, hash)),
		root:     root,
		modified: modified,
		linked:   make(map[inode]string),
	}
	empty := true
	// WalkDir is in lexical order, which is what makes the order fixed.
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		}
		empty = false
		return p.add(path, name)
	})
	if err != nil {
		return "", err
	}
	if empty {
		return "", errNoFiles
	}
	if err := p.tar.Close(); err != nil {
		return "", err
	}
	return digest.NewDigest(digest.SHA256, hash), nil
}

// inode tells one file from another, so that hard links stay links.
type inode struct{ device, number uint64 }

type packer struct {
	tar      *tar.Writer
	root     string
	modified time.Time
	linked   map[inode]string
}

func (p *packer) add(path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil // a socket has no meaning without the process behind it
	}
	header, err := p.header(path, name, info)
	if err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(p.tar, file); err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	return nil
}

func (p *packer) header(path, name string, info fs.FileInfo) (*tar.Header, error) {
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uname, header.Gname = "", ""
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.ModTime = p.modified
	header.Format = tar.FormatPAX
	if err := p.link(header, path); err != nil {
		return nil, err
	}
	header.PAXRecords, err = xattrs(path)
	return header, err
}

// link turns the second and later names of a file into hard links to the
// first, which comes earlier in the layer.
func (p *packer) link(header *tar.Header, path string) error {
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return err
	}
	if stat.Nlink < 2 {
		return nil
	}
	key := inode{device: uint64(stat.Dev), number: stat.Ino}
	if first, ok := p.linked[key]; ok {
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		return nil
	}
	p.linked[key] = header.Name
	return nil
}

// belongsToFile tells an extended attribute of the file from those of the
// builder's overlay, which a rootless one has among the user's, and from security
// labels of the host.
func belongsToFile(xattr string) bool {
	return xattr == "security.capability" || strings.HasPrefix(xattr, "user.") && !strings.HasPrefix(xattr, "user.overlay.")
}

// xattrs are the extended attributes that belong to the file, as PAX records.
func xattrs(path string) (map[string]string, error) {
	size, err := unix.Llistxattr(path, nil)
	if errors.Is(err, unix.ENOTSUP) || size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extended attributes: %w", err)
	}
	names := make([]byte, size)
	if size, err = unix.Llistxattr(path, names); err != nil {
		return nil, fmt.Errorf("list extended attributes: %w", err)
	}
	records := make(map[string]string)
	for _, name := range strings.Split(strings.TrimSuffix(string(names[:size]), "\x00"), "\x00") {
		if !belongsToFile(name) {
			continue
		}
		size, err := unix.Lgetxattr(path, name, nil)
		if err != nil {
			return nil, fmt.Errorf("extended attribute %s: %w", name, err)
		}
		value := make([]byte, size)
		if size > 0 {
			if size, err = unix.Lgetxattr(path, name, value); err != nil {
				return nil, fmt.Errorf("extended attribute %s: %w", name, err)
			}
		}
		records[xattrPrefix+name] = string(value[:size])
	}
	return records, nil
}
