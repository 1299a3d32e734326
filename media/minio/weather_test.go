package minio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paicha/internal/fault"
	"paicha/media"
	"paicha/media/blobtest"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

func base64Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// photo makes bytes unlike any others.
func photo(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, seed)))
	_, _ = r.Read(b) // it never fails
	return b
}

// weather is a line to the store on which things happen. what is asked of each request; nil: it goes through.
type weather struct {
	next http.RoundTripper
	what func(r *http.Request) (*http.Response, error, bool) // the answer, unless the last is false

	lost atomic.Int64 // of so many requests from now on, the answer is lost: they are done and nobody is told
	dead atomic.Bool  // nothing goes out any more
	from atomic.Int64 // it dies after so many requests, if set
	sent atomic.Int64 // requests that reached the store
}

var errWeather = errors.New("the line is cut")

func (w *weather) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.what != nil {
		if resp, err, answered := w.what(r); answered {
			return resp, err
		}
	}
	if from := w.from.Load(); w.dead.Load() || from > 0 && w.sent.Load() >= from {
		w.dead.Store(true)
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errWeather
	}
	w.sent.Add(1)
	resp, err := w.next.RoundTrip(r)
	if err == nil && w.lost.Add(-1) >= 0 {
		_ = resp.Body.Close()
		return nil, errWeather
	}
	return resp, err
}

func newWeather(t *testing.T) *weather {
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	w := &weather{next: tr}
	w.lost.Store(0)
	return w
}

func under(w *weather, opt Options) Options { opt.Transport = w; return opt }

