package wasm_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// counted notes how much is read of a file, and whether anything twice.
type counted struct {
	source       io.ReaderAt
	bytes, calls int64
	next         int64
	again        bool
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.again = c.again || off < c.next
	n, err := c.source.ReadAt(p, off)
	c.bytes += int64(n)
	c.calls++
	c.next = off + int64(n)
	return n, err
}

// maxAllocated is the most memory that reading any file may take, in bytes.
// All that is allocated counts, whether it is still needed or not.
const maxAllocated = 64 << 20

// parseCounted parses a file and fails the test when that costs too much.
func parseCounted(t *testing.T, source io.ReaderAt, size int64) (*wasm.Info, *counted, error) {
	t.Helper()
	c := &counted{source: source}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	info, err := wasm.Parse(c, size)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
		t.Errorf("%d bytes allocated for a file of %d", allocated, size)
	}
	if c.again || c.bytes > size {
		t.Errorf("%d bytes read of %d, in part twice: %t", c.bytes, size, c.again)
	}
	return info, c, err
}

// repeated is a file that begins with a header and goes on with the same
// section over and over: as large as one likes.
type repeated struct{ header, section []byte }

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		if at := off + int64(i); at < int64(len(r.header)) {
			p[i] = r.header[at]
		} else {
			p[i] = r.section[(at-int64(len(r.header)))%int64(len(r.section))]
		}
	}
	return len(p), nil
}

// sparse is a module of custom sections of 4 GB each, without a name and
// otherwise zeros.
type sparse struct{}

var sparseSection = []byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}

const sparseSize = 6 + 1<<32 - 1

func (sparse) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		switch at := off + int64(i); {
		case at < 8:
			p[i] = module()[at]
		case (at-8)%sparseSize < int64(len(sparseSection)):
			p[i] = sparseSection[(at-8)%sparseSize]
		default:
			p[i] = 0
		}
	}
	return len(p), nil
}

// max32 is the largest number of 32 bits.
var max32 = []byte{0xff, 0xff, 0xff, 0xff, 0x0f}

// TestHostileFiles: given a file that is made to cost much, it costs no more
// than reading it once and a bounded amount of memory.
func TestHostileFiles(t *testing.T) {
	nested := func(depth int, inside []byte) []byte {
		file := component(inside)
		for range depth {
			file = component(section(4, file))
		}
		return file
	}
	million := func(item func(i int) []byte) []byte {
		items := make([][]byte, 1_000_000)
		for i := range items {
			items[i] = item(i)
		}
		return list(items...)
	}
	instances, aliases := make([][]byte, 90_000), slices.Repeat([][]byte{cat([]byte{5, 0, 0}, str("89999"))}, 10_000)
	for i := range instances {
		instances[i] = cat([]byte{0}, str(fmt.Sprintf("%05d", i)), []byte{5, 0})
	}
	cases := []struct {
		name string
		file []byte
		says string // empty for a file that is accepted
	}{
		{"the last of 90,000 instances 10,000 times", component(section(5, list(cat([]byte{1}, list(instances...)))), section(6, list(aliases...))), ""},
		{"1,000 exports of 90,000 functions", component(
			section(5, list(cat([]byte{1}, list(slices.Repeat([][]byte{cat([]byte{0}, str(""), []byte{1, 0})}, 90_000)...)))),
			section(11, list(slices.Repeat([][]byte{cat([]byte{0}, str(""), []byte{5, 0, 0})}, 1000)...)),
		), ""},
		{"a million imports", module(section(2, million(func(i int) []byte { return moduleImport(fmt.Sprint(i), "f", 0, 0) }))), "more than 100000"},
		{"a million imports of a component", component(section(10, million(func(i int) []byte { return instanceImport(fmt.Sprint(i)) }))), "more than 100000"},
		{"a million exports in a group of imports", module(section(2, list(cat(str("m"), str(""), []byte{0x7f}, million(func(int) []byte { return cat(str("f"), []byte{0, 0}) }))))), ""},
		{"a million claimed imports", module(section(2, uint32LEB(1_000_000))), "cannot hold"},
		{"4 billion claimed imports", module(section(2, cat(max32, make([]byte, 1<<20)))), "cannot hold"},
		{"4 billion claimed functions", module(section(3, cat(max32, make([]byte, 1<<20)))), "cannot hold"},
		{"4 billion claimed bodies", module(section(10, cat(max32, make([]byte, 1<<20)))), "cannot hold"},
		{"4 billion claimed options of a name", component(section(10, cat(uint32LEB(1), []byte{2}, str("a"), max32, make([]byte, 1<<20)))), "cannot hold"},
		{"a name of 4 GB", module(section(7, cat(uint32LEB(1), max32, make([]byte, 1<<20)))), "the limit is 4096"},
		{"a custom section's name of 4 GB", module(section(0, cat(max32, make([]byte, 1<<20)))), "the limit is 4096"},
		{"names of 20 MB", module(section(7, list(slices.Repeat([][]byte{cat(str(strings.Repeat("x", 4096)), []byte{0, 0})}, 5000)...))), "names of imports and exports have more"},
		{"names of 20 MB in nested components", nested(60, section(11, list(slices.Repeat([][]byte{instanceExport(strings.Repeat("x", 4096))}, 5000)...))), "names of imports and exports have more"},
		{"a thousand nested components", nested(1000, nil), "nested deeper than 64"},
		{"a million tiny sections in nested components", nested(60, bytes.Repeat(section(0, []byte{0}), 1_000_000)), ""},
		{"a million tiny components", nested(30, bytes.Repeat(section(4, component()), 200_000)), ""},
		{"a million bodies of nothing", module(section(3, million(func(int) []byte { return []byte{0} })), section(10, million(func(int) []byte { return []byte{0} }))), ""},
		{"a number that does not end", module(section(1, nil), section(2, bytes.Repeat([]byte{0x80}, 1<<20))), "more than five bytes"},
		{"a number of 35 bits", module(section(2, []byte{0xff, 0xff, 0xff, 0xff, 0x7f})), "more than 32 bits"},
		{"a long number that does not end", module(section(2, list(cat(str("a"), str("b"), []byte{2, 0}, bytes.Repeat([]byte{0x80}, 1<<20))))), "more than ten bytes"},
		{"a section's size that does not end", cat(module(), []byte{0}, bytes.Repeat([]byte{0x80}, 1<<20)), "more than five bytes"},
		{"a small number in five bytes", module(section(2, []byte{0x80, 0x80, 0x80, 0x80, 0x00})), ""},
	}
	for id := range byte(14) {
		cases = append(cases, struct {
			name string
			file []byte
			says string
		}{fmt.Sprintf("section %d claims 4 GB", id), cat(module(), []byte{id}, max32, make([]byte, 1<<20)), "beyond the end"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parseCounted(t, bytes.NewReader(c.file), int64(len(c.file)))
			var formatError *wasm.FormatError
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.As(err, &formatError) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("want a FormatError that says %q, got: %v", c.says, err)
			}
		})
	}
}

