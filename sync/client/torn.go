package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// resume is the capability of a server that goes on with an answer which the line broke in (docs/adr/0047).
const resume = "resume"

// torn is a page that has come in part: the request, and the bytes of the body as they were encoded. Nothing of it is used
// before it is whole, so page and cursor stay one step; it is in memory only.
type torn struct {
	request  fieldsync.PullRequest
	like     []byte // the body that the request names as like
	encoding string
	body     []byte
	lost     bool // what had come was no good: the page has begun at its first byte again
}

// fetch asks for a page, and for no more than the rest of one that came in part before. It reports whether bytes came that
// will not have to come again.
func (t *Tablet) fetch(ctx context.Context, req fieldsync.PullRequest) (answer []byte, moved bool, err error) {
	if t.page == nil || t.page.request.Cursor != req.Cursor || !slices.Equal(t.page.request.Have, req.Have) {
		t.page = &torn{request: req}
		if slices.Contains(t.hello.Capabilities, alike) {
			t.page.request.Like, t.page.like = t.replica.likeliest()
		}
	}
	page := t.page
	req = page.request // with the limit that it was first asked with: another one makes another page
	before := len(page.body)
	if before > 0 {
		sum := sha256.Sum256(page.body)
		req.Got = fieldsync.Got{Bytes: int64(before), SHA256: hex.EncodeToString(sum[:])}
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, false, ErrArgs.Because(err)
	}
	err = t.withToken(ctx, func(token string) error {
		return t.ask(ctx, "/api/v1/sync/pull", body, page.take, "Authorization", "Bearer "+token)
	})
	if err == nil {
		if answer, err = page.inflate(); err != nil {
			err = ErrAnswer.Because(err) // whole, and yet no good: nothing of it can be relied on
		}
		t.page = nil
		return answer, true, err
	}
	if !slices.Contains(t.hello.Capabilities, resume) || page.lost || !temporary(err) {
		t.page = nil // it comes anew each time: a smaller one may come whole
		return nil, false, err
	}
	return nil, len(page.body) > before, err
}

// take reads as much of an answer as comes.
func (p *torn) take(resp *http.Response) error {
	whole := int64(-1)
	encoding := resp.Header.Get("Content-Encoding")
	if resp.StatusCode == http.StatusPartialContent {
		var from, last int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &last, &whole)
		if err != nil || from != int64(len(p.body)) || last != whole-1 || encoding != p.encoding {
			p.body, p.lost = nil, true
			return errors.New("the rest of another answer")
		}
	} else {
		p.lost = len(p.body) > 0
		p.body, p.encoding = nil, encoding
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1-int64(len(p.body))))
	p.body = append(p.body, b...)
	switch {
	case err != nil:
	case len(p.body) > maxAnswer:
		err = errors.New("answer too large")
	case whole >= 0 && int64(len(p.body)) != whole:
		err = io.ErrUnexpectedEOF
	}
	return err
}
