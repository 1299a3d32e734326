package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fieldsync "paicha/sync"

	"github.com/google/uuid"
)

// clientVector is one case of docs/vectors/client; its README says what the members mean.
type clientVector struct {
	Name  string
	Steps []struct {
		Make *struct {
			As, Name string
			Doc      fieldsync.DocRef
			BaseRev  uint64
			Args     json.RawMessage
		}
		Sync *struct {
			Hello  json.RawMessage
			HandIn json.RawMessage
			Push   []json.RawMessage
			Pull   []json.RawMessage
		}
		Dismiss string
		Expect  struct {
			Queue   map[string]string
			Pushed  *[][]string
			Cursors []string
			Have    [][]string
			Got     []int64
			Replica map[string]struct {
				Rev  uint64
				Via  []string
				Body json.RawMessage
			}
			Wiped, ByKey, Error bool
		}
	}
}

// line answers a tablet's requests with what a vector says, in order, and notes what was sent. It is no server: it knows
// nothing but the next answer.
type line struct {
	t          *testing.T
	hello      json.RawMessage
	handIn     json.RawMessage // nil: refused
	push, pull []json.RawMessage
	names      map[string]string // of the mutations, by the name that the vector gives them
	raw        map[string][]byte // as each mutation was first sent, by id

	pushed  [][]string
	cursors []string
	have    [][]string
	got     []int64 // bytes that each pull says to have
	byKey   bool
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := inflate(r.Header.Get("Content-Encoding"), r.Body, maxAnswer)
	if err != nil {
		return nil, err
	}
	switch r.URL.Path {
	case "/api/v1/sync/hello":
		return l.answer(r, l.hello)
	case "/api/v1/auth/hand-in":
		if r.Header.Get("X-Paicha-Signature") == "" {
			l.t.Error("a hand-in without signature")
		}
		if l.handIn == nil {
			return l.answer(r, json.RawMessage(`{"problem":{"status":401,"code":"auth.device"}}`))
		}
		return l.answer(r, l.handIn)
	case "/api/v1/sync/push":
		l.note(body)
		l.byKey = r.Header.Get("X-Paicha-Signature") != ""
		if len(l.push) == 0 {
			return l.answer(r, json.RawMessage(`{"results":[]}`))
		}
		next := l.push[0]
		l.push = l.push[1:]
		return l.answer(r, next)
	case "/api/v1/sync/pull":
		var in struct {
			Cursor string
			Have   []string
			Got    fieldsync.Got
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		l.cursors, l.have = append(l.cursors, in.Cursor), append(l.have, in.Have)
		l.got = append(l.got, in.Got.Bytes)
		if len(l.pull) == 0 {
			return l.answer(r, json.RawMessage(`{"changes":[],"cursor":"`+in.Cursor+`","more":false}`))
		}
		next := l.pull[0]
		l.pull = l.pull[1:]
		return l.part(r, next, in.Got)
	}
	return nil, errors.New("no answer to " + r.URL.Path)
}

// note keeps what a push carried, and compares it with what was sent before under the same id: C15.
func (l *line) note(body []byte) {
	var in struct{ Mutations []json.RawMessage }
	if err := json.Unmarshal(body, &in); err != nil {
		l.t.Error(err)
	}
	var ids []string
	for _, m := range in.Mutations {
		var head struct{ ID string }
		if err := json.Unmarshal(m, &head); err != nil {
			l.t.Error(err)
		}
		if first, again := l.raw[head.ID]; again && !bytes.Equal(first, m) {
			l.t.Errorf("a retry sends\n%s\nafter\n%s", m, first)
		}
		l.raw[head.ID] = bytes.Clone(m)
		for name, id := range l.names {
			if id == head.ID {
				ids = append(ids, "$"+name)
			}
		}
	}
	l.pushed = append(l.pushed, ids)
}

// answer is "lost", "cut", "portal", {"problem": …} or the body of a success.
func (l *line) answer(r *http.Request, v json.RawMessage) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	text := string(v)
	for name, id := range l.names {
		text = strings.ReplaceAll(text, `"$`+name+`"`, `"`+id+`"`)
	}
	var refused struct {
		Problem *struct {
			Status int
			Code   string
		}
	}
	switch {
	case text == `"lost"`:
		return nil, errors.New("line cut")
	case text == `"cut"`:
		text = `{"results":[{"id":"`
	case text == `"portal"`:
		resp.Header.Set("Content-Type", "text/html")
		text = "<html>请先登录本网络</html>"
	case json.Unmarshal(v, &refused) == nil && refused.Problem != nil:
		resp.StatusCode = refused.Problem.Status
		resp.Header.Set("Content-Type", "application/problem+json")
		text = `{"code":"` + refused.Problem.Code + `","detail":"不行"}`
	}
	resp.Body = io.NopCloser(strings.NewReader(text))
	return resp, nil
}

