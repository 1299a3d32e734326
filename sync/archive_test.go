package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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

const quarter = 90 * 24 * time.Hour

func (p *place) archive(after time.Duration) fieldsync.Archived {
	p.t.Helper()
	n, err := (&fieldsync.Archiver{Service: p.sync, After: after}).Sweep(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *place) doc(kind store.Kind, id string) store.Doc {
	p.t.Helper()
	d, err := p.store.One(context.Background(), store.Ref{Kind: kind, ID: id})
	if err != nil {
		p.t.Fatal(kind, id, err)
	}
	return d
}

// hazardsOf are the ids of the hazards of an inspection.
func (p *place) hazardsOf(id string) []string {
	p.t.Helper()
	in, err := inspection.Decode(p.doc("inspection", id).Body, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	out := make([]string, len(in.Hazards))
	for i, h := range in.Hazards {
		out[i] = string(h)
	}
	return out
}

// closedRecord makes a submitted inspection with a photo that has arrived, whose hazards are withdrawn.
func closedRecord(t *testing.T, p *place) (wang, chief fieldsync.Session, photo media.Received, hazards []string) {
	t.Helper()
	wang, chief = inspector("wang", "532504/coal-mine"), supervisor("chief", "5325")
	photo = sent(t, withLedger(t, p), wang, insp1, "of the record")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, photo)))[0], fieldsync.Applied, "")
	p.attach(wang, photo)
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	hazards = p.hazardsOf(insp1)
	if len(hazards) == 0 {
		t.Fatal("no hazard")
	}
	for i, h := range hazards {
		want(t, p.push(chief, mutation(10+i, "hazard.withdraw", "hazard", h, 0, p.now, `{"reason":"误报"}`))[0], fieldsync.Applied, "")
	}
	return wang, chief, photo, hazards
}

// removals are the removals of a page, by kind and id.
func removals(page fieldsync.PullResponse) map[string]string {
	out := map[string]string{}
	for _, c := range page.Changes {
		if c.Removed != "" {
			out[string(c.Kind)+"/"+c.ID] = c.Removed
		}
	}
	return out
}

func names(page fieldsync.PullResponse) []string {
	var out []string
	for _, c := range page.Changes {
		if c.Removed == "" {
			out = append(out, string(c.Kind)+"/"+c.ID)
		}
	}
	slices.Sort(out)
	return out
}

