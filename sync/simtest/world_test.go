package simtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"paicha/checklist"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/storetest"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/google/uuid"
)

// sealAfter is how long a node may stand still before the others take it for dead.
const sealAfter = time.Minute

// nodeCut is what a node's death throws; only that node's request catches it.
type nodeCut struct{ n *node }

// broken is a promise that did not hold: it ends the run.
type broken struct {
	promise string // P1 … P7
	what    string
}

func (b broken) Error() string { return b.promise + ": " + b.what }

// node is one server process.
type node struct {
	name     string
	store    *store.Store
	svc      *fieldsync.Service
	receiver *media.Receiver
	booted   bool // it has come up since it was started; svc is nil again once it is dead
	skew     time.Duration
	busy     int  // requests that are in it
	open     bool // its request waits for a write and holds no lock: another one may come in
}

// world is one run.
type world struct {
	r       *rand.Rand
	now     time.Time
	elapsed time.Duration
	ticked  time.Duration // when the nodes last did their chores
	faults  bool
	depth   int // of interleaved steps
	ids     int
	steps   int

	archived int // documents moved to history

	model   *storetest.Model
	depot   *depot
	epochs  int
	nodes   []*node
	people  []*person
	tablets []*tablet
	backup  *backup

	made     map[string]*made // every mutation that any tablet made, by id
	photos   []madePhoto
	versions map[version]store.Doc // every version of a document that was ever stored
	delayed  []func()              // requests that the network delivers once more, later

	bug   *bug
	trace []string
}

// version names one version of a document in one epoch.
type version struct {
	epoch string
	ref   store.Ref
	rev   store.Rev
}

// made is what the oracle knows of a mutation.
type made struct {
	id, name string
	doc      fieldsync.DocRef
	raw      []byte
	by       *person
}

type madePhoto struct {
	inspection, hash string
	data             []byte
}

// backup is a copy that was taken while the nodes ran.
type backup struct {
	docs    []store.Doc
	history store.History
	blobs   map[media.SHA256][]byte
}

func newWorld(seed uint64, b *bug) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 20230515)), now: time.Date(2023, 6, 5, 0, 0, 0, 0, time.UTC), faults: true,
		model: storetest.NewModel(), depot: newDepot(), made: map[string]*made{}, versions: map[version]store.Doc{},
		bug: b,
	}
	w.watch()
	w.people = everybody(w)
	if b != nil && b.prepare != nil {
		b.prepare(w)
	}
	faults := w.faults
	w.faults = false
	for i := range 2 + w.r.IntN(2) {
		n := &node{name: fmt.Sprintf("n%d", i+1)}
		w.nodes = append(w.nodes, n)
		w.boot(n)
	}
	for _, p := range w.people {
		for range p.devices {
			w.tablets = append(w.tablets, w.newTablet(p, newDisk()))
		}
	}
	w.faults = faults
	return w
}

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

func pick[T any](w *world, from []T) (one T, ok bool) {
	if len(from) == 0 {
		return one, false
	}
	return from[w.r.IntN(len(from))], true
}

// note adds a line to the trace that a failing run prints.
func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%3d %s%s", w.steps, strings.Repeat("  ", w.depth), fmt.Sprintf(format, args...)))
}

func (w *world) breaks(promise, format string, args ...any) {
	panic(broken{promise, fmt.Sprintf(format, args...)})
}

// uuid makes ids in the order of their making, as UUIDv7 does.
func (w *world) uuid() uuid.UUID {
	w.ids++
	return uuid.MustParse(fmt.Sprintf("018f0000-0000-7000-8000-%012d", w.ids))
}

var packs = checklist.NewLibrary()

var cursorSeal = func() *fieldsync.CursorSeal {
	s, err := fieldsync.NewCursorSeal([]byte("the secret of the simulated server"))
	if err != nil {
		panic(err)
	}
	return s
}()

// engine is a node's connection to the model: at each command the world may do something else first, lose the answer,
// or end the node.
func (w *world) engine(n *node) store.Engine {
	e := w.model.Connect(func(what string, variants int, _ bool) int {
		w.between(n, what)
		if variants > 1 && w.faults && w.chance(0.04) {
			v := 1 + w.r.IntN(variants-1)
			w.note("%s %s: %s", n.name, what, [...]string{"", "answer lost", "late"}[v])
			return v
		}
		return 0
	})
	if w.bug != nil && w.bug.engine != nil {
		return w.bug.engine(w, n, e)
	}
	return e
}

