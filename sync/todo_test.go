package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// named is the args of a save whose manifest names photos, each taken where and when it says.
func named(t *testing.T, photos ...string) string {
	return strings.TrimSuffix(saveArgs(t, methane), "}") + `,"photos":[` + strings.Join(photos, ",") + `]}`
}

func (p *place) wall(q store.Query) []store.Doc {
	p.t.Helper()
	q.Kind = fieldsync.KindEvidence
	if q.Order == "" {
		q.Order = fieldsync.FieldLatest
	}
	page, err := p.store.Find(context.Background(), q)
	if err != nil {
		p.t.Fatal(err)
	}
	return page.Docs
}

// TestPhotoIsSentBackAndTakenAgain: the inspector's tablet is told of the photo that will not do, by pull, and what
// answers it ends the work.
func TestPhotoIsSentBackAndTakenAgain(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang, chief, boss := inspector("wang", "532504/coal-mine"), supervisor("chief", "5325"), enterpriseUser("boss", "mine-1")
	first, second := sent(t, b, wang, insp1, "blurred"), sent(t, b, wang, insp1, "sharp")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, first, second)))[0], fieldsync.Applied, "")
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	p.attach(wang, first)

	if got := p.wall(store.Query{Where: []store.Cond{store.Where(fieldsync.FieldUnreviewed, store.Ge, store.Num(1))}}); len(got) != 1 || got[0].Fields[fieldsync.FieldRegion].Text != "532504" {
		t.Fatalf("unreviewed: %+v", got)
	}
	review := func(n int, verdict, remark string) fieldsync.Result {
		return p.push(chief, mutation(n, "evidence.review", "evidence", insp1, 0, p.now,
			fmt.Sprintf(`{"sha256":%q,"verdict":%q,"remark":%q}`, first.SHA256, verdict, remark)))[0]
	}
	want(t, review(3, "retake", "  "), fieldsync.Rejected, fieldsync.ErrReview.Code)
	p.now = p.now.Add(time.Minute)
	want(t, review(4, "retake", "看不清读数"), fieldsync.Applied, "")
	e := p.evidence(insp1)
	if len(e.Todo) != 1 || e.Todo[0].Done != nil || e.Todo[0].SHA256 != first.SHA256 || e.Todo[0].Remark != "看不清读数" {
		t.Fatalf("todo: %+v", e.Todo)
	}
	if _, raw := p.pull(wang, ""); !strings.Contains(raw, "看不清读数") {
		t.Error("the inspector's tablet is not told")
	}
	if _, raw := p.pull(boss, ""); strings.Contains(raw, `"reviews"`) || strings.Contains(raw, `"distances"`) {
		t.Error("the enterprise is told of reviews")
	}
	want(t, review(5, "retake", "仍看不清，请正对仪表拍"), fieldsync.Applied, "")
	if e := p.evidence(insp1); len(e.Todo) != 1 || e.Todo[0].Remark != "仍看不清，请正对仪表拍" {
		t.Fatalf("asked again: %+v", e.Todo)
	}
	p.attach(wang, first) // the old photo, again, is no answer
	if e := p.evidence(insp1); e.Open() != 1 {
		t.Fatalf("answered by itself: %+v", e.Todo)
	}
	p.now = p.now.Add(time.Minute)
	p.attach(wang, second)
	e = p.evidence(insp1)
	if e.Open() != 0 || e.Todo[0].Done.SHA256 == nil || *e.Todo[0].Done.SHA256 != second.SHA256 {
		t.Fatalf("not answered: %+v", e.Todo)
	}
	todo := store.Where(fieldsync.FieldTodo, store.Ge, store.Num(1))
	if got := p.wall(store.Query{Where: []store.Cond{todo}}); len(got) != 0 {
		t.Errorf("still to do: %v", got[0].Fields)
	}

	p.now = p.now.Add(time.Minute)
	want(t, review(6, "retake", "再拍一张"), fieldsync.Applied, "")
	if got := p.wall(store.Query{Where: []store.Cond{todo}}); len(got) != 1 {
		t.Error("nothing to do")
	}
	want(t, review(7, "ok", ""), fieldsync.Applied, "")
	if e := p.evidence(insp1); len(e.Todo) != 2 || e.Open() != 0 || e.Todo[1].Done.SHA256 != nil {
		t.Errorf("not taken back: %+v", e.Todo)
	}
	got, err := fieldsync.WallPhotos(p.wall(store.Query{})[0])
	if err != nil || len(got) != 2 || got[0].SHA256 != second.SHA256 || got[1].Verdict() != "ok" || len(got[1].Reviews) != 4 {
		t.Errorf("wall: %+v %v", got, err)
	}
}