// TestWhatIsClosedLongAgoLeavesTheTablets follows one record through the archive and back.
func TestWhatIsClosedLongAgoLeavesTheTablets(t *testing.T) {
	p := newPlace(t)
	wang, chief, photo, hazards := closedRecord(t, p)
	mine, stranger := enterpriseUser("boss", "mine-1"), inspector("zhao", "532501/coal-mine")
	analyst := inspector("stat", "5325")
	analyst.User.Roles, analyst.User.Grants[0].Role = []directory.Role{directory.RoleAnalyst}, directory.RoleAnalyst
	p.now = p.now.Add(quarter)
	if n := p.archive(quarter); n != (fieldsync.Archived{}) {
		t.Fatalf("archived on the last day: %+v", n)
	}
	cursors := map[directory.UserID]string{}
	readers := []fieldsync.Session{wang, chief, mine, analyst, stranger}
	for _, s := range readers {
		page, _ := p.pull(s, "")
		cursors[s.User.ID] = page.Cursor
	}
	before := p.doc("inspection", insp1)
	p.now = p.now.Add(time.Second)
	if n := p.archive(quarter); n != (fieldsync.Archived{Hazards: len(hazards), Inspections: 1, Evidence: 1}) {
		t.Fatalf("%+v", n)
	}
	if n := p.archive(quarter); n != (fieldsync.Archived{}) {
		t.Fatalf("archived twice: %+v", n)
	}
	after := p.doc("inspection", insp1)
	if string(after.Body) != string(before.Body) || string(after.Memory) != string(before.Memory) {
		t.Error("archiving changed the record")
	}
	told := map[string]string{"inspection/" + insp1: "archived"}
	for _, h := range hazards {
		told["hazard/"+h] = "archived"
	}
	for _, s := range readers {
		page, raw := p.pull(s, cursors[s.User.ID])
		expected := maps.Clone(told)
		switch s.User.ID {
		case "stat": // shown no evidence
		case "zhao":
			expected = map[string]string{}
		default:
			expected["evidence/"+insp1] = "archived"
		}
		if got := removals(page); !maps.Equal(got, expected) || len(page.Changes) != len(expected) {
			t.Errorf("%s: told %v, want %v", s.User.ID, got, expected)
		}
		if again, _ := p.pull(s, page.Cursor); len(again.Changes) != 0 {
			t.Errorf("%s: told again: %v", s.User.ID, again.Changes)
		}
		if strings.Contains(raw, "history:") {
			t.Errorf("%s: %s", s.User.ID, raw)
		}
		if fresh, _ := p.pull(s, ""); len(fresh.Changes) != 0 {
			t.Errorf("%s: a first sync brings %v", s.User.ID, names(fresh))
		}
		_, err := p.sync.MayOpen(context.Background(), s, insp1, photo.SHA256)
		if may := err == nil; may != (s.User.ID != "zhao" && s.User.ID != "stat") {
			t.Errorf("%s opens the photo: %v", s.User.ID, err)
		}
	}
	p.sweep(400)
	if _, err := p.sync.Photos.Blobs.Stat(context.Background(), photo.SHA256); err != nil {
		t.Error("the photo of an archived record is gone:", err)
	}
	start, _ := p.pull(chief, "")

	// A remark brings the inspection back with its evidence, and none of its hazards; reopening brings the hazard.
	want(t, p.push(chief, mutation(31, "inspection.remark", "inspection", insp1, 0, p.now, `{"text":"抽查"}`))[0], fieldsync.Applied, "")
	page, _ := p.pull(chief, start.Cursor)
	if got := names(page); !slices.Equal(got, []string{"evidence/" + insp1, "inspection/" + insp1}) {
		t.Fatalf("a remark brought back %v", got)
	}
	want(t, p.push(chief, mutation(32, "hazard.reopen", "hazard", hazards[0], 0, p.now, `{"reason":"复核属实"}`))[0], fieldsync.Applied, "")
	page, _ = p.pull(chief, page.Cursor)
	if got := names(page); !slices.Equal(got, []string{"hazard/" + hazards[0]}) {
		t.Fatalf("reopening brought back %v", got)
	}
	p.now = p.now.Add(2 * quarter)
	if n := p.archive(quarter); n != (fieldsync.Archived{}) {
		t.Fatalf("archived with an open hazard: %+v", n)
	}
	want(t, p.push(chief, mutation(33, "hazard.withdraw", "hazard", hazards[0], 0, p.now, `{"reason":"误报"}`))[0], fieldsync.Applied, "")
	p.now = p.now.Add(quarter + time.Second)
	if n := p.archive(quarter); n != (fieldsync.Archived{Hazards: 1, Inspections: 1, Evidence: 1}) {
		t.Fatalf("%+v", n)
	}
}

// TestReopeningBringsTheInspectionBack also when the answer was lost after the hazard was durable and before the rest.
func TestReopeningBringsTheInspectionBack(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			p := newPlace(t)
			_, chief, _, hazards := closedRecord(t, p)
			p.now = p.now.Add(quarter + time.Second)
			p.archive(quarter)
			m := mutation(40, "hazard.reopen", "hazard", hazards[0], 0, p.now, `{"reason":"复核属实"}`)
			want(t, p.push(chief, m)[0], fieldsync.Applied, "")
			if lost { // as after a stop between the two
				for _, kind := range []store.Kind{"inspection", "evidence"} {
					p.move(kind, insp1)
				}
				want(t, p.push(chief, m)[0], fieldsync.Duplicate, "")
			}
			for ref, archived := range map[store.Ref]bool{
				{Kind: "hazard", ID: hazards[0]}: false, {Kind: "inspection", ID: insp1}: false, {Kind: "evidence", ID: insp1}: false,
			} {
				if d := p.doc(ref.Kind, ref.ID); directory.Archived(d.Tokens) != archived {
					t.Errorf("%s is archived: %v", ref.Kind, !archived)
				}
			}
		})
	}
}

