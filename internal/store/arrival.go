package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// kindArrival is the one document that says that a copy is being taken in. While it does, no Store opens.
const kindArrival Kind = "_arrival"

var arrivalRef = Ref{Kind: kindArrival, ID: "arrival"}

// arrival is the body of that document.
type arrival struct {
	Source   string          `json:"source"` // what is taken in
	Epoch    string          `json:"epoch"`  // that will begin when all of it is there
	Progress json.RawMessage `json:"progress,omitempty"`
	Done     bool            `json:"done,omitempty"`
}

// Arrival is an engine that takes a copy in. One process at a time may have one.
type Arrival struct {
	engine   Engine
	portable Portable
	opt      Options
	doc      arrival
	rev      Rev
}

// Arrive begins to take the copy named source into e, or goes on where a process before was stopped. ErrNotEmpty if e has
// documents that are not of an unfinished arrival; ErrOtherArrival if they are of one from another source.
func Arrive(ctx context.Context, e Engine, source string, opt Options) (*Arrival, error) {
	p, ok := e.(Portable)
	if !ok {
		return nil, ErrNotPortable
	}
	a := &Arrival{engine: e, portable: p, opt: opt}
	ds, err := e.Get(ctx, []Ref{arrivalRef})
	if err != nil {
		return nil, err
	}
	if ds[0].Rev > 0 {
		if err := json.Unmarshal(ds[0].Body, &a.doc); err != nil {
			return nil, ErrUnavailable.Because(err)
		}
		a.rev = ds[0].Rev
		switch {
		case a.doc.Done:
			return nil, ErrNotEmpty
		case a.doc.Source != source:
			return nil, ErrOtherArrival
		}
		return a, nil
	}
	there, _, err := p.Walk(ctx, "", Limit{Docs: 1})
	if err != nil {
		return nil, err
	}
	if len(there) > 0 {
		return nil, ErrNotEmpty
	}
	a.doc = arrival{Source: source, Epoch: opt.NewID()}
	return a, a.write(ctx)
}

// arrived tells whether e may be used: ErrArriving if it has a part of a copy only.
func arrived(ctx context.Context, e Engine) error {
	ds, err := e.Get(ctx, []Ref{arrivalRef})
	if err != nil || ds[0].Rev == 0 {
		return err
	}
	var a arrival
	if err := json.Unmarshal(ds[0].Body, &a); err != nil {
		return ErrUnavailable.Because(err)
	}
	if !a.Done {
		return ErrArriving
	}
	return nil
}

func (a *Arrival) write(ctx context.Context) error {
	s := &Store{engine: a.engine, opt: a.opt}
	st, err := s.putRegistry(ctx, arrivalRef, a.rev, a.doc)
	if st != OK {
		return ErrUnavailable.Because(err)
	}
	a.rev++
	return nil
}

// Progress returns what Keep was last told, by this process or one before it; nil at the beginning.
func (a *Arrival) Progress() []byte { return a.doc.Progress }

// Keep remembers durably how far the copy has come, as JSON.
func (a *Arrival) Keep(ctx context.Context, progress []byte) error {
	a.doc.Progress = progress
	return a.write(ctx)
}

// Load takes documents in; see Portable.
func (a *Arrival) Load(ctx context.Context, docs []Doc) error {
	if len(docs) == 0 {
		return nil
	}
	return a.portable.Load(ctx, docs)
}

// Get returns what has been taken in, in the order of refs.
func (a *Arrival) Get(ctx context.Context, refs []Ref) ([]Doc, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	return a.engine.Get(ctx, refs)
}

// All gives each document that was taken in to see, once.
func (a *Arrival) All(ctx context.Context, limit Limit, see func([]Doc) error) error {
	return walkAll(ctx, a.portable, limit, see)
}

// Begun is what Begin did.
type Begun struct {
	Epoch     string
	Sealed    int // writers of the old life
	Restamped int // documents above their finals
}

// Begin begins a new epoch of the history h that was taken in, after which the engine may be used. The writers of the old
// life are sealed at their finals, and what stands above those is re-stamped: it was written and perhaps not answered,
// which harms nobody, while dropping it might. Interrupted, it is done again with the same epoch.
func (a *Arrival) Begin(ctx context.Context, h History) (Begun, error) {
	b := Begun{Epoch: a.doc.Epoch}
	n, sealed, err := beginEpoch(ctx, a.engine, h, a.doc.Epoch, a.opt)
	if err != nil {
		return b, err
	}
	b.Sealed, b.Restamped = sealed, n
	a.doc.Done, a.doc.Progress = true, nil
	return b, a.write(ctx)
}

// BeginEpoch begins a new epoch in place, of an engine at rest whose data was put back by other means: a snapshot of the
// disk, a copy of the folder, the database's own tools. Those bring the old epoch back, and with it cursors that
// believe to have read what is no longer there.
//
// Writers are sealed first, so that a node that still runs cannot answer for what it writes: it stops with ErrEpoch.
func BeginEpoch(ctx context.Context, e Engine, opt Options) (Begun, error) {
	opt = opt.complete()
	o, err := AtRest(ctx, e)
	if err != nil {
		return Begun{}, err
	}
	r, err := o.registry(ctx)
	if err != nil {
		return Begun{}, err
	}
	s := &Store{engine: e, opt: opt}
	for w, final := range r.live {
		if _, sole := e.(Sole); sole {
			err = s.listSeal(ctx, w, final)
		} else {
			_, err = s.seal(ctx, w)
		}
		if err != nil {
			return Begun{}, err
		}
	}
	h, _, err := s.readHead(ctx)
	if err != nil {
		return Begun{}, err
	}
	b := Begun{Epoch: opt.NewID()}
	b.Restamped, b.Sealed, err = beginEpoch(ctx, e, snapshot{head: h}.history(), b.Epoch, opt)
	return b, err
}

func beginEpoch(ctx context.Context, e Engine, h History, epoch string, opt Options) (restamped, sealed int, err error) {
	opt = opt.complete()
	next := head{Epoch: epoch, Base: h.Base}
	for _, s := range h.Seals {
		next.Seals = append(next.Seals, seal(s))
	}
	writers := make([]WriterID, 0, len(h.Live))
	for w := range h.Live {
		writers = append(writers, w)
	}
	slices.Sort(writers)
	now := opt.Now().UTC().Truncate(time.Millisecond)
	for _, w := range writers {
		next.Seals = append(next.Seals, seal{Writer: w, Final: h.Live[w], At: now})
	}
	s := &Store{engine: e, opt: opt}
	_, err = s.changeHead(ctx, func(h *head) bool {
		if h.Epoch == epoch {
			return true
		}
		*h = next
		return false
	})
	if err != nil {
		return 0, 0, ErrUnavailable.Because(err)
	}
	if s, err = open(ctx, e, opt); err != nil {
		return 0, 0, err
	}
	restamped, err = s.sweep(ctx)
	return restamped, len(next.Seals), err
}
