package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

func picture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func metadata(h media.SHA256, inspection string) string {
	b := base64.StdEncoding.EncodeToString
	return "sha256 " + b([]byte(h.String())) + ",inspection " + b([]byte(inspection)) + ",filename " + b([]byte("现场.png"))
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256 " + base64.StdEncoding.EncodeToString(sum[:])
}

func (s *site) tus(method, path, token string, body []byte, headers ...string) answer {
	s.Helper()
	return s.send(method, path, token, body, append(headers, "Tus-Resumable", "1.0.0")...)
}

const inspectionID = "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0001"

func TestUploadIsResumedVerifiedAndShown(t *testing.T) {
	s := newSite(t)
	token, stranger := s.supervisor("lead", "5325"), s.supervisor("other", "532501")
	photo := picture(t)
	h := media.Sum(photo)
	r := s.tus("POST", "/api/v1/uploads", token, nil, "Upload-Length", strconv.Itoa(len(photo)), "Upload-Metadata", metadata(h, inspectionID))
	at := r.header.Get("Location")
	if r.status != 201 || at == "" || r.header.Get("Upload-Expires") == "" {
		t.Fatalf("create: %d %v %s", r.status, r.header, r.body)
	}
	chunk := []string{"Content-Type", mediaTypeOffset}
	s.refused(s.tus("PATCH", at, stranger, photo[:10], append(chunk, "Upload-Offset", "0")...), 404, "media.upload_not_found")
	s.refused(s.tus("PATCH", at, token, photo[:10], append(chunk, "Upload-Offset", "0", "Upload-Checksum", checksum([]byte("other")))...), 460, "media.checksum_mismatch")
	s.refused(s.tus("PATCH", at, token, photo[:10], append(chunk, "Upload-Offset", "5")...), 409, "media.offset_conflict")
	s.refused(s.tus("PATCH", at, token, photo[:10], "Content-Type", "image/png", "Upload-Offset", "0"), 415, "httpapi.media_type")
	if r := s.tus("PATCH", at, token, photo[:10], append(chunk, "Upload-Offset", "0", "Upload-Checksum", checksum(photo[:10]))...); r.status != 204 || r.header.Get("Upload-Offset") != "10" {
		t.Fatalf("first chunk: %d %v %s", r.status, r.header, r.body)
	}
	if r := s.tus("HEAD", at, token, nil); r.status != 200 || r.header.Get("Upload-Offset") != "10" || r.header.Get("Upload-Length") != strconv.Itoa(len(photo)) {
		t.Fatalf("head: %d %v", r.status, r.header)
	}
	// The rest goes through a proxy that knows only POST.
	if r := s.tus("POST", at, token, photo[10:], append(chunk, "Upload-Offset", "10", "X-HTTP-Method-Override", "PATCH")...); r.status != 204 || r.header.Get("Upload-Offset") != strconv.Itoa(len(photo)) {
		t.Fatalf("last chunk: %d %v %s", r.status, r.header, r.body)
	}
	place := "/api/v1/inspections/" + inspectionID + "/photos/" + h.String()
	full := s.send("GET", place, token, nil)
	if full.status != 200 || !bytes.Equal(full.body, photo) || full.header.Get("Content-Type") != "image/png" {
		t.Fatalf("photo: %d %v", full.status, full.header)
	}
	if r := s.send("GET", place, token, nil, "Range", "bytes=3-7"); r.status != 206 || !bytes.Equal(r.body, photo[3:8]) {
		t.Errorf("range: %d %q", r.status, r.body)
	}
	if r := s.send("GET", place, token, nil, "If-None-Match", full.header.Get("ETag")); r.status != 304 || len(r.body) != 0 {
		t.Errorf("not modified: %d", r.status)
	}
	s.refused(s.send("GET", place, token, nil, "Range", "bytes=999999-"), 416, "httpapi.range")
	s.refused(s.send("GET", place, stranger, nil), 404, "media.not_found")
	s.refused(s.send("GET", strings.Replace(place, "ff0001", "ff0002", 1), token, nil), 404, "media.not_found")
}