// move puts a document into history as it stands.
func (p *place) move(kind store.Kind, id string) {
	p.t.Helper()
	d := p.doc(kind, id)
	n := d
	n.Tokens = directory.HistoryTokens(d.Tokens)
	if outs, err := p.store.Commit(context.Background(), []store.Write{{Old: d, New: n}}); err != nil || outs[0].Status != store.OK {
		p.t.Fatal(outs, err)
	}
}

// TestCommandDuringArchivingWins: a hazard is reopened at each moment of the sweep; in the end nothing of it is in history.
func TestCommandDuringArchivingWins(t *testing.T) {
	for at := range 3 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			p := newPlace(t)
			_, chief, _, hazards := closedRecord(t, p)
			p.now = p.now.Add(quarter + time.Second)
			seen := 0
			p.sync.Reached = func(place string) {
				if place != fieldsync.AfterArchiving {
					return
				}
				if seen++; seen-1 == at {
					want(t, p.push(chief, mutation(50, "hazard.reopen", "hazard", hazards[0], 0, p.now, `{"reason":"复核属实"}`))[0], fieldsync.Applied, "")
				}
			}
			p.archive(quarter)
			for _, ref := range []store.Ref{{Kind: "hazard", ID: hazards[0]}, {Kind: "inspection", ID: insp1}, {Kind: "evidence", ID: insp1}} {
				if d := p.doc(ref.Kind, ref.ID); directory.Archived(d.Tokens) {
					t.Errorf("%s stayed in history", ref.Kind)
				}
			}
		})
	}
}

// TestStoppedSweepIsTakenUp stops the process after each of a sweep's writes.
func TestStoppedSweepIsTakenUp(t *testing.T) {
	for at := range 3 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			p := newPlace(t)
			_, _, _, hazards := closedRecord(t, p)
			p.now = p.now.Add(quarter + time.Second)
			stop := errors.New("stopped")
			seen := 0
			p.sync.Reached = func(string) {
				if seen++; seen-1 == at {
					panic(stop)
				}
			}
			func() {
				defer func() {
					if got := recover(); got != stop {
						t.Fatal(got)
					}
				}()
				p.archive(quarter)
			}()
			p.stop()
			p.open()
			p.archive(quarter)
			refs := []store.Ref{{Kind: "inspection", ID: insp1}, {Kind: "evidence", ID: insp1}}
			for _, h := range hazards {
				refs = append(refs, store.Ref{Kind: "hazard", ID: h})
			}
			for _, ref := range refs {
				if d := p.doc(ref.Kind, ref.ID); !directory.Archived(d.Tokens) {
					t.Errorf("%s %s stayed in the working set", ref.Kind, ref.ID)
				}
			}
		})
	}
}

// TestEvidenceOfAnArchivedRecord: a photo that comes late and a review bring the evidence back alone, until it is quiet.
func TestEvidenceOfAnArchivedRecord(t *testing.T) {
	p := newPlace(t)
	wang, chief, photo, _ := closedRecord(t, p)
	archived := func() [2]bool {
		return [2]bool{directory.Archived(p.doc("inspection", insp1).Tokens), directory.Archived(p.doc("evidence", insp1).Tokens)}
	}
	p.now = p.now.Add(quarter + time.Second)
	p.archive(quarter)
	p.attach(wang, photo) // the same again changes nothing
	if archived() != [2]bool{true, true} {
		t.Fatal(archived())
	}
	review := mutation(60, "evidence.review", "evidence", insp1, 0, p.now, `{"sha256":"`+photo.SHA256.String()+`","verdict":"doubtful"}`)
	want(t, p.push(chief, review)[0], fieldsync.Applied, "")
	if archived() != [2]bool{true, false} {
		t.Fatal(archived())
	}
	p.now = p.now.Add(quarter + time.Second)
	if n := p.archive(quarter); n != (fieldsync.Archived{Evidence: 1}) {
		t.Fatalf("%+v", n)
	}
	late := media.Received{SHA256: media.Sum([]byte("late")), Size: 4, Photo: media.Photo{Type: media.JPEG}, Inspection: insp1, Owner: "wang", Device: "dev-wang"}
	p.attach(wang, late)
	if archived() != [2]bool{true, false} {
		t.Fatal(archived())
	}
	if d := p.doc("evidence", insp1); !slices.Equal(d.Tokens, directory.PresentTokens(p.doc("inspection", insp1).Tokens)) {
		t.Errorf("back with %v", d.Tokens)
	}
}

