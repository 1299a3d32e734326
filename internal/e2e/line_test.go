package e2e

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// line is a bad line between tablets and a server: a TCP proxy that deals each connection a fate, by a seed. A fate comes
// due after some bytes, in the middle of whatever they are, of the one or the other direction.
type line struct {
	net.Listener
	to string

	mu     sync.Mutex
	rng    *rand.Rand   // of what is dealt: the fates come in one order, whenever something is let go
	ending *rand.Rand   // of how stalls end
	good   bool         // from now on nothing happens
	active int          // tablets that are syncing
	held   []chan fate  // stalled directions, the oldest first
	dealt  map[fate]int // what is to become of connections
	met    map[fate]int // what came due before the connection ended by itself
}

type fate uint8

const (
	flow  fate = iota
	cut        // both ends see the end of the stream
	reset      // both ends see a reset
	stall      // bytes are held until somebody else needs the line, and then flow or are cut
)

func newLine(t *testing.T, to string, seed uint64) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{
		Listener: l, to: to, rng: rand.New(rand.NewPCG(seed, 17)), ending: rand.New(rand.NewPCG(seed, 18)),
		dealt: map[fate]int{}, met: map[fate]int{},
	}
	t.Cleanup(func() { _ = l.Close(); p.heal() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(conn)
		}
	}()
	return p
}

func (p *line) url() string { return "http://" + p.Addr().String() }

// wantMet wants connections to have been cut, reset and stalled while something was on its way.
func (p *line) wantMet(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for f, what := range map[fate]string{cut: "cut", reset: "reset", stall: "stalled"} {
		if p.met[f] == 0 {
			t.Errorf("no connection was %s", what)
		}
	}
	t.Logf("%d connections flowed; %d were cut, %d reset, %d stalled", p.dealt[flow], p.met[cut], p.met[reset], p.met[stall])
}

// heal makes the line good for ever and lets go of what is held.
func (p *line) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = true
	for _, h := range p.held {
		h <- flow
	}
	p.held = nil
}

// leave ends one tablet's sync: where all who still sync are held, the oldest is let go.
func (p *line) leave() { p.change(-1) }

func (p *line) change(by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active += by
	p.letGo()
}

func (p *line) letGo() {
	for len(p.held) > 0 && len(p.held) >= p.active {
		what := flow
		if p.ending.IntN(2) == 0 {
			what = cut
		}
		p.held[0] <- what
		p.held = p.held[1:]
	}
}

// deal says what becomes of a connection, in which direction and after how many bytes.
func (p *line) deal() (what fate, up bool, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.good {
		return flow, false, 0
	}
	switch n := p.rng.IntN(100); {
	case n < 12:
		what = cut
	case n < 22:
		what = reset
	case n < 34:
		what = stall
	}
	p.dealt[what]++
	return what, p.rng.IntN(2) == 0, int64(p.rng.IntN(1 << (4 + p.rng.IntN(14)))) // from within the first line to 128 KiB
}

// wait holds a direction until it is let go.
func (p *line) wait() fate {
	p.mu.Lock()
	if p.good {
		p.mu.Unlock()
		return flow
	}
	h := make(chan fate, 1)
	p.held = append(p.held, h)
	p.letGo()
	p.mu.Unlock()
	return <-h
}

func (p *line) carry(from net.Conn) {
	to, err := net.Dial("tcp", p.to) //nolint:noctx // ends with the test's server
	if err != nil {
		_ = from.Close()
		return
	}
	what, up, after := p.deal()
	end := func(f fate) {
		for _, c := range []net.Conn{from, to} {
			if tcp, ok := c.(*net.TCPConn); ok && f == reset {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	}
	copying := func(dst, src net.Conn, mine bool) {
		defer end(cut)
		if mine && what != flow {
			if _, err := io.CopyN(dst, src, after); err != nil {
				return
			}
			f := what
			p.mu.Lock()
			p.met[f]++
			p.mu.Unlock()
			if f == stall {
				f = p.wait()
			}
			if f != flow {
				end(f)
				return
			}
		}
		_, _ = io.Copy(dst, src)
	}
	go copying(to, from, up)
	copying(from, to, !up)
}

// twice is a tablet's transport that now and then sends a request a second time, as radio links and proxies that retry
// do; the tablet sees the first answer or the second.
type twice struct {
	mu    sync.Mutex
	rng   *rand.Rand
	count atomic.Int64
	http.RoundTripper
}

func (d *twice) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	again, second := d.rng.IntN(8) == 0, d.rng.IntN(2) == 0
	d.mu.Unlock()
	// A login opens a session each time, and a stream has no second answer.
	if !again || strings.HasPrefix(r.URL.Path, "/api/v1/auth/") || r.Method == http.MethodGet {
		return d.RoundTripper.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	send := func() (*http.Response, error) {
		c := r.Clone(r.Context())
		c.Body = io.NopCloser(bytes.NewReader(body))
		return d.RoundTripper.RoundTrip(c)
	}
	d.count.Add(1)
	first, err := send()
	if !second {
		if resp, err := send(); err == nil {
			_ = resp.Body.Close()
		}
		return first, err
	}
	if err == nil {
		_ = first.Body.Close()
	}
	return send()
}
