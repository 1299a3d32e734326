package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// attempt is one try at a unit: what it read, what it came to and what it would write.
type attempt struct {
	p       *push
	u       *unit
	docs    map[store.Ref]store.Doc
	working map[store.Ref]*working
	order   []*working
	writes  []store.Write
	results []Result // of u.muts, in order
	fail    error
	unbegun bool                   // an earlier one waits for the save that begins the record
	aside   map[store.Ref]setAside // what an earlier mutation of this unit was quarantined for
}

// setAside is why a mutation is quarantined and whose supervisors get it.
type setAside struct {
	why    *fault.Error
	tokens []store.Token
}

// try applies a unit's mutations, in order, to the documents as they were read.
func (p *push) try(ctx context.Context, u *unit, docs map[store.Ref]store.Doc) *attempt {
	a := &attempt{
		p: p, u: u, docs: docs, working: map[store.Ref]*working{}, results: make([]Result, len(u.muts)),
		aside: map[store.Ref]setAside{},
	}
	blocked := false
	for i, m := range u.muts {
		before := a.unbegun
		r := a.one(ctx, m, blocked)
		a.results[i] = r
		if a.unbegun && !before {
			continue // the save that begins the record may stand behind it
		}
		blocked = blocked || !r.Status.Final() || r.Status == Rejected || r.Status == Quarantined
	}
	for _, w := range a.order {
		if !w.changed {
			continue
		}
		one, err := w.write()
		if err != nil {
			a.fail, a.writes = err, nil
			return a
		}
		a.writes = append(a.writes, one)
	}
	return a
}

// one gives one mutation its verdict: the first one if it was here before.
func (a *attempt) one(ctx context.Context, m *mutation, blocked bool) Result {
	if r, ok := a.p.receipts[m.ID]; ok && m.named() && a.p.released == nil {
		if r.Result.Status == Quarantined && m.fault == nil {
			a.requarantine(ctx, m, r)
		}
		return r.again(m.hash)
	}
	if m.fault != nil {
		return a.stateless(m, m.fault)
	}
	c, known := commands[m.Name]
	if !known {
		return a.stateless(m, ErrCommand.At("/name"))
	}
	if c.kind != m.Doc.Kind {
		return a.stateless(m, ErrKind.At("/doc/kind"))
	}
	if m.standing == changed {
		return rejection(m.ID, ErrReused) // no receipt: the first one has its own
	}
	w := a.open(m.ref())
	if v, ok := recall(w.memory, m.uuid); ok {
		a.p.returned = append(a.p.returned, m.ref())
		switch {
		case w.old.Fields["pendingEffects"].Num > 0:
			a.p.pending = append(a.p.pending, inspection.ID(m.Doc.ID))
		case w.old.Fields["releasing"].Num > 0:
			a.p.releases = append(a.p.releases, m.Doc.ID)
		}
		return v.again(m.hash)
	}
	switch before, ok := a.aside[m.ref()]; {
	case m.standing == forked || m.standing == longAgo:
		return a.quarantine(ctx, m, setAside{ErrForked, w.tokens})
	case m.standing == beyondGap:
		return waiting(m.ID, Blocked, ErrGap)
	case ok:
		return a.quarantine(ctx, m, before) // it goes with what it builds on
	case blocked || a.unbegun && !begins(m):
		return waiting(m.ID, Blocked, ErrBlocked)
	}
	r := a.apply(ctx, c, m, w)
	a.unbegun = a.unbegun && r.Status != Applied
	return r
}

// apply checks the right and does the command.
func (a *attempt) apply(ctx context.Context, c command, m *mutation, w *working) Result {
	absent := w.old.Rev == 0 && !w.changed
	if (absent || w.old.Removed != store.Live) && m.Name != "inspection.save" {
		return a.absent(ctx, m)
	}
	if !absent {
		if r, ok := a.allowed(ctx, m, w, w.tokens); !ok {
			return r
		}
	}
	before := *w
	if err := w.decode(); err != nil {
		return waiting(m.ID, Retry, ErrBusy)
	}
	w.count()
	if err := c.apply(&act{p: a.p, m: m, w: w}); err != nil {
		*w = before
		switch {
		case transient(err):
			return waiting(m.ID, Retry, ErrBusy)
		case absent && errors.Is(err, inspection.ErrNotBegun) && !begins(m):
			a.unbegun = true
			return a.absent(ctx, m) // the save that begins the record has not come yet
		case absent:
			return a.stateless(m, fault.Of(err))
		}
		f := fault.Of(err)
		a.record(w, verdict{id: m.uuid, hash: m.hash, status: Rejected, rev: w.old.Rev, code: f.Code, detail: f.Message})
		return Result{ID: m.ID, Status: Rejected, Rev: w.old.Rev, Problem: problemOf(f), Next: AskPerson}
	}
	if absent {
		if err := a.p.inPlace(ctx, w.inspection); err != nil {
			*w = before
			if transient(err) {
				return waiting(m.ID, Retry, ErrBusy)
			}
			return a.stateless(m, fault.Of(err))
		}
		if r, ok := a.allowed(ctx, m, w, w.tokens); !ok {
			*w = before
			return r
		}
	}
	v := verdict{id: m.uuid, hash: m.hash, status: Applied, rev: w.old.Rev + 1}
	if f := w.disputed(); f != nil {
		v.status, v.code, v.detail = Conflict, f.Code, f.Message
	}
	a.record(w, v)
	return v.result()
}