// between is where one node waits for its engine: others run.
func (w *world) between(n *node, what string) {
	if !w.faults {
		return
	}
	if w.chance(0.004) && n.busy > 0 {
		w.note("%s dies at %s", n.name, what)
		panic(nodeCut{n})
	}
	for w.model.Late() > 0 && w.chance(0.05) {
		w.model.Deliver(w.r.IntN(w.model.Late()))
	}
	if w.depth < 2 && w.chance(0.06) {
		w.depth++
		open := n.open
		n.open = strings.HasPrefix(what, "put 018f") // of a document of people's, not of the store's own
		w.interleaved()
		n.open = open
		w.depth--
		if n.busy > 0 && n.svc == nil && n.booted {
			panic(nodeCut{n}) // it died of the other request
		}
	}
}

// interleaved is one whole step of others while a node waits.
func (w *world) interleaved() {
	idle := w.idleTablets()
	switch w.r.IntN(3) {
	case 0:
		if n := w.idleNode(); n != nil {
			w.tick(n)
		}
	default:
		if t, ok := pick(w, idle); ok {
			w.syncTablet(t)
		}
	}
}

func (w *world) idleNode() *node {
	n, _ := pick(w, slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.busy > 0 && !n.open || n.svc == nil }))
	return n
}

func (w *world) idleTablets() []*tablet {
	return slices.DeleteFunc(slices.Clone(w.tablets), func(t *tablet) bool { return t.busy || t.Tablet == nil })
}

// boot starts a node as a new process. With faults it may not come up.
func (w *world) boot(n *node) {
	ctx := context.Background()
	n.svc, n.store, n.booted = nil, nil, false
	opt := store.Options{
		Now: func() time.Time { return w.now.Add(n.skew) }, Elapsed: func() time.Duration { return w.elapsed },
		NewID: func() string { w.ids++; return fmt.Sprintf("w%d", w.ids) }, SealAfter: sealAfter,
	}
	w.inNode(n, func() {
		s, err := store.Open(ctx, w.engine(n), opt)
		if err != nil {
			w.note("%s does not start: %v", n.name, err)
			return
		}
		limits := fieldsync.DefaultLimits
		limits.PullDocs, limits.PushMutations, limits.ChunkSuggested = 1+w.r.IntN(6), 3+w.r.IntN(20), 256
		if w.chance(0.4) {
			limits.PullDocs = 8 + w.r.IntN(12) // long enough for pages of a snapshot that run ahead of the feed
		}
		svc := &fieldsync.Service{
			Store: s, Packs: packs, Now: func() time.Time { return w.now.Add(n.skew) }, Limits: limits, Grace: 72 * time.Hour,
			LockAfter: 24 * time.Hour, Hub: fieldsync.NewHub(), Cursors: cursorSeal,
		}
		if _, err := svc.Recover(ctx); err != nil {
			w.note("%s does not recover: %v", n.name, err)
			return
		}
		n.store, n.svc, n.booted = s, svc, true
		n.receiver = &media.Receiver{
			Staging: w.depot, Now: svc.Now, Limits: media.DefaultLimits(),
			NewID: func() string { w.ids++; return fmt.Sprintf("u%d", w.ids) },
		}
	})
	if n.svc != nil {
		w.note("%s starts", n.name)
	}
}

// inNode runs something in a node; false if the node died of it.
func (w *world) inNode(n *node, f func()) (alive bool) {
	n.busy++
	depth, open := w.depth, n.open
	n.open = false
	defer func() {
		n.busy--
		n.open = open
		if c := recover(); c != nil {
			cut, isCut := c.(nodeCut)
			if !isCut || cut.n != n {
				panic(c)
			}
			w.depth = depth
			w.killed(n)
			alive = false
		}
	}()
	f()
	return true
}

// killed forgets a process: what it had in memory is gone.
func (w *world) killed(n *node) {
	n.svc, n.store, n.receiver = nil, nil, nil
	if w.bug != nil && w.bug.killed != nil {
		w.bug.killed(w, n)
	}
}

