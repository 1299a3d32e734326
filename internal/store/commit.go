package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// attempt is one document of a commit: what is to be written, and every seq it has been tried under.
type attempt struct {
	write   Write
	put     Put
	life    *lifetime
	seqs    []Seq
	outcome Outcome
}

// unresolved is a write whose outcome could not be learned in time; it holds the watermark until settle learns it.
type unresolved struct {
	put  Put
	life *lifetime
	seqs []Seq
}

// Commit applies each write whose Old is still the stored version, durably, and returns one outcome each, in order.
// Writes of one document are folded into the last one's content on the first one's base, and share its outcome.
//
// Stale means that the document is past Old. After a time-out it may have passed Old by this very write, overwritten
// since: a caller that repeats a command looks for it in Memory first. Unknown means that the write may have happened or
// may still happen; an error leaves every outcome unknown.
//
// A document over MaxDoc is not written: its outcome is unknown, or the error is ErrTooLarge where there is no other.
func (s *Store) Commit(ctx context.Context, ws []Write) ([]Outcome, error) {
	if len(ws) == 0 {
		return nil, nil
	}
	if slices.ContainsFunc(ws, Write.large) {
		return s.commitRest(ctx, ws)
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	at, index := s.fold(ws)
	life := s.current()
	first := life.number(len(at))
	puts := make([]Put, len(at))
	for i := range at {
		at[i].life = life
		at[i].seqs = []Seq{first + Seq(i)}
		at[i].put = s.stamp(at[i].write, Position{Writer: life.id, Seq: first + Seq(i)})
		puts[i] = at[i].put
	}
	statuses, err := s.engine.Put(ctx, puts)
	for i := range at {
		st := Unknown
		if err == nil {
			st = statuses[i]
		}
		s.note(&at[i], st)
	}
	cause := err
	gone := false
	for i := range at {
		if at[i].outcome.Status != Unknown {
			continue
		}
		if gone { // asking for each of many would take the time-out many times
			s.park(&at[i])
			continue
		}
		if err := s.learn(ctx, &at[i]); err != nil {
			cause, gone = err, true
		}
	}
	if err := s.confirm(ctx, at); err != nil {
		return nil, err
	}
	s.announce(at)
	outs := make([]Outcome, len(ws))
	known := false
	for i, j := range index {
		outs[i] = at[j].outcome
		known = known || outs[i].Status != Unknown
	}
	if !known {
		return nil, ErrUnavailable.Because(cause)
	}
	return outs, nil
}

// commitRest commits what is not too large. An engine would refuse the others each time, and an outcome that is never
// resolved holds the watermark of everybody's writes: so they get no number.
func (s *Store) commitRest(ctx context.Context, ws []Write) ([]Outcome, error) {
	rest := slices.DeleteFunc(slices.Clone(ws), Write.large)
	if len(rest) == 0 {
		return nil, ErrTooLarge.Because(fmt.Errorf("%s %s", ws[0].New.Kind, ws[0].New.ID))
	}
	known, err := s.Commit(ctx, rest)
	if err != nil {
		return nil, err
	}
	outs := make([]Outcome, len(ws))
	for i := range ws {
		if !ws[i].large() {
			outs[i], known = known[0], known[1:]
		}
	}
	return outs, nil
}

// fold joins the writes of one document and returns, for each write, the attempt that carries it.
func (s *Store) fold(ws []Write) ([]attempt, []int) {
	at := make([]attempt, 0, len(ws))
	index := make([]int, len(ws))
	if len(ws) == 1 {
		return append(at, attempt{write: ws[0]}), index
	}
	seen := make(map[Ref]int, len(ws))
	for i, w := range ws {
		if j, ok := seen[w.New.Ref]; ok {
			at[j].write.New = w.New
			index[i] = j
			continue
		}
		seen[w.New.Ref] = len(at)
		index[i] = len(at)
		at = append(at, attempt{write: w})
	}
	return at, index
}

// stamp completes a document with its rev and position and with the tokens that it leaves.
func (s *Store) stamp(w Write, p Position) Put {
	d := w.New
	d.Rev, d.Position = w.Old.Rev+1, p
	if d.Removed != Live {
		d.Tokens = nil
	} else if !slices.IsSorted(d.Tokens) {
		d.Tokens = SortTokens(slices.Clone(d.Tokens))
	}
	now := s.opt.Now().UTC().Truncate(time.Millisecond)
	d.Left = nil
	for _, l := range w.Old.Left {
		if _, back := slices.BinarySearch(d.Tokens, l.Token); !back && now.Sub(l.At) <= s.opt.Horizon {
			d.Left = append(d.Left, l)
		}
	}
	for _, t := range w.Old.Tokens {
		if _, kept := slices.BinarySearch(d.Tokens, t); !kept {
			d.Left = append(d.Left, Left{Token: t, Position: p, At: now})
		}
	}
	return Put{Base: w.Old.Rev, Doc: d}
}

// note records a status. A resolved attempt frees all seqs that it was tried under.
func (s *Store) note(a *attempt, st Status) {
	a.outcome = Outcome{Status: st}
	if st == Unknown {
		return
	}
	if st == OK {
		a.outcome.Rev, a.outcome.Position = a.put.Doc.Rev, a.put.Doc.Position
	}
	a.life.resolve(a.seqs...)
}

// learn finds out what an unknown write came to. "Not there yet" resolves nothing, because the late write may still
// arrive: so it writes again on the same base with a new seq, and whichever of the two lands makes the other stale.
func (s *Store) learn(ctx context.Context, a *attempt) error {
	var failed patience
	for {
		ds, err := s.engine.Get(context.WithoutCancel(ctx), []Ref{a.put.Doc.Ref})
		if err != nil {
			s.park(a)
			return err
		}
		if d := ds[0]; d.Rev > a.put.Base {
			if d.Position.Writer == a.life.id && slices.Contains(a.seqs, d.Position.Seq) {
				a.put.Doc.Position, a.put.Doc.Left = d.Position, d.Left
				s.note(a, OK)
			} else {
				s.note(a, Stale)
			}
			return nil
		}
		if err := ctx.Err(); err != nil {
			s.park(a)
			return err
		}
		q := a.life.number(1)
		a.seqs = append(a.seqs, q)
		moved(&a.put.Doc, Position{Writer: a.life.id, Seq: q})
		st, err := s.engine.Put(ctx, []Put{a.put})
		if err == nil && st[0] == OK {
			s.note(a, OK)
			return nil
		}
		// Stale: the first write landed late, or another's did. Unknown: look again.
		if err != nil && failed.spent() {
			s.park(a)
			return err
		}
	}
}

// patience bounds how often one call repeats a write that the engine fails to answer while it answers reads: a full disk
// or a lost permission would keep it for ever. Whoever gives up has learnt nothing, and says so.
type patience int

func (p *patience) spent() bool {
	*p++
	return *p >= 4
}

// moved gives a document another position, and with it the leavings that happened at the old one.
func moved(d *Doc, to Position) {
	from := d.Position
	d.Left = slices.Clone(d.Left)
	for i := range d.Left {
		if d.Left[i].Position == from {
			d.Left[i].Position = to
		}
	}
	d.Position = to
}

func (s *Store) park(a *attempt) {
	s.mu.Lock()
	s.unresolved = append(s.unresolved, unresolved{put: a.put, life: a.life, seqs: a.seqs})
	s.mu.Unlock()
}

// settle takes up the writes that were left unresolved, so that the watermark can move again.
func (s *Store) settle(ctx context.Context) error {
	s.mu.Lock()
	open := s.unresolved
	s.unresolved = nil
	s.mu.Unlock()
	for i, u := range open {
		a := attempt{put: u.put, life: u.life, seqs: u.seqs}
		if err := s.learn(ctx, &a); err != nil {
			s.mu.Lock()
			s.unresolved = append(s.unresolved, open[i+1:]...)
			s.mu.Unlock()
			return ErrUnavailable.Because(err)
		}
	}
	return nil
}

// confirm makes sure, after the writes and before the answer, that the writer was not sealed under them. If it was,
// what lies above its final is re-stamped under a new lifetime, which is confirmed in its turn.
func (s *Store) confirm(ctx context.Context, at []attempt) error {
	for {
		life := at[0].life
		for i := range at {
			if at[i].outcome.Status == OK {
				life = at[i].life
			}
		}
		sealed, final, err := s.publish(ctx, life, life.finish())
		if err != nil {
			return ErrUnavailable.Because(err)
		}
		if !sealed {
			return nil
		}
		if err := s.renew(ctx, life); err != nil {
			return ErrUnavailable.Because(err)
		}
		for i := range at {
			a := &at[i]
			if a.life != life {
				continue
			}
			a.life = s.current()
			if a.outcome.Status == OK && a.outcome.Position.Seq > final {
				if err := s.restampAttempt(ctx, a); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Store) restampAttempt(ctx context.Context, a *attempt) error {
	d, life, err := s.restamp(ctx, a.put.Doc.Ref, a.outcome.Position)
	if err != nil {
		return err
	}
	if life == nil { // somebody else has moved or replaced it
		return nil
	}
	a.life, a.put.Doc = life, d
	a.outcome.Rev, a.outcome.Position = d.Rev, d.Position
	return nil
}

// restamp gives the document at was, if it is still there, a new rev and position with the same content.
// It returns a nil lifetime if the document has moved meanwhile.
func (s *Store) restamp(ctx context.Context, ref Ref, was Position) (Doc, *lifetime, error) {
	ds, err := s.engine.Get(ctx, []Ref{ref})
	if err != nil {
		return Doc{}, nil, ErrUnavailable.Because(err)
	}
	if ds[0].Position != was {
		return Doc{}, nil, nil
	}
	life := s.current()
	q := life.number(1)
	p := Put{Base: ds[0].Rev, Doc: ds[0]}
	p.Doc.Rev++
	moved(&p.Doc, Position{Writer: life.id, Seq: q})
	a := attempt{put: p, life: life, seqs: []Seq{q}}
	st, err := s.engine.Put(ctx, []Put{p})
	if err != nil {
		st = []Status{Unknown}
	}
	s.note(&a, st[0])
	if st[0] == Unknown {
		if err := s.learn(ctx, &a); err != nil {
			return Doc{}, nil, ErrUnavailable.Because(err)
		}
	}
	if a.outcome.Status != OK {
		return Doc{}, nil, nil
	}
	return a.put.Doc, life, nil
}

func (s *Store) announce(at []attempt) {
	if s.opt.OnCommit == nil {
		return
	}
	docs := make([]Doc, 0, len(at))
	for i := range at {
		if at[i].outcome.Status == OK {
			docs = append(docs, at[i].put.Doc)
		}
	}
	if len(docs) > 0 {
		s.opt.OnCommit(docs)
	}
}

// Tick does the store's chores; call it every few seconds. It settles unknown outcomes, moves this writer's entry so
// that others see it alive, seals writers that have stood still, and re-stamps what is found above a final.
func (s *Store) Tick(ctx context.Context) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	if s.sole != nil {
		return nil
	}
	life := s.current()
	sealed, _, err := s.publish(ctx, life, life.finish())
	if err != nil {
		return ErrUnavailable.Because(err)
	}
	if sealed {
		if err := s.renew(ctx, life); err != nil {
			return err
		}
	}
	return errors.Join(s.sealDead(ctx), s.Sweep(ctx))
}

func (s *Store) sealDead(ctx context.Context) error {
	h, _, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	_, revs, err := s.readEntries(ctx, h.Live)
	if err != nil {
		return err
	}
	self, now := s.current().id, s.opt.Elapsed()
	s.mu.Lock()
	if now-s.looked > s.opt.SealAfter/2 {
		// Whoever could not look for so long may have missed every sign of life, and where nobody could reach the engine
		// none was given.
		clear(s.watched)
	}
	s.looked = now
	s.mu.Unlock()
	var errs []error
	for i, w := range h.Live {
		if w == self {
			continue
		}
		s.mu.Lock()
		seen, known := s.watched[w]
		if !known || seen.rev != revs[i] {
			s.watched[w] = sighting{rev: revs[i], at: now}
		}
		s.mu.Unlock()
		if known && seen.rev == revs[i] && now-seen.at > s.opt.SealAfter {
			_, err := s.seal(ctx, w)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Sweep re-stamps the documents above the finals of sealed writers: late writes, and what a writer had not published.
func (s *Store) Sweep(ctx context.Context) error {
	_, err := s.sweep(ctx)
	return err
}

// sweep returns how many documents it found.
func (s *Store) sweep(ctx context.Context) (n int, err error) {
	h, _, err := s.readHead(ctx)
	if err != nil {
		return 0, err
	}
	for _, sl := range h.Seals {
		after := sl.Final
		for {
			docs, more, err := s.engine.Range(ctx, Range{Writer: sl.Writer, After: after, Limit: Limit{Docs: 100}})
			if err != nil {
				return n, err
			}
			for _, d := range docs {
				if _, _, err := s.restamp(ctx, d.Ref, d.Position); err != nil {
					return n, err
				}
				n++
				after = d.Position.Seq
			}
			if !more {
				break
			}
		}
	}
	if n == 0 {
		return 0, nil
	}
	life := s.current()
	sealed, _, err := s.publish(ctx, life, life.finish())
	if err == nil && sealed {
		err = s.renew(ctx, life)
	}
	return n, err
}
