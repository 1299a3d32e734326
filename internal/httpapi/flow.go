package httpapi

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// What a line has to carry in each span of Limits.Idle, in bytes: a little over one kbit/s at the default. Less is no line
// but somebody who wants to hold on to us.
const leastFlow = 4 << 10

// paced is how much of a long answer goes out under one deadline, in bytes.
const paced = 16 << 10

// patient reads a body on a line of one bar: each Read may take idle, however long the whole takes, as long as leastFlow
// bytes come in each idle.
type patient struct {
	r    io.Reader
	conn net.Conn
	idle time.Duration
	stop chan struct{}
	once sync.Once

	until time.Time // end of the present span
	got   int       // bytes in it
}

func newPatient(r io.Reader, conn net.Conn, idle time.Duration) *patient {
	return &patient{r: r, conn: conn, idle: idle, stop: make(chan struct{})}
}

func (p *patient) Read(b []byte) (int, error) {
	if p.idle <= 0 {
		return p.r.Read(b)
	}
	now := time.Now()
	if p.until.IsZero() || p.got >= leastFlow {
		p.until, p.got = now.Add(p.idle), 0
	}
	if !now.Before(p.until) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := p.conn.SetReadDeadline(p.until); err != nil {
		return 0, err
	}
	select {
	case <-p.stop: // after the deadline is set: an interrupt in between must not be undone by it
		return 0, net.ErrClosed
	default:
	}
	n, err := p.r.Read(b)
	p.got += n
	return n, err
}

// interrupt makes a waiting Read return; any later one returns too.
func (p *patient) interrupt() {
	p.once.Do(func() { close(p.stop) })
	_ = p.conn.SetReadDeadline(time.Unix(1, 0)) // a connection that refuses a deadline is closed already
}

// outgoing is a long body on its way out: each piece of it may take patience, however long the whole takes. A client that
// reads nothing is cut off, one on a slow line is not.
type outgoing struct {
	bytes.Reader
	conn     net.Conn
	patience time.Duration
	done     func()
}

// Read gives a piece when the one before it has gone to the connection.
func (a *outgoing) Read(b []byte) (int, error) {
	if a.patience > 0 {
		if err := a.conn.SetWriteDeadline(time.Now().Add(a.patience)); err != nil {
			return 0, err
		}
	}
	return a.Reader.Read(b[:min(len(b), paced)])
}

// WriteTo hides the one of bytes.Reader, which would hand over everything under one deadline.
func (a *outgoing) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(w, onlyReader{a}, make([]byte, paced))
}

// Close is called when the answer is sent, or will never be.
func (a *outgoing) Close() error {
	a.done()
	return nil
}

type onlyReader struct{ io.Reader }
