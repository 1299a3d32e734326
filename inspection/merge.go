package inspection

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"paicha/internal/store"
)

// merger adds what one command offers to a record. Facts are added, not overwritten: a value that its author had not
// seen the last of is kept beside the stored one, for a person to decide.
type merger struct {
	in     *Inspection
	base   store.Rev // what the author had seen; 0 for nothing, or for a revision of another epoch
	rev    store.Rev // the revision being made
	by     Cause
	before *[]Side // where an amendment keeps what it replaces; nil before submission
	adopts bool    // the author took proposals over in this very revision, and so knows what they set
}

// part tells merge how one sort of keyed value behaves.
type part[T any] struct {
	order func(a, b *T) int // by key; equal keys are the same thing
	stamp func(*T) *Stamp
	side  func(*T) Side
	// join returns the value that holds both sides when they do not disagree; changed tells whether it differs from
	// the stored one.
	join func(stored, offered *T) (joined T, agree, changed bool)
	// lift carries over what may never be lost from the side that yields; nil for nothing.
	lift func(winner, loser *T) (changed bool)
}

// merge returns stored with offered added. Both results and stored are sorted by key; stored is not changed.
func merge[T any](m *merger, p part[T], stored, offered []T) []T {
	if len(offered) == 0 {
		return stored
	}
	out := make([]T, len(stored), len(stored)+len(offered))
	copy(out, stored)
	for i := range offered {
		o := offered[i] // a copy: the arguments stay as they came
		*p.stamp(&o) = m.stamp()
		at, found := search(out, &o, p.order)
		if !found {
			out = slices.Insert(out, at, o)
			continue
		}
		s := &out[at]
		if joined, agree, changed := p.join(s, &o); agree {
			if changed {
				replacedSide(m, p.side, s)
				*p.stamp(&joined) = m.stamp()
				*s = joined
			}
			continue
		}
		if m.saw(*p.stamp(s)) {
			replacedSide(m, p.side, s)
			if p.lift != nil {
				p.lift(&o, s)
			}
			*s = o
			continue
		}
		m.conflict(p.side(s), p.side(&o))
		if p.lift != nil {
			was := *s
			if p.lift(s, &o) {
				replacedSide(m, p.side, &was)
			}
		}
	}
	return out
}

// search is slices.BinarySearchFunc by pointer: the parts are large, and comparing them by value costs an allocation each.
func search[T any](sorted []T, x *T, order func(a, b *T) int) (at int, found bool) {
	at = sort.Search(len(sorted), func(i int) bool { return order(&sorted[i], x) >= 0 })
	return at, at < len(sorted) && order(&sorted[at], x) == 0
}

// saw reports whether the author knew the value that s stamped: it is in what the author had pulled, or the author's
// own device set it earlier. What this very command set is not known better: a command that gives two values for one
// thing does not say which it means.
func (m *merger) saw(s Stamp) bool {
	switch {
	case m.base > 0 && s.Rev <= m.base:
		return true
	case s == m.stamp():
		return false
	case m.adopts && s.Rev == m.rev:
		return true
	}
	return m.by.N > 0 && m.by.Device != "" && s.Device == m.by.Device && s.N <= m.by.N
}

func (m *merger) stamp() Stamp {
	return Stamp{Rev: m.rev, Device: m.by.Device, N: m.by.N, By: m.by.User}
}

func (m *merger) conflict(stored, offered Side) {
	m.in.Conflicts = append(slices.Clip(m.in.Conflicts), Conflict{
		Stored: stored, Offered: offered, By: m.by.User, Device: m.by.Device, N: m.by.N,
		Mutation: m.by.Mutation, At: ms(m.by.ServerTime), BaseRev: m.base,
	})
}

// replacedSide keeps the value that an amendment replaces.
func replacedSide[T any](m *merger, side func(*T) Side, old *T) {
	if m.before != nil {
		*m.before = append(*m.before, side(old))
	}
}

var answers = part[Answer]{
	order: func(a, b *Answer) int {
		if c := cmp.Compare(a.Item, b.Item); c != 0 {
			return c
		}
		return cmp.Compare(a.Instance, b.Instance)
	},
	stamp: func(a *Answer) *Stamp { return &a.Stamp },
	side:  func(a *Answer) Side { c := *a; return Side{Answer: &c} },
	join: func(s, o *Answer) (Answer, bool, bool) {
		if !sameValue(s, o) {
			return Answer{}, false, false
		}
		photos, more := union(s.Photos, o.Photos)
		if !more {
			return *s, true, false
		}
		j := *s
		j.Photos = photos
		return j, true, true
	},
}

var facts = part[Fact]{
	order: func(a, b *Fact) int { return cmp.Compare(a.Name, b.Name) },
	stamp: func(f *Fact) *Stamp { return &f.Stamp },
	side:  func(f *Fact) Side { c := *f; return Side{Fact: &c} },
	join: func(s, o *Fact) (Fact, bool, bool) {
		same := equalPtr(s.Yes, o.Yes) && equalPtr(s.Number, o.Number) && s.Unit == o.Unit && s.Text == o.Text &&
			bytes.Equal(s.Extra, o.Extra)
		return *s, same, false
	},
}

