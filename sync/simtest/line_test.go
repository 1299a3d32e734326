package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"paicha/internal/auth"
	"paicha/internal/fault"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	errLine = errors.New("the line broke")
	errNode = errors.New("no node answers")
)

// line is a tablet's network: it brings a request to any node, in the same goroutine, or loses it, or brings it twice,
// or once more much later, or loses the answer or half of it.
type line struct {
	w *world
	t *tablet
}

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	w := l.w
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	send := func() (answer, error) { return w.serve(l.t, r, body) }
	if !w.faults {
		return respond(r, send)
	}
	switch {
	case w.chance(0.05):
		w.note("%s: %s lost on the way", l.t.name, r.URL.Path)
		return nil, errLine
	case w.chance(0.04):
		w.note("%s: %s arrives twice", l.t.name, r.URL.Path)
		_, _ = send() // the first answer is lost
	case w.chance(0.03):
		w.note("%s: %s will arrive once more", l.t.name, r.URL.Path)
		w.delayed = append(w.delayed, func() { _, _ = send() })
	}
	if r.Method == http.MethodPatch && len(body) > 1 && w.chance(0.1) {
		body = body[:w.r.IntN(len(body))] // cut in mid-body
		_, _ = send()
		return nil, errLine
	}
	resp, err := respond(r, send)
	switch {
	case err != nil:
	case w.chance(0.05):
		w.note("%s: the answer to %s is lost", l.t.name, r.URL.Path)
		return nil, errLine
	case w.chance(0.03):
		b, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)/2]), brokenReader{}))
	}
	return resp, err
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// inflater's DecodeAll may be called concurrently.
var inflater = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil)
	if err != nil {
		panic(err) // no options: cannot fail
	}
	return d
})

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "zstd":
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return inflater().DecodeAll(b, nil)
	}
	return io.ReadAll(r.Body)
}

