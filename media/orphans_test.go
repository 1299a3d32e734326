package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	docstore "paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	"paicha/media/fs"
)

// TestBlobMoves is the table written out: what it does not have is refused.
func TestBlobMoves(t *testing.T) {
	got := media.Moves()
	slices.Sort(got)
	want := []string{
		" attach attached", " upload uploaded",
		"attached attach attached", "attached expire expired", "attached upload attached",
		"condemned erase erasing", "condemned upload uploaded",
		"erased upload uploaded",
		"erasing erase erasing", "erasing gone erased", "erasing retain condemned", "erasing spare attached",
		"expired attach attached", "expired erase erasing", "expired upload attached",
		"uploaded attach attached", "uploaded condemn condemned", "uploaded upload uploaded",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s", strings.Join(got, "\n"))
	}
}

// world is the documents and the bytes, hand-made: each call is one step, and the explorer decides whose is next.
type world struct {
	mu    sync.Mutex
	docs  map[docstore.Ref]docstore.Doc
	blobs media.Blobs
	step  func() // blocks until it is this actor's turn; nil: at once
}

// Get implements media.Documents.
func (w *world) Get(_ context.Context, refs ...docstore.Ref) ([]docstore.Doc, error) {
	w.turn()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]docstore.Doc, len(refs))
	for i, r := range refs {
		out[i] = w.docs[r]
	}
	return out, nil
}

// Commit implements media.Documents.
func (w *world) Commit(_ context.Context, ws []docstore.Write) ([]docstore.Outcome, error) {
	w.turn()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := ws[0].New
	if w.docs[n.Ref].Rev != ws[0].Old.Rev {
		return []docstore.Outcome{{Status: docstore.Stale}}, nil
	}
	n.Rev = ws[0].Old.Rev + 1
	w.docs[n.Ref] = n
	return []docstore.Outcome{{Status: docstore.OK, Rev: n.Rev}}, nil
}

// Find implements media.Documents; the explorer has no use for it.
func (w *world) Find(context.Context, docstore.Query) (docstore.Page, error) {
	return docstore.Page{}, nil
}

func (w *world) turn() {
	if w.step != nil {
		w.step()
	}
}

// memory is blobs without a disk.
type memory map[media.SHA256][]byte

func (m memory) Put(_ context.Context, h media.SHA256, _ int64, r io.Reader) error {
	b, err := io.ReadAll(r)
	if _, there := m[h]; !there && err == nil {
		m[h] = b
	}
	return err
}

func (m memory) Open(context.Context, media.SHA256) (io.ReadSeekCloser, int64, error) {
	return nil, 0, media.ErrNotFound
}

func (m memory) Stat(_ context.Context, h media.SHA256) (int64, error) {
	if b, there := m[h]; there {
		return int64(len(b)), nil
	}
	return 0, media.ErrNotFound
}

func (m memory) Delete(_ context.Context, h media.SHA256) error { delete(m, h); return nil }

// stepping is blobs of which each call is one step.
type stepping struct {
	media.Blobs
	w *world
}

func (s stepping) Put(ctx context.Context, h media.SHA256, n int64, r io.Reader) error {
	s.w.turn()
	return s.Blobs.Put(ctx, h, n, r)
}

func (s stepping) Stat(ctx context.Context, h media.SHA256) (int64, error) {
	s.w.turn()
	return s.Blobs.Stat(ctx, h)
}

func (s stepping) Delete(ctx context.Context, h media.SHA256) error {
	s.w.turn()
	return s.Blobs.Delete(ctx, h)
}

var (
	orphan     = []byte("a photo that nobody asked for")
	orphanHash = media.Sum(orphan)
	day        = 24 * time.Hour
)

// newLedger is a ledger at one moment, of photos that expire when the evidence in the world says so.
func newLedger(w *world, blobs media.Blobs) *media.Ledger {
	l := media.NewLedger(w, blobs, func() time.Time { return time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC) })
	l.Keeping = papers{w}
	return l
}

// actor is somebody who does one thing, in steps. dies is after how many steps he does nothing more; 0: he lives.
type actor struct {
	name string
	dies int
	do   func(l *media.Ledger) error
}

