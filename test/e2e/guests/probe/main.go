//go:build wasip1

// Probe is the guest that does what its arguments say, so that a test can ask
// what a container gave to it.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("nothing to do")
	}
	verb, args := args[0], args[1:]
	argument := ""
	if len(args) > 0 {
		argument = args[0]
	}
	switch verb {
	case "args": // each argument on a line
		for _, a := range args {
			fmt.Println(a)
		}
	case "echo": // the arguments, on one line
		fmt.Println(strings.Join(args, " "))
	case "name": // what the program is called
		fmt.Println(os.Args[0])
	case "env": // a variable, or all of them
		if argument != "" {
			fmt.Println(os.Getenv(argument))
			return nil
		}
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "cat": // standard input to standard output
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "exit":
		code, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "trap":
		trap()
	case "stderr":
		fmt.Fprintln(os.Stderr, argument)
	case "read":
		content, err := os.ReadFile(argument)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(content)
		return err
	case "watch": // a file, again and again, whenever it is another one
		for last := ""; ; time.Sleep(20 * time.Millisecond) {
			content, err := os.ReadFile(argument)
			if err != nil {
				return err
			}
			if string(content) != last {
				last = string(content)
				fmt.Println(last)
			}
		}
	case "write":
		return os.WriteFile(argument, []byte(strings.Join(args[1:], " ")), 0o644)
	case "walk": // every file that can be seen
		return filepath.WalkDir(argument, func(path string, _ fs.DirEntry, err error) error {
			fmt.Println(path)
			return err
		})
	case "pwd":
		dir, err := os.Getwd()
		fmt.Println(dir)
		return err
	case "sleep": // seconds
		seconds, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(seconds) * time.Second)
	case "alloc": // that many MiB, touched
		mebibytes, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		var kept [][]byte
		for range mebibytes {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		fmt.Println(len(kept))
	case "adapter-memory":
		tellAdapterMemory()
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return nil
}

// trap executes the instruction unreachable.
func trap()