func TestUploadOfOtherBytesIsRefused(t *testing.T) {
	s := newSite(t)
	token, photo := s.supervisor("lead", "5325"), picture(t)
	r := s.tus("POST", "/api/v1/uploads", token, photo, "Upload-Length", strconv.Itoa(len(photo)),
		"Upload-Metadata", metadata(media.Sum([]byte("another")), inspectionID), "Content-Type", mediaTypeOffset)
	s.refused(r, 460, "media.hash_mismatch")
}

func TestUploadBegunWithAllItsBytesAndTerminated(t *testing.T) {
	s := newSite(t)
	token, photo := s.supervisor("lead", "5325"), picture(t)
	r := s.tus("POST", "/api/v1/uploads", token, photo, "Upload-Length", strconv.Itoa(len(photo)),
		"Upload-Metadata", metadata(media.Sum(photo), inspectionID), "Content-Type", mediaTypeOffset)
	if r.status != 201 || r.header.Get("Upload-Offset") != strconv.Itoa(len(photo)) {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	if d := s.tus("DELETE", r.header.Get("Location"), token, nil); d.status != 204 {
		t.Errorf("terminate: %d %s", d.status, d.body)
	}
	if d := s.tus("HEAD", r.header.Get("Location"), token, nil); d.status != 404 {
		t.Errorf("after termination: %d", d.status)
	}
	if r := s.send("OPTIONS", "/api/v1/uploads", "", nil); r.status != 204 || !strings.Contains(r.header.Get("Tus-Extension"), "checksum") {
		t.Errorf("options: %d %v", r.status, r.header)
	}
}

func TestPagesShowOnlyThePresentScope(t *testing.T) {
	s := newSite(t)
	wide, narrow := s.supervisor("lead", "5325"), s.supervisor("county", "532504")
	for i, region := range []directory.RegionCode{"532501", "532501", "532504", "532504", "532504"} {
		s.put(directory.EnterpriseDoc(directory.Enterprise{
			ID: directory.EnterpriseID("e" + strconv.Itoa(i)), Name: "企业" + strconv.Itoa(i), Region: region,
			Sectors: []directory.SectorID{directory.TownGas},
		}))
	}
	walk := func(token, query string) (ids []string) {
		for after := ""; ; {
			r := s.send("GET", "/api/v1/enterprises?limit=2"+query+after, token, nil)
			var page DocumentPage
			if err := json.Unmarshal(r.body, &page); err != nil || r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			for _, d := range page.Items {
				ids = append(ids, d.ID)
			}
			if page.After == "" {
				return ids
			}
			after = "&after=" + page.After
		}
	}
	for _, c := range []struct{ token, query, want string }{
		{wide, "", "e0 e1 e2 e3 e4"},
		{wide, "&region=532501", "e0 e1"},
		{wide, "&region=532500", "e0 e1 e2 e3 e4"},
		{narrow, "", "e2 e3 e4"},
		{narrow, "&region=532501", ""},
	} {
		if got := strings.Join(walk(c.token, c.query), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.query, got, c.want)
		}
	}
	hidden, absent := s.send("GET", "/api/v1/enterprises/e0", narrow, nil), s.send("GET", "/api/v1/enterprises/nothing", narrow, nil)
	s.refused(hidden, 404, store.ErrNotFound.Code)
	s.refused(absent, 404, store.ErrNotFound.Code)
	for _, filter := range []string{"", "?overdue=true", "?region=5325&sector=town-gas&class=major&status=reported&source=tip&enterprise=e0"} {
		if r := s.send("GET", "/api/v1/hazards"+filter, wide, nil); r.status != 200 {
			t.Errorf("hazards%s: %d %s", filter, r.status, r.body)
		}
	}
	if r := s.send("GET", "/api/v1/inspections?region=5325&status=draft&mode=night&enterprise=e0", wide, nil); r.status != 200 {
		t.Errorf("inspections: %d %s", r.status, r.body)
	}
}