var findings = part[Finding]{
	order: compareFindings,
	stamp: func(f *Finding) *Stamp { return &f.Stamp },
	side:  func(f *Finding) Side { c := *f; return Side{Finding: &c} },
	join: func(s, o *Finding) (Finding, bool, bool) {
		if s.Title != o.Title || s.Explanation != o.Explanation || !slices.Equal(s.Items, o.Items) ||
			!bytes.Equal(s.Extra, o.Extra) {
			return Finding{}, false, false
		}
		j := *s
		raised := liftFinding(&j, o)
		return j, true, raised
	},
	lift: liftFinding,
}

// liftFinding carries the graver class and all photos to the value that stays: a device may raise, never lower.
func liftFinding(winner, loser *Finding) bool {
	class := Graver(winner.Class, loser.Class)
	photos, more := union(winner.Photos, loser.Photos)
	changed := class != winner.Class || more
	winner.Class, winner.Photos = class, photos
	return changed
}

func compareFindings(a, b *Finding) int {
	ka, kb := a.Key(), b.Key()
	return cmp.Or(cmp.Compare(ka.Rule, kb.Rule), cmp.Compare(ka.ID, kb.ID), cmp.Compare(ka.Instance, kb.Instance))
}

// sameValue compares two answers' content; photos, device time and stamp are not content.
func sameValue(a, b *Answer) bool {
	return a.Result == b.Result && equalPtr(a.Number, b.Number) && a.Unit == b.Unit && a.Choice == b.Choice &&
		slices.Equal(a.Choices, b.Choices) && a.Text == b.Text && equalPtr(a.Count, b.Count) && a.Date == b.Date &&
		a.Note == b.Note && bytes.Equal(a.Extra, b.Extra)
}

func equalPtr[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// union returns a with what is only in b appended, and whether there was any; a is not changed.
func union(a, b []Hash) ([]Hash, bool) {
	n := len(a)
	for _, h := range b {
		if !slices.Contains(a, h) {
			a = append(slices.Clip(a), h)
		}
	}
	return a, len(a) > n
}

// header merges what is settled at the beginning as one part.
func (m *merger) header(o *Header) {
	if o == nil {
		return
	}
	h := *o
	h.Stamp = m.stamp()
	s := &m.in.Header
	switch {
	case s.Stamp.Rev == 0:
		*s, m.in.Day = h, m.by.dayOf(h.StartedAt)
	case sameHeader(s, &h):
	case m.saw(s.Stamp):
		replacedSide(m, headerSide, s)
		*s, m.in.Day = h, m.by.dayOf(h.StartedAt)
	default:
		m.conflict(headerSide(s), headerSide(&h))
	}
}

func headerSide(h *Header) Side { c := *h; return Side{Header: &c} }

func sameHeader(a, b *Header) bool {
	x, y := *a, *b
	x.Stamp, y.Stamp = Stamp{}, Stamp{}
	return sameJSON(&x, &y)
}

// photos adds capture manifests; a manifest is evidence and is never replaced, so another one for the same photo
// stands beside the first.
func (m *merger) photos(offered []Photo) {
	for i := range offered {
		o := &offered[i]
		known := slices.ContainsFunc(m.in.Photos, func(p Photo) bool { return samePhoto(&p, o) })
		if !known {
			m.in.Photos = append(slices.Clip(m.in.Photos), *o)
		}
	}
	if len(offered) > 0 {
		m.in.Photos = slices.Clone(m.in.Photos)
		slices.SortStableFunc(m.in.Photos, func(a, b Photo) int {
			return cmp.Or(bytes.Compare(a.SHA256[:], b.SHA256[:]), cmp.Compare(a.Device, b.Device),
				a.CapturedAt.Compare(b.CapturedAt))
		})
	}
}

func samePhoto(a, b *Photo) bool {
	return a.SHA256 == b.SHA256 && a.Device == b.Device && a.CapturedAt.Equal(b.CapturedAt) && a.Bytes == b.Bytes &&
		a.Type == b.Type && a.Caption == b.Caption && samePlace(a.Place, b.Place) && bytes.Equal(a.Extra, b.Extra)
}

func samePlace(a, b *Place) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Lat == b.Lat && a.Lon == b.Lon && a.System == b.System && a.Accuracy == b.Accuracy && a.Mock == b.Mock &&
		bytes.Equal(a.Extra, b.Extra)
}

// team adds members; nobody is removed by a save.
func (m *merger) team(users []UserID) {
	for _, u := range users {
		if at, ok := slices.BinarySearch(m.in.Team, u); !ok && u != "" {
			m.in.Team = slices.Insert(slices.Clone(m.in.Team), at, u)
		}
	}
}

// save merges one save's content into the record.
func (m *merger) save(a *SaveArgs) {
	m.header(a.Header)
	m.team(a.Team)
	m.in.Answers = merge(m, answers, m.in.Answers, a.Answers)
	m.in.Facts = merge(m, facts, m.in.Facts, a.Facts)
	m.in.Findings = merge(m, findings, m.in.Findings, a.Findings)
	m.photos(a.Photos)
}
