package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// maxRounds is how often a root is begun anew because somebody else was faster, before the device is told to retry.
const maxRounds = 40

// push is one push on its way: its mutations by root, and what they need.
type push struct {
	*Service
	ctx    context.Context // of the request: commands read by it
	sess   Session
	now    time.Time
	device directory.DeviceID
	// correction is the server's clock minus the device's at this push, 0 where the device did not say its time.
	correction time.Duration
	timed      bool // the device said its time
	sameEpoch  bool
	key        directory.PublicKey // of the device, where something in the push is signed
	scope      scope
	muts       []mutation
	links      []Link
	claimed    *chainClaim // how the mutations stand in the device's chain
	chained    bool        // the chain says so
	released   *release    // set where a supervisor lets a quarantined mutation pass
	units      []*unit
	receipts   map[MutationID]receipt
	pending    []inspection.ID // inspections whose effects are to be completed before the answer
	releases   []string        // quarantined mutations that are to be applied before the answer, in order
	begun      map[DocRef]bool // documents that a release of this push begins
	photos     []inspection.ID // inspections whose evidence is to be brought up to date before the answer
	returned   []store.Ref     // documents that came back from history: what belongs to them follows before the answer
	rectified  []inspection.HazardID
}

// unit is the mutations of one root, in the order in which they came.
type unit struct {
	root string
	muts []*mutation
	done bool
}

// correction is the server's clock minus the device's, 0 where the device did not say its time. What differs by less than
// the skew that is marked anyway may be the network's delay and is left alone.
func (r *PushRequest) correction(now time.Time) time.Duration {
	if d := now.Sub(r.DeviceTime); !r.DeviceTime.IsZero() && d.Abs() > skewLimit {
		return d
	}
	return 0
}

// Push applies mutations and answers each. One bad mutation stops no other; later ones of its root wait. It returns an
// error only where nothing can be said of any: ErrDevice, or the store being unreachable before anything was written.
func (s *Service) Push(ctx context.Context, sess Session, r PushRequest) (PushResponse, error) {
	if r.Device != string(sess.Device) {
		return PushResponse{}, ErrDevice
	}
	now := s.Now()
	p := push{
		Service: s, ctx: ctx, sess: sess, now: now, device: sess.Device, sameEpoch: r.Epoch == s.Store.Epoch(),
		scope: scopeOf(sess.User, now), receipts: map[MutationID]receipt{}, begun: map[DocRef]bool{}, correction: r.correction(now), timed: !r.DeviceTime.IsZero(), links: r.Links,
	}
	p.muts = make([]mutation, len(r.Mutations))
	first := make(map[MutationID]int, len(r.Mutations))
	for i, raw := range r.Mutations {
		m := decodeMutation(raw, s.Limits)
		if at, again := first[m.ID]; again && m.named() {
			m.twin = &p.muts[at]
		} else {
			first[m.ID] = i
		}
		p.muts[i] = m
	}
	if err := p.readKey(ctx); err != nil {
		return PushResponse{}, err
	}
	if err := p.run(ctx); err != nil {
		return PushResponse{}, err
	}
	out := PushResponse{Results: make([]Result, len(p.muts)), ServerTime: now.UTC().Truncate(time.Millisecond)}
	for i := range p.muts {
		out.Results[i] = p.muts[i].answer()
		if s.Meter != nil {
			s.Meter.Pushed(out.Results[i].Status)
		}
	}
	if p.claimed != nil {
		out.Gaps = p.claimed.gaps
	}
	var err error
	if out.MissingMedia, err = p.finish(ctx); err != nil {
		return PushResponse{}, err
	}
	s.reached(BeforeAnswer)
	return out, nil
}

func (p *push) run(ctx context.Context) error {
	docs, err := p.load(ctx)
	if err != nil {
		return err
	}
	p.group(docs)
	for round := range maxRounds {
		if round > 0 {
			if docs, err = p.reload(ctx); err != nil {
				return err
			}
		}
		if err := p.stand(docs); err != nil {
			return err
		}
		var writes []store.Write
		var owners []*attempt
		for _, u := range p.units {
			if u.done {
				continue
			}
			a := p.try(ctx, u, docs)
			writes = append(writes, a.writes...)
			owners = append(owners, a)
		}
		link, linked, err := p.chainWrite(owners)
		if err != nil {
			return err
		}
		if len(owners) == 0 && !linked {
			return nil
		}
		if linked {
			writes = append(writes, link)
		}
		outs, err := p.Store.Commit(ctx, writes)
		for _, a := range owners {
			if err != nil {
				a.unknown()
				continue
			}
			a.settle(outs[:len(a.writes)])
			outs = outs[len(a.writes):]
		}
		// A chain of unknown outcome is read afresh by the next push; a stale one is set against what is there now.
		p.chained = err != nil || !linked || outs[0].Status != store.Stale
		if p.chained && !slices.ContainsFunc(p.units, func(u *unit) bool { return !u.done }) {
			return nil
		}
	}
	for _, u := range p.units {
		if !u.done {
			(&attempt{p: p, u: u}).unknown()
		}
	}
	return nil
}

