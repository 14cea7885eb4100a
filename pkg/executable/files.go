package executable

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// maxFiles is how many WebAssembly files Files looks for.
const maxFiles = 1000

// Files returns the paths below a root of the files that begin as WebAssembly does,
// in lexical order, each file once whatever links lead to it. It returns an error when
// there are over 1000.
func Files(root *os.Root) ([]string, error) {
	var found []string
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		is, err := isWasm(root, name)
		if err != nil || !is {
			return err
		}
		if len(found) == maxFiles {
			return fmt.Errorf("there are over %d WebAssembly files", maxFiles)
		}
		found = append(found, name)
		return nil
	})
	slices.Sort(found)
	return found, err
}

func isWasm(root *os.Root, name string) (bool, error) {
	file, err := root.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return beginsAsWasm(file), nil
}
