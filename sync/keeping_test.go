package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

const year = 366 * 24 * time.Hour

// periods are those of these tests. The law of the field is not known to anybody here.
var periods = media.Periods{General: media.Span{Years: 3}, Major: media.Span{Years: 10}}

func (p *place) keeper() *fieldsync.Keeper {
	k := &fieldsync.Keeper{Docs: p.store, Ledger: p.sync.Photos, Periods: periods, Now: func() time.Time { return p.now }}
	if p.sync.Photos != nil {
		p.sync.Photos.Keeping = k
	}
	return k
}

// put writes a document as it stands.
func (p *place) put(kind store.Kind, id string, body any) {
	p.t.Helper()
	p.putWith(kind, id, body, nil)
}

func (p *place) putWith(kind store.Kind, id string, body, restricted any) {
	p.t.Helper()
	p.commit(p.made(kind, id, body, restricted))
}

func (p *place) commit(docs ...store.Doc) {
	p.t.Helper()
	writes := make([]store.Write, len(docs))
	for i, d := range docs {
		writes[i].New = d
	}
	outs, err := p.store.Commit(context.Background(), writes)
	if err != nil || slices.ContainsFunc(outs, func(o store.Outcome) bool { return o.Status != store.OK }) {
		p.t.Fatal(outs, err)
	}
}

