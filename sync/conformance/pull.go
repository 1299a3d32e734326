package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func followsFeed(ctx context.Context, w *world) error {
	_, cursor, err := w.colleague.drain(ctx, w.cursors[w.colleague.login])
	if err != nil {
		return err
	}
	id, err := w.begun(ctx)
	if err != nil {
		return err
	}
	last := 0.0
	for i := range 3 {
		changes, next, err := w.colleague.drain(ctx, cursor)
		if err != nil {
			return err
		}
		cursor = next
		c := find(changes, "inspection", id)
		if rev := number(c, "rev"); c == nil || rev <= last {
			return expect(false, "after %d writes the reader has rev %v of it, before %v", i+1, rev, last)
		}
		last = number(c, "rev")
		if _, err := w.inspector.do(ctx, "applied", "inspection.save", "inspection", id, object{"answers": []object{w.answered(i, "conform")}},
			object{"baseRev": last}); err != nil {
			return err
		}
	}
	return nil
}

// silence compares what an enterprise gets before and after an unannounced inspection of it began. The cursors differ by
// the time in them, to the second, so their lengths are compared.
func silence(ctx context.Context, w *world) error {
	_, cursor, err := w.enterprise.drain(ctx, "")
	if err != nil {
		return err
	}
	before, err := w.enterprise.post(ctx, "/sync/pull", object{"cursor": cursor})
	if err != nil {
		return err
	}
	id, err := w.begun(ctx)
	if err != nil {
		return err
	}
	after, err := w.enterprise.post(ctx, "/sync/pull", object{"cursor": cursor})
	if err != nil {
		return err
	}
	without := func(a answer) string { return strings.ReplaceAll(string(a.body), text(a.json, "cursor"), "") }
	if without(before) != without(after) || len(before.body) != len(after.body) {
		return expect(false, "the enterprise's pull changed from %v to %v", before, after)
	}
	guess, err := w.enterprise.ask(ctx, http.MethodGet, "/api/v1/inspections/"+id, nil)
	if err != nil {
		return err
	}
	none, err := w.enterprise.ask(ctx, http.MethodGet, "/api/v1/inspections/"+w.NewID(), nil)
	if err != nil {
		return err
	}
	return expect(guess.status == none.status && guess.code() == none.code(), "asked for by id it is answered by %v, one that is not there by %v", guess, none)
}

func completeVia(ctx context.Context, w *world) error {
	id, err := w.submitted(ctx)
	if err != nil {
		return err
	}
	for _, t := range []*tablet{w.inspector, w.supervisor} {
		grants, err := w.grants(ctx, t)
		if err != nil {
			return err
		}
		c, err := w.seen(ctx, t, "inspection", id)
		if err != nil {
			return err
		}
		via := list(c, "via")
		if len(via) == 0 {
			return expect(false, "%s does not have a submitted inspection of the region", t.login)
		}
		for _, v := range via {
			if name, _ := v.(string); !slices.Contains(grants, name) {
				return expect(false, "via of %s has %v, which is none of %v", t.login, v, grants)
			}
		}
		for _, g := range []string{w.region, w.region + "/" + w.sector} {
			if slices.Contains(grants, g) && !has(via, g) {
				return expect(false, "via of %s lacks %s: %v", t.login, g, via)
			}
		}
	}
	return nil
}

func badCursors(ctx context.Context, w *world) error {
	a, err := w.inspector.post(ctx, "/sync/pull", object{"cursor": "是一个位置吗"})
	if err != nil {
		return err
	}
	if a.code() != "sync.cursor" {
		return expect(false, "what is no cursor is answered by %v", a)
	}
	own := w.cursors[w.inspector.login]
	other := "A"
	if own[len(own)-8:len(own)-7] == other {
		other = "B"
	}
	if a, err = w.inspector.post(ctx, "/sync/pull", object{"cursor": own[:len(own)-8] + other + own[len(own)-7:]}); err != nil {
		return err
	}
	return expect(truth(a.json, "reset") || a.code() == "sync.cursor", "an altered cursor is answered by %.200s", a.body)
}