// The actors.
var (
	send = func(l *media.Ledger) error {
		return l.Blobs.Put(context.Background(), orphanHash, int64(len(orphan)), bytes.NewReader(orphan))
	}
	uploader = actor{name: "upload", do: func(l *media.Ledger) error {
		if err := send(l); err != nil {
			return err
		}
		return l.Arrive(context.Background(), orphanHash, "i-1")
	}}
	recorder = actor{name: "upload and attach", do: func(l *media.Ledger) error {
		if err := send(l); err != nil {
			return err
		}
		return l.Enter(context.Background(), orphanHash, "i-1")
	}}
	attacher  = actor{name: "attach", do: func(l *media.Ledger) error { return l.Attach(context.Background(), orphanHash, "i-1") }}
	condemner = actor{name: "condemn", do: func(l *media.Ledger) error { return one(l, l.CondemnOne) }}
	eraser    = actor{name: "erase", do: func(l *media.Ledger) error { return one(l, l.EraseOne) }}
)

func one(l *media.Ledger, do func(context.Context, media.SHA256, docstore.Doc) (bool, error)) error {
	docs, err := l.Docs.Get(context.Background(), media.BlobRef(orphanHash))
	if err == nil {
		_, err = do(context.Background(), orphanHash, docs[0])
	}
	return err
}

// beginnings are the states that a story may begin in.
var beginnings = map[string]func(l *media.Ledger) error{
	"nothing": func(*media.Ledger) error { return nil },
	"uploaded": func(l *media.Ledger) error {
		return errors.Join(send(l), l.Arrive(context.Background(), orphanHash, ""))
	},
	"condemned": func(l *media.Ledger) error {
		return errors.Join(send(l), l.Arrive(context.Background(), orphanHash, ""), one(l, l.CondemnOne))
	},
	"erased": func(l *media.Ledger) error {
		return errors.Join(send(l), l.Arrive(context.Background(), orphanHash, ""), one(l, l.CondemnOne), one(l, l.EraseOne))
	},
}

// play runs the actors in one order, which choose decides: it gets how many can go on and says which does. After each
// step what must always be true is looked at.
func play(t *testing.T, blobs media.Blobs, begin string, actors []actor, choose func(n int) int) {
	t.Helper()
	perform(t, blobs, begin, beginnings[begin], actors, choose, nil)
}

// perform is play with a further look after each step, which says what is wrong; nil for none. Where there is one,
// photos may expire.
func perform(t *testing.T, blobs media.Blobs, begin string, prepare func(l *media.Ledger) error, actors []actor, choose func(n int) int, look func(docs map[docstore.Ref]docstore.Doc, state media.BlobState, there bool) string) {
	t.Helper()
	docs := map[docstore.Ref]docstore.Doc{}
	still := &world{docs: docs, blobs: blobs}
	if err := prepare(newLedger(still, blobs)); err != nil {
		t.Fatal(err)
	}
	type running struct {
		actor
		next  func() (struct{}, bool) // goes on to before the next step; false: ended
		stop  func()
		steps int
		err   error
	}
	var story []string
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s: %s\n%s", begin, strings.Join(story, ", "), fmt.Sprintf(format, args...))
	}
	start := func(a actor) *running {
		r := &running{actor: a, err: errDead}
		r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
			defer func() {
				if p := recover(); p != nil && p != any(errDead) {
					panic(p)
				}
			}()
			w := &world{docs: docs, step: func() {
				if !yield(struct{}{}) {
					panic(errDead)
				}
			}}
			r.err = a.do(newLedger(w, stepping{blobs, w}))
		})
		return r
	}
	var waiting, ended []*running
	goOn := func(r *running) {
		_, more := r.next()
		if more && (r.dies == 0 || r.steps < r.dies) {
			waiting = append(waiting, r)
			return
		}
		r.stop()
		ended = append(ended, r)
	}
	for _, a := range actors {
		goOn(start(a))
	}
	attached := false
	for len(waiting) > 0 {
		i := choose(len(waiting))
		r := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		r.steps++
		story = append(story, r.name)
		goOn(r)
		slices.SortFunc(waiting, func(a, b *running) int { return strings.Compare(a.name, b.name) })
		state := media.StateOf(docs[media.BlobRef(orphanHash)])
		_, err := blobs.Stat(context.Background(), orphanHash)
		if slices.Contains([]media.BlobState{media.Uploaded, media.Attached, media.Condemned, media.Expired}, state) && err != nil {
			fail("%s without bytes", state)
		}
		if look != nil {
			if wrong := look(docs, state, err == nil); wrong != "" {
				fail("%s", wrong)
			}
		} else if attached && state != media.Attached {
			fail("attached, and then %s", state)
		}
		attached = attached || state == media.Attached
	}
	for _, r := range ended {
		switch {
		case errors.Is(r.err, errDead), errors.Is(r.err, media.ErrCondemned), errors.Is(r.err, media.ErrErasing):
		case r.err != nil:
			fail("%s: %v", r.name, r.err)
		case (r.name == attacher.name || r.name == recorder.name) && !attached:
			fail("%s was told that it is attached, and it is not", r.name)
		}
	}
}

