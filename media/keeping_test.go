package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	docstore "paicha/internal/store"
	"paicha/media"
	"paicha/media/fs"
)

// paper is the evidence of one record, as far as it says something about the one photo.
type paper struct {
	Names  bool // it has the photo
	Keeps  bool // it is open, or held
	Erased bool
}

func paperRef(record string) docstore.Ref { return docstore.Ref{Kind: "evidence", ID: record} }

func readPaper(d docstore.Doc) paper {
	var p paper
	if d.Rev > 0 {
		if err := json.Unmarshal(d.Body, &p); err != nil {
			panic(err)
		}
	}
	return p
}

// papers is the evidence of a world; each call of the documents is a step. It implements media.Keeping as package sync
// does.
type papers struct{ w *world }

// Due implements media.Keeping.
func (p papers) Due(ctx context.Context, _ media.SHA256, records []string) (media.Class, bool, error) {
	for _, r := range records {
		docs, err := p.w.Get(ctx, paperRef(r))
		if err != nil {
			return "", false, err
		}
		if e := readPaper(docs[0]); !e.Names || e.Keeps && !e.Erased {
			return "", false, nil
		}
	}
	return media.ClassGeneral, true, nil
}

// Erased implements media.Keeping.
func (p papers) Erased(ctx context.Context, _ media.SHA256, records []string, _ media.Class) error {
	for _, r := range records {
		if err := p.change(ctx, r, func(e *paper) { e.Erased = true }); err != nil {
			return err
		}
	}
	return nil
}

func (p papers) change(ctx context.Context, record string, f func(*paper)) error {
	for {
		docs, err := p.w.Get(ctx, paperRef(record))
		if err != nil {
			return err
		}
		e := readPaper(docs[0])
		f(&e)
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		outs, err := p.w.Commit(ctx, []docstore.Write{{Old: docs[0], New: docstore.Doc{Ref: paperRef(record), Body: body}}})
		if err != nil || outs[0].Status == docstore.OK {
			return err
		}
	}
}

func papersOf(l *media.Ledger) papers {
	p, ok := l.Keeping.(papers)
	if !ok {
		panic("other evidence")
	}
	return p
}

// The actors of a period's end.
var (
	expirer = actor{name: "expire", do: func(l *media.Ledger) error {
		_, err := l.Expire(context.Background(), orphanHash)
		return err
	}}
	holder   = actor{name: "hold", do: func(l *media.Ledger) error { return keeps(l, true) }}
	releaser = actor{name: "release", do: func(l *media.Ledger) error { return keeps(l, false) }}
	second   = actor{name: "another record", do: func(l *media.Ledger) error {
		if err := send(l); err != nil {
			return err
		}
		return joined(l, l.Enter)
	}}
	attaching = actor{name: "a record that waited", do: func(l *media.Ledger) error { return joined(l, l.Attach) }}
)

func keeps(l *media.Ledger, on bool) error {
	return papersOf(l).change(context.Background(), "i-1", func(e *paper) { e.Keeps = on })
}

// joined has a second record name the photo, one whose period is not over.
func joined(l *media.Ledger, note func(context.Context, media.SHA256, string) error) error {
	if err := note(context.Background(), orphanHash, "i-2"); err != nil {
		return err
	}
	return papersOf(l).change(context.Background(), "i-2", func(e *paper) { *e = paper{Names: true, Keeps: true} })
}

// ends are the states that a story about a period's end may begin in.
func ends() map[string]func(l *media.Ledger) error {
	kept := func(l *media.Ledger) error {
		return errors.Join(send(l), l.Enter(context.Background(), orphanHash, "i-1"),
			papersOf(l).change(context.Background(), "i-1", func(e *paper) { e.Names = true }))
	}
	expired := func(l *media.Ledger) error { return errors.Join(kept(l), expirer.do(l)) }
	return map[string]func(l *media.Ledger) error{
		"kept": kept, "expired": expired,
		"held":         func(l *media.Ledger) error { return errors.Join(kept(l), holder.do(l)) },
		"expired held": func(l *media.Ledger) error { return errors.Join(expired(l), holder.do(l)) },
		"ended":        func(l *media.Ledger) error { return errors.Join(expired(l), one(l, l.EraseOne)) },
	}
}

