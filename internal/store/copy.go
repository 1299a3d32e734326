package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Origin is a history whose documents are copied: of a running store, or of an engine at rest.
type Origin struct {
	engine   Engine
	portable Portable
	registry func(context.Context) (snapshot, error)
}

// Origin returns what a copy of this store is taken from, while it runs. ErrNotPortable if the engine cannot.
func (s *Store) Origin() (*Origin, error) {
	p, ok := s.engine.(Portable)
	if !ok {
		return nil, ErrNotPortable
	}
	return &Origin{engine: s.engine, portable: p, registry: s.registry}, nil
}

// AtRest returns what a copy of e is taken from, without registering a writer there. A Sole engine must be at rest: this
// process holds it and has no Store on it. Others may be in use by their nodes. ErrNoHistory if there is nothing.
func AtRest(ctx context.Context, e Engine) (*Origin, error) {
	p, ok := e.(Portable)
	if !ok {
		return nil, ErrNotPortable
	}
	if err := arrived(ctx, e); err != nil {
		return nil, err
	}
	s := &Store{engine: e}
	h, rev, err := s.readHead(ctx)
	if err != nil {
		return nil, err
	}
	if rev == 0 {
		return nil, ErrNoHistory
	}
	s.epoch = h.Epoch
	o := &Origin{engine: e, portable: p, registry: s.registry}
	if sole, ok := e.(Sole); ok {
		r := snapshot{head: h, live: map[WriterID]Seq{}}
		for _, w := range h.Live {
			if r.live[w], err = sole.LastSeq(ctx, w); err != nil {
				return nil, err
			}
		}
		o.registry = func(context.Context) (snapshot, error) { return r, nil }
	}
	return o, nil
}

// Epoch names the history that the origin has now.
func (o *Origin) Epoch(ctx context.Context) (string, error) {
	r, err := o.registry(ctx)
	return r.head.Epoch, err
}

// History is the registry as a copy ends it: what was sealed before, and of the living writers the watermarks.
type History struct {
	Epoch string           `json:"epoch"`
	Base  uint64           `json:"base"` // seals forgotten with the horizon
	Seals []Sealed         `json:"seals"`
	Live  map[WriterID]Seq `json:"live"` // final watermarks
}

// Sealed is a writer that has ended, and the highest seq of it that is in the feed.
type Sealed struct {
	Writer WriterID  `json:"writer"`
	Final  Seq       `json:"final"`
	At     time.Time `json:"at"`
}

func (r snapshot) history() History {
	h := History{Epoch: r.head.Epoch, Base: r.head.Base, Live: maps.Clone(r.live)}
	for _, s := range r.head.Seals {
		h.Seals = append(h.Seals, Sealed(s))
	}
	return h
}

// Progress is how far a copy has come; the zero value is the beginning. It outlives the process that made it.
type Progress struct {
	Epoch  string  `json:"epoch"`
	Since  Mark    `json:"since"` // what was written above it is still to be taken again
	After  ScanKey `json:"after,omitempty"`
	Walked bool    `json:"walked,omitempty"`
}

const (
	followRounds = 32  // most rounds that follow the walk; each takes what was written during the one before
	followEnough = 256 // documents in a round after which another would not bring the copy closer to the present
)

// Copy gives take every document, page by page, and again those that were written meanwhile; see the package's
// documentation for what the copy then holds. The store's own documents are left out. The progress that take is given
// is true once its documents are safe: a later Copy goes on from there, and gives some of them again. ErrEpoch if the
// progress is of another history, or if a new one begins meanwhile.
func (o *Origin) Copy(ctx context.Context, from Progress, limit Limit, take func([]Doc, Progress) error) (History, error) {
	r, err := o.registry(ctx)
	if err != nil {
		return History{}, err
	}
	p := from
	if p.Epoch == "" {
		p = Progress{Epoch: r.head.Epoch, Since: r.mark()}
	}
	if p.Epoch != r.head.Epoch || r.check(p.Since) != nil {
		return History{}, ErrEpoch
	}
	for !p.Walked {
		docs, next, err := o.portable.Walk(ctx, p.After, limit)
		if err != nil {
			return History{}, err
		}
		p.After, p.Walked = next, next == ""
		if err := take(foreign(docs), p); err != nil {
			return History{}, err
		}
	}
	for round := 1; ; round++ {
		// The marks first: whatever stands at or below them is in this round's ranges, or was written again since.
		if r, err = o.registry(ctx); err != nil {
			return History{}, err
		}
		if r.head.Epoch != p.Epoch || r.check(p.Since) != nil {
			return History{}, ErrEpoch
		}
		n, err := o.follow(ctx, r, p, limit, take)
		if err != nil {
			return History{}, err
		}
		p.Since = r.mark()
		if err := take(nil, p); err != nil {
			return History{}, err
		}
		if n <= followEnough || round >= followRounds {
			return r.history(), nil
		}
	}
}

// follow takes what each writer has written since the last marks. The ranges have no upper bound: a document that moves
// up while they are read is still ahead of the reader.
func (o *Origin) follow(ctx context.Context, r snapshot, p Progress, limit Limit, take func([]Doc, Progress) error) (n int, err error) {
	writers := slices.Sorted(maps.Keys(r.live))
	for i, s := range r.head.Seals {
		if _, named := p.Since.Seqs[s.Writer]; named || r.head.Base+uint64(i)+1 > p.Since.Sealed {
			writers = append(writers, s.Writer)
		}
	}
	for _, w := range writers {
		after := p.Since.Seqs[w]
		for more := true; more; {
			var docs []Doc
			if docs, more, err = o.engine.Range(ctx, Range{Writer: w, After: after, Limit: limit}); err != nil {
				return n, err
			}
			if len(docs) == 0 {
				break
			}
			n += len(docs)
			after = docs[len(docs)-1].Position.Seq
			if err := take(foreign(docs), p); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// foreign leaves out the store's own documents: a copy gets a registry of its own.
func foreign(docs []Doc) []Doc {
	return slices.DeleteFunc(docs, func(d Doc) bool { return strings.HasPrefix(string(d.Kind), "_") })
}

// All gives each document but the store's own once to see, of an engine that nobody writes to.
func (o *Origin) All(ctx context.Context, limit Limit, see func([]Doc) error) error {
	return walkAll(ctx, o.portable, limit, see)
}

func walkAll(ctx context.Context, p Portable, limit Limit, see func([]Doc) error) error {
	after := ScanKey("")
	for {
		docs, next, err := p.Walk(ctx, after, limit)
		if err != nil {
			return err
		}
		if err := see(foreign(docs)); err != nil || next == "" {
			return err
		}
		after = next
	}
}