var errDead = errors.New("dead")

// everyOrder calls run with each sequence of choices once, and returns how many there were.
func everyOrder(run func(choose func(n int) int)) int {
	var path, width []int
	for count := 1; ; count++ {
		at := 0
		run(func(n int) int {
			if at == len(path) {
				path, width = append(path, 0), append(width, n)
			}
			at++
			return path[at-1]
		})
		for len(path) > 0 && path[len(path)-1] == width[len(path)-1]-1 {
			path, width = path[:len(path)-1], width[:len(width)-1]
		}
		if len(path) == 0 {
			return count
		}
		path[len(path)-1]++
	}
}

// casts are who meets whom. A step is one call of the document store or of the blobs.
func casts() map[string][]actor {
	again := eraser
	again.name = "erase too"
	out := map[string][]actor{
		"attach and condemn":         {attacher, condemner},
		"attach and condemn twice":   {attacher, condemner, {name: "condemn too", do: condemner.do}},
		"attach, condemn and upload": {attacher, condemner, uploader},
		"upload and erase":           {uploader, eraser},
		"upload, attach and erase":   {recorder, attacher, eraser},
		"condemn, erase and attach":  {condemner, eraser, attacher},
		"condemn, erase and upload":  {condemner, eraser, recorder},
		"two uploads and erase":      {uploader, recorder, eraser},
		"two erasers and upload":     {eraser, again, recorder},
	}
	for dies := 1; dies <= 4; dies++ { // an eraser that dies, anywhere; nobody takes it up before the lease is over
		dead := eraser
		dead.dies = dies
		out[fmt.Sprintf("dead eraser after %d, another and upload", dies)] = []actor{dead, again, recorder}
	}
	return out
}

// TestOrphansInEveryOrder plays all interleavings.
func TestOrphansInEveryOrder(t *testing.T) {
	total := 0
	for name, cast := range casts() {
		for begin := range beginnings {
			n := everyOrder(func(choose func(int) int) { play(t, memory{}, begin, cast, choose) })
			total += n
			t.Logf("%s from %s: %d orders", name, begin, n)
		}
	}
	t.Logf("%d orders in all", total)
	r := rand.New(rand.NewPCG(3, 4))
	for begin := range beginnings { // all four at once have 57,000 orders: some of them
		for range 500 {
			play(t, memory{}, begin, []actor{condemner, eraser, uploader, attacher}, r.IntN)
		}
	}
}

// TestOrphansOnDisk plays some of them with photos in files.
func TestOrphansOnDisk(t *testing.T) {
	s, err := fs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r := rand.New(rand.NewPCG(1, 2))
	for name, cast := range casts() {
		for begin := range beginnings {
			t.Run(name+" from "+begin, func(t *testing.T) {
				for range 8 {
					if err := s.Blobs().Delete(context.Background(), orphanHash); err != nil {
						t.Fatal(err)
					}
					play(t, s.Blobs(), begin, cast, r.IntN)
				}
			})
		}
	}
}