// part is {"first": answer}, of which half comes, {"rest": answer}, of which what the tablet says to have is left out, or
// an answer as the others are.
func (l *line) part(r *http.Request, v json.RawMessage, got fieldsync.Got) (*http.Response, error) {
	var p struct{ First, Rest json.RawMessage }
	if json.Unmarshal(v, &p) != nil || p.First == nil && p.Rest == nil {
		return l.answer(r, v)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, append(p.First, p.Rest...)); err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	body := b.Bytes()
	if p.First != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
		return resp, nil
	}
	if skip := got.Skip(body); skip > 0 {
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", skip, len(body)-1, len(body)))
		body = body[skip:]
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func TestClientVectors(t *testing.T) {
	files, err := filepath.Glob("../../docs/vectors/client/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			dec := json.NewDecoder(bytes.NewReader(b))
			var v clientVector
			if err := dec.Decode(&v); err != nil {
				t.Fatal(err)
			}
			if v.Name != name {
				t.Fatalf("the file is named %s, the case %s", name, v.Name)
			}
			playClient(t, v)
		})
	}
}

func playClient(t *testing.T, v clientVector) {
	l := &line{t: t, names: map[string]string{}, raw: map[string][]byte{}}
	now := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	tablet := &Tablet{
		Server: "http://vector", HTTP: &http.Client{Transport: l}, Dir: t.TempDir(), Now: func() time.Time { return now },
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	}
	if err := tablet.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tablet.Close() }) // a wiped one is closed already
	tablet.session = session{User: "wang", Device: "dev-wang", Access: "a", Refresh: "r"}
	for i, s := range v.Steps {
		var err error
		l.pushed, l.cursors, l.have, l.got, l.byKey = [][]string{}, nil, nil, nil, false
		switch {
		case s.Make != nil:
			var id fieldsync.MutationID
			id, err = tablet.Do(Command{Name: s.Make.Name, Doc: s.Make.Doc, BaseRev: s.Make.BaseRev, Args: s.Make.Args})
			if err != nil {
				t.Fatal(err)
			}
			l.names[s.Make.As] = string(id)
			continue
		case s.Dismiss != "":
			err = tablet.Dismiss(fieldsync.MutationID(l.names[s.Dismiss]))
		default:
			l.hello, l.handIn, l.push, l.pull = helloOf(t, s.Sync.Hello), s.Sync.HandIn, s.Sync.Push, s.Sync.Pull
			_, err = tablet.Sync(context.Background())
		}
		e := s.Expect
		wiped := errors.Is(err, ErrWiped)
		if wiped != e.Wiped || err != nil && !wiped && !e.Error || err == nil && e.Error {
			t.Errorf("step %d: %v", i, err)
		}
		if e.Pushed != nil && !slices.EqualFunc(l.pushed, *e.Pushed, slices.Equal) {
			t.Errorf("step %d: pushed %v, not %v", i, l.pushed, *e.Pushed)
		}
		if e.Cursors != nil && !slices.Equal(l.cursors, e.Cursors) {
			t.Errorf("step %d: cursors %q, not %q", i, l.cursors, e.Cursors)
		}
		if e.Have != nil && !slices.EqualFunc(l.have, e.Have, slices.Equal) {
			t.Errorf("step %d: have %v, not %v", i, l.have, e.Have)
		}
		if e.Got != nil && !slices.Equal(l.got, e.Got) {
			t.Errorf("step %d: says to have %v bytes, not %v", i, l.got, e.Got)
		}
		if e.ByKey && !l.byKey {
			t.Errorf("step %d: not under the device key", i)
		}
		if wiped {
			return
		}
		for name, want := range e.Queue {
			if got := stateOf(tablet, l.names[name]); got != want {
				t.Errorf("step %d: %s is %s, not %s", i, name, got, want)
			}
		}
		if e.Replica == nil {
			continue
		}
		held := map[string]Doc{}
		for _, d := range tablet.Replica().Docs() {
			held[string(d.Kind)+"/"+d.ID] = d
		}
		if got, want := slices.Sorted(maps.Keys(held)), slices.Sorted(maps.Keys(e.Replica)); !slices.Equal(got, want) {
			t.Errorf("step %d: holds %v, not %v", i, got, want)
			continue
		}
		for key, want := range e.Replica {
			d, via := held[key], []string(nil)
			for _, v := range held[key].Via {
				via = append(via, string(v))
			}
			if uint64(d.Rev) != want.Rev || !slices.Equal(via, want.Via) || want.Body != nil && !sameJSON(d.Body, want.Body) {
				t.Errorf("step %d: %s is rev %d via %v, %s", i, key, d.Rev, via, d.Body)
			}
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// helloOf is what the vector says of a hello, over an ordinary one.
func helloOf(t *testing.T, said json.RawMessage) json.RawMessage {
	h := map[string]any{
		"protocol": 1, "serverTime": "2023-06-05T08:00:00Z", "epoch": "e1", "user": "wang", "grants": []any{},
		"lockAfterSeconds": 86400, "wipe": false,
	}
	if said != nil {
		if err := json.Unmarshal(said, &h); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stateOf names the state of a mutation as section 14 of the protocol does.
func stateOf(t *Tablet, id string) string {
	for _, m := range t.Outbox().All() {
		switch {
		case string(m.ID) != id:
		case m.Asking:
			return "aside"
		case m.Done:
			return "settled"
		default:
			return "saved"
		}
	}
	return "deleted"
}