// TestWallKnowsHowFarAPhotoWasTaken: by the device's position, else by none at all.
func TestWallKnowsHowFarAPhotoWasTaken(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang := inspector("wang", "532504/coal-mine")
	near, far, nowhere := sent(t, b, wang, insp1, "near"), sent(t, b, wang, insp1, "far"), sent(t, b, wang, insp1, "nowhere")
	at := func(r media.Received, lat float64) string {
		return fmt.Sprintf(`{"sha256":%q,"capturedAt":"2023-06-05T07:40:00Z","place":{"lat":%v,"lon":103.4,"system":"WGS-84"}}`, r.SHA256, lat)
	}
	args := named(t, at(near, 24.4), at(far, 24.5), fmt.Sprintf(`{"sha256":%q}`, nowhere.SHA256))
	args = strings.Replace(args, `"startedAt"`, `"place":{"lat":24.4,"lon":103.4,"system":"WGS-84"},"startedAt"`, 1)
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, args))[0], fieldsync.Applied, "")
	for _, r := range []media.Received{near, far, nowhere} {
		p.attach(wang, r)
	}
	docs := p.wall(store.Query{Order: fieldsync.FieldDistance, Desc: true, Where: []store.Cond{store.Where(fieldsync.FieldDistance, store.Ge, store.Num(5000))}})
	if len(docs) != 1 {
		t.Fatal("not found by distance")
	}
	photos, err := fieldsync.WallPhotos(docs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range photos {
		switch w.SHA256 {
		case near.SHA256:
			if w.Distance == nil || *w.Distance != 0 {
				t.Errorf("near: %v", w.Distance)
			}
		case far.SHA256:
			if w.Distance == nil || *w.Distance < 11000 || *w.Distance > 11200 {
				t.Errorf("far: %v", w.Distance)
			}
		default:
			if w.Distance != nil {
				t.Errorf("nowhere: %d", *w.Distance)
			}
		}
	}
}

// TestEvidenceKeepsWhatItDoesNotKnow: a member of a newer version stays beside the work to do.
func TestEvidenceKeepsWhatItDoesNotKnow(t *testing.T) {
	e, err := media.ParseEvidence([]byte(`{"inspection":"i","wanted":[],"received":[],"later":7}`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(e.Ask(media.Todo{Remark: "重拍"}))
	if err != nil || !strings.Contains(string(out), `"later":7`) || !strings.Contains(string(out), `"todo":[`) {
		t.Errorf("%s %v", out, err)
	}
}

// TestLegalHold: with a reason on record, one at a time, by supervisors alone; and the enterprise is not told.
func TestLegalHold(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang, chief, boss := inspector("wang", "532504/coal-mine"), supervisor("chief", "5325"), enterpriseUser("boss", "mine-1")
	photo := sent(t, b, wang, insp1, "photo")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	p.attach(wang, photo)
	for i, s := range []struct {
		as           fieldsync.Session
		name, reason string
		want         fieldsync.Status
		code         string
	}{
		{wang, "evidence.hold", "不该由我", fieldsync.Rejected, fieldsync.ErrForbidden.Code},
		{chief, "evidence.release", "没有保全", fieldsync.Rejected, fieldsync.ErrNotHeld.Code},
		{chief, "evidence.hold", " ", fieldsync.Rejected, fieldsync.ErrHoldReason.Code},
		{chief, "evidence.hold", "事故调查", fieldsync.Applied, ""},
		{chief, "evidence.hold", "再次", fieldsync.Rejected, fieldsync.ErrHeld.Code},
		{chief, "evidence.release", "调查结束", fieldsync.Applied, ""},
		{chief, "evidence.hold", "复议", fieldsync.Applied, ""},
	} {
		want(t, p.push(s.as, mutation(3+i, s.name, "evidence", insp1, 0, p.now, fmt.Sprintf(`{"reason":%q}`, s.reason)))[0], s.want, s.code)
	}
	p.sweep(1000)
	p.holds(b, photo, true)
	d, err := p.store.One(context.Background(), store.Ref{Kind: fieldsync.KindEvidence, ID: insp1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"事故调查", "调查结束", "复议"} {
		if !strings.Contains(string(d.Restricted), s) {
			t.Errorf("no %s on record: %s", s, d.Restricted)
		}
	}
	if _, raw := p.pull(boss, ""); strings.Contains(raw, "事故调查") {
		t.Error("the enterprise is told")
	}
}

// TestViewsOfSealedEvidenceAreTold: until the enterprise knows of the check, every look at its photos is; a look that is
// refused is none.
func TestViewsOfSealedEvidenceAreTold(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang, chief, stranger := inspector("wang", "532504/coal-mine"), supervisor("chief", "5325"), supervisor("other", "5301")
	photo := sent(t, b, wang, insp1, "photo")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
	p.attach(wang, photo)
	var views []fieldsync.View
	p.sync.Viewed = func(v fieldsync.View) { views = append(views, v) }
	look := func(s fieldsync.Session) error {
		_, err := p.sync.MayOpen(context.Background(), s, insp1, photo.SHA256)
		return err
	}
	if look(chief) != nil || look(wang) != nil || look(stranger) == nil {
		t.Fatal("who may look")
	}
	if len(views) != 2 || views[0].User != "chief" || views[0].Subject != insp1 || views[0].SHA256 != photo.SHA256 || !views[0].At.Equal(p.now) {
		t.Errorf("%+v", views)
	}
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	if look(chief) != nil || len(views) != 2 {
		t.Errorf("after submission: %+v", views)
	}
}