// TestLeaseIsOverForTheDead: what a dead eraser left is finished by another after the lease, and then the photo can
// come again.
func TestLeaseIsOverForTheDead(t *testing.T) {
	for dies := 2; dies <= 5; dies++ {
		l, w, clock := ledger(t)
		ctx := context.Background()
		must(t, beginnings["condemned"](l))
		steps := 0
		func() {
			defer func() { _ = recover() }()
			w.step = func() {
				if steps++; steps > dies {
					panic(errDead)
				}
			}
			defer func() { w.step = nil }()
			must(t, one(l, l.EraseOne))
		}()
		w.step = nil
		if err := l.Enter(ctx, orphanHash, "i-1"); dies < 5 && !errors.Is(err, media.ErrErasing) {
			t.Fatal(dies, err)
		}
		*clock = clock.Add(25 * time.Hour)
		must(t, one(l, l.EraseOne))
		if err := l.Enter(ctx, orphanHash, "i-1"); !errors.Is(err, media.ErrCondemned) {
			t.Fatal(dies, err)
		}
		must(t, send(l))
		must(t, l.Enter(ctx, orphanHash, "i-1"))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ledger is one on hand-made documents and blobs, with a clock that the test turns.
func ledger(t *testing.T) (*media.Ledger, *world, *time.Time) {
	t.Helper()
	clock := time.Date(2023, 6, 1, 8, 0, 0, 0, time.UTC)
	w := &world{docs: map[docstore.Ref]docstore.Doc{}}
	return media.NewLedger(w, stepping{memory{}, w}, func() time.Time { return clock }), w, &clock
}

// TestSweepKeepsNinetyDaysAndAGrace runs the sweeper over the real stores.
func TestSweepKeepsNinetyDaysAndAGrace(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "paicha.db"), Indexes: media.Indexes})
	must(t, err)
	defer func() { _ = engine.Close() }()
	now := time.Date(2023, 6, 1, 8, 0, 0, 0, time.UTC)
	docs, err := docstore.Open(ctx, engine, docstore.Options{
		Now: func() time.Time { return now }, Elapsed: func() time.Duration { return 0 }, NewID: func() string { return "w" },
	})
	must(t, err)
	files, err := fs.Open(filepath.Join(dir, "photos"))
	must(t, err)
	defer func() { _ = files.Close() }()
	l := media.NewLedger(docs, files.Blobs(), func() time.Time { return now })
	l.Derived, l.Keep = files.Derived(), time.Hour // less than is allowed
	var asked []string
	l.Claim = func(ctx context.Context, h media.SHA256, record string) (bool, error) {
		asked = append(asked, record)
		if record == "i-came" {
			return true, l.Attach(ctx, h, "i-1")
		}
		return false, nil
	}
	put := func(s string) media.SHA256 {
		b := []byte(s)
		must(t, files.Blobs().Put(ctx, media.Sum(b), int64(len(b)), bytes.NewReader(b)))
		must(t, files.Derived().PutDerived(ctx, media.Sum(b), media.Thumb, b))
		return media.Sum(b)
	}
	there := func(h media.SHA256, want bool) {
		t.Helper()
		_, err := files.Blobs().Stat(ctx, h)
		_, _, derr := files.Derived().OpenDerived(ctx, h, media.Thumb)
		if (err == nil) != want || (derr == nil) != want {
			t.Fatal(err, derr)
		}
	}
	sweep := func(condemned, erased int) {
		t.Helper()
		got, err := l.Sweep(ctx)
		if must(t, err); got != (media.Swept{Condemned: condemned, Erased: erased}) {
			t.Fatalf("%+v, want %d condemned, %d erased", got, condemned, erased)
		}
	}
	named, lonely, saved, late, unknown := put("named"), put("lonely"), put("saved"), put("late"), put("unknown")
	must(t, l.Enter(ctx, named, "i-1"))
	must(t, l.Arrive(ctx, lonely, "i-never"))
	must(t, l.Arrive(ctx, saved, ""))
	must(t, l.Arrive(ctx, late, "i-never"))
	must(t, l.Arrive(ctx, late, "i-came"))
	for i := range 250 { // more than a page
		must(t, l.Arrive(ctx, media.Sum(fmt.Append(nil, i)), ""))
	}
	sweep(0, 0)
	now = now.Add(90 * day)
	sweep(0, 0)
	now = now.Add(time.Minute)
	sweep(252, 0)
	if slices.Sort(asked); !slices.Equal(asked, []string{"i-came", "i-never", "i-never"}) {
		t.Fatal(asked)
	}
	sweep(0, 0)
	if err := l.Attach(ctx, lonely, "i-1"); !errors.Is(err, media.ErrCondemned) {
		t.Fatal(err)
	}
	there(lonely, true)
	must(t, l.Enter(ctx, saved, "i-1")) // sent again
	now = now.Add(7*day - 2*time.Minute)
	sweep(0, 0)
	now = now.Add(3 * time.Minute)
	sweep(0, 251)
	there(lonely, false)
	for _, h := range []media.SHA256{named, saved, late, unknown} {
		there(h, true)
	}
	if err := l.Attach(ctx, lonely, "i-1"); !errors.Is(err, media.ErrCondemned) {
		t.Fatal(err)
	}
	if err := l.Enter(ctx, lonely, "i-1"); !errors.Is(err, media.ErrCondemned) { // without having sent it
		t.Fatal(err)
	}
	put("lonely")
	must(t, l.Enter(ctx, lonely, "i-1"))
	now = now.Add(1000 * day)
	sweep(0, 0)
	there(lonely, true)
}

// locked is blobs that refuse to remove anything.
type locked struct{ media.Blobs }

func (locked) Delete(context.Context, media.SHA256) error { return media.ErrRetained }

func TestRetainedPhotoStaysCondemnedAndCanComeAgain(t *testing.T) {
	l, w, _ := ledger(t)
	must(t, beginnings["condemned"](l))
	l.Blobs = locked{l.Blobs}
	must(t, one(l, l.EraseOne))
	if got := media.StateOf(w.docs[media.BlobRef(orphanHash)]); got != media.Condemned {
		t.Fatal(got)
	}
	must(t, l.Enter(context.Background(), orphanHash, "i-1"))
}
