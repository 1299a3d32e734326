package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	fieldsync "paicha/sync"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// frail is a network that lets as many bytes of an answer to a pull through as cut says, and a server that goes on as the
// protocol has it, or as the test does.
type frail struct {
	t         *testing.T
	encoding  string
	page      func(cursor string, limit int) string // the answer as it is at this moment
	cut       []int                                 // bytes of each body that come; at its end: all
	deaf      bool                                  // it does not know of got, and says so
	instead   func(resp *http.Response, body []byte) []byte
	asked     []fieldsync.PullRequest
	delivered int // bytes of bodies
}

func (f *frail) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	if r.URL.Path == "/api/v1/sync/hello" {
		said := json.RawMessage(nil)
		if !f.deaf {
			said = json.RawMessage(`{"capabilities":["resume","like"],"limits":{"pullDocs":1000}}`)
		}
		resp.Body = io.NopCloser(bytes.NewReader(helloOf(f.t, said)))
		return resp, nil
	}
	b, err := inflate(r.Header.Get("Content-Encoding"), r.Body, maxAnswer)
	if err != nil {
		return nil, err
	}
	if r.URL.Path == "/api/v1/sync/check" {
		resp.Body = io.NopCloser(strings.NewReader(`{"state":"equal"}`))
		return resp, nil
	}
	var in fieldsync.PullRequest
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	f.asked = append(f.asked, in)
	body := []byte(f.page(in.Cursor, in.Limit))
	if f.encoding != "" {
		resp.Header.Set("Content-Encoding", f.encoding)
		body = packed(f.t, body)
	}
	if skip := in.Got.Skip(body); skip > 0 && !f.deaf {
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", skip, len(body)-1, len(body)))
		body = body[skip:]
	}
	if f.instead != nil {
		body = f.instead(resp, body)
	}
	whole := io.Reader(bytes.NewReader(body))
	if len(f.cut) > 0 {
		n := min(f.cut[0], len(body))
		f.cut, f.delivered = f.cut[1:], f.delivered+n
		whole = io.MultiReader(bytes.NewReader(body[:n]), broken{})
	} else {
		f.delivered += len(body)
	}
	resp.Body = io.NopCloser(whole)
	return resp, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func packed(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// frailTablet tries each step once.
func frailTablet(t *testing.T, f *frail) *Tablet {
	t.Helper()
	f.t = t
	tab := &Tablet{
		Server: "http://frail", HTTP: &http.Client{Transport: f}, Dir: t.TempDir(), Now: func() time.Time { return start },
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	}
	if err := tab.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	tab.session = session{User: "wang", Device: "dev-wang", Access: "a", Refresh: "r"}
	return tab
}

func onePage(changes ...string) func(string, int) string {
	return func(cursor string, _ int) string {
		if cursor != "" {
			changes = nil
		}
		return `{"changes":[` + strings.Join(changes, ",") + `],"cursor":"c1","more":false}`
	}
}

// TestPageGoesOnWhereItBroke cuts the answer behind each of its bytes: nothing of it counts before it is whole, and then
// no byte of it has come twice.
func TestPageGoesOnWhereItBroke(t *testing.T) {
	page := onePage(change("d1", "1", "x"), change("d2", "3", "x"))
	for _, encoding := range []string{"", "zstd"} {
		size := len(page("", 0))
		if encoding != "" {
			size = len(packed(t, []byte(page("", 0))))
		}
		for at := range size {
			f := &frail{encoding: encoding, page: page, cut: []int{at}}
			tab := frailTablet(t, f)
			if _, err := tab.Sync(t.Context()); !errors.Is(err, ErrAnswer) {
				t.Fatalf("%q cut at %d: %v", encoding, at, err)
			}
			if got := held(tab.Replica()); got != "" || tab.Replica().Cursor() != "" {
				t.Fatalf("%q cut at %d: holds %s, cursor %q", encoding, at, got, tab.Replica().Cursor())
			}
			if _, err := tab.Sync(t.Context()); err != nil {
				t.Fatalf("%q cut at %d: %v", encoding, at, err)
			}
			if got := held(tab.Replica()); got != `d1={"v":1}x d2={"v":3}x` || tab.Replica().Cursor() != "c1" {
				t.Errorf("%q cut at %d: holds %s, cursor %q", encoding, at, got, tab.Replica().Cursor())
			}
			if f.delivered != size || f.asked[1].Got.Bytes != int64(at) || f.asked[1].Limit != f.asked[0].Limit {
				t.Errorf("%q cut at %d: %d bytes came of %d, asked %+v", encoding, at, f.delivered, size, f.asked)
			}
		}
	}
}

// TestPageThatCrawlsIsNotGivenUp has each connection bring a byte: that is more attempts than a step has, but all moved.
func TestPageThatCrawlsIsNotGivenUp(t *testing.T) {
	f := &frail{page: onePage(change("d1", "1", "x")), cut: make([]int, 60)}
	for i := range f.cut {
		f.cut[i] = 1
	}
	tab := frailTablet(t, f)
	tab.Wait = func(ctx context.Context, _ int) error { return ctx.Err() }
	tab.Attempts = 3
	if _, err := tab.Sync(t.Context()); err != nil || held(tab.Replica()) != `d1={"v":1}x` {
		t.Errorf("holds %q: %v", held(tab.Replica()), err)
	}
}

// TestPageThatChangedBegins has the rights to d2 end between the two halves: what had come of it is never shown.
func TestPageThatChangedBegins(t *testing.T) {
	both, one := onePage(change("d2", "3", "x"), change("d1", "1", "x")), onePage(change("d1", "1", "x"))
	f := &frail{page: both, cut: []int{80}}
	tab := frailTablet(t, f)
	if _, err := tab.Sync(t.Context()); err == nil {
		t.Fatal("not cut")
	}
	f.page = one
	if _, err := tab.Sync(t.Context()); err != nil || held(tab.Replica()) != `d1={"v":1}x` {
		t.Errorf("holds %q: %v", held(tab.Replica()), err)
	}
}

// TestRestOfAnotherAnswerIsNotTaken has something on the way answer with other bytes than it was asked for.
func TestRestOfAnotherAnswerIsNotTaken(t *testing.T) {
	ranges := map[string]func(resp *http.Response, body []byte) []byte{
		"another place": func(r *http.Response, b []byte) []byte {
			r.Header.Set("Content-Range", "bytes 11-99/100")
			return b
		},
		"no range": func(r *http.Response, b []byte) []byte {
			r.Header.Del("Content-Range")
			return b
		},
		"another encoding": func(r *http.Response, b []byte) []byte {
			r.Header.Set("Content-Encoding", "gzip")
			return b
		},
		"less than it says": func(_ *http.Response, b []byte) []byte { return b[:len(b)-1] },
		"more than it says": func(_ *http.Response, b []byte) []byte { return append(b, '}') },
		"other bytes":       func(_ *http.Response, b []byte) []byte { return bytes.Repeat([]byte("]"), len(b)) },
	}
	for name, instead := range ranges {
		t.Run(name, func(t *testing.T) {
			f := &frail{page: onePage(change("d1", "1", "x")), cut: []int{10}}
			tab := frailTablet(t, f)
			if _, err := tab.Sync(t.Context()); err == nil {
				t.Fatal("not cut")
			}
			f.instead = instead
			if _, err := tab.Sync(t.Context()); !errors.Is(err, ErrAnswer) || tab.Replica().Cursor() != "" {
				t.Errorf("cursor %q: %v", tab.Replica().Cursor(), err)
			}
			f.instead = nil
			if _, err := tab.Sync(t.Context()); err != nil || held(tab.Replica()) != `d1={"v":1}x` {
				t.Errorf("holds %q: %v", held(tab.Replica()), err)
			}
		})
	}
}

// TestPagesShrinkWhereNothingGoesOn has a server that does not know how, and one whose answers are others each time.
func TestPagesShrinkWhereNothingGoesOn(t *testing.T) {
	for name, f := range map[string]*frail{"a server that cannot": {deaf: true}, "a page that always changes": {}} {
		t.Run(name, func(t *testing.T) {
			n := 0
			f.page = func(string, int) string {
				n++
				return fmt.Sprintf(`{"changes":[%s],"cursor":"c1","more":false}`, change(fmt.Sprintf("%06d", n), "1", "x"))
			}
			f.cut = []int{60, 60, 60, 60, 60, 60}
			tab := frailTablet(t, f)
			for range len(f.cut) {
				if _, err := tab.Sync(t.Context()); err == nil {
					t.Fatal("not cut")
				}
			}
			if _, err := tab.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if first, last := f.asked[0].Limit, f.asked[len(f.asked)-1].Limit; first != firstPage || last != leastPage {
				t.Errorf("asked for %d first, for %d at last", first, last)
			}
			for _, in := range f.asked {
				if f.deaf && in.Got.Bytes > 0 {
					t.Errorf("a server that did not name the capability was asked to go on: %+v", in)
				}
			}
		})
	}
}