// TestAmendingAnArchivedRecord brings it back, with what the amendment makes of its hazards.
func TestAmendingAnArchivedRecord(t *testing.T) {
	p := newPlace(t)
	wang, _, _, hazards := closedRecord(t, p)
	p.now = p.now.Add(quarter + time.Second)
	p.archive(quarter)
	args := `{"reason":"笔误","answers":[{"item":"gas.methane-return","instance":"1201回风","number":0.5,"unit":"%"}],"signatures":` + signed + `}`
	want(t, p.push(wang, mutation(70, "inspection.amend", "inspection", insp1, 0, p.now, args))[0], fieldsync.Applied, "")
	d := p.doc("inspection", insp1)
	if directory.Archived(d.Tokens) || d.Fields["pendingEffects"].Num > 0 {
		t.Fatal(d.Tokens, d.Fields)
	}
	page, _ := p.pull(wang, "")
	held := names(page)
	if !slices.Contains(held, "evidence/"+insp1) {
		t.Errorf("without its evidence: %v", held)
	}
	for _, h := range hazards {
		hz, err := inspection.DecodeHazard(p.doc("hazard", h).Body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if hz.Marks.Amended == directory.Archived(p.doc("hazard", h).Tokens) {
			t.Errorf("hazard %s: amended %v", h, hz.Marks.Amended)
		}
	}
	for i, s := range []fieldsync.Session{inspector("zhao", "532501/coal-mine"), enterpriseUser("rival", "mine-2")} {
		r := p.push(s, mutation(71+i, "inspection.remark", "inspection", insp1, 0, p.now, `{"text":"x"}`))[0]
		want(t, r, fieldsync.Rejected, "sync.forbidden")
	}
}

// TestP5ArchiveOracle plays seeded histories of records that are closed, archived, touched and reopened, of grants that come and
// end, and of tablets that pull in pages of one to three. What each tablet is told and holds is what an oracle of plain
// rules says, document by document.
func TestP5ArchiveOracle(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playArchive(t, rand.New(rand.NewPCG(seed, 44))) })
	}
}

// filed is what the oracle knows of one document.
type filed struct {
	fact     *fact
	hazard   bool
	open     bool
	changed  time.Time
	archived bool
}