func respond(r *http.Request, send func() (answer, error)) (*http.Response, error) {
	a, err := send()
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// serve has a node answer, as internal/httpapi does; errNode if there is none or it dies of it.
func (w *world) serve(t *tablet, r *http.Request, body []byte) (a answer, err error) {
	n := w.idleNode()
	if n == nil {
		return answer{}, errNode
	}
	alive := w.inNode(n, func() {
		a = answer{status: http.StatusOK, header: http.Header{}}
		out, err := w.handle(n, t, r, body, a.header)
		if err != nil {
			a.status, a.body = problem(err)
			a.header.Set("Content-Type", "application/problem+json")
			return
		}
		a.body = out
		if s := a.header.Get("status"); s != "" {
			a.status, _ = strconv.Atoi(s)
		}
	})
	if !alive {
		return answer{}, errNode
	}
	return a, nil
}

var statuses = map[fault.Kind]int{
	fault.Internal: 500, fault.Invalid: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
	fault.Gone: 410, fault.TooLarge: 413, fault.Unsupported: 415, fault.TooMany: 429, fault.Unavailable: 503,
}

func problem(err error) (int, []byte) {
	f := fault.Of(err)
	status := statuses[f.Kind]
	if errors.Is(err, media.ErrHashMismatch) || errors.Is(err, media.ErrChecksum) {
		status = 460
	}
	return status, fmt.Appendf(nil, `{"code":%q,"detail":%q}`, f.Code, f.Message)
}

func (w *world) handle(n *node, t *tablet, r *http.Request, body []byte, header http.Header) ([]byte, error) {
	ctx, session := context.Background(), t.by.session(t)
	path := r.URL.Path
	action := auth.Route(r.Method, path)
	if strings.HasPrefix(path, "/api/v1/uploads/") {
		action = auth.Route(r.Method, "/api/v1/uploads/:id")
	}
	byKey := r.Header.Get("X-Paicha-Signature") != "" && path == "/api/v1/sync/push"
	if err := auth.May(session.User, action, n.svc.Now()); err != nil && !byKey {
		handIn := path == "/api/v1/sync/push" || strings.HasPrefix(path, "/api/v1/uploads")
		forget := slices.Contains([]string{"/api/v1/sync/hello", "/api/v1/sync/pull", "/api/v1/sync/check"}, path)
		if (!handIn || fault.Of(err).Kind != fault.Forbidden) && (!forget || !errors.Is(err, auth.ErrForbidden)) {
			return nil, err
		}
	}
	switch path {
	case "/api/v1/sync/hello":
		in, err := fieldsync.DecodeHello(body)
		if err != nil {
			return nil, err
		}
		out, err := n.svc.Hello(ctx, session, in)
		if err != nil {
			return nil, err
		}
		w.sawHello(t, out)
		if w.bug != nil && w.bug.hello != nil {
			w.bug.hello(w, &out)
		}
		return json.Marshal(out)
	case "/api/v1/sync/pull":
		in, err := fieldsync.DecodePull(body)
		if err != nil {
			return nil, err
		}
		t.by.noted(n.svc.Now())
		var out []byte
		if w.bug != nil && w.bug.pull != nil {
			out, err = w.bug.pull(w, n, t, in)
		} else {
			out, err = n.svc.Pull(ctx, session, in)
		}
		if err != nil {
			return nil, err
		}
		w.sawPull(n, t, out)
		if w.bug != nil && w.bug.page != nil {
			out = w.bug.page(w, t, out)
		}
		if skip := in.Got.Skip(out); skip > 0 {
			header.Set("status", strconv.Itoa(http.StatusPartialContent))
			header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", skip, len(out)-1, len(out)))
			w.note("%s goes on with a page at byte %d", t.name, skip)
			out = out[skip:]
		}
		return out, nil
	case "/api/v1/sync/check":
		in, err := fieldsync.DecodeCheck(body)
		if err != nil {
			return nil, err
		}
		out, err := n.svc.Check(ctx, session, in)
		if err != nil {
			return nil, err
		}
		for _, d := range out.Differs {
			if w.bug == nil {
				w.breaks("P4", "%s holds something else through %s than the server", t.name, d)
			}
		}
		return json.Marshal(out)
	case "/api/v1/sync/push":
		in, err := fieldsync.DecodePush(body, n.svc.Limits)
		if err != nil {
			return nil, err
		}
		out, err := n.svc.Push(ctx, session, in)
		if err != nil {
			return nil, err
		}
		if w.bug != nil && w.bug.push != nil {
			if err := w.bug.push(w, &out); err != nil {
				return nil, err
			}
		}
		return json.Marshal(out)
	}
	return nil, w.upload(ctx, n, t, r, body, header)
}

// upload is tus as internal/httpapi speaks it.
func (w *world) upload(ctx context.Context, n *node, t *tablet, r *http.Request, body []byte, header http.Header) error {
	session := t.by.session(t)
	var u media.Upload
	var err error
	switch r.Method {
	case http.MethodPost:
		var meta media.Metadata
		if meta, err = media.ParseMetadata(r.Header.Get("Upload-Metadata")); err != nil {
			return err
		}
		length, err2 := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		if err2 != nil {
			return err2
		}
		u, err = n.receiver.Create(ctx, media.NewUpload{Owner: t.by.id, Device: t.device, Length: length, Metadata: meta})
		header.Set("Location", "/api/v1/uploads/"+string(u.ID))
		header.Set("status", "201")
	case http.MethodHead:
		u, err = n.receiver.Info(ctx, media.UploadID(strings.TrimPrefix(r.URL.Path, "/api/v1/uploads/")), t.by.id)
	case http.MethodPatch:
		sum, err2 := media.ParseChecksum(r.Header.Get("Upload-Checksum"))
		at, err3 := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
		if err = errors.Join(err2, err3); err != nil {
			return err
		}
		u, err = n.receiver.Append(ctx, media.UploadID(strings.TrimPrefix(r.URL.Path, "/api/v1/uploads/")), t.by.id, media.Chunk{
			Offset: at, Checksum: sum, Body: bytes.NewReader(body),
		})
		if errors.Is(err, media.ErrUploadDone) && u.Done {
			return errors.Join(n.svc.Attach(ctx, session, u.Received), err)
		}
		header.Set("status", "204")
	}
	if err != nil {
		return err
	}
	header.Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
	if u.Done {
		return n.svc.Attach(ctx, session, u.Received)
	}
	return nil
}