// inPlace makes sure that a new record of a known enterprise names the region in which the enterprise is: region and
// enterprise together decide who sees the record.
func (p *push) inPlace(ctx context.Context, in *inspection.Inspection) error {
	docs, err := p.Store.Get(ctx, store.Ref{Kind: directory.KindEnterprise, ID: string(in.Header.Unit.ID)})
	if err != nil {
		return err
	}
	if region := docs[0].Fields["region"].Text; docs[0].Rev > 0 && region != string(in.Header.Region) {
		return ErrEnterprise.At("/args/header/region")
	}
	return nil
}

// begins tells a save that could begin a record from one that adds to it.
func begins(m *mutation) bool {
	if m.Name != "inspection.save" {
		return false
	}
	args, err := inspection.DecodeArgs[inspection.SaveArgs](m.Args)
	return err == nil && args.Header != nil
}

// allowed asks the policy table. Work begun under a right that has ended since is applied for a while and then kept for
// a supervisor; what one may not even see is answered as if it were not there.
func (a *attempt) allowed(ctx context.Context, m *mutation, w *working, tokens []store.Token) (Result, bool) {
	p, u := a.p, a.p.sess.User
	if p.released != nil {
		return Result{}, true
	}
	if p.sess.Revoked {
		return a.quarantine(ctx, m, setAside{ErrQuarantined, tokens}), false
	}
	err := auth.Allow(u, actionOf(m.Name), tokens, p.now)
	if err == nil {
		return Result{}, true
	}
	if ended, had := endOfRight(u, actionOf(m.Name), tokens, p.now); had {
		if !u.Disabled && m.At.Before(ended) && p.now.Sub(ended) <= p.Grace {
			return Result{}, true
		}
		return a.quarantine(ctx, m, setAside{ErrQuarantined, tokens}), false
	}
	if via, _ := p.scope.covers(m.Doc.Kind, tokens); len(via) == 0 && w.old.Rev > 0 && m.Doc.Kind != inspection.Kind {
		return waiting(m.ID, Blocked, ErrBlocked), false
	}
	return a.stateless(m, ErrForbidden), false
}

// endOfRight finds out whether the user had the right at some time, and when the last such time ended.
func endOfRight(u directory.User, action auth.Action, tokens []store.Token, now time.Time) (time.Time, bool) {
	disabled := u.Disabled
	u.Disabled = false
	if disabled && auth.Allow(u, action, tokens, now) == nil {
		return now, true
	}
	var end time.Time
	given := u
	given.Grants = slices.Clone(u.Grants)
	for i := range given.Grants {
		given.Grants[i].Revoked = false
	}
	if auth.Allow(given, action, tokens, now) == nil {
		return end, true // taken away, not run out: no work is applied under it any more
	}
	for _, g := range u.Grants {
		if g.Until.IsZero() || g.Until.After(now) || !g.Until.After(end) {
			continue
		}
		if auth.Allow(u, action, tokens, g.Until.Add(-time.Millisecond)) == nil {
			end = g.Until
		}
	}
	return end, !end.IsZero()
}

// absent answers a command on a document that is not here: it waits, unless what would begin the document is quarantined
// itself. Then it goes the same way, if it is of the same device or that one was dismissed: nothing else will ever come.
func (a *attempt) absent(ctx context.Context, m *mutation) Result {
	q, ok, err := a.p.beginAside(ctx, m.Doc)
	switch {
	case err != nil:
		return waiting(m.ID, Retry, ErrBusy)
	case ok && (q.body.Device == a.p.device || q.body.State == Dismissed):
		return a.quarantine(ctx, m, setAside{ErrQuarantined, q.doc.Tokens})
	}
	return waiting(m.ID, Blocked, ErrBlocked)
}

