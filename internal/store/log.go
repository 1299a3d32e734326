package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Options are what a Store takes from outside.
type Options struct {
	Now     func() time.Time     // wall clock, for records only, never for order
	Elapsed func() time.Duration // the observer's monotonic clock, for judging writers dead
	NewID   func() string        // unique ids of writers and epochs
	Horizon time.Duration        // how long a cursor stays good; 90 days if zero
	// SealAfter is how long a writer's entry may stand still before it is taken for dead; one minute if zero. Tick must be
	// called at least twice in that time: longer gaps are taken for the observer's own absence.
	SealAfter time.Duration
	// OnCommit is told of each document that became durable, after the watermark covers it; it must not block.
	OnCommit func([]Doc)
}

// Store is what the domain uses. Its methods may be called concurrently.
type Store struct {
	engine Engine
	sole   Sole // nil where several processes may write
	opt    Options
	epoch  string // in which it was opened; empty before

	mu         sync.Mutex
	life       *lifetime
	head       head // as last seen; the truth only on a Sole engine
	unresolved []unresolved
	watched    map[WriterID]sighting
	looked     time.Duration // when, by Elapsed, the entries of the others were last read

	gate       func(*sync.Mutex) // how publishing is locked; the explorer must see a goroutine wait
	publishing sync.Mutex
	published  struct {
		life    *lifetime
		through uint64
	}
}

type sighting struct {
	rev Rev
	at  time.Duration
}

func (o Options) complete() Options {
	if o.Horizon == 0 {
		o.Horizon = 90 * 24 * time.Hour
	}
	if o.SealAfter == 0 {
		o.SealAfter = time.Minute
	}
	return o
}

// Open registers this process as a writer. On a Sole engine it first seals the writers of former processes. ErrArriving
// if a restore or a move into e was begun and has not ended.
func Open(ctx context.Context, e Engine, opt Options) (*Store, error) {
	if err := arrived(ctx, e); err != nil {
		return nil, err
	}
	return open(ctx, e, opt.complete())
}

func open(ctx context.Context, e Engine, opt Options) (*Store, error) {
	s := &Store{engine: e, opt: opt, watched: map[WriterID]sighting{}, gate: (*sync.Mutex).Lock}
	s.sole, _ = e.(Sole)
	if s.sole != nil {
		h, _, err := s.readHead(ctx)
		if err != nil {
			return nil, err
		}
		for _, w := range slices.Clone(h.Live) {
			final, err := s.sole.LastSeq(ctx, w)
			if err != nil {
				return nil, err
			}
			if err := s.listSeal(ctx, w, final); err != nil {
				return nil, err
			}
		}
	}
	l, err := s.register(ctx)
	if err != nil {
		return nil, err
	}
	s.life = l
	s.epoch = s.head.Epoch
	return s, nil
}

func (s *Store) rememberHead(h head) {
	s.mu.Lock()
	s.head = h
	s.mu.Unlock()
}

func (s *Store) current() *lifetime {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// renew replaces a sealed lifetime by a new one; only the first of concurrent callers registers it.
func (s *Store) renew(ctx context.Context, sealed *lifetime) error {
	s.gate(&s.publishing)
	defer s.publishing.Unlock()
	if s.current() != sealed {
		return nil
	}
	l, err := s.register(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.life = l
	s.mu.Unlock()
	return nil
}

// Writer names the lifetime that this process writes under now.
func (s *Store) Writer() WriterID { return s.current().id }

// Epoch names the history that cursors belong to; restoring a backup begins a new one.
func (s *Store) Epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Epoch
}

// Get returns the documents in the order of refs, tombstones too; an absent one has Rev 0.
func (s *Store) Get(ctx context.Context, refs ...Ref) ([]Doc, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	return s.engine.Get(ctx, refs)
}

// One returns a living document, or ErrNotFound for an absent or removed one.
func (s *Store) One(ctx context.Context, ref Ref) (Doc, error) {
	ds, err := s.engine.Get(ctx, []Ref{ref})
	if err != nil {
		return Doc{}, err
	}
	if ds[0].Rev == 0 || ds[0].Removed != Live {
		return Doc{}, ErrNotFound
	}
	return ds[0], nil
}

// Find returns one page of living documents; ErrNoIndex if no declared index answers the query.
func (s *Store) Find(ctx context.Context, q Query) (Page, error) { return s.engine.Find(ctx, q) }

// Group counts and sums living documents.
func (s *Store) Group(ctx context.Context, g Grouping) ([]Bucket, error) {
	return s.engine.Group(ctx, g)
}
