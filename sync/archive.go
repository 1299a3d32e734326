package sync

import (
	"context"
	"maps"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// archivePage is how many candidates are looked at together, and archiveSweep how many of each kind in one sweep.
const (
	archivePage  = 100
	archiveSweep = 5000
)

// ArchivedKinds are the kinds of which documents go to history.
var ArchivedKinds = []store.Kind{inspection.KindHazard, inspection.Kind, KindEvidence}

// Archiver moves what has long been closed from the working set, which tablets hold, to history, which they do not. A
// document in history carries the history twins of its tokens (directory.HistoryTwin) and is otherwise the same: its
// readers are told that it is archived, and go on reading it through the console's routes. A command on it brings it back.
//
// One sweep at a time; several nodes may sweep at once, because each move is a compare-and-set.
type Archiver struct {
	Service *Service
	After   time.Duration // how long a document is quiet before it is moved

	places map[store.Kind]store.PageKey // where the last sweep stopped, so that what cannot be moved does not hold up the rest
}

// Archived counts what a sweep moved.
type Archived struct {
	Hazards     int
	Inspections int
	Evidence    int
}

// Sweep moves a bounded number of documents and returns how many. Hazards go first, then the inspections all of whose
// hazards are closed, then the evidence of either. What has evidence under a legal hold, or with a photo to be taken
// again, stays: a stop between any two leaves nothing that the next sweep would not
// take up. What was changed meanwhile stays.
func (a *Archiver) Sweep(ctx context.Context) (done Archived, err error) {
	if a.places == nil {
		a.places = map[store.Kind]store.PageKey{}
	}
	before := a.Service.Now().Add(-a.After)
	for _, one := range []struct {
		kind  store.Kind
		ripe  func(context.Context, []store.Doc, time.Time) ([]store.Doc, error)
		count *int
	}{
		{inspection.KindHazard, a.Service.finished, &done.Hazards},
		{inspection.Kind, a.Service.closed, &done.Inspections},
		{KindEvidence, a.Service.ofArchived, &done.Evidence},
	} {
		if *one.count, err = a.sweep(ctx, one.kind, before, one.ripe); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (a *Archiver) sweep(ctx context.Context, kind store.Kind, before time.Time, ripe func(context.Context, []store.Doc, time.Time) ([]store.Doc, error)) (n int, err error) {
	for range archiveSweep / archivePage {
		page, err := a.Service.Store.Find(ctx, store.Query{
			Kind: kind, Where: []store.Cond{store.Where(inspection.FieldQuiet, store.Lt, store.Time(before))},
			Order: inspection.FieldQuiet, After: a.places[kind], Limit: archivePage,
		})
		if err != nil {
			return n, err
		}
		docs, err := ripe(ctx, page.Docs, before)
		if err != nil {
			return n, err
		}
		moved, err := a.Service.archive(ctx, docs)
		n += moved
		if err != nil {
			return n, err
		}
		if a.places[kind] = page.Next; page.Next == (store.PageKey{}) {
			return n, nil
		}
	}
	return n, nil
}

// archive moves documents to history. Then it looks for what each belongs with, as a command that brings one back does
// after its own write: whichever is later sees the other, and nothing stays behind in history.
func (s *Service) archive(ctx context.Context, docs []store.Doc) (n int, err error) {
	if len(docs) == 0 {
		return 0, nil
	}
	writes := make([]store.Write, len(docs))
	for i, d := range docs {
		moved := d
		moved.Tokens = directory.HistoryTokens(d.Tokens)
		moved.Fields = maps.Clone(d.Fields)
		delete(moved.Fields, inspection.FieldQuiet)
		writes[i] = store.Write{Old: d, New: moved}
	}
	outs, err := s.Store.Commit(ctx, writes)
	if err != nil {
		return 0, err
	}
	var owners []store.Ref
	for i, o := range outs {
		if o.Status != store.OK {
			continue
		}
		n++
		owners = append(append(owners, ownersOf(docs[i])...), evidenceRef(docs[i].ID))
	}
	s.reached(AfterArchiving)
	return n, s.bringCompanions(ctx, owners)
}

// ownersOf are the documents whose return to the working set brings this one along.
func ownersOf(d store.Doc) []store.Ref {
	switch d.Kind {
	case KindEvidence:
		return []store.Ref{{Kind: inspection.Kind, ID: d.ID}, {Kind: inspection.KindHazard, ID: d.ID}}
	case inspection.Kind:
		in, err := inspection.Decode(d.Body, nil)
		if err != nil {
			return nil
		}
		return hazardRefs(in.Hazards)
	}
	return nil
}

func hazardRefs(ids []inspection.HazardID) []store.Ref {
	out := make([]store.Ref, len(ids))
	for i, id := range ids {
		out[i] = store.Ref{Kind: inspection.KindHazard, ID: string(id)}
	}
	return out
}

// unfinished tells of subjects whether their evidence is under a legal hold or has a photo to be taken again. Evidence
// that cannot be read is.
func (s *Service) unfinished(ctx context.Context, ids []string) (map[string]bool, error) {
	refs := make([]store.Ref, len(ids))
	for i, id := range ids {
		refs[i] = evidenceRef(id)
	}
	docs, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for i, d := range docs {
		out[ids[i]] = d.Rev > 0 && busy(d)
	}
	return out, nil
}

// busy reports whether evidence itself asks for somebody's attention.
func busy(d store.Doc) bool {
	e, err := decodeEvidence(d)
	return err != nil || e.Open() > 0 || e.notes.held() >= 0
}

// finished picks the hazards whose evidence asks for nobody's attention.
func (s *Service) finished(ctx context.Context, docs []store.Doc, _ time.Time) ([]store.Doc, error) {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	busy, err := s.unfinished(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(docs), func(d store.Doc) bool { return busy[d.ID] }), nil
}

// closed picks the inspections all of whose hazards are closed, and have been for as long, and whose evidence, the
// hazards' too, asks for nobody's attention.
func (s *Service) closed(ctx context.Context, docs []store.Doc, before time.Time) ([]store.Doc, error) {
	var refs []store.Ref
	var subjects []string
	named := make([]int, len(docs)) // how many hazards each has; -1: it cannot be read, and holds up no other
	for i, d := range docs {
		in, err := inspection.Decode(d.Body, nil)
		if err != nil {
			named[i] = -1
			continue
		}
		refs = append(refs, hazardRefs(in.Hazards)...)
		named[i] = len(in.Hazards)
		subjects = append(subjects, d.ID)
	}
	hazards, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		subjects = append(subjects, r.ID)
	}
	busy, err := s.unfinished(ctx, subjects)
	if err != nil {
		return nil, err
	}
	var out []store.Doc
	for i, d := range docs {
		if named[i] < 0 {
			continue
		}
		mine := hazards[:named[i]]
		hazards = hazards[named[i]:]
		if !busy[d.ID] && !slices.ContainsFunc(mine, func(h store.Doc) bool { return busy[h.ID] || !quiet(h, before) }) {
			out = append(out, d)
		}
	}
	return out, nil
}

// quiet reports whether a hazard is archived, or closed for long enough to be.
func quiet(h store.Doc, before time.Time) bool {
	if directory.Archived(h.Tokens) {
		return true
	}
	since, ok := h.Fields[inspection.FieldQuiet]
	return ok && since.Num < before.UnixMilli()
}

// ofArchived picks the evidence whose inspection or hazard is archived, and which asks for nobody's attention.
func (s *Service) ofArchived(ctx context.Context, docs []store.Doc, _ time.Time) ([]store.Doc, error) {
	var refs []store.Ref
	for _, d := range docs {
		refs = append(refs, ownersOf(d)...)
	}
	owners, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	var out []store.Doc
	for i, d := range docs {
		if busy(d) {
			continue
		}
		if slices.ContainsFunc(owners[2*i:2*i+2], func(o store.Doc) bool { return o.Rev > 0 && directory.Archived(o.Tokens) }) {
			out = append(out, d)
		}
	}
	return out, nil
}

// bringCompanions looks at documents that may have come back from history, and brings what belongs to them: the evidence
// of each, the inspection of a hazard that is open again, and the subject of evidence that is held or has a photo to be
// taken again.
func (s *Service) bringCompanions(ctx context.Context, refs []store.Ref) error {
	refs = slices.DeleteFunc(slices.Clone(refs), func(r store.Ref) bool { return !slices.Contains(ArchivedKinds, r.Kind) })
	if len(refs) == 0 {
		return nil
	}
	slices.SortFunc(refs, compareRefs)
	docs, err := s.Store.Get(ctx, slices.Compact(refs)...)
	if err != nil {
		return err
	}
	var wanted []store.Ref
	for _, d := range docs {
		if d.Rev == 0 || directory.Archived(d.Tokens) {
			continue
		}
		if d.Kind == KindEvidence {
			if busy(d) {
				more, err := s.subjectsOf(ctx, d.ID)
				if err != nil {
					return err
				}
				wanted = append(wanted, more...)
			}
			continue
		}
		wanted = append(wanted, evidenceRef(d.ID))
		if of, ok := d.Fields["inspection"]; ok && d.Kind == inspection.KindHazard && !isClosed(d) {
			wanted = append(wanted, store.Ref{Kind: inspection.Kind, ID: of.Text}, evidenceRef(of.Text))
		}
	}
	return s.bringBack(ctx, wanted)
}

// subjectsOf are what evidence belongs to: the inspection or hazard of that id, and a hazard's inspection with its evidence.
func (s *Service) subjectsOf(ctx context.Context, id string) ([]store.Ref, error) {
	out := ownersOf(store.Doc{Ref: evidenceRef(id)})
	hazard, err := s.Store.Get(ctx, store.Ref{Kind: inspection.KindHazard, ID: id})
	if err != nil {
		return nil, err
	}
	if of, ok := hazard[0].Fields["inspection"]; ok {
		out = append(out, store.Ref{Kind: inspection.Kind, ID: of.Text}, evidenceRef(of.Text))
	}
	return out, nil
}

func isClosed(hazard store.Doc) bool {
	status := inspection.Status(hazard.Fields["status"].Text)
	return status == inspection.Accepted || status == inspection.Withdrawn
}

// bringBack moves those of the documents that are archived to the working set.
func (s *Service) bringBack(ctx context.Context, refs []store.Ref) error {
	if len(refs) == 0 {
		return nil
	}
	slices.SortFunc(refs, compareRefs)
	refs = slices.Compact(refs)
	for range maxRounds {
		docs, err := s.Store.Get(ctx, refs...)
		if err != nil {
			return err
		}
		var writes []store.Write
		for _, d := range docs {
			if d.Rev == 0 || d.Removed != store.Live || !directory.Archived(d.Tokens) {
				continue
			}
			writes = append(writes, store.Write{Old: d, New: presently(d)})
		}
		outs, err := s.Store.Commit(ctx, writes)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(outs, func(o store.Outcome) bool { return o.Status != store.OK }) {
			return nil
		}
	}
	return ErrBusy
}

// presently is an archived document as it stands in the working set. One that cannot be read comes back
// too, and is then never archived again.
func presently(d store.Doc) store.Doc {
	d.Tokens = directory.PresentTokens(d.Tokens)
	switch d.Kind {
	case KindEvidence:
		if e, err := decodeEvidence(d); err == nil {
			d.Fields = e.fields(d.Fields, d.Tokens)
		}
		return d
	case inspection.KindHazard:
		if h, err := inspection.DecodeHazard(d.Body, d.Restricted); err == nil {
			d.Fields = inspection.HazardFields(&h)
		}
		return d
	}
	if in, err := inspection.Decode(d.Body, d.Restricted); err == nil {
		d.Fields = inspection.Fields(&in)
	}
	return d
}
