package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"sync"
	"testing"
)

// door is what tablets see of several nodes: each request goes to any of them, and some are cut on the way.
type door struct {
	*httptest.Server
	inside http.RoundTripper

	mu    sync.Mutex
	r     *rand.Rand
	nodes []*node
	calm  bool          // nothing is cut any more
	count int           // requests so far
	more  chan struct{} // closed and made anew with each request
	late  sync.WaitGroup
	fates map[string]int // how often what happened, for the log
}

const (
	passes = "passed"
	lost   = "answer lost"
	half   = "half the answer"
	before = "cut before the node"
	nobody = "node gone"
	stale  = "left with a paused node"
)

// most requests that wait in a paused node; the tablets have others to go to.
const mostStale = 12

func newDoor(t *testing.T, r *rand.Rand, nodes []*node) *door {
	d := &door{
		inside: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}, r: r, nodes: nodes,
		more: make(chan struct{}), fates: map[string]int{},
	}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// pick draws a node and what becomes of the request. Nodes that are down or have been paused get few.
func (d *door) pick() (*node, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	close(d.more)
	d.more = make(chan struct{})
	n := d.nodes[d.r.IntN(len(d.nodes))]
	for (n.down || n.stopped && n.waiting >= mostStale) && d.r.IntN(8) > 0 {
		n = d.nodes[d.r.IntN(len(d.nodes))]
	}
	if d.calm {
		return n, passes
	}
	switch d.r.IntN(30) {
	case 0, 1:
		return n, lost
	case 2:
		return n, half
	case 3:
		return n, before
	}
	return n, passes
}

// passed waits until as many more requests have come, or until none are made.
func (d *door) passed(n int, idle <-chan struct{}) {
	d.mu.Lock()
	goal := d.count + n
	d.mu.Unlock()
	for {
		d.mu.Lock()
		count, more := d.count, d.more
		d.mu.Unlock()
		if count >= goal {
			return
		}
		select {
		case <-more:
		case <-idle:
			return
		}
	}
}

func (d *door) note(fate string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fates[fate]++
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, fate := d.pick()
	body, err := io.ReadAll(r.Body)
	if err != nil || fate == before {
		d.note(before)
		panic(http.ErrAbortHandler)
	}
	a, err := d.ask(n, r, body)
	switch {
	case err == nil && (fate == lost || fate == half && len(a.body) < 2):
		d.note(lost)
		panic(http.ErrAbortHandler)
	case errors.Is(err, errStale):
		d.note(stale)
		panic(http.ErrAbortHandler)
	case err != nil:
		d.note(nobody)
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if fate == half {
		_, _ = w.Write(a.body[:len(a.body)/2])
		d.note(half)
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.body)
	d.note(passes)
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// errStale: the node was paused with the request in it. It will carry it out when it goes on, and nobody hears of it.
var errStale = errors.New("the node is paused")

// ask hands a request in at a node.
func (d *door) ask(n *node, r *http.Request, body []byte) (answer, error) {
	wrote := make(chan struct{})
	var once sync.Once
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { once.Do(func() { close(wrote) }) },
	})
	req, err := http.NewRequestWithContext(ctx, r.Method, n.url()+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = r.Header.Clone()
	paused := d.enter(n)
	type outcome struct {
		answer
		err error
	}
	done := make(chan outcome, 1)
	d.late.Go(func() {
		defer d.leave(n)
		resp, err := d.inside.RoundTrip(req)
		if err != nil {
			done <- outcome{err: err}
			return
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		done <- outcome{answer{resp.StatusCode, resp.Header, b}, err}
	})
	select {
	case o := <-done:
		return o.answer, o.err
	case <-paused:
	}
	select { // it has to be in the node before its sender gives up
	case <-wrote:
		return answer{}, errStale
	case o := <-done:
		return o.answer, o.err
	}
}

// enter counts a request in and returns what closes when the node is paused.
func (d *door) enter(n *node) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.waiting++
	return n.pausing
}

func (d *door) leave(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.waiting--
}