// watch looks for what must never be: a hold that was durable before the removal began and a photo that goes all the
// same; a second record that was told it has the photo and has not; evidence that says a photo is erased before it is.
func watch() func(docs map[docstore.Ref]docstore.Doc, state media.BlobState, there bool) string {
	var held, joined, erased bool
	before, first := media.Unrecorded, true
	return func(docs map[docstore.Ref]docstore.Doc, state media.BlobState, there bool) string {
		a, b := readPaper(docs[paperRef("i-1")]), readPaper(docs[paperRef("i-2")])
		going := before == media.Erasing || before == media.Erased
		defer func() { before, first = state, false }()
		switch {
		case !a.Keeps:
			held = false
		case !a.Erased && (first && state != media.Erasing && state != media.Erased || !first && !going):
			held = true
		}
		if first {
			erased = a.Erased
		}
		joined = joined || b.Names
		switch {
		case held && (!there || a.Erased || state == media.Erased):
			return "a photo went that was held before"
		case joined && (!there || b.Erased):
			return "a photo went that another record has"
		case a.Erased && !erased && state != media.Erasing:
			return "erased by the evidence, and " + string(state)
		}
		erased = a.Erased
		return ""
	}
}

func endings() map[string][]actor {
	again := eraser
	again.name = "erase too"
	out := map[string][]actor{
		"expire, erase and hold":          {expirer, eraser, holder},
		"erase and release":               {eraser, releaser},
		"expire, erase and attach":        {expirer, eraser, attaching},
		"erase and upload":                {eraser, second},
		"erase, hold and attach":          {eraser, holder, attaching},
		"expire and upload":               {expirer, second},
		"two erasers and hold":            {eraser, again, holder},
		"expire twice, and an orphan's":   {expirer, {name: "expire too", do: expirer.do}, condemner},
		"erase and an upload for nothing": {eraser, uploader},
	}
	for dies := 1; dies <= 7; dies++ { // who takes it up after the lease is in TestDeadEraserOfAnExpiredPhoto
		dead := eraser
		dead.dies = dies
		out[fmt.Sprintf("dead eraser after %d and hold", dies)] = []actor{dead, holder}
	}
	return out
}

// TestExpiryInEveryOrder plays all interleavings of hold, expiry, erasure and attaching again.
func TestExpiryInEveryOrder(t *testing.T) {
	total := 0
	for name, cast := range endings() {
		for begin, prepare := range ends() {
			n := everyOrder(func(choose func(int) int) { perform(t, memory{}, begin, prepare, cast, choose, watch()) })
			total += n
			t.Logf("%s from %s: %d orders", name, begin, n)
		}
	}
	t.Logf("%d orders in all", total)
	r := rand.New(rand.NewPCG(5, 6))
	for begin, prepare := range ends() { // all at once: some of the orders
		for range 1000 {
			perform(t, memory{}, begin, prepare, []actor{expirer, eraser, holder, releaser, second}, r.IntN, watch())
		}
	}
}

// TestExpiryOnDisk plays some of them with photos in files.
func TestExpiryOnDisk(t *testing.T) {
	s, err := fs.Open(t.TempDir())
	must(t, err)
	defer func() { _ = s.Close() }()
	r := rand.New(rand.NewPCG(7, 8))
	for _, cast := range endings() {
		for begin, prepare := range ends() {
			for range 4 {
				must(t, s.Blobs().Delete(context.Background(), orphanHash))
				perform(t, s.Blobs(), begin, prepare, cast, r.IntN, watch())
			}
		}
	}
}

// ended is a ledger with a photo that has expired, the world, and a clock that the test turns.
func ended(t *testing.T) (*media.Ledger, *world, *time.Time) {
	t.Helper()
	l, w, clock := ledger(t)
	l.Keeping = papers{w}
	must(t, ends()["expired"](l))
	return l, w, clock
}

func state(w *world) media.BlobState { return media.StateOf(w.docs[media.BlobRef(orphanHash)]) }

