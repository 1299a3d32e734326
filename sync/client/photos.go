package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	fieldsync "paicha/sync"
)

const (
	uploadsPath  = "/api/v1/uploads"
	leastChunk   = 16 << 10 // bytes: below it the headers outweigh the body
	mostMetadata = 4096     // bytes of Upload-Metadata that a server takes
)

// sendPhotos uploads what waits by tus 1.0 and returns how many arrived. One that fails does not stop the others, except
// where the line or the session is gone.
func (t *Tablet) sendPhotos(ctx context.Context) (int, error) {
	arrived := 0
	var failed error
	for _, p := range t.urgentPhotos(t.outbox.Photos()) {
		if p.Done || p.Problem != nil {
			continue
		}
		err := t.retry(ctx, func() (bool, error) { return t.sendPhoto(ctx, &p) })
		switch {
		case err == nil:
			arrived++
		case ctx.Err() != nil || errors.Is(err, ErrOffline) || loggedOut(err) && !notOurs(err):
			return arrived, errors.Join(failed, err)
		case temporary(err) || !refused(err, 400, 413, 415, 422) && !notOurs(err):
			failed = errors.Join(failed, err)
		default:
			var r *Refusal
			errors.As(err, &r)
			p.Problem, p.Asking = &fieldsync.Problem{Code: r.Code, Detail: r.Detail}, true
			failed = errors.Join(failed, t.outbox.setPhoto(p))
		}
	}
	return arrived, failed
}

// notOurs reports whether the server said that this photo is not the person's to hand in, which is no word on the session.
func notOurs(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Code == fieldsync.ErrForbidden.Code
}

// sendPhoto takes one upload as far as it goes: begun if need be, its location kept before the first byte is sent, the
// offset asked for, then chunk after chunk.
func (t *Tablet) sendPhoto(ctx context.Context, p *Photo) (progress bool, err error) {
	data, err := t.Disk.ReadFile(t.photoPath(p.SHA256))
	if err != nil || int64(len(data)) != p.Size {
		return false, ErrDamaged.Because(errors.Join(err, errors.New("photo file")))
	}
	offset := int64(0)
	if p.Location != "" {
		offset, err = t.tus(ctx, http.MethodHead, p.Location, nil)
		if refused(err, http.StatusNotFound, http.StatusGone) {
			p.Location = ""
		} else if err != nil {
			return false, err
		}
	}
	if p.Location == "" {
		if err := t.create(ctx, p); err != nil {
			return false, err
		}
		progress, offset = true, 0
	}
	if t.chunk.size == 0 {
		t.chunk.size, t.chunk.after = max(leastChunk, t.hello.Limits.ChunkSuggested), chunksBefore
	}
	for again := 0; offset < p.Size; {
		chunk := data[offset:min(offset+t.chunk.size, p.Size)]
		next, err := t.tus(ctx, http.MethodPatch, p.Location, chunk, "Upload-Offset", strconv.FormatInt(offset, 10))
		switch {
		case err == nil && next > offset && next <= p.Size:
			offset, progress = next, true
			t.chunk.went(t.hello.Limits.ChunkBytes, false)
		case refused(err, http.StatusNotFound, http.StatusGone):
			p.Location = "" // expired under our hands: the next attempt begins anew
			return progress, errors.Join(ErrAnswer.Because(err), t.outbox.setPhoto(*p))
		case refused(err, http.StatusConflict, http.StatusBadRequest, 460, http.StatusRequestEntityTooLarge) && again < 3:
			// The offset is another than we believed, the chunk was damaged on the way, or is too large.
			again++
			t.chunk.failed(leastChunk)
			if offset, err = t.tus(ctx, http.MethodHead, p.Location, nil); err != nil {
				return progress, err
			}
		case err == nil:
			return progress, ErrAnswer.Because(errors.New("upload offset"))
		default:
			t.chunk.failed(leastChunk)
			return progress, err
		}
	}
	p.Done, p.Problem = true, nil
	return true, t.outbox.setPhoto(*p)
}

// create begins an upload and keeps where it is.
func (t *Tablet) create(ctx context.Context, p *Photo) error {
	meta := "sha256 " + b64(p.SHA256) + ",inspection " + b64(p.Inspection)
	for _, kv := range [][2]string{{"filename", p.Name}, {"filetype", p.Type}, {"capture", string(p.Capture)}} {
		// The capture manifest is in the record too: where it does not fit, the photo goes without it.
		if more := "," + kv[0] + " " + b64(kv[1]); kv[1] != "" && len(meta)+len(more) <= mostMetadata {
			meta += more
		}
	}
	answer, err := t.tusRequest(ctx, http.MethodPost, uploadsPath, nil,
		"Upload-Length", strconv.FormatInt(p.Size, 10), "Upload-Metadata", meta)
	if err != nil {
		return err
	}
	if p.Location = pathOf(answer.Get("Location")); p.Location == "" {
		return ErrAnswer.Because(errors.New("upload without location"))
	}
	return t.outbox.setPhoto(*p)
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// tus does one request of tus 1.0 under the session and returns the offset that the server tells.
func (t *Tablet) tus(ctx context.Context, method, location string, chunk []byte, headers ...string) (int64, error) {
	resp, err := t.tusRequest(ctx, method, location, chunk, headers...)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(resp.Get("Upload-Offset"), 10, 64)
	if err != nil || n < 0 {
		return 0, ErrAnswer.Because(errors.New("upload without offset"))
	}
	return n, nil
}

// tusRequest returns the headers of a successful answer.
func (t *Tablet) tusRequest(ctx context.Context, method, location string, chunk []byte, headers ...string) (http.Header, error) {
	var out http.Header
	err := t.withToken(ctx, func(token string) error {
		req, err := http.NewRequestWithContext(ctx, method, t.Server+location, bytes.NewReader(chunk))
		if err != nil {
			return ErrAnswer.Because(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Tus-Resumable", "1.0.0")
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		if method == http.MethodPatch {
			sum := sha256.Sum256(chunk)
			req.Header.Set("Content-Type", "application/offset+octet-stream")
			req.Header.Set("Upload-Checksum", "sha256 "+base64.StdEncoding.EncodeToString(sum[:]))
		}
		resp, err := t.HTTP.Do(req)
		if err != nil {
			return offline(ctx, err)
		}
		defer func() { _ = resp.Body.Close() }() // nothing in it matters
		if resp.StatusCode/100 != 2 {
			return refusal(resp)
		}
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxPage))
		if err != nil {
			return offline(ctx, err)
		}
		out = resp.Header
		return nil
	})
	return out, err
}

// pathOf reduces a Location to path and query: the token goes to our own server, wherever a header points.
func pathOf(location string) string {
	u, err := url.Parse(location)
	if err != nil || len(u.Path) == 0 || u.Path[0] != '/' {
		return ""
	}
	return u.RequestURI()
}