// tick does a node's chores.
func (w *world) tick(n *node) {
	w.inNode(n, func() {
		if err := n.store.Tick(context.Background()); err != nil {
			w.note("%s tick: %v", n.name, err)
		}
	})
}

// archiveAfter is how long a closed record is quiet before a node moves it to history.
const archiveAfter = 36 * time.Hour

// archive has a node move to history what has long been closed; commands bring it back.
func (w *world) archive(n *node) {
	w.inNode(n, func() {
		done, err := (&fieldsync.Archiver{Service: n.svc, After: archiveAfter}).Sweep(context.Background())
		w.archived += done.Hazards + done.Inspections + done.Evidence
		w.note("%s archives %+v %v", n.name, done, err)
	})
}

// watch remembers every version that comes to be stored.
func (w *world) watch() {
	epoch := w.epoch()
	w.model.Stored = func(d store.Doc) { w.versions[version{epoch, d.Ref, d.Rev}] = d }
}

func (w *world) epoch() string { return fmt.Sprint(w.epochs) }

// takeBackup copies the store by way of a node, while others go on, and tells the tablets.
func (w *world) takeBackup() {
	n := w.idleNode()
	if n == nil {
		return
	}
	w.inNode(n, func() {
		ctx, begun := context.Background(), n.svc.Now()
		origin, err := n.store.Origin()
		if err != nil {
			w.note("no backup: %v", err)
			return
		}
		b := &backup{blobs: map[media.SHA256][]byte{}}
		byRef := map[store.Ref]store.Doc{}
		b.history, err = origin.Copy(ctx, store.Progress{}, store.Limit{Docs: 5}, func(docs []store.Doc, _ store.Progress) error {
			for _, d := range docs {
				if d.Rev > byRef[d.Ref].Rev {
					byRef[d.Ref] = d
				}
			}
			return nil
		})
		if err != nil {
			w.note("no backup: %v", err)
			return
		}
		for _, d := range byRef {
			b.docs = append(b.docs, d)
		}
		for h, data := range w.depot.blobs {
			b.blobs[h] = data
		}
		if err := n.svc.BackedUp(ctx, begun); err != nil {
			w.note("backup not noted: %v", err)
			return
		}
		w.backup = b
		w.note("backup of %d documents", len(b.docs))
	})
}

// restore loses everything and begins anew from the last backup.
func (w *world) restore() {
	if w.backup == nil {
		return
	}
	for _, n := range w.nodes {
		if n.busy > 0 {
			return
		}
	}
	w.note("everything is lost; the backup of %d documents is restored", len(w.backup.docs))
	faults := w.faults
	w.faults = false
	w.epochs++
	for _, n := range w.nodes {
		w.killed(n)
	}
	w.model, w.depot.uploads, w.depot.blobs, w.delayed = storetest.NewModel(), map[media.UploadID]*staged{}, map[media.SHA256][]byte{}, nil
	for h, data := range w.backup.blobs {
		w.depot.blobs[h] = data
	}
	w.watch()
	if w.bug != nil && w.bug.restore != nil {
		w.bug.restore(w)
	} else if err := w.arrive(); err != nil {
		panic(err)
	}
	for _, n := range w.nodes {
		w.boot(n)
	}
	w.faults = faults
}

func (w *world) arrive() error {
	w.ids++
	return w.arriveAs(fmt.Sprintf("e%d", w.ids))
}

// arriveAs takes the backup in under an epoch, which has to be a new one.
func (w *world) arriveAs(epoch string) error {
	ctx := context.Background()
	a, err := store.Arrive(ctx, w.model.Connect(nil), "the backup", store.Options{
		Now: func() time.Time { return w.now }, NewID: func() string { return epoch },
	})
	if err != nil {
		return err
	}
	if err := a.Load(ctx, w.backup.docs); err != nil {
		return err
	}
	_, err = a.Begin(ctx, w.backup.history)
	return err
}

// session is who asks, with the rights of this moment.
func (p *person) session(t *tablet) fieldsync.Session {
	return fieldsync.Session{User: p.user(), Device: directory.DeviceID(t.device)}
}