func (p *place) made(kind store.Kind, id string, body, restricted any) store.Doc {
	p.t.Helper()
	encode := func(v any) []byte {
		if v == nil {
			return nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return b
	}
	d := store.Doc{Ref: store.Ref{Kind: kind, ID: id}, Body: encode(body), Restricted: encode(restricted)}
	d.Tokens = []store.Token{"532504/coal-mine", directory.SupervisorTwin("532504/coal-mine")}
	return d
}

// TestClassOfACase is the rule, case by case: nothing of it comes from a client's word.
func TestClassOfACase(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2023, 6, n, 0, 0, 0, 0, time.UTC) }
	type world struct {
		in       inspection.Inspection
		hazard   inspection.Hazard
		todo     *media.Todo
		received []media.Arrived
		holds    []fieldsync.Hold
		unmade   bool // the hazard is not there
	}
	p, n := newPlace(t), 0
	base := func(id string) world {
		return world{
			in: inspection.Inspection{
				ID: inspection.ID(id), Status: inspection.Submitted, Submitted: &inspection.Submission{ReceivedAt: at(1)},
				Hazards: []inspection.HazardID{inspection.HazardID("h" + id)},
			},
			hazard: inspection.Hazard{ID: inspection.HazardID("h" + id), Inspection: inspection.ID(id), Class: inspection.General, Status: inspection.Accepted, AcceptedAt: at(10)},
		}
	}
	for name, c := range map[string]struct {
		change func(*world)
		want   media.Class
		closed int // day; 0: not
	}{
		"AcceptedGeneral": {func(*world) {}, media.ClassGeneral, 10},
		"NoHazard":        {func(w *world) { w.in.Hazards, w.unmade = nil, true }, media.ClassGeneral, 1},
		"Draft":           {func(w *world) { w.in.Status = inspection.Draft }, media.ClassOpen, 0},
		"Unjudged":        {func(w *world) { w.in.Unjudged = true }, media.ClassOpen, 0},
		"EffectsPending":  {func(w *world) { w.in.PendingEffects = &inspection.Pending{} }, media.ClassOpen, 0},
		"Undecided":       {func(w *world) { w.in.Conflicts = []inspection.Conflict{{}} }, media.ClassOpen, 0},
		"Decided": {func(w *world) {
			w.in.Conflicts = []inspection.Conflict{{Settled: &inspection.Settled{At: at(12)}}}
		}, media.ClassGeneral, 12},
		"Amended":        {func(w *world) { w.in.Amendments = []inspection.Amendment{{At: at(13)}} }, media.ClassGeneral, 13},
		"HazardNotMade":  {func(w *world) { w.unmade = true }, media.ClassOpen, 0},
		"HazardOpen":     {func(w *world) { w.hazard.Status = inspection.Rectified }, media.ClassOpen, 0},
		"MajorOpen":      {func(w *world) { w.hazard.Class, w.hazard.Status = inspection.Major, inspection.Confirmed }, media.ClassOpen, 0},
		"HazardOfADraft": {func(w *world) { w.hazard.Draft = true }, media.ClassOpen, 0},
		"Major":          {func(w *world) { w.hazard.Class = inspection.Major }, media.ClassMajor, 10},
		"MajorWithdrawn": {func(w *world) {
			w.hazard.Class, w.hazard.Status, w.hazard.WithdrawnAt = inspection.Major, inspection.Withdrawn, at(11)
		}, media.ClassMajor, 11},
		"KeyProblem":     {func(w *world) { w.hazard.Class = inspection.KeyCase }, media.ClassMajor, 10},
		"MajorLowered":   {func(w *world) { w.hazard.Formerly = inspection.Major }, media.ClassMajor, 10},
		"CalledMajor":    {func(w *world) { w.hazard.Called = inspection.Major }, media.ClassMajor, 10},
		"Listed":         {func(w *world) { w.hazard.Marks.Listed = &inspection.Listing{} }, media.ClassMajor, 10},
		"ToBeTakenAgain": {func(w *world) { w.todo = &media.Todo{At: at(11)} }, media.ClassOpen, 0},
		"TakenAgain":     {func(w *world) { w.todo = &media.Todo{At: at(11), Done: &media.Done{At: at(14)}} }, media.ClassGeneral, 14},
		"LatePhoto":      {func(w *world) { w.received = []media.Arrived{{At: at(20)}} }, media.ClassGeneral, 20},
		"Held":           {func(w *world) { w.holds = []fieldsync.Hold{{At: at(15)}} }, media.ClassHeld, 10},
		"HeldMajor": {func(w *world) {
			w.hazard.Class, w.holds = inspection.Major, []fieldsync.Hold{{At: at(15)}}
		}, media.ClassHeld, 10},
		"HeldOpen": {func(w *world) { w.in.Status, w.holds = inspection.Draft, []fieldsync.Hold{{At: at(15)}} }, media.ClassHeld, 0},
		"Released": {func(w *world) {
			w.holds = []fieldsync.Hold{{At: at(15), Released: &fieldsync.Release{At: at(16)}}}
		}, media.ClassGeneral, 10},
		"WithoutInspection": {func(w *world) { w.hazard.Inspection, w.in.ID = "", "" }, media.ClassGeneral, 10},
		"InspectionNotHere": {func(w *world) { w.in.ID = "" }, media.ClassOpen, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			record := fmt.Sprint(n)
			hazard, w := "h"+record, base(record)
			c.change(&w)
			asked := []string{hazard, record}
			if w.in.ID == "" {
				asked = []string{hazard}
			} else {
				p.put(inspection.Kind, record, w.in)
			}
			if w.unmade {
				asked = []string{record}
			} else {
				p.put(inspection.KindHazard, hazard, w.hazard)
			}
			e := media.Evidence{Inspection: hazard, Arrived: w.received}
			if w.todo != nil {
				e.Todo = []media.Todo{*w.todo}
			}
			p.putWith(fieldsync.KindEvidence, hazard, e, map[string]any{"holds": w.holds}) // stands for the whole case
			for _, id := range asked {
				got, err := p.keeper().Standing(t.Context(), id)
				if err != nil || got.Class != c.want {
					t.Fatalf("%s: %+v %v, want %s", id, got, err, c.want)
				}
				if c.closed == 0 != got.Closed.IsZero() || c.closed > 0 && !got.Closed.Equal(at(c.closed)) {
					t.Errorf("%s: closed %v, want day %d", id, got.Closed, c.closed)
				}
				finite := got.Class == media.ClassMajor || got.Class == media.ClassGeneral
				if finite == got.End.IsZero() || got.Over(got.Closed.Add(2*year)) || got.Over(got.Closed.Add(11*year)) != finite {
					t.Errorf("%s: ends %v", id, got.End)
				}
			}
		})
	}
}

// TestLoweringAClassIsRemembered: what was major once is kept as such.
func TestLoweringAClassIsRemembered(t *testing.T) {
	by := inspection.Cause{As: inspection.Supervisor, User: "chief"}
	h, err := inspection.Regrade(inspection.Hazard{Class: inspection.Major, Status: inspection.Reported}, inspection.RegradeArgs{Class: inspection.General, Reason: "复核为一般"}, by)
	if err != nil || h.Class != inspection.General || !h.Grave() {
		t.Fatalf("%+v %v", h, err)
	}
	if h, err = inspection.Regrade(h, inspection.RegradeArgs{Class: inspection.KeyCase, Reason: "重点"}, by); err != nil || h.Formerly != inspection.Major {
		t.Fatalf("%+v %v", h, err)
	}
}

