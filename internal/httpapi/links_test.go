package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

func (s *site) links(token string, photos ...LinkedPhoto) []LinkedPhoto {
	s.Helper()
	body, err := json.Marshal(LinksBody{photos})
	if err != nil {
		s.Fatal(err)
	}
	r := s.send("POST", "/api/v1/photos/links", token, body, "Content-Type", "application/json")
	var out LinksBody
	if err := json.Unmarshal(r.body, &out); err != nil || r.status != 200 || len(out.Photos) != len(photos) {
		s.Fatalf("%d %s %v", r.status, r.body, err)
	}
	return out.Photos
}

// uploaded has somebody upload a photo for a record that has not come.
func (s *site) uploaded(token string) (media.SHA256, []byte) {
	s.Helper()
	photo := picture(s.TB)
	h := media.Sum(photo)
	r := s.tus("POST", "/api/v1/uploads", token, photo, "Upload-Length", strconv.Itoa(len(photo)), "Upload-Metadata", metadata(h, inspectionID), "Content-Type", mediaTypeOffset)
	if r.status != 201 {
		s.Fatal(r.status, string(r.body))
	}
	return h, photo
}

// TestLinksShowWhatTheirPersonMaySee: a link opens the photo for a browser that sends no token, for its person and as
// long as that person may see it.
func TestLinksShowWhatTheirPersonMaySee(t *testing.T) {
	views := make(chan fieldsync.View, 100)
	s := newSite(t, func(d *Deps) {
		svc, _ := d.Evidence.(*fieldsync.Service) // as newSite made it
		svc.Viewed = func(v fieldsync.View) { views <- v }
	})
	p := s.keyed("wang", inspectorOf("532504"))
	stranger := s.supervisor("other", "532501")
	h, photo := s.uploaded(p.token)
	asked := []LinkedPhoto{
		{Subject: inspectionID, SHA256: h.String()},
		{Subject: inspectionID, SHA256: strings.Repeat("0", 64)},
		{Subject: "nothing", SHA256: h.String()},
		{Subject: inspectionID, SHA256: "x"},
		{Subject: inspectionID, SHA256: h.String(), Size: "huge"},
		{Subject: inspectionID, SHA256: h.String(), Size: "thumb"},
	}
	got := s.links(p.token, asked...)
	for i, l := range got {
		if has := l.URL != ""; has != slices.Contains([]int{0, 5}, i) {
			t.Errorf("%+v", l)
		}
	}
	for _, l := range s.links(stranger, asked...) {
		if l.URL != "" {
			t.Errorf("a stranger has %+v", l)
		}
	}
	if again := s.links(p.token, asked[0]); again[0] != got[0] && again[0].Until == got[0].Until {
		t.Error("another address of the same time: a browser would load the photo again")
	}

	full := s.send("GET", got[0].URL, "", nil)
	if full.status != 200 || !bytes.Equal(full.body, photo) || !strings.HasPrefix(full.header.Get("Cache-Control"), "private, immutable, max-age=") {
		t.Fatalf("%d %v", full.status, full.header)
	}
	if r := s.send("GET", got[0].URL, "", nil, "Range", "bytes=0-3"); r.status != 206 || !bytes.Equal(r.body, photo[:4]) {
		t.Errorf("range: %d", r.status)
	}
	if r := s.send("GET", got[0].URL, "", nil, "If-None-Match", full.header.Get("ETag")); r.status != 304 {
		t.Errorf("not modified: %d", r.status)
	}
	if n := len(views); n < 3 {
		t.Errorf("%d views were told of what no enterprise knows of", n)
	} else if v := <-views; v.User != "wang" || v.Device != p.id || v.SHA256 != h {
		t.Errorf("%+v", v)
	}

	token := strings.TrimPrefix(got[0].URL, "/api/v1/photos/")
	for _, bad := range []string{token[:len(token)-2], "x", p.token, strings.Repeat("x", 3000)} {
		s.refused(s.send("GET", "/api/v1/photos/"+bad, "", nil), 403, "auth.link")
	}
	s.refused(s.send("GET", "/api/v1/me", token, nil), 401, "auth.token") // and no link is a token
	if r := s.send("POST", "/api/v1/auth/logout", p.token, nil); r.status != 204 {
		t.Fatal(r.status)
	}
	s.refused(s.send("GET", got[0].URL, "", nil), 401, "auth.refresh")
}

// TestLinkEndsWithTheRight: what its person may not see any more, a link does not show.
func TestLinkEndsWithTheRight(t *testing.T) {
	s := newSite(t)
	p := s.keyed("wang", inspectorOf("532504"))
	h, _ := s.uploaded(p.token)
	l := s.links(p.token, LinkedPhoto{Subject: inspectionID, SHA256: h.String()})[0]
	if err := s.auth.RevokeDevice(t.Context(), p.id); err != nil {
		t.Fatal(err)
	}
	s.refused(s.send("GET", l.URL, "", nil), 403, "auth.device_revoked")

	p = s.keyed("li", inspectorOf("532504"))
	h, _ = s.uploaded(p.token)
	l = s.links(p.token, LinkedPhoto{Subject: inspectionID, SHA256: h.String()})[0]
	old := s.doc(directory.KindUser, "li")
	u, err := directory.ReadUser(old)
	if err != nil {
		t.Fatal(err)
	}
	u.Grants[0].Until = time.Now().Add(-time.Minute)
	next, err := directory.UserDoc(u)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.store.Commit(t.Context(), []store.Write{{Old: old, New: next}}); err != nil || out[0].Status != store.OK {
		t.Fatal(out, err)
	}
	s.refused(s.send("GET", l.URL, "", nil), 403, "auth.forbidden")

	s.refused(s.send("POST", "/api/v1/photos/links", p.token, []byte("{}"), "Content-Type", "application/json"), 403, "auth.forbidden")
	many, err := json.Marshal(LinksBody{make([]LinkedPhoto, maxLinks+1)})
	if err != nil {
		t.Fatal(err)
	}
	s.refused(s.send("POST", "/api/v1/photos/links", s.supervisor("chief", "5325"), many, "Content-Type", "application/json"), 400, "httpapi.query")
}

// TestOriginalsOfAStoreThatServesItself: the link to an original is the store's, that to a picture ours.
func TestOriginalsOfAStoreThatServesItself(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Photos.Links = bucket{} })
	p := s.keyed("wang", inspectorOf("532504"))
	h, _ := s.uploaded(p.token)
	got := s.links(p.token, LinkedPhoto{Subject: inspectionID, SHA256: h.String()}, LinkedPhoto{Subject: inspectionID, SHA256: h.String(), Size: "preview"})
	if got[0].URL != "https://store/"+h.String()+"?type=image/png&life=5m0s" || !strings.HasPrefix(got[1].URL, "/api/v1/photos/") {
		t.Errorf("%+v", got)
	}
}

type bucket struct{}

func (bucket) Link(_ context.Context, h media.SHA256, t media.Type, life time.Duration) (string, error) {
	return "https://store/" + h.String() + "?type=" + string(t) + "&life=" + life.String(), nil
}
