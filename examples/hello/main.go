// Hello prints a greeting, its arguments and, in HELLO, what it was told by the
// environment. HELLO_EXIT is its exit code.
package main

import (
	"fmt"
	"os"
	"strconv"
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
	if code := os.Getenv("HELLO_EXIT"); code != "" {
		n, err := strconv.Atoi(code)
		if err != nil {
			fmt.Fprintln(os.Stderr, "hello: HELLO_EXIT:", err)
			os.Exit(2)
		}
		os.Exit(n)
	}
}