func pages(ctx context.Context, w *world) error {
	cursor, n := "", 0
	for range 3 {
		p, err := w.inspector.must(ctx, "/sync/pull", object{"cursor": cursor, "limit": 1})
		if err != nil {
			return err
		}
		if len(list(p, "changes")) > 1 {
			return expect(false, "a page of at most 1 has %d changes", len(list(p, "changes")))
		}
		n += len(list(p, "changes"))
		cursor = text(p, "cursor")
	}
	return expect(n > 0, "three pages of one change each are empty")
}

// goesOn asks for a page in two parts, of a server that says that it can.
func goesOn(ctx context.Context, w *world) error {
	hello, err := w.inspector.must(ctx, "/sync/hello", w.inspector.hello())
	if err != nil || !has(list(hello, "capabilities"), "resume") {
		return err
	}
	start, err := w.inspector.must(ctx, "/sync/pull", object{"limit": 1})
	if err != nil {
		return err
	}
	ask := func(got object) (answer, error) {
		return w.inspector.post(ctx, "/sync/pull", object{"cursor": text(start, "cursor"), "limit": 2, "got": got}, "Accept-Encoding", "zstd, gzip")
	}
	whole, err := ask(nil)
	if err != nil {
		return err
	}
	n := len(whole.body) / 2
	sum := sha256.Sum256(whole.body[:n])
	rest, err := ask(object{"bytes": n, "sha256": hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	size := fmt.Sprintf("bytes %d-%d/%d", n, len(whole.body)-1, len(whole.body))
	if err := expect(rest.status == http.StatusPartialContent && rest.header.Get("Content-Range") == size && bytes.Equal(rest.body, whole.body[n:]),
		"the rest of %d bytes behind %d is %d bytes, %d, %q", len(whole.body), n, len(rest.body), rest.status, rest.header.Get("Content-Range")); err != nil {
		return err
	}
	sum[0]++
	other, err := ask(object{"bytes": n, "sha256": hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	return expect(other.status == http.StatusOK && bytes.Equal(other.body, whole.body), "behind the bytes of another answer comes %d, %d bytes", other.status, len(other.body))
}

func restricted(ctx context.Context, w *world) error {
	id, err := w.begun(ctx)
	if err != nil {
		return err
	}
	c, err := w.seen(ctx, w.enterprise, "inspection", id)
	if err != nil {
		return err
	}
	if c != nil {
		return expect(false, "the enterprise has an inspection that was not submitted: %s", compact(c))
	}
	if id, err = w.submitted(ctx); err != nil {
		return err
	}
	if _, err := w.supervisor.do(ctx, "applied", "inspection.remark", "inspection", id, object{"text": "内部备注"}); err != nil {
		return err
	}
	for _, t := range []*tablet{w.inspector, w.enterprise} {
		c, err := w.seen(ctx, t, "inspection", id)
		if err != nil {
			return err
		}
		if c == nil || at(c, "restricted") != nil || strings.Contains(compact(c), "内部备注") {
			return expect(false, "%s sees %s", t.login, compact(c))
		}
	}
	if c, err = w.seen(ctx, w.supervisor, "inspection", id); err != nil {
		return err
	}
	return expect(strings.Contains(mustJSON(at(c, "restricted")), "内部备注"), "the supervisor does not see the remark: %s", compact(at(c, "restricted")))
}

// hints reads a stream until the first hint. It asks no more, because hints may be left out.
func hints(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, waiting)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Server+"/api/v1/sync/events", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.inspector.access)
	resp, err := w.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // a stream has no end
	if t := resp.Header.Get("Content-Type"); !strings.HasPrefix(t, "text/event-stream") {
		return expect(false, "the stream is of type %s", t)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			return expect(strings.TrimSpace(data) == "{}", "a hint carries %s", data)
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return notSeen("no hint came in ten seconds, which is allowed")
	}
	return lines.Err()
}
