package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"image"
	"image/jpeg"
	"net/http"
	"strconv"
)

// picture makes a small JPEG that nobody has seen before, and its hash.
func picture() (data []byte, hash string, err error) {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	if _, err := rand.Read(img.Pix); err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(sum[:]), nil
}

// create begins an upload and returns where it is.
func (t *tablet) create(ctx context.Context, size int, hash, inspection string) (string, answer, error) {
	meta := "sha256 " + base64.StdEncoding.EncodeToString([]byte(hash)) + ",filename " + base64.StdEncoding.EncodeToString([]byte("现场.jpg"))
	if inspection != "" {
		meta += ",inspection " + base64.StdEncoding.EncodeToString([]byte(inspection))
	}
	a, err := t.ask(ctx, http.MethodPost, "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0",
		"Upload-Length", strconv.Itoa(size), "Upload-Metadata", meta)
	return a.header.Get("Location"), a, err
}

func (t *tablet) patch(ctx context.Context, location string, offset int, data []byte, more ...string) (answer, error) {
	return t.ask(ctx, http.MethodPatch, location, data, append([]string{
		"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(offset),
	}, more...)...)
}

// upload sends a photo in two halves; the error says what was not as it should be.
func (t *tablet) upload(ctx context.Context, data []byte, hash, inspection string) error {
	location, a, err := t.create(ctx, len(data), hash, inspection)
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated || location == "" {
		return expect(false, "an upload is begun by %v", a)
	}
	half := len(data) / 2
	if a, err = t.patch(ctx, location, 0, data[:half]); err != nil {
		return err
	}
	if a.status != http.StatusNoContent || a.header.Get("Upload-Offset") != strconv.Itoa(half) {
		return expect(false, "the first half is answered by %v, offset %s", a, a.header.Get("Upload-Offset"))
	}
	head, err := t.ask(ctx, http.MethodHead, location, nil, "Tus-Resumable", "1.0.0")
	if err != nil {
		return err
	}
	if head.header.Get("Upload-Offset") != strconv.Itoa(half) {
		return expect(false, "HEAD tells offset %q after %d bytes", head.header.Get("Upload-Offset"), half)
	}
	if a, err = t.patch(ctx, location, half, data[half:]); err != nil {
		return err
	}
	return expect(a.status == http.StatusNoContent && a.header.Get("Upload-Offset") == strconv.Itoa(len(data)),
		"the last half is answered by %v, offset %s", a, a.header.Get("Upload-Offset"))
}

// withPhoto begins an inspection that names a photo.
func (w *world) withPhoto(ctx context.Context, id, hash string) error {
	m := w.inspector.mutation("inspection.save", "inspection", id, object{
		"header": w.header(), "team": []string{w.inspector.user, w.colleague.user}, "answers": []object{}, "photos": []object{{"sha256": hash}},
	})
	rs, err := w.inspector.results(ctx, m)
	if err != nil {
		return err
	}
	return expect(text(rs[0], "status") == "applied", "a record that names a photo is answered by %s", compact(rs[0]))
}

func photo(ctx context.Context, w *world) error {
	data, hash, err := picture()
	if err != nil {
		return err
	}
	id := w.NewID()
	if err := w.withPhoto(ctx, id, hash); err != nil {
		return err
	}
	if err := w.inspector.upload(ctx, data, hash, id); err != nil {
		return err
	}
	c, err := w.seen(ctx, w.supervisor, "evidence", id)
	if err != nil {
		return err
	}
	got, err := w.supervisor.ask(ctx, http.MethodGet, "/api/v1/inspections/"+id+"/photos/"+hash, nil)
	if err != nil {
		return err
	}
	return expect(bytes.Contains([]byte(mustJSON(c)), []byte(hash)) && bytes.Equal(got.body, data),
		"after the acknowledgement the evidence is %s and the photo is read as %d of %d bytes, %d", compact(c), len(got.body), len(data), got.status)
}

func badUploads(ctx context.Context, w *world) error {
	t := w.inspector
	data, hash, err := picture()
	if err != nil {
		return err
	}
	location, _, err := t.create(ctx, len(data), hash, "")
	if err != nil {
		return err
	}
	wrong := sha256.Sum256([]byte("anders"))
	for _, c := range []struct {
		what   string
		status int
		by     *tablet
		offset int
		data   []byte
		more   []string
	}{
		{"a wrong offset", http.StatusConflict, t, 7, data[:10], nil},
		{"a wrong checksum", 460, t, 0, data[:10], []string{"Upload-Checksum", "sha256 " + base64.StdEncoding.EncodeToString(wrong[:])}},
		{"somebody else's upload", http.StatusNotFound, w.colleague, 0, data[:10], nil},
	} {
		a, err := c.by.patch(ctx, location, c.offset, c.data, c.more...)
		if err != nil {
			return err
		}
		if a.status != c.status {
			return expect(false, "%s is answered by %v instead of %d", c.what, a, c.status)
		}
	}
	other, _, err := t.create(ctx, len(data), hex.EncodeToString(wrong[:]), "")
	if err != nil {
		return err
	}
	a, err := t.patch(ctx, other, 0, data)
	if err != nil {
		return err
	}
	if a.status != 460 {
		return expect(false, "bytes of another hash are answered by %v", a)
	}
	script := []byte("#!/bin/sh\necho 不是照片\n")
	sum := sha256.Sum256(script)
	if other, _, err = t.create(ctx, len(script), hex.EncodeToString(sum[:]), ""); err != nil {
		return err
	}
	if a, err = t.patch(ctx, other, 0, script); err != nil {
		return err
	}
	return expect(a.status == http.StatusUnsupportedMediaType, "what is no photo is answered by %v", a)
}

func missingMedia(ctx context.Context, w *world) error {
	_, hash, err := picture()
	if err != nil {
		return err
	}
	id := w.NewID()
	if err := w.withPhoto(ctx, id, hash); err != nil {
		return err
	}
	for _, c := range []struct {
		t    *tablet
		told bool
	}{{w.inspector, true}, {w.colleague, true}, {w.enterprise, false}} {
		h := c.t.hello()
		h["inspections"] = []string{id}
		got, err := c.t.must(ctx, "/sync/hello", h)
		if err != nil {
			return err
		}
		if told := bytes.Contains([]byte(mustJSON(got)), []byte(hash)); told != c.told {
			return expect(false, "%s is told of a missing photo: %t", c.t.login, told)
		}
	}
	return nil
}

func photoAccess(ctx context.Context, w *world) error {
	data, hash, err := picture()
	if err != nil {
		return err
	}
	id := w.NewID()
	if err := w.inspector.upload(ctx, data, hash, id); err != nil { // before its record
		return err
	}
	if err := w.withPhoto(ctx, id, hash); err != nil {
		return err
	}
	path := "/api/v1/inspections/" + id + "/photos/"
	own, err := w.colleague.ask(ctx, http.MethodGet, path+hash, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(own.body, data) {
		return expect(false, "a photo that came before its record is read by a colleague as %v", own)
	}
	_, none, err := picture()
	if err != nil {
		return err
	}
	there, err := w.enterprise.ask(ctx, http.MethodGet, path+hash, nil)
	if err != nil {
		return err
	}
	absent, err := w.enterprise.ask(ctx, http.MethodGet, path+none, nil)
	if err != nil {
		return err
	}
	return expect(there.status == absent.status && there.code() == absent.code() && there.status == http.StatusNotFound,
		"to whom may not see it a photo is %v, one that is not there %v", there, absent)
}