func playArchive(t *testing.T, r *rand.Rand) {
	const after = 5 * time.Hour
	p := newPlace(t)
	archiver := fieldsync.Archiver{Service: p.sync, After: after}
	begin := p.now
	inspectors := []fieldsync.Session{inspector("wang", "532504/coal-mine"), inspector("zhao", "532501/coal-mine")}
	chief := supervisor("chief", "5325")
	coming := supervisor("new", "532504")
	coming.User.Grants[0].From = begin.Add(30 * time.Hour)
	coming.User.Grants = append(coming.User.Grants, directory.Grant{Token: "532501", Role: directory.RoleSupervisor, Until: begin.Add(45 * time.Hour)})
	both := supervisor("both", "532504")
	both.User.Roles = append(both.User.Roles, directory.RoleInspector)
	both.User.Grants = append(both.User.Grants, directory.Grant{Token: "5325", Role: directory.RoleInspector})
	var viewers []*viewer
	for _, s := range append(slices.Clone(inspectors), chief, coming, both, supervisor("county", "532501/coal-mine"), enterpriseUser("boss1", "mine-1"), enterpriseUser("boss2", "mine-2")) {
		viewers = append(viewers, &viewer{session: s, held: map[string][]store.Token{}})
	}
	places := []struct{ region, enterprise string }{{"532504", "mine-1"}, {"532501", "mine-2"}}
	files := map[string]*filed{}
	number := map[directory.UserID]int{}
	do := func(s fieldsync.Session, name, kind, id, args string) {
		t.Helper()
		number[s.User.ID]++
		want(t, p.push(s, mutation(number[s.User.ID], name, kind, id, 0, p.now, args))[0], fieldsync.Applied, "")
	}
	ids := func(pick func(*filed) bool) (out []string) {
		for _, id := range slices.Sorted(maps.Keys(files)) {
			if pick(files[id]) {
				out = append(out, id)
			}
		}
		return out
	}
	for n := range 160 {
		switch r.IntN(8) {
		case 0:
			i := r.IntN(2)
			f := &fact{id: fmt.Sprintf("018f0000-0000-7000-8000-%012d", n+1), region: places[i].region, enterprise: places[i].enterprise, author: string(inspectors[i].User.ID), submitted: true}
			args := strings.NewReplacer(`"532504"`, `"`+f.region+`"`, "mine-1", f.enterprise, `"wang","li"`, `"`+f.author+`"`).Replace(saveArgs(t, methane))
			do(inspectors[i], "inspection.save", "inspection", f.id, args)
			do(inspectors[i], "inspection.submit", "inspection", f.id, `{"signatures":`+signed+`}`)
			files[f.id] = &filed{fact: f, changed: p.now}
			for _, h := range p.hazardsOf(f.id) {
				files[h] = &filed{fact: f, hazard: true, open: true, changed: p.now}
			}
		case 1, 2:
			for _, id := range ids(func(f *filed) bool { return f.hazard }) {
				f := files[id]
				if r.IntN(2) == 0 {
					continue
				}
				name, args := "hazard.withdraw", `{"reason":"误报"}`
				if !f.open {
					if r.IntN(4) > 0 {
						continue
					}
					name, args = "hazard.reopen", `{"reason":"复核属实"}`
				}
				do(chief, name, "hazard", id, args)
				f.open, f.changed, f.archived = !f.open, p.now, false
				if f.open {
					files[f.fact.id].archived = false
				}
			}
		case 3:
			if all := ids(func(f *filed) bool { return !f.hazard }); len(all) > 0 {
				id := all[r.IntN(len(all))]
				do(chief, "inspection.remark", "inspection", id, `{"text":"抽查"}`)
				files[id].changed, files[id].archived = p.now, false
			}
		case 4:
			p.now = p.now.Add(2 * time.Hour)
		case 5:
			if _, err := archiver.Sweep(context.Background()); err != nil {
				t.Fatal(err)
			}
			old := func(f *filed) bool { return f.archived || !f.open && f.changed.Before(p.now.Add(-after)) }
			for _, hazards := range []bool{true, false} {
				for _, id := range ids(func(f *filed) bool { return f.hazard == hazards && old(f) }) {
					busy := ids(func(f *filed) bool { return !hazards && f.hazard && f.fact.id == id && !old(f) })
					files[id].archived = files[id].archived || len(busy) == 0
				}
			}
		default:
			viewers[r.IntN(len(viewers))].take(t, p, files, 1+r.IntN(3))
		}
	}
	for _, v := range viewers {
		for v.take(t, p, files, 1+r.IntN(3)) {
		}
		expected := ids(func(f *filed) bool { return !f.archived && maySee(v.session.User, *f.fact, p.now) })
		if got := slices.Sorted(maps.Keys(v.held)); !slices.Equal(got, expected) {
			t.Errorf("%s holds %v, should hold %v", v.session.User.ID, got, expected)
		}
	}
}

