// Sshkeys prints what the agent at SSH_AUTH_SOCK answers when it is asked for
// its keys: the comments in it are readable. It is for a container that has no
// SSH client.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sshkeys:", err)
		os.Exit(1)
	}
}

// requestIdentities is the message that asks for the keys, after its length
// (draft-miller-ssh-agent, sections 3 and 4.4).
var requestIdentities = []byte{0, 0, 0, 1, 11}

func run() error {
	agent, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return err
	}
	defer agent.Close()
	if _, err := agent.Write(requestIdentities); err != nil {
		return err
	}
	var length uint32
	if err := binary.Read(agent, binary.BigEndian, &length); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(agent, int64(length)))
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%q\n", answer)
	return err
}
