package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
)

// person is somebody of the story with a tablet (or a browser, which to the server is the same).
type person struct {
	*client.Tablet
	name string // as the story calls them
	line *line
}

// enter lets a person log in on a new device in a directory of its own.
func (s *story) enter(ctx context.Context, name, login string) (*person, error) {
	l := &line{next: s.http}
	p := &person{name: name, line: l, Tablet: &client.Tablet{
		Server: s.server, HTTP: &http.Client{Transport: l}, Dir: filepath.Join(s.dir, login), Name: name + "的设备",
		App: "demo " + version, Now: time.Now, NewID: newID,
	}}
	if err := p.Open(); err != nil {
		return nil, err
	}
	s.people = append(s.people, p)
	if err := p.Login(ctx, login, directory.DemoPassword); err != nil {
		return nil, fmt.Errorf("%s（%s）登录失败：%w", name, login, err)
	}
	return p, nil
}

// do queues a command on a document as the tablet holds it and syncs; it returns the server's verdict.
func (p *person) do(ctx context.Context, name string, kind store.Kind, id string, args any) (fieldsync.Result, error) {
	m, err := p.Save(name, fieldsync.DocRef{Kind: kind, ID: id}, args)
	if err != nil {
		return fieldsync.Result{}, err
	}
	return p.settled(ctx, m)
}

// settled syncs and returns the server's verdict on what is queued.
func (p *person) settled(ctx context.Context, m fieldsync.MutationID) (fieldsync.Result, error) {
	if _, err := p.Sync(ctx); err != nil {
		return fieldsync.Result{}, err
	}
	return p.verdict(m)
}

// verdict is what the server said of a mutation.
func (p *person) verdict(id fieldsync.MutationID) (fieldsync.Result, error) {
	for _, m := range p.Outbox().All() {
		if m.ID == id && m.Result != nil {
			return *m.Result, nil
		}
	}
	return fieldsync.Result{}, fmt.Errorf("%s的记录 %s 没有得到答复", p.name, id)
}

// hazards are those on the tablet that came of an inspection.
func (p *person) hazards(of string) (map[inspection.RuleID]inspection.Hazard, error) {
	out := map[inspection.RuleID]inspection.Hazard{}
	for _, d := range p.Replica().Docs() {
		if d.Kind != inspection.KindHazard {
			continue
		}
		h, err := inspection.DecodeHazard(d.Body, d.Restricted)
		if err != nil {
			return nil, err
		}
		if string(h.Inspection) == of {
			out[h.Rule] = h // the demonstration has one free finding, under the empty rule
		}
	}
	return out, nil
}

// pull asks for one page and returns it as it came.
func (p *person) pull(ctx context.Context, cursor string) (reply, error) {
	return p.post(ctx, "/api/v1/sync/pull", []byte(fmt.Sprintf(`{"cursor":%q}`, cursor)))
}

// reply is an HTTP answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem reads the code and the Chinese sentence of a refusal.
func (r reply) problem() (p struct{ Code, Detail string }) {
	_ = json.Unmarshal(r.body, &p) // what is no problem has no code, and the step fails
	return p
}

func (p *person) post(ctx context.Context, path string, body []byte) (reply, error) {
	return p.ask(ctx, http.MethodPost, path, body, "Content-Type", "application/json")
}

func (p *person) get(ctx context.Context, path string) (reply, error) {
	return p.ask(ctx, http.MethodGet, path, nil)
}

// ask does one plain request under the person's session.
func (p *person) ask(ctx context.Context, method, path string, body []byte, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.Server+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", p.line.session())
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return reply{resp.StatusCode, resp.Header, b}, err
}

// line is the network of one person, good or bad as the story needs it. It also remembers what went over it.
type line struct {
	next http.RoundTripper

	mu      sync.Mutex
	auth    string // the last Authorization header
	dead    bool   // no signal
	lose    string // the answer to the next request of this path is lost, and with it the signal
	cut     int    // the next but so many PATCH breaks in the middle; 0: none
	pushes  [][]byte
	patched []int // bytes of each PATCH that was begun
}

var errNoSignal = errors.New("no signal")

// RoundTrip sends a request unless the story has it otherwise.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	lost, cut, err := l.note(req)
	if err != nil {
		return nil, err
	}
	if cut {
		half := req.ContentLength / 2
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(io.MultiReader(io.LimitReader(req.Body, half), broken{}))
	}
	resp, err := l.next.RoundTrip(req)
	if err == nil && lost {
		_ = resp.Body.Close() // nobody is there to read it
		return nil, errNoSignal
	}
	return resp, err
}

// note remembers a request and decides what becomes of it.
func (l *line) note(req *http.Request) (lost, cut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return false, false, errNoSignal
	}
	if a := req.Header.Get("Authorization"); a != "" {
		l.auth = a
	}
	if strings.HasSuffix(req.URL.Path, "/sync/push") {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return false, false, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if body, err = inflated(req.Header.Get("Content-Encoding"), body); err != nil {
			return false, false, err
		}
		l.pushes = append(l.pushes, body)
	}
	if req.Method == http.MethodPatch {
		l.patched = append(l.patched, int(req.ContentLength))
		if l.cut > 0 {
			l.cut--
			cut = l.cut == 0
			l.dead = cut
		}
	}
	if l.lose != "" && req.URL.Path == l.lose {
		lost, l.lose, l.dead = true, "", true
	}
	return lost, cut, nil
}

// inflated is a body as it was before the tablet compressed it.
func inflated(encoding string, body []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(body)); err == nil {
			defer z.Close()
		}
		r = z
	default:
		return body, nil
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (l *line) set(change func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *line) session() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.auth
}

// pushed are the mutations of the n-th push on this line, from the end if n is negative, as they were sent.
func (l *line) pushed(n int) ([]jsontext.Value, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 {
		n += len(l.pushes)
	}
	if n < 0 || n >= len(l.pushes) {
		return nil, errors.New("no such push")
	}
	r, err := fieldsync.DecodePush(l.pushes[n], fieldsync.DefaultLimits)
	return r.Mutations, err
}

// broken is where a line breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errNoSignal }