// quarantine sets a mutation aside; its receipt is written in the same commit.
func (a *attempt) quarantine(ctx context.Context, m *mutation, s setAside) Result {
	if m.Doc.Kind == KindQuarantine {
		// It is no evidence, and to be decided about itself it would be one more decision each time.
		return a.stateless(m, ErrDecisionVoid)
	}
	tokens := supervisorsOf(directory.PresentTokens(s.tokens)) // of an archived document those that it had
	if len(tokens) == 0 {
		var err error
		if tokens, err = a.p.overseers(ctx); err != nil {
			return waiting(m.ID, Retry, ErrBusy)
		}
	}
	w, err := a.p.quarantined(m, s.why, tokens)
	if err != nil {
		return waiting(m.ID, Retry, ErrBusy)
	}
	a.aside[m.ref()] = s
	r := Result{ID: m.ID, Status: Quarantined, Problem: problemOf(s.why), Next: Remove}
	a.writes = append(a.writes, w)
	return a.receipt(m, r)
}

// requarantine writes the quarantined mutation again: the receipt may have become durable without it.
func (a *attempt) requarantine(ctx context.Context, m *mutation, first receipt) {
	why, tokens := ErrQuarantined, supervisorsOf(a.docs[m.ref()].Tokens)
	if first.Result.Problem != nil && first.Result.Problem.Code == ErrForked.Code {
		why = ErrForked
	}
	var err error
	if len(tokens) == 0 {
		tokens, err = a.p.overseers(ctx)
	}
	if w, err2 := a.p.quarantined(m, why, tokens); err == nil && err2 == nil {
		a.writes = append(a.writes, w)
	}
}

// stateless rejects a mutation for a reason that no document can change, and files the verdict under its id.
func (a *attempt) stateless(m *mutation, f *fault.Error) Result {
	r := rejection(m.ID, f)
	if !m.named() {
		return r
	}
	return a.receipt(m, r)
}

func (a *attempt) receipt(m *mutation, r Result) Result {
	w, err := m.receipt(r)
	if err != nil {
		return waiting(m.ID, Retry, ErrBusy)
	}
	a.writes = append(a.writes, w)
	return r
}

// open takes up a document for this unit; its body is decoded when a command first needs it.
func (a *attempt) open(ref store.Ref) *working {
	w := a.working[ref]
	if w == nil {
		d := a.docs[ref]
		d.Ref = ref
		w = &working{old: d, memory: d.Memory, tokens: directory.PresentTokens(d.Tokens)}
		a.working[ref] = w
		a.order = append(a.order, w)
	}
	return w
}

// record adds a verdict to a document's memory; it becomes durable with the document.
func (a *attempt) record(w *working, v verdict) {
	if v.status == Rejected && len(w.memory) > maxRejected {
		return // no effect to be repeated: the same state gives the same answer
	}
	w.memory = remember(w.memory, v)
	w.changed = true
}

// unknown tells the device to keep what could not be confirmed.
func (a *attempt) unknown() {
	for _, m := range a.u.muts {
		m.result = waiting(m.ID, Retry, ErrBusy)
	}
	a.u.done = true
}

// settle takes the outcomes of the attempt's writes. A stale one starts the unit over; receipts that were there before
// are harmless, because their mutation is looked up again.
func (a *attempt) settle(outs []store.Outcome) {
	if a.fail != nil {
		a.unknown()
		return
	}
	for i, o := range outs {
		k := a.writes[i].New.Kind
		switch {
		case o.Status == store.Unknown:
			a.unknown()
			return
		case o.Status == store.Stale && k != KindReceipt && k != KindQuarantine:
			return
		}
	}
	a.u.done = true
	for i, m := range a.u.muts {
		m.result = a.results[i]
		if m.result.ID == "" {
			m.result.ID = m.ID
		}
	}
	for _, w := range a.order {
		if w.rewritten && (directory.Archived(w.old.Tokens) || w.evidence != nil) {
			a.p.returned = append(a.p.returned, w.old.Ref)
		}
		if w.evidence != nil && w.changed && len(w.evidence.notes.Holds) > 0 && a.p.Held != nil {
			a.p.Held(w.old.ID)
		}
		if h := w.hazard; h != nil && w.changed && len(h.Rectifies) > 0 {
			a.p.rectified = append(a.p.rectified, h.ID)
		}
		if w.quarantine != nil && w.changed && w.quarantine.State == Releasing {
			a.p.releases = append(a.p.releases, w.old.ID)
		}
		if w.inspection == nil || !w.changed {
			continue
		}
		if w.inspection.PendingEffects != nil {
			a.p.pending = append(a.p.pending, w.inspection.ID)
		}
		if len(w.inspection.Photos) > 0 {
			a.p.photos = append(a.p.photos, w.inspection.ID)
		}
	}
}
