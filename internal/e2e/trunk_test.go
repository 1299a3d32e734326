package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// trunk is the connection of one node to one of the servers that all share. It can be cut: what is open breaks, and the
// next attempts to connect find nobody.
type trunk struct {
	net.Listener
	to string

	mu     sync.Mutex
	refuse int // the next connections
	broken int // how many were cut or refused in all
	open   map[net.Conn]bool
}

func newTrunk(t *testing.T, to string) *trunk {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &trunk{Listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = l.Close()
		n.cut(0)
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go n.carry(conn)
		}
	}()
	return n
}

// cut breaks all connections and refuses as many attempts. A while that is counted needs no clock.
func (n *trunk) cut(attempts int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = attempts
	n.broken += len(n.open)
	for c := range n.open {
		_ = c.Close()
	}
}

// mend ends a cut.
func (n *trunk) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = 0
}

func (n *trunk) losses() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.broken
}

// keep counts a connection in, or refuses it.
func (n *trunk) keep(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse > 0 {
		n.refuse--
		n.broken++
		return false
	}
	n.open[c] = true
	return true
}

func (n *trunk) drop(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, c)
	_ = c.Close()
}

func (n *trunk) carry(from net.Conn) {
	defer n.drop(from)
	if !n.keep(from) {
		return
	}
	to, err := net.Dial("tcp", n.to) //nolint:noctx // ends with the test's server
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, from)
}