// TestDeadEraserOfAnExpiredPhoto: another finishes what one left, or spares the photo if it is held and still there.
func TestDeadEraserOfAnExpiredPhoto(t *testing.T) {
	for dies := 2; dies <= 8; dies++ {
		for _, held := range []bool{false, true} {
			l, w, clock := ended(t)
			steps := 0
			func() {
				defer func() { _ = recover() }()
				w.step = func() {
					if steps++; steps > dies {
						panic(errDead)
					}
				}
				must(t, one(l, l.EraseOne))
			}()
			w.step = nil
			_, err := l.Blobs.Stat(context.Background(), orphanHash)
			there := err == nil
			if held {
				must(t, holder.do(l))
			}
			must(t, one(l, l.EraseOne)) // the lease is not over
			if _, err := l.Blobs.Stat(context.Background(), orphanHash); (err == nil) != there {
				t.Fatal(dies, "somebody else was at it")
			}
			*clock = clock.Add(25 * time.Hour)
			must(t, one(l, l.EraseOne))
			want := media.Erased
			if held && there {
				want = media.Attached
			}
			_, err = l.Blobs.Stat(context.Background(), orphanHash)
			said := readPaper(w.docs[paperRef("i-1")]).Erased
			if got := state(w); got != want || (err == nil) != (want == media.Attached) || said != (want == media.Erased) {
				t.Errorf("after %d steps, held %v: %s, %v, erased by the evidence: %v", dies, held, got, err, said)
			}
		}
	}
}

// TestWhatIsNotKnownNeverExpires: a photo that was attached before anybody noted by whom, one that a record was told of
// and does not show, one that very many name, one that no rule is for.
func TestWhatIsNotKnownNeverExpires(t *testing.T) {
	ctx := context.Background()
	expires := func(t *testing.T, l *media.Ledger, want bool) {
		t.Helper()
		got, err := l.Expire(ctx, orphanHash)
		if err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	fresh := func(t *testing.T) (*media.Ledger, *world) {
		l, w, _ := ledger(t)
		l.Keeping = papers{w}
		must(t, ends()["kept"](l))
		return l, w
	}
	t.Run("NamesUnknown", func(t *testing.T) {
		l, w := fresh(t)
		d := w.docs[media.BlobRef(orphanHash)]
		d.Body = []byte(`{"state":"attached","since":"2023-01-01T00:00:00Z"}`)
		w.docs[d.Ref] = d
		must(t, l.Enter(ctx, orphanHash, "i-2"))
		expires(t, l, false)
	})
	t.Run("ToldAndNotShown", func(t *testing.T) {
		l, _ := fresh(t)
		must(t, l.Enter(ctx, orphanHash, "i-3"))
		expires(t, l, false)
	})
	t.Run("VeryMany", func(t *testing.T) {
		l, _ := fresh(t)
		for i := range 100 {
			record := fmt.Sprint("r", i)
			must(t, l.Enter(ctx, orphanHash, record))
			must(t, papersOf(l).change(ctx, record, func(e *paper) { e.Names = true }))
		}
		expires(t, l, false)
	})
	t.Run("NoRule", func(t *testing.T) {
		l, _ := fresh(t)
		l.Keeping = nil
		expires(t, l, false)
	})
	t.Run("AwaitedByAnother", func(t *testing.T) {
		l, _, clock := ended(t)
		must(t, l.Arrive(ctx, orphanHash, "i-later"))
		expires(t, l, false)
		*clock = clock.Add(91 * day)
		expires(t, l, true)
	})
	t.Run("NamedWithoutBytesOfItsOwn", func(t *testing.T) {
		l, w, _ := ended(t)
		must(t, l.Name(ctx, orphanHash, "i-2"))
		if got := state(w); got != media.Attached {
			t.Fatal(got)
		}
		by, err := l.NamedBy(ctx, orphanHash)
		if err != nil || !slices.Equal(by, []string{"i-1", "i-2"}) {
			t.Fatal(by, err)
		}
		expires(t, l, false)
		must(t, l.Name(ctx, media.Sum([]byte("never came")), "i-2"))
	})
	t.Run("Known", func(t *testing.T) {
		l, _ := fresh(t)
		expires(t, l, true)
		expires(t, l, false) // it has
	})
}

// TestRuleThatIsTakenBackSparesWhatExpired: without periods, or under the store's own lock, nothing goes.
func TestRuleThatIsTakenBackSparesWhatExpired(t *testing.T) {
	for name, change := range map[string]func(*media.Ledger){
		"NoRule": func(l *media.Ledger) { l.Keeping = nil },
		"Locked": func(l *media.Ledger) { l.Blobs = locked{l.Blobs} },
	} {
		t.Run(name, func(t *testing.T) {
			l, w, _ := ended(t)
			change(l)
			must(t, one(l, l.EraseOne))
			if got := state(w); got != media.Attached || readPaper(w.docs[paperRef("i-1")]).Erased {
				t.Fatal(got)
			}
			if by, err := l.NamedBy(context.Background(), orphanHash); err != nil || len(by) != 1 {
				t.Fatal(by, err)
			}
		})
	}
}

// TestErasedPhotoMayComeAgain for another record: it is then that record's alone.
func TestErasedPhotoMayComeAgain(t *testing.T) {
	l, w, _ := ended(t)
	must(t, one(l, l.EraseOne))
	if state(w) != media.Erased || !readPaper(w.docs[paperRef("i-1")]).Erased {
		t.Fatal(state(w))
	}
	must(t, second.do(l))
	by, err := l.NamedBy(context.Background(), orphanHash)
	if err != nil || !slices.Equal(by, []string{"i-2"}) || state(w) != media.Attached {
		t.Fatal(by, state(w), err)
	}
}

func TestPeriods(t *testing.T) {
	closed := time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC)
	p := media.Periods{General: media.Span{Years: 3}}
	for _, c := range []struct {
		class media.Class
		want  string
	}{
		{media.ClassGeneral, "2027-03-01T01:02:03Z"}, {media.ClassMajor, ""}, {media.ClassOpen, ""}, {media.ClassHeld, ""}, {"", ""},
	} {
		end, ok := p.End(c.class, closed)
		if ok != (c.want != "") || ok && end.Format(time.RFC3339) != c.want {
			t.Errorf("%s: %v %v, want %s", c.class, end, ok, c.want)
		}
	}
	if p.Forever() || !(media.Periods{}).Forever() {
		t.Error("for ever")
	}
}

