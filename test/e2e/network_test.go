package e2e

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// lastPort is the one that freePort has returned last. Ports from 20000 on are below those
// that the kernel gives to connections and Kubernetes to Services.
var lastPort atomic.Int32

func init() { lastPort.Store(20_000 + rand.Int32N(5_000)) }

// freePort is a TCP port at which nobody listens, another one each time.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(int(lastPort.Add(1)))
		listener, err := net.Listen("tcp", ":"+port)
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
