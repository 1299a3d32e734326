package httpapi

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/bundle"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// TestBundleIsDownloadedAndVerified: a supervisor and the enterprise fetch an inspection's and a hazard's evidence, and
// check it with nothing else at hand.
func TestBundleIsDownloadedAndVerified(t *testing.T) {
	var blobs media.Blobs
	views := make(chan fieldsync.View, 100)
	s := newSite(t, func(d *Deps) {
		blobs = d.Photos.Blobs
		svc, _ := d.Evidence.(*fieldsync.Service) // as newSite made it
		svc.Viewed = func(v fieldsync.View) { views <- v }
	})
	d := hung(t, "insp-01", "mine-1", "532504", 3, time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC))
	s.put(d, nil)
	lost := media.Sum([]byte("insp-012"))
	for _, content := range []string{"insp-010", "insp-011"} {
		if err := blobs.Put(t.Context(), media.Sum([]byte(content)), int64(len(content)), bytes.NewReader([]byte(content))); err != nil {
			t.Fatal(err)
		}
	}
	photos := []inspection.Photo{{SHA256: media.Sum([]byte("insp-010"))}, {SHA256: media.Sum([]byte("never sent"))}}
	body, restricted, err := inspection.Encode(&inspection.Inspection{ID: "insp-01", Status: inspection.Submitted, Photos: photos})
	s.put(store.Doc{Ref: store.Ref{Kind: inspection.Kind, ID: "insp-01"}, Tokens: d.Tokens, Body: body, Restricted: restricted}, err)
	body, _, err = inspection.EncodeHazard(&inspection.Hazard{ID: "haz-1", Inspection: "insp-01", Status: inspection.Reported, Photos: []media.SHA256{photos[0].SHA256}})
	s.put(store.Doc{
		Ref: store.Ref{Kind: inspection.KindHazard, ID: "haz-1"}, Tokens: d.Tokens, Body: body, Restricted: []byte(`{"remarks":[]}`),
		Fields: store.Fields{"inspection": store.Text("insp-01")},
	}, err)
	lead, stranger := s.supervisor("lead", "5325"), s.supervisor("other", "532501")
	boss := s.person("boss", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-1"})

	get := func(token, path string) bundle.Report {
		t.Helper()
		r := s.send("GET", path, token, nil)
		if r.status != 200 || r.header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%d %s", r.status, r.body)
		}
		out, err := bundle.Verify(bytes.NewReader(r.body), int64(len(r.body)))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	roles := func(r bundle.Report, role bundle.Role) (n int) {
		for _, f := range r.Manifest.Files {
			if f.Role == role {
				n++
			}
		}
		return n
	}
	whole := get(lead, "/api/v1/inspections/insp-01/bundle")
	if roles(whole, bundle.Photo) != 2 || roles(whole, bundle.Record) != 3 || roles(whole, bundle.Restricted) != 2 || whole.Manifest.ExportedBy != "lead" {
		t.Errorf("%+v", whole.Manifest)
	}
	if !slices.Contains(whole.Manifest.Missing, bundle.Missing{SHA256: lost, Reason: bundle.Lost}) ||
		!slices.Contains(whole.Manifest.Missing, bundle.Missing{SHA256: photos[1].SHA256, Reason: bundle.NotReceived}) || whole.Whole {
		t.Errorf("missing: %+v", whole.Manifest.Missing)
	}
	part := get(boss, "/api/v1/hazards/haz-1/bundle")
	if roles(part, bundle.Photo) != 1 || roles(part, bundle.Record) != 3 || roles(part, bundle.Restricted) != 0 || !part.Whole {
		t.Errorf("%+v", part)
	}
	if len(views) > 0 {
		t.Errorf("%+v: the enterprise knows of this inspection", <-views)
	}
	sealed := hung(t, "insp-02", "mine-1", "532504", 2, time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC))
	sealed.Tokens = []store.Token{directory.SupervisorTwin("5325")}
	s.put(sealed, nil)
	body, _, err = inspection.Encode(&inspection.Inspection{ID: "insp-02"})
	s.put(store.Doc{Ref: store.Ref{Kind: inspection.Kind, ID: "insp-02"}, Tokens: sealed.Tokens, Body: body}, err)
	get(lead, "/api/v1/inspections/insp-02/bundle")
	if n := len(views); n != 2 {
		t.Errorf("%d views were told of what no enterprise knows of", n)
	} else if v := <-views; v.User != "lead" || v.Subject != "insp-02" {
		t.Errorf("%+v", v)
	}
	for _, path := range []string{"/api/v1/inspections/insp-01/bundle", "/api/v1/hazards/haz-1/bundle", "/api/v1/hazards/none/bundle"} {
		s.refused(s.send("GET", path, stranger, nil), 404, "store.not_found")
	}
}