// load reads every document that the push is about, and the receipts of its mutations, in one go.
func (p *push) load(ctx context.Context) (map[store.Ref]store.Doc, error) {
	refs := make([]store.Ref, 0, 2*len(p.muts)+2)
	refs = append(refs, chainRef(p.device))
	for i := range p.muts {
		m := &p.muts[i]
		if m.named() {
			refs = append(refs, receiptRef(m.ID))
		}
		if m.Prev != "" && (i == 0 || p.muts[i-1].ID != m.Prev) {
			refs = append(refs, receiptRef(m.Prev))
		}
		if m.fault == nil {
			refs = append(refs, m.ref())
		}
	}
	docs, err := p.get(ctx, refs)
	if err != nil {
		return nil, err
	}
	for i := range p.muts {
		m := &p.muts[i]
		for _, id := range []MutationID{m.ID, m.Prev} {
			if d := docs[receiptRef(id)]; id != "" && d.Rev > 0 {
				r, err := readReceipt(d)
				if err != nil {
					return nil, err
				}
				p.receipts[id] = r
			}
		}
	}
	return docs, nil
}

func (p *push) reload(ctx context.Context) (map[store.Ref]store.Doc, error) {
	refs := []store.Ref{chainRef(p.device)}
	for _, u := range p.units {
		if u.done {
			continue
		}
		for _, m := range u.muts {
			if m.fault == nil {
				refs = append(refs, m.ref())
			}
		}
	}
	return p.get(ctx, refs)
}

// stand sets the push against the device's chain as it was read. A released mutation has stood there before.
func (p *push) stand(docs map[store.Ref]store.Doc) (err error) {
	if p.chained || p.released != nil {
		return nil
	}
	d := docs[chainRef(p.device)]
	d.Ref = chainRef(p.device)
	p.claimed, err = p.claim(d)
	return err
}

// chainWrite is the device's chain as this round leaves it; false if there is nothing to write.
func (p *push) chainWrite(round []*attempt) (store.Write, bool, error) {
	if p.chained || p.claimed == nil {
		return store.Write{}, false, nil
	}
	now := map[*mutation]Result{}
	for _, a := range round {
		for i, m := range a.u.muts {
			now[m] = a.results[i]
		}
	}
	p.claimed.settle(p, func(m *mutation) (Result, bool) {
		if r, ok := now[m]; ok {
			return r, true
		}
		return m.result, m.result.Status != ""
	})
	return p.claimed.write(len(p.muts))
}

// newlyForked tells, once, that this push showed the device to be cloned.
func (p *push) newlyForked() bool {
	if p.claimed == nil || !p.claimed.forks {
		return false
	}
	if p.Meter != nil {
		p.Meter.Forked(string(p.device))
	}
	return true
}

// forkedBefore reports whether a mutation was quarantined because its number was another's.
func (p *push) forkedBefore(id MutationID) bool {
	r, ok := p.receipts[id]
	return ok && r.Result.Problem != nil && r.Result.Problem.Code == ErrForked.Code
}

func (p *push) get(ctx context.Context, refs []store.Ref) (map[store.Ref]store.Doc, error) {
	slices.SortFunc(refs, compareRefs)
	refs = slices.Compact(refs)
	ds, err := p.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	out := make(map[store.Ref]store.Doc, len(refs))
	for i, r := range refs {
		out[r] = ds[i]
	}
	return out, nil
}

// group gathers the mutations by root: an inspection and the hazards that came of it are one.
func (p *push) group(docs map[store.Ref]store.Doc) {
	by := map[string]*unit{}
	for i := range p.muts {
		m := &p.muts[i]
		if m.twin != nil {
			continue
		}
		root := fmt.Sprint("?", i)
		if m.fault == nil {
			root = m.Doc.ID
			if of, ok := docs[m.ref()].Fields["inspection"]; ok && m.Doc.Kind == inspection.KindHazard {
				root = of.Text
			}
		}
		u := by[root]
		if u == nil {
			u = &unit{root: root}
			by[root] = u
			p.units = append(p.units, u)
		}
		u.muts = append(u.muts, m)
	}
}

// finish completes, before the answer, what the mutations called for beyond their own documents.
func (p *push) finish(ctx context.Context) ([]MissingMedia, error) {
	if p.newlyForked() {
		// The chain has it already; who looks at the device is to see it too.
		if err := p.noteHealth(ctx, p.sess, func(*Health) {}); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Compact(p.releases) {
		if err := p.completeRelease(ctx, id); err != nil {
			return nil, err
		}
	}
	if err := p.bringCompanions(ctx, p.returned); err != nil {
		return nil, err
	}
	slices.Sort(p.pending)
	for _, id := range slices.Compact(p.pending) {
		if err := p.complete(ctx, id); err != nil {
			return nil, err
		}
	}
	var missing []MissingMedia
	slices.Sort(p.photos)
	for _, id := range slices.Compact(p.photos) {
		m, err := p.want(ctx, string(id), p.clock())
		if err != nil {
			return nil, err
		}
		if len(m.SHA256) > 0 {
			missing = append(missing, m)
		}
	}
	slices.Sort(p.rectified)
	for _, id := range slices.Compact(p.rectified) {
		if err := p.remark(ctx, string(id), nil); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// answer is the mutation's result; the second of one id in a push is told as the duplicate that it is.
func (m *mutation) answer() Result {
	switch {
	case m.twin == nil:
		return m.result
	case m.twin.hash != m.hash:
		return rejection(m.ID, ErrReused)
	}
	r := m.twin.result
	if r.Status.Final() && r.Status != Duplicate {
		r.First, r.Status = r.Status, Duplicate
	}
	return r
}

func (m *mutation) ref() store.Ref { return store.Ref{Kind: m.Doc.Kind, ID: m.Doc.ID} }

func compareRefs(a, b store.Ref) int {
	if a.Kind != b.Kind {
		if a.Kind < b.Kind {
			return -1
		}
		return 1
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}