// maySee is sees with grants that begin.
func maySee(u directory.User, f fact, at time.Time) bool {
	u.Grants = slices.DeleteFunc(slices.Clone(u.Grants), func(g directory.Grant) bool { return at.Before(g.From) })
	return sees(u, f, at)
}

// take pulls one page of a few changes and sets it against the oracle.
func (v *viewer) take(t *testing.T, p *place, files map[string]*filed, limit int) bool {
	t.Helper()
	b, err := p.sync.Pull(context.Background(), v.session, fieldsync.PullRequest{Cursor: v.cursor, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	var page fieldsync.PullResponse
	if err := json.Unmarshal(b, &page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "history:") {
		t.Fatalf("a history token was sent: %s", b)
	}
	if page.Reset {
		clear(v.held)
	}
	for id, via := range v.held {
		if via = slices.DeleteFunc(slices.Clone(via), func(x store.Token) bool { return slices.Contains(page.Forget, x) }); len(via) == 0 {
			delete(v.held, id)
		} else {
			v.held[id] = via
		}
	}
	for _, c := range page.Changes {
		f := files[c.ID]
		if f == nil {
			t.Fatalf("%s was sent %s %s", v.session.User.ID, c.Kind, c.ID)
		}
		may := maySee(v.session.User, *f.fact, p.now)
		switch {
		case c.Removed == "archived" && f.archived && may:
			delete(v.held, c.ID)
		case c.Removed == "" && !f.archived && may:
			v.held[c.ID] = c.Via
		default:
			t.Fatalf("%s was sent %q of %s: archived %v, may see %v", v.session.User.ID, c.Removed, c.ID, f.archived, may)
		}
	}
	v.cursor = page.Cursor
	return page.More
}

// BenchmarkArchive moves records of one hazard each to history and reports how many documents it moves a second, and how
// long a sweep takes that finds only what has to stay.
func BenchmarkArchive(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p := newPlace(b)
		var ws []store.Write
		for i := range 2000 {
			id := inspection.ID(fmt.Sprintf("018f0000-0000-7000-8000-%012d", i))
			h := inspection.Hazard{ID: inspection.HazardID(fmt.Sprint("h", i)), Inspection: id, Region: "532504", Sectors: []inspection.Sector{"coal-mine"}, Status: inspection.Accepted, ReceivedAt: p.now}
			if i%2 == 0 {
				h.Status = inspection.Rectifying
			}
			in := inspection.Inspection{ID: id, Status: inspection.Submitted, Hazards: []inspection.HazardID{h.ID}, Submitted: &inspection.Submission{ReceivedAt: p.now}}
			in.Header.Region, in.Header.Sectors = h.Region, h.Sectors
			body, _, err := inspection.Encode(&in)
			if err != nil {
				b.Fatal(err)
			}
			hb, _, err := inspection.EncodeHazard(&h)
			if err != nil {
				b.Fatal(err)
			}
			ws = append(ws,
				store.Write{New: store.Doc{Ref: store.Ref{Kind: inspection.Kind, ID: string(id)}, Tokens: inspection.Tokens(&in), Fields: inspection.Fields(&in), Body: body}},
				store.Write{New: store.Doc{Ref: store.Ref{Kind: inspection.KindHazard, ID: string(h.ID)}, Tokens: inspection.HazardTokens(&h), Fields: inspection.HazardFields(&h), Body: hb}})
		}
		if _, err := p.store.Commit(context.Background(), ws); err != nil {
			b.Fatal(err)
		}
		p.now = p.now.Add(quarter + time.Second)
		a := fieldsync.Archiver{Service: p.sync, After: quarter}
		b.StartTimer()
		began := time.Now()
		n, err := a.Sweep(context.Background())
		moved := time.Since(began)
		if err != nil || n != (fieldsync.Archived{Hazards: 1000, Inspections: 1000}) {
			b.Fatal(n, err)
		}
		began = time.Now()
		if n, err := a.Sweep(context.Background()); err != nil || n != (fieldsync.Archived{}) {
			b.Fatal(n, err)
		}
		b.ReportMetric(2000/moved.Seconds(), "docs/s")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-idle")
	}
}