// TestPhotoThatIsJustBeingRemovedIsNotLost: an eraser died after the bytes went; nobody takes them for lost, and the
// scrub does not bring them back.
func TestPhotoThatIsJustBeingRemovedIsNotLost(t *testing.T) {
	for _, dies := range []int{1, 4} { // before the ledger says so, and after the bytes went
		l, w, _ := ended(t)
		steps := 0
		func() {
			defer func() { _ = recover() }()
			w.step = func() {
				if steps++; steps > dies {
					panic(errDead)
				}
			}
			must(t, one(l, l.EraseOne))
		}()
		w.step = nil
		must(t, l.Blobs.Delete(context.Background(), orphanHash)) // in the first case it is lost indeed
		e, _ := media.Evidence{Inspection: "i-1"}.Receive(media.Arrived{SHA256: orphanHash, Size: int64(len(orphan))})
		body, err := json.Marshal(e)
		must(t, err)
		second := memory{}
		must(t, second.Put(context.Background(), orphanHash, 0, bytes.NewReader(orphan)))
		s := media.Scrubber{Docs: page{w, docstore.Doc{Ref: docstore.Ref{Kind: "evidence", ID: "i-1"}, Rev: 1, Body: body}}, Blobs: l.Blobs, Second: readable{second}, Now: l.Now}
		r, err := s.Scrub(context.Background())
		must(t, err)
		_, there := l.Blobs.Stat(context.Background(), orphanHash)
		_, _, read := media.Viewer{Blobs: readable{memory{}}, Ledger: l}.Original(context.Background(), orphanHash)
		going := dies > 1
		if (r.Erased == 1) != going || (r.Repaired == 1) == going || errors.Is(there, media.ErrNotFound) != going || errors.Is(read, media.ErrExpired) != going {
			t.Errorf("after %d steps: %+v, there %v, read %v", dies, r, there, read)
		}
	}
}

// page is documents of which a search finds one.
type page struct {
	*world
	doc docstore.Doc
}

func (p page) Find(context.Context, docstore.Query) (docstore.Page, error) {
	return docstore.Page{Docs: []docstore.Doc{p.doc}}, nil
}

// readable is memory that can be read.
type readable struct{ memory }

type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

func (r readable) Open(_ context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error) {
	b, ok := r.memory[h]
	if !ok {
		return nil, 0, media.ErrNotFound
	}
	return opened{bytes.NewReader(b)}, int64(len(b)), nil
}
