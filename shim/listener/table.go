package listener

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// synReceived is the state of a connection that the kernel has answered and the
// client has not confirmed, in the kernel's tables.
const synReceived = "03"

// halfOpen reports whether there is such a connection to a port in a table of
// the kernel's (proc_net_tcp in its documentation), which may be missing.
func halfOpen(table string, port uint16) (bool, error) {
	f, err := os.Open(table)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// number: local remote state ...
		fields := strings.Fields(lines.Text())
		if len(fields) > 3 && fields[3] == synReceived && strings.HasSuffix(fields[1], suffix) {
			return true, nil
		}
	}
	return false, lines.Err()
}
