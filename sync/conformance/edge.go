package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packed compresses a body.
func packed(encoding string, b []byte) ([]byte, error) {
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	if encoding == "zstd" {
		var err error
		if z, err = zstd.NewWriter(&out, zstd.WithWindowSize(1<<20)); err != nil {
			return nil, err
		}
	}
	_, err := z.Write(b)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

func compressedBodies(ctx context.Context, w *world) error {
	t := w.inspector
	for _, e := range []string{"gzip", "zstd"} {
		b, err := packed(e, t.hello().bytes())
		if err != nil {
			return err
		}
		a, err := t.post(ctx, "/sync/hello", b, "Content-Encoding", e)
		if err != nil {
			return err
		}
		if err := expect(a.status == http.StatusOK, "a hello in %s is answered by %v", e, a); err != nil {
			return err
		}
	}
	bomb, err := packed("gzip", bytes.Repeat([]byte{' '}, 64<<20))
	if err != nil {
		return err
	}
	a, err := t.post(ctx, "/sync/push", bomb, "Content-Encoding", "gzip")
	if err != nil {
		return err
	}
	return expect(a.status == http.StatusRequestEntityTooLarge, "64 MiB of spaces in %d bytes of gzip are answered by %v", len(bomb), a)
}

func compressedAnswers(ctx context.Context, w *world) error {
	for _, e := range []string{"gzip", "zstd"} {
		a, err := w.inspector.post(ctx, "/sync/pull", object{}, "Accept-Encoding", e)
		if err != nil {
			return err
		}
		if err := expect(a.header.Get("Content-Encoding") == e, "a first page is not in %s", e); err != nil {
			return err
		}
	}
	hello, err := w.inspector.post(ctx, "/sync/hello", w.inspector.hello())
	if err != nil {
		return err
	}
	refused, err := w.inspector.post(ctx, "/sync/hello", []byte(`{`))
	if err != nil {
		return err
	}
	for _, a := range []answer{hello, refused} {
		if err := expect(a.header.Get("Cache-Control") == "no-store", "Cache-Control of %v is %q", a, a.header.Get("Cache-Control")); err != nil {
			return err
		}
	}
	return nil
}

func refusals(ctx context.Context, w *world) error {
	a, err := w.inspector.post(ctx, "/sync/hello", object{"protocolMin": 99, "protocolMax": 99, "device": w.inspector.device})
	if err != nil {
		return err
	}
	chinese := strings.ContainsFunc(text(a.json, "detail"), func(r rune) bool { return unicode.Is(unicode.Han, r) })
	return expect(strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") && a.code() != "" && chinese,
		"%s: %v", a.header.Get("Content-Type"), a)
}

func unknownMembers(ctx context.Context, w *world) error {
	h := w.inspector.hello()
	h["x-later"] = object{"a": []int{1}}
	if _, err := w.inspector.must(ctx, "/sync/hello", h); err != nil {
		return err
	}
	answer := w.answered(0, "conform")
	answer["xLater"] = object{"kept": "原样"}
	id, err := w.begun(ctx, answer)
	if err != nil {
		return err
	}
	c, err := w.seen(ctx, w.colleague, "inspection", id)
	if err != nil {
		return err
	}
	return expect(bytes.Contains([]byte(mustJSON(c)), []byte(`"xLater":{"kept":"原样"}`)), "the answer's own member did not come back: %s", compact(c))
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func versions(ctx context.Context, w *world) error {
	h := w.inspector.hello()
	h["protocolMax"] = 99
	got, err := w.inspector.must(ctx, "/sync/hello", h)
	if err != nil {
		return err
	}
	if v := number(got, "protocol"); v < 1 {
		return expect(false, "the protocol is %v", v)
	}
	h["protocolMin"] = 99
	a, err := w.inspector.post(ctx, "/sync/hello", h)
	if err != nil {
		return err
	}
	return expect(a.status == http.StatusUnsupportedMediaType && a.code() == "sync.protocol", "versions from 99 on are answered by %v", a)
}

func firstVersion(ctx context.Context, w *world) error {
	got, err := w.inspector.must(ctx, "/sync/hello", w.inspector.hello())
	if err != nil {
		return err
	}
	return expect(number(got, "protocol") == 1, "version 1 alone is answered by %v", number(got, "protocol"))
}

func refreshTokens(ctx context.Context, w *world) error {
	t, err := w.enrol(ctx, w.Accounts.Colleague)
	if err != nil {
		return err
	}
	first := t.refresh
	for range 2 { // the answer was lost: the predecessor serves again
		a, err := t.trade(ctx, first)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return expect(false, "a refresh token whose successor was not used is answered by %v", a)
		}
		t.take(a.json)
	}
	a, err := t.trade(ctx, t.refresh)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return expect(false, "the newest refresh token is answered by %v", a)
	}
	t.take(a.json)
	if a, err = t.trade(ctx, first); err != nil {
		return err
	}
	if a.status != http.StatusUnauthorized {
		return expect(false, "a spent refresh token is answered by %v", a)
	}
	if a, err = t.trade(ctx, t.refresh); err != nil {
		return err
	}
	return expect(a.status == http.StatusUnauthorized, "the session lives on after a spent token came back: %v", a)
}

func foreignDevice(ctx context.Context, w *world) error {
	h := w.inspector.hello()
	h["device"] = w.colleague.device
	a, err := w.inspector.post(ctx, "/sync/hello", h)
	if err != nil {
		return err
	}
	return expect(a.status == http.StatusForbidden && a.code() == "sync.device", "a hello for another's device is answered by %v", a)
}

func keptUntil(ctx context.Context, w *world) error {
	h, err := w.inspector.must(ctx, "/sync/hello", w.inspector.hello())
	if err != nil {
		return err
	}
	if text(h, "keptUntil") == "" {
		return notSeen("this server has no backup yet; docs/vectors/hello-kept-until.json")
	}
	kept, err := time.Parse(time.RFC3339, text(h, "keptUntil"))
	now, err2 := time.Parse(time.RFC3339, text(h, "serverTime"))
	return errors.Join(err, err2, expect(kept.Before(now), "keptUntil %s is not before serverTime %s", kept, now))
}

func limits(ctx context.Context, w *world) error {
	h, err := w.inspector.must(ctx, "/sync/hello", w.inspector.hello())
	if err != nil {
		return err
	}
	for _, name := range []string{"pushBytes", "pushMutations", "mutationBytes", "pullDocs", "pullBytes", "photoBytes", "chunkBytes", "chunkSuggested"} {
		if number(h, "limits", name) < 1 {
			return expect(false, "limits.%s is missing", name)
		}
	}
	most := int(number(h, "limits", "pushMutations"))
	if most > 5000 {
		return notSeen("the limit of mutations is too high to be tried")
	}
	many := make([]json.RawMessage, most+1)
	for i := range many {
		many[i] = json.RawMessage(`{}`)
	}
	over, err := w.inspector.push(ctx, many...)
	if err != nil {
		return err
	}
	under, err := w.inspector.push(ctx, many[:most]...)
	if err != nil {
		return err
	}
	return expect(over.code() == "sync.too_many" && under.status == http.StatusOK,
		"%d mutations are answered by %v, %d by %d", most+1, over, most, under.status)
}
