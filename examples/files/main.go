// Files prints a poem that the image has in its filesystem, and where it is.
package main

import (
	"fmt"
	"os"
)

func main() {
	path := os.Getenv("POEM")
	poem, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "files:", err)
		os.Exit(1)
	}
	fmt.Printf("%s (from %s)\n", poem, path)
}
