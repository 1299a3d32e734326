package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"
)

const (
	maxAnswer = 64 << 20 // bytes of an answer, once inflated
	maxPage   = 64 << 10 // bytes of a problem that are read
)

// post sends one JSON request and returns the whole answer. Anything that breaks on the way is ErrOffline or ErrAnswer
// and can be tried again; a status that is no success is a *Refusal. The request may have had its effect all the same.
func (t *Tablet) post(ctx context.Context, path string, body []byte, headers ...string) (answer []byte, err error) {
	err = t.ask(ctx, path, body, func(resp *http.Response) (err error) {
		answer, err = inflate(resp.Header.Get("Content-Encoding"), resp.Body, maxAnswer)
		return err
	}, headers...)
	return answer, err
}

// ask does what post does, but for reading the answer of a success, which take does.
func (t *Tablet) ask(ctx context.Context, path string, body []byte, take func(*http.Response) error, headers ...string) error {
	for {
		encoded, encoding, err := t.dialect.encode(body)
		if err != nil {
			return ErrArgs.Because(err)
		}
		err = t.askEncoded(ctx, path, encoded, encoding, take, headers)
		if !t.dialect.refused(encoding, err) {
			return err
		}
	}
}

func (t *Tablet) askEncoded(ctx context.Context, path string, encoded []byte, encoding string, take func(*http.Response) error, headers []string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Server+path, bytes.NewReader(encoded))
	if err != nil {
		return ErrOffline.Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "zstd, gzip")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return offline(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what matters of it was read
	if resp.StatusCode/100 != 2 {
		return refusal(resp)
	}
	if err := take(resp); err != nil {
		return offline(ctx, ErrAnswer.Because(err))
	}
	return nil
}

// offline turns a transport error into a fault, but lets the caller's own end of the context show through.
func offline(ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	if errors.Is(err, ErrAnswer) {
		return err
	}
	return ErrOffline.Because(err)
}

// inflate reads a whole answer; one that is cut, malformed or larger than limit is an error.
func inflate(encoding string, body io.Reader, limit int64) ([]byte, error) {
	r := body
	switch encoding = strings.ToLower(encoding); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		r = z
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit))) //nolint:gosec // a constant
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	default:
		return nil, fmt.Errorf("encoding %q", encoding)
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, errors.New("answer too large")
	}
	return b, nil
}

// refusal reads a problem as far as there is one; what a proxy or a captive portal wrote counts by its status alone.
func refusal(resp *http.Response) error {
	r := &Refusal{Status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.After = time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.Date = at
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		return r
	}
	if b, err := inflate(resp.Header.Get("Content-Encoding"), resp.Body, maxPage); err == nil {
		var p struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
		}
		if json.Unmarshal(b, &p) == nil {
			r.Code, r.Detail = p.Code, p.Detail
		}
	}
	return r
}

// call posts a request under the session and decodes the answer into out, refreshing the session once when it has run
// out.
func (t *Tablet) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return ErrArgs.Because(err)
	}
	answer, err := t.authorized(ctx, path, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return ErrAnswer.Because(err)
	}
	return nil
}

// authorized posts a body under the session.
func (t *Tablet) authorized(ctx context.Context, path string, body []byte) ([]byte, error) {
	var answer []byte
	err := t.withToken(ctx, func(token string) (err error) {
		answer, err = t.post(ctx, path, body, "Authorization", "Bearer "+token)
		return err
	})
	return answer, err
}

// withToken does a request with the access token, and once more with a new one if the server no longer takes it.
func (t *Tablet) withToken(ctx context.Context, do func(token string) error) error {
	token, again := t.handing, func() (string, error) { return t.askHandIn(ctx) }
	if token == "" {
		var err error
		if token, err = t.token(); err != nil {
			return err
		}
		again = func() (string, error) { return t.refresh(ctx, token) }
	}
	err := do(token)
	if !refused(err, http.StatusUnauthorized) {
		return err
	}
	if token, err = again(); err != nil {
		return err
	}
	return do(token)
}