// night turns the clock to the next day, and does what is done at night and every hour.
func (p *place) night(k *fieldsync.Keeper) fieldsync.Retention {
	p.t.Helper()
	p.now = p.now.Add(24 * time.Hour)
	r, done, err := k.Nightly(context.Background())
	if err != nil || !done || r.Failed > 0 || r.Ended.IsZero() {
		p.t.Fatalf("%+v %v %v", r, done, err)
	}
	if _, err := p.sync.Photos.Sweep(context.Background()); err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *place) nights(k *fieldsync.Keeper, n int) {
	for range n {
		p.night(k)
	}
}

// hold pushes a hold or its end by a supervisor.
func (p *place) hold(t *testing.T, n int, name, id string) {
	t.Helper()
	want(t, p.push(supervisor("chief", "5325"), mutation(n, name, "evidence", id, 0, p.now, fmt.Sprintf(`{"reason":"%s %d"}`, "事故调查", n)))[0], fieldsync.Applied, "")
}

// TestPeriodEnds: a photo of a major case goes ten years after it was closed, and a week; its record stays, and says so
// to everybody who asks.
func TestPeriodEnds(t *testing.T) {
	for _, archived := range []bool{false, true} {
		t.Run(fmt.Sprint(archived), func(t *testing.T) {
			p := newPlace(t)
			wang, chief, photo, _ := closedRecord(t, p)
			b, k := p.sync.Photos.Blobs, p.keeper()
			closed := p.now
			if archived {
				p.now = p.now.Add(quarter + time.Second)
				p.archive(quarter)
			}
			p.now = closed.AddDate(3, 0, 30)
			p.nights(k, 9)
			p.holds(b, photo, true)
			p.now = closed.AddDate(10, 0, -2)
			p.nights(k, 1)
			before := p.doc(fieldsync.KindEvidence, insp1)
			if r := p.night(k); r.Expired != 1 || r.Looked != 1 {
				t.Fatalf("%+v", r)
			}
			for range 7 {
				if r := p.night(k); r.Expired != 0 {
					t.Fatalf("twice: %+v", r)
				}
			}
			p.holds(b, photo, true)
			if d := p.doc(fieldsync.KindEvidence, insp1); d.Rev != before.Rev {
				t.Error("written to before it is erased")
			}
			p.nights(k, 1)
			p.holds(b, photo, false)

			d := p.doc(fieldsync.KindEvidence, insp1)
			if directory.Archived(d.Tokens) != archived || !slices.Equal(d.Tokens, before.Tokens) {
				t.Error("moved", d.Tokens)
			}
			e := p.evidence(insp1)
			a := e.Arrived[0]
			if a.Erased == nil || a.Erased.Class != media.ClassMajor || !a.Erased.At.Equal(p.now) || a.Size != photo.Size || a.By != "wang" || len(e.Missing()) != 0 {
				t.Errorf("%+v", a)
			}
			for _, s := range []string{`"erasures":[{"sha256":"` + photo.SHA256.String(), `"class":"major","closed":"2023-06-05T08:00:00Z","period":{"years":10}`} {
				if !strings.Contains(string(d.Restricted), s) {
					t.Errorf("no %s in %s", s, d.Restricted)
				}
			}
			_, kept := d.Fields[fieldsync.FieldKept]
			if kept || d.Fields[fieldsync.FieldPhotos].Num != 0 || d.Fields[fieldsync.FieldUnreviewed].Num != 0 {
				t.Errorf("%v", d.Fields)
			}
			for _, s := range []fieldsync.Session{wang, chief} {
				if _, err := p.sync.MayOpen(t.Context(), s, insp1, photo.SHA256); !errors.Is(err, media.ErrExpired) {
					t.Error(err)
				}
			}
			if _, err := p.sync.MayOpen(t.Context(), supervisor("other", "5301"), insp1, photo.SHA256); !errors.Is(err, media.ErrNotFound) {
				t.Error("a stranger is told", err)
			}
			photos, err := fieldsync.WallPhotos(d)
			if err != nil || len(photos) != 1 || photos[0].Erased == nil {
				t.Errorf("%+v %v", photos, err)
			}
			args := fmt.Sprintf(`{"sha256":%q,"verdict":"retake","remark":"看不清"}`, photo.SHA256)
			want(t, p.push(chief, mutation(50, "evidence.review", "evidence", insp1, 0, p.now, args))[0], fieldsync.Rejected, media.ErrExpired.Code)
			if r := p.night(k); r.Looked != 0 || p.doc(fieldsync.KindEvidence, insp1).Rev != d.Rev+1 { // the rejected verdict
				t.Errorf("looked at again: %+v", r)
			}

			p.attach(wang, sent(t, b, wang, insp1, "of the record")) // a tablet that was away for ten years
			if a := p.evidence(insp1).Arrived; len(a) != 1 || a[0].Erased == nil {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestHoldWins: a hold that is there before the removal begins keeps the photo, whenever it came; its end lets it go.
func TestHoldWins(t *testing.T) {
	for name, days := range map[string]int{"LongBefore": -100, "InTheGrace": 4} {
		for _, on := range []string{"inspection", "hazard"} {
			t.Run(name+" on the "+on, func(t *testing.T) {
				p := newPlace(t)
				_, _, photo, hazards := closedRecord(t, p)
				boss := enterpriseUser("boss", "mine-1")
				b, k, subject := p.sync.Photos.Blobs, p.keeper(), insp1
				if on == "hazard" { // its evidence is another document, of the same case
					subject = hazards[0]
					p.attach(boss, sent(t, b, boss, subject, "put right"))
				}
				end := p.now.AddDate(10, 0, 1)
				p.now = end.AddDate(0, 0, min(days, 0))
				if days > 0 {
					p.nights(k, days)
				}
				p.hold(t, 60, "evidence.hold", subject)
				if days < 0 {
					p.now = end
				}
				p.nights(k, 30)
				p.holds(b, photo, true)
				p.hold(t, 61, "evidence.release", subject)
				p.nights(k, 7)
				p.holds(b, photo, true)
				p.nights(k, 2)
				p.holds(b, photo, false)
			})
		}
	}
}

// TestHoldThatComesTooLate is on record all the same, and keeps what is left.
func TestHoldThatComesTooLate(t *testing.T) {
	p := newPlace(t)
	wang, _, photo, _ := closedRecord(t, p)
	b, k := p.sync.Photos.Blobs, p.keeper()
	p.now = p.now.AddDate(10, 0, 1)
	p.nights(k, 9)
	p.holds(b, photo, false)
	rest := sent(t, b, wang, insp1, "late")
	p.attach(wang, rest)
	p.hold(t, 60, "evidence.hold", insp1)
	p.now = p.now.AddDate(11, 0, 0)
	p.nights(k, 9)
	p.holds(b, rest, true)
	if e := p.evidence(insp1); e.Arrived[0].Erased == nil || e.Arrived[1].Erased != nil {
		t.Errorf("%+v", e.Arrived)
	}
}

// TestPhotoOfSeveralRecordsGoesWithTheLast: also where the second has never sent it itself.
func TestPhotoOfSeveralRecordsGoesWithTheLast(t *testing.T) {
	for _, sends := range []bool{true, false} {
		t.Run(fmt.Sprint(sends), func(t *testing.T) {
			p := newPlace(t)
			wang, chief, photo, _ := closedRecord(t, p)
			b, k := p.sync.Photos.Blobs, p.keeper()
			begun := p.now
			p.now = p.now.AddDate(5, 0, 0)
			want(t, p.push(wang, mutation(70, "inspection.save", "inspection", insp2, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
			if sends {
				again := photo
				again.Inspection = insp2
				p.attach(wang, again)
			}
			p.now = begun.AddDate(10, 0, 1)
			p.nights(k, 9)
			p.holds(b, photo, true) // the second is a draft
			want(t, p.push(wang, mutation(71, "inspection.submit", "inspection", insp2, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
			for i, h := range p.hazardsOf(insp2) {
				want(t, p.push(chief, mutation(80+i, "hazard.withdraw", "hazard", h, 0, p.now, `{"reason":"误报"}`))[0], fieldsync.Applied, "")
			}
			p.now = p.now.AddDate(9, 0, 0)
			p.nights(k, 9)
			p.holds(b, photo, true)
			p.now = p.now.AddDate(1, 0, 1)
			p.nights(k, 9)
			p.holds(b, photo, false)
			ids := []string{insp1}
			if sends {
				ids = append(ids, insp2)
			}
			for _, id := range ids {
				if a := p.evidence(id).Arrived[0]; a.Erased == nil {
					t.Errorf("%s does not say so", id)
				}
			}
		})
	}
}

// TestNothingExpiresWithoutAPeriod: that is what a server does which was told nothing.
func TestNothingExpiresWithoutAPeriod(t *testing.T) {
	p := newPlace(t)
	_, _, photo, _ := closedRecord(t, p)
	b, k := p.sync.Photos.Blobs, p.keeper()
	k.Periods = media.Periods{}
	p.now = p.now.AddDate(100, 0, 0)
	p.nights(k, 20)
	p.holds(b, photo, true)
}

// bank is a photo store with locks, which may be away.
type bank struct {
	away  bool
	until map[media.SHA256]time.Time
	held  map[media.SHA256]bool
	calls int
}

var errAway = errors.New("away")

// Lock implements media.Locker.
func (b *bank) Lock(_ context.Context, h media.SHA256, until time.Time) error {
	if b.calls++; b.away {
		return errAway
	}
	if until.After(b.until[h]) {
		b.until[h] = until
	}
	return nil
}

// Hold implements media.Locker.
func (b *bank) Hold(_ context.Context, h media.SHA256, on bool) error {
	if b.calls++; b.away {
		return errAway
	}
	b.held[h] = on
	return nil
}

// TestStoreIsToldOfClassesAndHolds: once the class is known, again after a night on which the store was away, and no
// more than once else.
func TestStoreIsToldOfClassesAndHolds(t *testing.T) {
	p := newPlace(t)
	_, chief, photo, hazards := closedRecord(t, p)
	k, s := p.keeper(), &bank{until: map[media.SHA256]time.Time{}, held: map[media.SHA256]bool{}}
	k.Locks = s
	want(t, p.push(chief, mutation(30, "hazard.reopen", "hazard", hazards[0], 0, p.now, `{"reason":"复核属实"}`))[0], fieldsync.Applied, "")
	if r := p.night(k); r.Locked != 0 || s.calls != 0 {
		t.Fatalf("locked while it is open: %+v", r)
	}
	p.now = p.now.Add(time.Hour)
	closed := p.now
	want(t, p.push(chief, mutation(31, "hazard.withdraw", "hazard", hazards[0], 0, p.now, `{"reason":"误报"}`))[0], fieldsync.Applied, "")
	s.away = true
	p.now = p.now.Add(24 * time.Hour)
	if r, done, err := k.Nightly(t.Context()); err != nil || !done || r.Failed == 0 || r.Ended.IsZero() {
		t.Fatalf("%+v %v %v", r, done, err)
	}
	if _, done, err := k.Nightly(t.Context()); err != nil || done {
		t.Fatal("twice a day", err)
	}
	s.away = false
	p.night(k)
	end := closed.AddDate(10, 0, 0)
	if !s.until[photo.SHA256].Equal(end) {
		t.Fatal(s.until[photo.SHA256], "want", end)
	}
	s.calls = 0
	p.nights(k, 3)
	if s.calls != 0 {
		t.Errorf("told %d times what it knew", s.calls)
	}

	var told []string
	p.sync.Held = func(subject string) { told = append(told, subject) }
	p.hold(t, 40, "evidence.hold", insp1)
	if !slices.Equal(told, []string{insp1}) {
		t.Fatal(told)
	}
	s.away = true
	if err := k.Held(t.Context(), insp1); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	s.away = false
	p.night(k) // the document is the truth
	if !s.held[photo.SHA256] {
		t.Fatal("not held")
	}
	p.hold(t, 41, "evidence.release", insp1)
	p.night(k)
	if s.held[photo.SHA256] {
		t.Fatal("held")
	}
	s.until, k.Epoch = map[media.SHA256]time.Time{}, "restored"
	if p.night(k); !s.until[photo.SHA256].Equal(end) {
		t.Error("another store is not told:", s.until[photo.SHA256])
	}
	k.Periods.Major.Years = 20
	if p.night(k); !s.until[photo.SHA256].Equal(closed.AddDate(20, 0, 0)) {
		t.Error("a longer period is not told:", s.until[photo.SHA256])
	}
}

// TestHoldOfAnotherCaseStays: a photo that two cases name is released by the last.
func TestHoldOfAnotherCaseStays(t *testing.T) {
	p := newPlace(t)
	wang, _, photo, _ := closedRecord(t, p)
	want(t, p.push(wang, mutation(70, "inspection.save", "inspection", insp2, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
	again := photo
	again.Inspection = insp2
	p.attach(wang, again)
	k, s := p.keeper(), &bank{until: map[media.SHA256]time.Time{}, held: map[media.SHA256]bool{}}
	k.Locks = s
	p.hold(t, 40, "evidence.hold", insp1)
	p.hold(t, 41, "evidence.hold", insp2)
	p.night(k)
	for i, id := range []string{insp1, insp2} {
		if !s.held[photo.SHA256] {
			t.Fatal("not held before", id, "is released")
		}
		p.hold(t, 42+i, "evidence.release", id)
		p.night(k)
	}
	if s.held[photo.SHA256] {
		t.Fatal("held by nobody")
	}
}

// TestStoppedNightIsTakenUp: a process that died in the middle leaves a report without an end; the next night does it all.
func TestStoppedNightIsTakenUp(t *testing.T) {
	p := newPlace(t)
	_, _, photo, _ := closedRecord(t, p)
	b, k := p.sync.Photos.Blobs, p.keeper()
	p.now = p.now.AddDate(10, 0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	k.Docs = stopping{p.store, func() { cancel() }}
	if _, done, err := k.Nightly(ctx); err == nil || !done {
		t.Fatal(done, err)
	}
	k.Docs = p.store
	if _, done, err := k.Nightly(t.Context()); err != nil || done {
		t.Fatal("twice a day", err)
	}
	p.nights(k, 8)
	p.holds(b, photo, true)
	p.nights(k, 1)
	p.holds(b, photo, false)
}

// stopping is documents during whose first search the process is stopped.
type stopping struct {
	media.Documents
	stop func()
}

func (s stopping) Find(ctx context.Context, q store.Query) (store.Page, error) {
	s.stop()
	return s.Documents.Find(ctx, q)
}

// TestSurveyChangesNothing and tells what is over, class by class.
func TestSurveyChangesNothing(t *testing.T) {
	p := newPlace(t)
	wang, _, photo, _ := closedRecord(t, p)
	want(t, p.push(wang, mutation(70, "inspection.save", "inspection", insp2, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
	p.attach(wang, sent(t, p.sync.Photos.Blobs, wang, insp2, "another"))
	p.now = p.now.AddDate(10, 0, 1)
	before := p.doc(fieldsync.KindEvidence, insp1)
	var due []fieldsync.Due
	n, err := p.keeper().Survey(t.Context(), func(d fieldsync.Due) error { due = append(due, d); return nil })
	if err != nil || len(due) != 1 || due[0].SHA256 != photo.SHA256 || due[0].Subject != insp1 || due[0].Class != media.ClassMajor {
		t.Fatalf("%+v %v", due, err)
	}
	expected := fieldsync.Census{media.ClassMajor: {1, 1, photo.Size}, media.ClassOpen: {1, 1, int64(len("another"))}}
	if !maps.Equal(n, expected) {
		t.Errorf("%+v", n)
	}
	if after := p.doc(fieldsync.KindEvidence, insp1); after.Rev != before.Rev {
		t.Error("changed")
	}
	p.sweep(100)
	p.holds(p.sync.Photos.Blobs, photo, true)
}

// TestArchiveWaitsForEvidence: what has a photo to be taken again, or is held, stays on the tablets, and comes back to them.
func TestArchiveWaitsForEvidence(t *testing.T) {
	retake := func(t *testing.T, p *place, n int, verdict string, photo media.Received) {
		t.Helper()
		args := fmt.Sprintf(`{"sha256":%q,"verdict":%q,"remark":"看不清"}`, photo.SHA256, verdict)
		want(t, p.push(supervisor("chief", "5325"), mutation(n, "evidence.review", "evidence", photo.Inspection, 0, p.now, args))[0], fieldsync.Applied, "")
	}
	for name, c := range map[string]struct {
		begin, end func(t *testing.T, p *place, photo media.Received)
	}{
		"Hold": {
			func(t *testing.T, p *place, r media.Received) { p.hold(t, 60, "evidence.hold", r.Inspection) },
			func(t *testing.T, p *place, r media.Received) { p.hold(t, 61, "evidence.release", r.Inspection) },
		},
		"Todo": {
			func(t *testing.T, p *place, r media.Received) { retake(t, p, 60, "retake", r) },
			func(t *testing.T, p *place, r media.Received) { retake(t, p, 61, "ok", r) },
		},
	} {
		for _, on := range []string{"inspection", "hazard"} {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " on the ", on, " late ", late), func(t *testing.T) {
					p := newPlace(t)
					_, _, photo, hazards := closedRecord(t, p)
					if on == "hazard" {
						boss := enterpriseUser("boss", "mine-1")
						photo = sent(t, p.sync.Photos.Blobs, boss, hazards[0], "put right")
						p.attach(boss, photo)
					}
					subject := store.Ref{Kind: store.Kind(on), ID: photo.Inspection}
					if late { // all is in history when it comes
						p.now = p.now.Add(quarter + time.Second)
						if p.archive(quarter); !directory.Archived(p.doc(subject.Kind, subject.ID).Tokens) {
							t.Fatal("not archived")
						}
					}
					c.begin(t, p, photo)
					p.now = p.now.Add(3 * quarter)
					p.archive(quarter)
					for _, ref := range []store.Ref{subject, {Kind: "inspection", ID: insp1}, {Kind: "evidence", ID: photo.Inspection}} {
						if d := p.doc(ref.Kind, ref.ID); directory.Archived(d.Tokens) {
							t.Errorf("%s is archived", ref.Kind)
						}
					}
					c.end(t, p, photo)
					p.now = p.now.Add(quarter + time.Second)
					p.archive(quarter)
					for _, ref := range []store.Ref{subject, {Kind: "inspection", ID: insp1}, {Kind: "evidence", ID: photo.Inspection}} {
						if d := p.doc(ref.Kind, ref.ID); !directory.Archived(d.Tokens) {
							t.Errorf("%s is not archived", ref.Kind)
						}
					}
				})
			}
		}
	}
}

// BenchmarkNight asks about cases of three hazards and twenty photos whose period is not over, as on each night of a
// server that keeps major cases for long.
func BenchmarkNight(b *testing.B) {
	p := newPlace(b)
	withLedger(b, p)
	const cases = 500
	closed := p.now
	for i := range cases {
		id := fmt.Sprint("case-", i)
		in := inspection.Inspection{ID: inspection.ID(id), Status: inspection.Submitted, Submitted: &inspection.Submission{ReceivedAt: closed}}
		e := media.Evidence{Inspection: id}
		var docs []store.Doc
		for n := range 3 {
			h := inspection.Hazard{ID: inspection.HazardID(fmt.Sprint(id, "-", n)), Inspection: in.ID, Class: inspection.Major, Status: inspection.Accepted, AcceptedAt: closed}
			in.Hazards = append(in.Hazards, h.ID)
			docs = append(docs, p.made(inspection.KindHazard, string(h.ID), h, nil))
		}
		for n := range 20 {
			e, _ = e.Receive(media.Arrived{SHA256: media.Sum(fmt.Append(nil, id, n)), Size: 3 << 20, At: closed})
		}
		d := p.made(fieldsync.KindEvidence, id, e, nil)
		d.Fields = store.Fields{fieldsync.FieldKept: store.Time(closed)}
		p.commit(append(docs, d, p.made(inspection.Kind, id, in, nil))...)
	}
	k := p.keeper()
	p.now = closed.AddDate(5, 0, 0)
	for b.Loop() {
		p.now = p.now.Add(24 * time.Hour)
		if r, done, err := k.Nightly(context.Background()); err != nil || !done || r.Looked != cases || r.Expired > 0 {
			b.Fatal(r, done, err)
		}
	}
	b.ReportMetric(float64(cases*b.N)/b.Elapsed().Seconds(), "cases/s")
}