// TestHugeFiles: given a file of a terabyte, what is skipped is not read.
func TestHugeFiles(t *testing.T) {
	const sections = 256
	_, c, err := parseCounted(t, sparse{}, 8+sections*sparseSize)
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(2 * (sections + 1)); c.calls > limit {
		t.Errorf("%d reads for %d sections", c.calls, sections)
	}
	large := repeated{header: component(), section: section(1, module(section(0, make([]byte, 1<<20))))}
	if _, c, err = parseCounted(t, large, int64(8+100*len(large.section))); err != nil {
		t.Fatal(err)
	}
	if c.bytes > 20<<20 {
		t.Errorf("%d bytes read of 100 modules of a megabyte", c.bytes)
	}
}

// realFiles are components made by compilers and tools, each once.
func realFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files, seen := make(map[string][]byte), make(map[string]bool)
	for _, pattern := range []string{"testdata/*.wasm", "../../examples/*/*.wasm"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files %s (%v)", pattern, err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !seen[string(content)] {
				files[path] = content
			}
			seen[string(content)] = true
		}
	}
	return files
}

// TestEveryTruncationOfRealFiles: given any beginning of a real file, it is
// refused, except where it ends between two outermost sections.
func TestEveryTruncationOfRealFiles(t *testing.T) {
	for path, content := range realFiles(t) {
		between := sectionEnds(content)
		for n := range content {
			if _, err := parse(content[:n]); err == nil && !slices.Contains(between, n) {
				t.Errorf("%s cut at %d of %d is accepted", path, n, len(content))
			}
		}
	}
}

// TestEveryByteOfRealFiles: given a real file with any one byte changed, it is
// read or refused, and never anything else.
func TestEveryByteOfRealFiles(t *testing.T) {
	for path, content := range realFiles(t) {
		for i := range content {
			for _, change := range []byte{0x01, 0x80, 0xff} {
				content[i] ^= change
				_, err := parse(content)
				var formatError *wasm.FormatError
				if err != nil && !errors.As(err, &formatError) {
					t.Errorf("%s with byte %d changed by 0x%x: %v", path, i, change, err)
				}
				content[i] ^= change
			}
		}
	}
}
