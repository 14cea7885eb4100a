// Hello prints a greeting, its arguments and, in HELLO, what it was told by the
// environment.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	fmt.Println("Hello from WebAssembly")
	if len(os.Args) > 1 {
		fmt.Println("arguments:", strings.Join(os.Args[1:], " "))
	}
	if greeting := os.Getenv("HELLO"); greeting != "" {
		fmt.Println("environment:", greeting)
	}
}