// TestSuitesWithLostAnswers runs the suites while the first answer to each request is lost: what was done is done once.
func TestSuitesWithLostAnswers(t *testing.T) {
	bad := func(t *testing.T, name string) *Store {
		w := newWeather(t)
		var heard sync.Map
		inner := w.next
		w.next = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := inner.RoundTrip(r)
			if _, before := heard.LoadOrStore(r.Method+" "+r.URL.String(), true); err == nil && !before {
				_ = resp.Body.Close()
				return nil, errWeather
			}
			return resp, err
		})
		return openWith(t, under(w, options(name)))
	}
	t.Run("Staging", func(t *testing.T) {
		blobtest.Staging(t, func(t *testing.T, name string) (media.Staging, media.Blobs) {
			s := bad(t, name)
			return s.Staging(), s.Blobs()
		})
	})
	t.Run("Shared", func(t *testing.T) {
		blobtest.Shared(t, func(t *testing.T, name string) (media.Shared, media.Blobs) {
			s := bad(t, name)
			return s.Staging(), s.Blobs()
		})
	})
	t.Run("Blobs", func(t *testing.T) {
		blobtest.Blobs(t, func(t *testing.T) media.Blobs { return bad(t, t.TempDir()).Blobs() })
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestProcessDiesAfterEachRequest has one process upload a photo in three pieces and die after its first, second, …
// request to the store, once before the answer and once after. Another process then finds what was acknowledged,
// completes the photo, and nothing is left over in the end.
func TestProcessDiesAfterEachRequest(t *testing.T) {
	b := photo(1, 3000)
	hash := media.Sum(b)
	for _, unheard := range []int64{0, 1} {
		for dies := int64(1); ; dies++ {
			name := t.TempDir()
			w := newWeather(t)
			first := openWith(t, under(w, patientOnce(options(name))))
			w.sent.Store(0)
			w.from.Store(dies)
			if unheard == 1 {
				w.what = func(*http.Request) (*http.Response, error, bool) {
					if w.sent.Load() == dies-1 {
						w.lost.Store(1)
					}
					return nil, nil, false
				}
			}
			st, acknowledged, done := first.Staging(), int64(-1), false
			if st.Create(ctx, "up", 3000, []byte("m")) == nil {
				acknowledged = 0
				for _, cut := range []int64{1000, 2000, 3000} {
					n, err := st.Append(ctx, "up", acknowledged, bytes.NewReader(b[acknowledged:cut]))
					if err != nil || cut == 3000 { // the last counts with its Commit
						done = err == nil && st.Commit(ctx, "up", hash, arrival) == nil
						break
					}
					acknowledged += n
				}
			}
			survived := done && w.sent.Load() < dies
			w.dead.Store(true)
			second := openNamed(t, name)
			finish(t, second, b, acknowledged, done)
			mustNot(t, first.Close())
			if survived {
				if dies < 8 {
					t.Fatalf("all was over after %d requests", dies)
				}
				break
			}
		}
	}
}

// patientOnce makes each request once, so that a death is not a wait.
func patientOnce(opt Options) Options { opt.Attempts = 1; return opt }

// finish looks at an upload from another process, completes it and looks for what is left.
func finish(t *testing.T, s *Store, b []byte, acknowledged int64, done bool) {
	t.Helper()
	st, hash := s.Staging(), media.Sum(b)
	now, err := st.Stat(ctx, "up")
	if acknowledged < 0 && errors.Is(err, media.ErrUploadNotFound) {
		mustNot(t, st.Create(ctx, "up", int64(len(b)), []byte("m")))
		now, err = st.Stat(ctx, "up")
	}
	mustNot(t, err)
	if now.Offset < acknowledged || done && !now.Committed {
		t.Fatalf("%+v after %d bytes were acknowledged, done %v", now, acknowledged, done)
	}
	if !now.Committed {
		if now.Offset < now.Length {
			_, err = st.Append(ctx, "up", now.Offset, bytes.NewReader(b[now.Offset:]))
			mustNot(t, err)
		}
		mustNot(t, st.Commit(ctx, "up", hash, arrival))
	}
	r, n, err := s.Blobs().Open(ctx, hash)
	if !bytes.Equal(all(t, r, n, err), b) {
		t.Fatal("other bytes")
	}
	_, err = st.Expire(ctx, time.Now().Add(time.Hour))
	mustNot(t, err)
	for _, folder := range []string{openFolder, doneFolder} {
		mustNot(t, s.list(ctx, folder, func(o listed) { t.Errorf("%s/%s is left over", folder, o.name) }))
	}
}

// line is a small TCP proxy in front of the store. cut and stall are counts of bytes towards the store after which, on
// one connection each, the line breaks or says nothing more.
type line struct {
	listener net.Listener
	to       string
	cut      atomic.Int64
	stall    atomic.Int64
	answers  atomic.Int64 // bytes back after which the line is silent; 0 never
	broken   atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
	ended    chan struct{}
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	mustNot(t, err)
	p := &line{listener: l, to: to, ended: make(chan struct{})}
	t.Cleanup(func() {
		close(p.ended)
		_ = l.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			_ = c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(c)
		}
	}()
	return p
}

func (p *line) endpoint() string { return "http://" + p.listener.Addr().String() }

func (p *line) carry(c net.Conn) {
	up, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, c, up)
	p.mu.Unlock()
	go func() {
		defer func() { _ = c.Close() }()
		if n := p.answers.Load(); n > 0 {
			_, _ = io.CopyN(c, up, n)
			p.broken.Add(1)
			p.answers.Store(0)
			_, _ = io.Copy(io.Discard, up)
			return
		}
		_, _ = io.Copy(c, up)
	}()
	defer func() { _ = up.Close() }()
	buf, sent := make([]byte, 16<<10), int64(0)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		sent += int64(n)
		if at := p.cut.Load(); at > 0 && sent > at {
			p.cut.Store(0)
			p.broken.Add(1)
			_ = c.Close()
			return
		}
		if at := p.stall.Load(); at > 0 && sent > at {
			p.broken.Add(1)
			<-p.ended // open, and nothing is taken or said any more
			return
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestLineCutInMidPut(t *testing.T) {
	b := photo(2, 5<<20)
	p := newLine(t, shared.addr)
	opt := options(t.TempDir())
	opt.Endpoint = p.endpoint()
	t.Run("OnceIsMendedByTheNextTry", func(t *testing.T) {
		s := openWith(t, opt)
		p.cut.Store(1 << 20)
		mustNot(t, s.Blobs().Put(ctx, media.Sum(b), int64(len(b)), bytes.NewReader(b)))
		if p.broken.Load() != 1 {
			t.Fatal("the line was not cut")
		}
		r, n, err := s.Blobs().Open(ctx, media.Sum(b))
		if !bytes.Equal(all(t, r, n, err), b) {
			t.Fatal("other bytes")
		}
	})
	t.Run("AlwaysStoresNothingAndTheUploadGoesOn", func(t *testing.T) {
		opt := patientOnce(opt)
		opt.Prefix = "cut/" + opt.Prefix
		s := openWith(t, opt)
		mustNot(t, s.Staging().Create(ctx, "up", int64(len(b)), nil))
		p.cut.Store(1 << 20)
		_, err := s.Staging().Append(ctx, "up", 0, bytes.NewReader(b[:4<<20]))
		is(t, err, media.ErrStorage)
		if st, err := s.Staging().Stat(ctx, "up"); err != nil || st.Offset != 0 {
			t.Fatal(st, err)
		}
		_, err = s.Staging().Append(ctx, "up", 0, bytes.NewReader(b))
		mustNot(t, err)
		p.cut.Store(3 << 20)
		is(t, s.Staging().Commit(ctx, "up", media.Sum(b), arrival), media.ErrStorage)
		_, err = s.Blobs().Stat(ctx, media.Sum(b))
		is(t, err, media.ErrNotFound)
		mustNot(t, s.Staging().Commit(ctx, "up", media.Sum(b), arrival)) // it waited
		r, n, err := s.Blobs().Open(ctx, media.Sum(b))
		if !bytes.Equal(all(t, r, n, err), b) {
			t.Fatal("other bytes")
		}
	})
}

func TestSilentStoreIsLeft(t *testing.T) {
	b := photo(3, 5<<20)
	p := newLine(t, shared.addr)
	opt := options(t.TempDir())
	opt.Endpoint, opt.Timeout, opt.Attempts = p.endpoint(), 300*time.Millisecond, 2
	s := openWith(t, opt)
	mustNot(t, s.Blobs().Put(ctx, media.Sum(b), int64(len(b)), bytes.NewReader(b)))

	t.Run("WhenItTakesNothing", func(t *testing.T) {
		other := photo(4, 5<<20)
		p.stall.Store(1 << 20)
		defer p.stall.Store(0)
		began := time.Now()
		is(t, s.Blobs().Put(ctx, media.Sum(other), int64(len(other)), bytes.NewReader(other)), media.ErrStorage)
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("after %v", took)
		}
	})
	t.Run("WhenItSaysNothing", func(t *testing.T) {
		p.stall.Store(1)
		defer p.stall.Store(0)
		s.closeIdle()
		_, err := s.Staging().Stat(ctx, "nothing")
		is(t, err, media.ErrStorage)
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err = s.Staging().Stat(short, "nothing")
		is(t, err, context.DeadlineExceeded)
	})
	t.Run("InTheMiddleOfAPhotoAndReadOn", func(t *testing.T) {
		s.closeIdle()
		p.answers.Store(2 << 20)
		before := p.broken.Load()
		r, n, err := s.Blobs().Open(ctx, media.Sum(b))
		if !bytes.Equal(all(t, r, n, err), b) {
			t.Fatal("other bytes")
		}
		if p.broken.Load() == before {
			t.Fatal("the line never fell silent")
		}
	})
}

// TestServerKilledBetweenPieces kills the real server after each acknowledged piece.
func TestServerKilledBetweenPieces(t *testing.T) {
	srv := own(t)
	opt := options(t.TempDir())
	opt.Endpoint = "http://" + srv.addr
	s := openWith(t, patientOnce(opt))
	b := photo(5, 900_000)
	st := s.Staging()
	mustNot(t, st.Create(ctx, "up", int64(len(b)), []byte("m")))
	for at := int64(0); at < 900_000; at += 300_000 {
		_, err := st.Append(ctx, "up", at, bytes.NewReader(b[at:at+300_000]))
		mustNot(t, err)
		srv.kill()
		_, err = st.Stat(ctx, "up")
		is(t, err, media.ErrStorage)
		mustNot(t, srv.start())
		s.closeIdle()
		now, err := openWith(t, opt).Staging().Stat(ctx, "up")
		mustNot(t, err)
		if want := min(at+300_000, 600_000); now.Offset != want { // the last piece waits for its Commit
			t.Fatalf("%d, want %d", now.Offset, want)
		}
	}
	mustNot(t, st.Commit(ctx, "up", media.Sum(b), arrival))
	srv.kill()
	mustNot(t, srv.start())
	again := openWith(t, opt)
	r, n, err := again.Blobs().Open(ctx, media.Sum(b))
	if !bytes.Equal(all(t, r, n, err), b) {
		t.Fatal("other bytes")
	}
	if now, err := again.Staging().Stat(ctx, "up"); err != nil || !now.Committed || !now.Arrived.Equal(arrival) {
		t.Fatal(now, err)
	}
}

func TestRefusals(t *testing.T) {
	b := photo(6, 2000)
	t.Run("Forbidden", func(t *testing.T) { // really: credentials that may read and list, and nothing else
		name := t.TempDir()
		full := openNamed(t, name)
		mustNot(t, full.Staging().Create(ctx, "up", 2000, nil))
		opt := allowed(t, options(name), "s3:GetObject", "s3:ListBucket")
		_, err := Open(ctx, opt)
		is(t, err, media.ErrStorage)
		if m := fault.Of(err).Message; !strings.Contains(m, "拒绝访问") {
			t.Fatal(m)
		}
		full.client, err = dial(opt.Endpoint, full.optWith(opt))
		mustNot(t, err)
		began := time.Now()
		is(t, full.Blobs().Put(ctx, media.Sum(b), 2000, bytes.NewReader(b)), media.ErrStorage)
		n, err := full.Staging().Append(ctx, "up", 0, bytes.NewReader(b[:1000]))
		if is(t, err, media.ErrStorage); n != 0 {
			t.Fatal(n)
		}
		is(t, full.Staging().Create(ctx, "other", 1, nil), media.ErrStorage)
		is(t, full.Derived().PutDerived(ctx, media.Sum(b), media.Thumb, b), media.ErrStorage)
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("a refusal was tried again and again: %v", took)
		}
		if st, err := full.Staging().Stat(ctx, "up"); err != nil || st.Offset != 0 {
			t.Fatal(st, err)
		}
	})
	t.Run("WrongKey", func(t *testing.T) {
		opt := options(t.TempDir())
		opt.SecretKey = "wrong"
		_, err := Open(ctx, opt)
		is(t, err, media.ErrStorage)
	})
	t.Run("NobodyThere", func(t *testing.T) {
		opt := patientOnce(options(t.TempDir()))
		opt.Endpoint = "http://127.0.0.1:1"
		_, err := Open(ctx, opt)
		is(t, err, media.ErrStorage)
	})
	for _, address := range []string{"", "127.0.0.1:9000", "ftp://host", "http://host/path", "http://user:pw@host"} {
		t.Run("Address "+address, func(t *testing.T) {
			opt := options(t.TempDir())
			opt.Endpoint = address
			_, err := Open(ctx, opt)
			is(t, err, media.ErrStorage)
		})
	}
	t.Run("Full", func(t *testing.T) {
		w := newWeather(t)
		s := openWith(t, under(w, options(t.TempDir())))
		mustNot(t, s.Staging().Create(ctx, "up", 2000, nil))
		_, err := s.Staging().Append(ctx, "up", 0, bytes.NewReader(b[:500]))
		mustNot(t, err)
		w.what = func(r *http.Request) (*http.Response, error, bool) {
			if r.Method != http.MethodPut {
				return nil, nil, false
			}
			return respond(r, http.StatusInsufficientStorage, `<Error><Code>XMinioStorageFull</Code><Message>full</Message></Error>`), nil, true
		}
		is(t, s.Blobs().Put(ctx, media.Sum(b), 2000, bytes.NewReader(b)), media.ErrStorage)
		_, err = s.Staging().Append(ctx, "up", 500, bytes.NewReader(b[500:600]))
		is(t, err, media.ErrStorage)
		_, err = s.Staging().Append(ctx, "up", 500, bytes.NewReader(b[500:]))
		mustNot(t, err)
		is(t, s.Staging().Commit(ctx, "up", media.Sum(b), arrival), media.ErrStorage)
		w.what = nil // there is room again: nothing that was acknowledged is lost, and what waited still waits
		if st, err := s.Staging().Stat(ctx, "up"); err != nil || st.Offset != 2000 {
			t.Fatal(st, err)
		}
		mustNot(t, s.Staging().Commit(ctx, "up", media.Sum(b), arrival))
	})
}

// allowed are options with credentials that have those rights and no others.
func allowed(t *testing.T, opt Options, rights ...string) Options {
	t.Helper()
	sts, err := credentials.NewSTSAssumeRole("http://"+shared.addr, credentials.STSAssumeRoleOptions{
		AccessKey: accessKey, SecretKey: secretKey,
		Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(rights, `","`) + `"],"Resource":["arn:aws:s3:::*"]}]}`,
	})
	mustNot(t, err)
	v, err := sts.GetWithContext(nil)
	mustNot(t, err)
	opt.AccessKey, opt.SecretKey, opt.SessionToken = v.AccessKeyID, v.SecretAccessKey, v.SessionToken
	return opt
}

// TestRightsThatOperationsNames does everything with the rights that docs/operations.md asks for, in buckets that exist.
func TestRightsThatOperationsNames(t *testing.T) {
	b := photo(17, 3000)
	h := media.Sum(b)
	rights := []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketVersioning"}
	for name, c := range map[string]struct {
		retain time.Duration
		more   []string
	}{
		"Plain": {},
		"Retain": {3 * time.Second, []string{
			"s3:GetBucketObjectLockConfiguration", "s3:PutObjectRetention", "s3:GetObjectRetention", "s3:GetObjectVersion", "s3:DeleteObjectVersion",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			opt := options(t.TempDir())
			opt.Bucket, opt.Working, opt.Retain = "rights-"+strings.ToLower(name), "rights-working", c.retain
			openWith(t, opt) // makes them
			opt.Prefix = "again/" + opt.Prefix
			s := openWith(t, allowed(t, opt, append(c.more, rights...)...))
			st := s.Staging()
			mustNot(t, st.Create(ctx, "up", 3000, nil))
			for at := 0; at < 3000; at += 1000 {
				_, err := st.Append(ctx, "up", int64(at), bytes.NewReader(b[at:at+1000]))
				mustNot(t, err)
			}
			mustNot(t, st.Commit(ctx, "up", h, arrival))
			_, err := st.List(ctx)
			mustNot(t, err)
			_, err = st.Expire(ctx, time.Now().Add(time.Hour))
			mustNot(t, err)
			mustNot(t, s.Derived().PutDerived(ctx, h, media.Thumb, b))
			mustNot(t, s.Derived().DeleteDerived(ctx, h))
			if c.retain > 0 {
				is(t, s.Blobs().Delete(ctx, h), media.ErrRetained)
				time.Sleep(c.retain + time.Second)
			}
			r, n, err := s.Blobs().Open(ctx, h)
			if !bytes.Equal(all(t, r, n, err), b) {
				t.Fatal("other bytes")
			}
			mustNot(t, s.Blobs().Delete(ctx, h))
			_, err = s.Blobs().Stat(ctx, h)
			is(t, err, media.ErrNotFound)
		})
	}
}

// closeIdle has the next request make a connection of its own.
func (s *Store) closeIdle() {
	if t, ok := s.opt.Transport.(*patient); ok {
		t.CloseIdleConnections()
	}
}

// optWith is the options of a store with other credentials.
func (s *Store) optWith(o Options) Options {
	out := s.opt
	out.AccessKey, out.SecretKey, out.SessionToken = o.AccessKey, o.SecretKey, o.SessionToken
	return out
}

// respond is an answer that the store never gave.
func respond(r *http.Request, code int, body string) *http.Response {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/xml"}, "Etag": {`"x"`}, "Last-Modified": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Length": {fmt.Sprint(len(body))}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// TestUnfitStores gives Open stores that lack one thing each; it must find and name it.
func TestUnfitStores(t *testing.T) {
	var made sync.Map
	for name, c := range map[string]struct {
		what func(r *http.Request) (*http.Response, error, bool)
		want string
	}{
		"IgnoresConditions": {func(r *http.Request) (*http.Response, error, bool) {
			return respond(r, http.StatusOK, ""), nil, r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" && strings.HasSuffix(r.URL.Path, probeName)
		}, "If-None-Match"},
		"KnowsNoConditions": {func(r *http.Request) (*http.Response, error, bool) {
			return respond(r, http.StatusNotImplemented, `<Error><Code>NotImplemented</Code></Error>`), nil, r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" && strings.HasSuffix(r.URL.Path, probeName)
		}, "If-None-Match"},
		"TakesAnything": {func(r *http.Request) (*http.Response, error, bool) {
			if r.Method != http.MethodPut || r.Header.Get("If-None-Match") != "" {
				return nil, nil, false
			}
			return respond(r, http.StatusOK, ""), nil, true
		}, "x-amz-content-sha256"},
		"ListsLate": {func(r *http.Request) (*http.Response, error, bool) {
			return respond(r, http.StatusOK, `<ListBucketResult><Name>evidence</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`), nil, r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2"
		}, "列表"},
		"KnowsNoRanges": {func(r *http.Request) (*http.Response, error, bool) {
			return respond(r, http.StatusOK, "paicha"), nil, r.Method == http.MethodGet && r.Header.Get("Range") != ""
		}, "Range"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWeather(t)
			w.what = func(r *http.Request) (*http.Response, error, bool) {
				resp, err, yes := c.what(peek(r))
				if !yes {
					return nil, nil, false
				}
				made.Store(name, true)
				return resp, err, true
			}
			_, err := Open(ctx, under(w, options(t.TempDir())))
			is(t, err, media.ErrStoreUnfit)
			if m := fault.Of(err).Message; !strings.Contains(m, c.want) || strings.Contains(m, "；") {
				t.Fatal(m)
			}
		})
	}
}

// peek keeps a body for the store when the pretended answer is not given.
func peek(r *http.Request) *http.Request {
	if r.Body == nil {
		return r
	}
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	c := r.Clone(r.Context())
	c.Body = io.NopCloser(bytes.NewReader(b))
	return c
}

// TestLargePhotoIsNotBuffered streams 30 MiB in and out and counts what was allocated on the way.
func TestLargePhotoIsNotBuffered(t *testing.T) {
	s := openNamed(t, t.TempDir())
	const size = 30 << 20
	source := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{7}), size) }
	hash, err := media.SumReader(source())
	mustNot(t, err)
	mustNot(t, s.Staging().Create(ctx, "warm", 10, nil))
	var before, after runtime.MemStats
	measure := func(what string, f func()) {
		runtime.GC()
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		grown := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s allocated %d KiB in all", what, grown>>10)
		if grown > 5<<20 {
			t.Errorf("%s allocated %d bytes", what, grown)
		}
	}
	measure("an upload in three pieces", func() {
		st := s.Staging()
		mustNot(t, st.Create(ctx, "up", size, nil))
		r := source()
		for at, n := int64(0), int64(10<<20); at < size; at += n {
			_, err := st.Append(ctx, "up", at, io.LimitReader(r, n))
			mustNot(t, err)
		}
		mustNot(t, st.Commit(ctx, "up", hash, arrival))
	})
	measure("reading", func() {
		r, n, err := s.Blobs().Open(ctx, hash)
		mustNot(t, err)
		got, err := media.SumReader(r)
		if err = errors.Join(err, r.Close()); err != nil || got != hash || n != size {
			t.Fatal(n, err)
		}
	})
	left, err := filepath.Glob(filepath.Join(s.opt.Spool, "*"))
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}
