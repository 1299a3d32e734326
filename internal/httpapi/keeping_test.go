package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/bundle"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/google/uuid"
)

// command pushes one command of a person who has the only device.
func (s *site) command(token, name string, n int, ref store.Ref, args string) fieldsync.Result {
	s.Helper()
	devices, err := s.store.Find(s.Context(), store.Query{Kind: directory.KindDevice, Limit: 2})
	if err != nil || len(devices.Docs) != 1 {
		s.Fatal(devices, err)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	body := fmt.Sprintf(`{"epoch":%q,"device":%q,"deviceTime":%q,"mutations":[{"id":%q,"n":%d,"name":%q,"doc":{"kind":%q,"id":%q},"at":%q,"args":%s}]}`,
		s.store.Epoch(), devices.Docs[0].ID, now, uuid.Must(uuid.NewV7()), n, name, ref.Kind, ref.ID, now, args)
	r := s.send("POST", "/api/v1/sync/push", token, []byte(body), "Content-Type", "application/json")
	var out fieldsync.PushResponse
	if err := json.Unmarshal(r.body, &out); err != nil || r.status != 200 || len(out.Results) != 1 {
		s.Fatalf("%d %s", r.status, r.body)
	}
	return out.Results[0]
}

// TestErasedPhotoIsGoneAndSaysWhy follows two photos of a case: a hold over HTTP keeps both beyond their period; when it
// is released they go, and everything that shows photos says so.
func TestErasedPhotoIsGoneAndSaysWhy(t *testing.T) {
	now := time.Now()
	var keeper *fieldsync.Keeper
	var ledger *media.Ledger
	var blobs media.Blobs
	var told []string
	s := newSite(t, func(d *Deps) {
		blobs = d.Photos.Blobs
		svc, ok := d.Sync.(*fieldsync.Service)
		if !ok {
			t.Fatal("another service")
		}
		ledger = media.NewLedger(d.Store, blobs, func() time.Time { return now })
		ledger.Derived = d.Photos.Derived
		keeper = &fieldsync.Keeper{Docs: d.Store, Ledger: ledger, Periods: media.Periods{General: media.Span{Years: 3}, Major: media.Span{Years: 10}}, Now: func() time.Time { return now }}
		ledger.Keeping, svc.Photos = keeper, ledger
		svc.Held = func(subject string) { told = append(told, subject) }
	})
	const id = "018f0000-0000-7000-8000-0000000000a1"
	closed := now.AddDate(-12, 0, 0)
	e := hung(t, id, "mine-1", "532504", 2, closed)
	e.Fields[fieldsync.FieldKept] = store.Time(closed)
	s.put(e, nil)
	var photos []media.SHA256
	for i := range 2 {
		content := []byte(fmt.Sprint(id, i))
		photos = append(photos, media.Sum(content))
		if err := blobs.Put(t.Context(), photos[i], int64(len(content)), bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if err := ledger.Derived.PutDerived(t.Context(), photos[i], media.Thumb, content); err != nil {
			t.Fatal(err)
		}
		if err := ledger.Enter(t.Context(), photos[i], id); err != nil {
			t.Fatal(err)
		}
	}
	h := inspection.Hazard{
		ID: id, Unit: inspection.Unit{ID: "mine-1"}, Region: "532504", Sectors: []inspection.Sector{"coal-mine"}, Class: inspection.Major,
		Status: inspection.Accepted, AcceptedAt: closed, Photos: photos, Owner: inspection.Owner{Region: "532504"},
	}
	body, rest, err := inspection.EncodeHazard(&h)
	s.put(store.Doc{Ref: store.Ref{Kind: inspection.KindHazard, ID: id}, Tokens: e.Tokens, Body: body, Restricted: rest}, err)
	lead := s.supervisor("lead", "5325")

	at := func(i int) string { return "/api/v1/inspections/" + id + "/photos/" + photos[i].String() }
	night := func() {
		t.Helper()
		now = now.Add(8 * 24 * time.Hour)
		if r, done, err := keeper.Nightly(t.Context()); err != nil || !done || r.Failed > 0 {
			t.Fatalf("%+v %v %v", r, done, err)
		}
		if _, err := ledger.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	command := func(n int, name string) {
		t.Helper()
		if r := s.command(lead, name, n, e.Ref, `{"reason":"事故调查"}`); r.Status != fieldsync.Applied {
			t.Fatalf("%+v", r)
		}
	}
	night() // their grace begins
	command(1, "evidence.hold")
	for range 3 {
		night()
	}
	for i := range photos {
		if r := s.send("GET", at(i), lead, nil); r.status != 200 || media.Sum(r.body) != photos[i] {
			t.Fatalf("a held photo: %d %s", r.status, r.body)
		}
	}
	command(2, "evidence.release")
	if len(told) != 2 || told[0] != id {
		t.Errorf("the photo store was told of %v", told)
	}
	night()
	night()

	for _, path := range []string{at(0), at(0) + "/thumb", at(1) + "/preview"} {
		r := s.send("GET", path, lead, nil)
		if s.refused(r, 410, "media.expired"); !strings.Contains(string(r.body), "保管期限已满") || !strings.Contains(string(r.body), now.In(time.FixedZone("", 8*3600)).Format("2006年1月2日")) {
			t.Errorf("%s", r.body)
		}
	}
	for _, l := range s.links(lead, LinkedPhoto{Subject: id, SHA256: photos[0].String()}, LinkedPhoto{Subject: id, SHA256: photos[1].String(), Size: "thumb"}) {
		if l.URL != "" {
			t.Errorf("a link to what is gone: %+v", l)
		}
	}
	s.refused(s.send("GET", "/api/v1/inspections/"+id+"/photos/"+media.Sum([]byte("other")).String(), lead, nil), 404, "media.not_found")
	for _, p := range photos {
		if _, err := blobs.Stat(t.Context(), p); err == nil {
			t.Error("the bytes are there")
		}
		if _, _, err := ledger.Derived.OpenDerived(t.Context(), p, media.Thumb); err == nil {
			t.Error("a picture is there")
		}
	}
	wall, _ := s.walk(lead, "")
	if len(wall) != 2 || wall[0].Erased == nil || wall[0].Erased.Class != media.ClassMajor || wall[0].Original != "" || wall[0].Thumb != "" || wall[0].Size != 7 {
		t.Errorf("wall: %+v", wall)
	}
	var view HazardView
	if r := s.send("GET", "/api/v1/hazards/"+id, lead, nil); json.Unmarshal(r.body, &view) != nil || len(view.Photos) != 2 || view.Photos[1].Erased == nil || !view.Photos[1].Received {
		t.Errorf("%s", r.body)
	}
	r := s.send("GET", "/api/v1/hazards/"+id+"/bundle", lead, nil)
	report, err := bundle.Verify(bytes.NewReader(r.body), int64(len(r.body)))
	if err != nil || !report.Whole || len(report.Manifest.Missing) != 2 || report.Manifest.Missing[0].Reason != bundle.Expired {
		t.Errorf("bundle: %+v %v", report, err)
	}
	scrub := media.Scrubber{Docs: s.store, Kind: fieldsync.KindEvidence, Blobs: blobs, Now: time.Now}
	if got, err := scrub.Scrub(t.Context()); err != nil || got.Erased != 2 || got.Lost != 0 || got.Photos != 0 {
		t.Errorf("scrub: %+v %v", got, err)
	}
}
