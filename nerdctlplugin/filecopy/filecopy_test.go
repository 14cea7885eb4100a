package filecopy_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/nerdctlplugin/filecopy"
)

// tree makes a directory: of a path that ends with a slash a directory, of a text that
// begins with "-> " a link, of others a file.
func tree(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		link, isLink := strings.CutPrefix(files[name], "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		case isLink:
			err = os.Symlink(link, at)
		default:
			err = os.WriteFile(at, []byte(files[name]), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents is the reverse of tree.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(strings.TrimPrefix(at, dir), "/")
		switch {
		case err != nil || name == "":
			return err
		case entry.IsDir():
			found[name+"/"] = ""
		case entry.Type() == fs.ModeSymlink:
			link, err := os.Readlink(at)
			found[name] = "-> " + link
			return err
		default:
			content, err := os.ReadFile(at)
			found[name] = string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func open(t *testing.T, dir string) *filecopy.Tree {
	t.Helper()
	opened, err := filecopy.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

// TestCopyTo: given a path and another, what is copied goes where `docker cp` has it
// go.
func TestCopyTo(t *testing.T) {
	source := map[string]string{
		"dir/a": "a", "dir/sub/b": "b", "dir/up": "-> ../file", "file": "new", "to": "-> file", "todir": "-> /dir", "out": "-> /../../../etc", "gone": "-> nothing",
	}
	all := map[string]string{"a": "a", "sub/": "", "sub/b": "b", "up": "-> ../file"}
	under := func(name string) map[string]string {
		found := map[string]string{name + "/": ""}
		for key, value := range all {
			found[name+"/"+key] = value
		}
		return found
	}
	for name, c := range map[string]struct {
		from, to string
		follow   bool
		there    map[string]string
		want     map[string]string
		err      string
	}{
		"a file":                              {from: "/file", to: "/x", want: map[string]string{"x": "new"}},
		"over a file":                         {from: "file", to: "x", there: map[string]string{"x": "old"}, want: map[string]string{"x": "new"}},
		"into a directory":                    {from: "/file", to: "/x", there: map[string]string{"x/": ""}, want: map[string]string{"x/": "", "x/file": "new"}},
		"into one by its end":                 {from: "/file", to: "/x/", there: map[string]string{"x/": ""}, want: map[string]string{"x/": "", "x/file": "new"}},
		"into all":                            {from: "/file", to: "/", want: map[string]string{"file": "new"}},
		"into no directory":                   {from: "/file", to: "/x/", err: "no directory /x/"},
		"into a file as a directory":          {from: "/file", to: "/x/", there: map[string]string{"x": ""}, err: "not a directory"},
		"below nothing":                       {from: "/file", to: "/x/y", err: "no directory /x to put y in"},
		"over a directory of its name":        {from: "/file", to: "/", there: map[string]string{"file/": ""}, err: "file"},
		"through a link":                      {from: "/file", to: "/l", there: map[string]string{"l": "-> d", "d/": ""}, want: map[string]string{"l": "-> d", "d/": "", "d/file": "new"}},
		"through a link from the root":        {from: "/file", to: "/l/x", there: map[string]string{"l": "-> /d", "d/": ""}, want: map[string]string{"l": "-> /d", "d/": "", "d/x": "new"}},
		"through a link out":                  {from: "/file", to: "/l/x", there: map[string]string{"l": "-> ../../.."}, want: map[string]string{"l": "-> ../../..", "x": "new"}},
		"a directory":                         {from: "/dir", to: "/x", want: under("x")},
		"a directory into another":            {from: "/dir", to: "/x", there: map[string]string{"x/": ""}, want: func() map[string]string { w := under("x/dir"); w["x/"] = ""; return w }()},
		"what a directory holds":              {from: "/dir/.", to: "/x", there: map[string]string{"x/": ""}, want: under("x")},
		"what a directory holds, to new":      {from: "/dir/.", to: "/x", want: under("x")},
		"a directory over a file":             {from: "/dir", to: "/x", there: map[string]string{"x": ""}, err: "is a file"},
		"a directory over one with a file":    {from: "/dir/.", to: "/", there: map[string]string{"sub": "old"}, err: "sub"},
		"a directory into one with the same":  {from: "/dir/.", to: "/", there: map[string]string{"a": "old", "more": ""}, want: func() map[string]string { w := maps.Clone(all); w["more"] = ""; return w }()},
		"a directory below nothing":           {from: "/dir", to: "/x/y", err: "no directory /x to put y in"},
		"a file as a directory":               {from: "/file/", to: "/x", err: "not a directory"},
		"nothing":                             {from: "/nothing", to: "/x", err: "no file /nothing"},
		"a link":                              {from: "/to", to: "/x", want: map[string]string{"x": "-> file"}},
		"what a link leads to":                {from: "/to", to: "/x", follow: true, want: map[string]string{"x": "new"}},
		"a link to a directory":               {from: "/todir", to: "/x", want: map[string]string{"x": "-> /dir"}},
		"the directory of a link":             {from: "/todir/.", to: "/x", want: under("x")},
		"the directory of a link, followed":   {from: "/todir", to: "/x", follow: true, want: under("x")},
		"a file behind a link":                {from: "/todir/a", to: "/x", want: map[string]string{"x": "a"}},
		"a link out":                          {from: "/out", to: "/x", follow: true, err: "no file /out"},
		"a link to nothing":                   {from: "/gone", to: "/x", want: map[string]string{"x": "-> nothing"}},
		"a path out":                          {from: "/../../file", to: "/../../x", want: map[string]string{"x": "new"}},
		"over a link to a file":               {from: "/file", to: "/l", there: map[string]string{"l": "-> f", "f": "old"}, want: map[string]string{"l": "-> f", "f": "new"}},
		"a directory with a link over a file": {from: "/dir/.", to: "/", there: map[string]string{"up": "old"}, want: all},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := open(t, tree(t, source)), tree(t, c.there)
			found, err := from.Source(c.from, c.follow)
			if err == nil {
				err = found.CopyTo(t.Context(), open(t, to), c.to)
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if got := contents(t, to); err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%v\n%v, not\n%v", err, got, c.want)
			}
		})
	}
}

// TestExtract: given archives that try to leave the directory, nothing outside is
// changed, and what has no place in it is named.
func TestExtract(t *testing.T) {
	type entry = tar.Header
	file := func(name string) entry { return entry{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o6755} }
	link := func(name, to string) entry { return entry{Typeflag: tar.TypeSymlink, Name: name, Linkname: to} }
	for name, c := range map[string]struct {
		entries []entry
		err     string // empty for none
	}{
		"a file":                           {entries: []entry{file("dir/file")}},
		"above":                            {entries: []entry{file("../outside")}, err: "outside"},
		"from the root":                    {entries: []entry{file("/outside")}, err: "outside"},
		"a directory above":                {entries: []entry{{Typeflag: tar.TypeDir, Name: "../new/", Mode: 0o755}}, err: "new"},
		"by a link from the root":          {entries: []entry{link("l", "/"), file("l/outside")}, err: "outside"},
		"by a link above":                  {entries: []entry{link("l", ".."), file("l/outside")}, err: "outside"},
		"over a link":                      {entries: []entry{link("l", "../outside"), file("l")}},
		"by a directory that becomes one":  {entries: []entry{{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755}, link("d", ".."), file("d/outside")}, err: "d"},
		"a hard link above":                {entries: []entry{{Typeflag: tar.TypeLink, Name: "h", Linkname: "../outside"}}, err: "h"},
		"a hard link to a link above":      {entries: []entry{link("l", "../outside"), {Typeflag: tar.TypeLink, Name: "h", Linkname: "l"}, file("h")}},
		"a directory's mode by a link":     {entries: []entry{link("l", ".."), {Typeflag: tar.TypeDir, Name: "l/", Mode: 0o777}}, err: "l"},
		"a device":                         {entries: []entry{{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}}, err: "null"},
		"a pipe":                           {entries: []entry{{Typeflag: tar.TypeFifo, Name: "pipe"}}, err: "pipe"},
		"a directory that is not writable": {entries: []entry{{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o555}, file("d/file")}},
	} {
		t.Run(name, func(t *testing.T) {
			var archive bytes.Buffer
			writer := tar.NewWriter(&archive)
			for _, header := range c.entries {
				if err := writer.WriteHeader(&header); err != nil {
					t.Fatal(err)
				}
				if _, err := writer.Write(make([]byte, header.Size)); err != nil {
					t.Fatal(err)
				}
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			dir := tree(t, map[string]string{"in/": "", "outside": "mine"})
			err := filecopy.Extract(&archive, open(t, filepath.Join(dir, "in")), "/")
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v", err)
			}
			after := contents(t, dir)
			if after["outside"] != "mine" || len(after) != 2+count(after, "in/") {
				t.Errorf("there are %q", after)
			}
			for name := range after {
				if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
					t.Errorf("%s is %s", name, info.Mode())
				}
			}
		})
	}
}

func count(files map[string]string, below string) (n int) {
	for name := range files {
		if strings.HasPrefix(name, below) && name != below {
			n++
		}
	}
	return n
}

// TestWriteTar: given sources, they are one archive, as tar reads it.
func TestWriteTar(t *testing.T) {
	from := open(t, tree(t, map[string]string{"dir/a": "a", "dir/to": "-> a"}))
	dir, err := from.Source("/dir", false)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := filecopy.WriteTar(t.Context(), &archive, dir, filecopy.FileSource("x.wasm", 2, func(out io.Writer) error {
		_, err := io.WriteString(out, "xy")
		return err
	})); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := filecopy.Extract(&archive, open(t, to), "/"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"dir/": "", "dir/a": "a", "dir/to": "-> a", "x.wasm": "xy"}
	if got := contents(t, to); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if info, err := os.Stat(filepath.Join(to, "dir", "a")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestCopyEnds: given a context that ends in the middle, so does the copying, and
// nothing is left of it.
func TestCopyEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	endless := filecopy.FileSource("x", 1<<40, func(out io.Writer) error {
		cancel()
		for {
			if _, err := out.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
	})
	to := t.TempDir()
	if err := endless.CopyTo(ctx, open(t, to), "/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := contents(t, to); len(got) > 0 {
		t.Errorf("there are %v", got)
	}
	if err := filecopy.WriteTar(ctx, io.Discard, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestCopyOverPipe: given a pipe, as a device may be, it is not replaced by a file.
func TestCopyOverPipe(t *testing.T) {
	from, to := open(t, tree(t, map[string]string{"file": "x"})), t.TempDir()
	if err := unix.Mkfifo(filepath.Join(to, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := from.Source("/file", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.CopyTo(t.Context(), open(t, to), "/pipe"); err == nil || !strings.Contains(err.Error(), "neither a file") {
		t.Errorf("%v", err)
	}
	if info, err := os.Lstat(filepath.Join(to, "pipe")); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("it is %v, %v", info, err)
	}
}

// TestCopyFails: given a source that cannot be read to its end, the error is said and
// nothing is left of it.
func TestCopyFails(t *testing.T) {
	to := tree(t, map[string]string{"x": "old"})
	cut := errors.New("cut")
	source := filecopy.FileSource("x", 100, func(out io.Writer) error {
		_, err := out.Write(make([]byte, 50))
		return errors.Join(err, cut)
	})
	if err := source.CopyTo(t.Context(), open(t, to), "/x"); !errors.Is(err, cut) {
		t.Errorf("%v", err)
	}
	if got := contents(t, to); !maps.Equal(got, map[string]string{"x": "old"}) {
		t.Errorf("there are %v", got)
	}
}
