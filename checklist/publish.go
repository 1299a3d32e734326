package checklist

import (
	"maps"
	"slices"
	"sort"
)

// Published is one pack version in a library, with its validity.
type Published struct {
	Ref          PackRef
	Title        string
	Sectors      []Sector
	Hash         Hash
	Bytes        int     // of the canonical JSON
	From         Day     // first day on which new inspections use it
	Until        Day     // first day on which they no longer do; "" is open
	SupersededBy PackRef // the version that took its place; "" while it has none

	pack func() (*Pack, error) // compiled at its first use
}

// Pack gives the version itself. It fails only where the stored content is damaged.
func (p *Published) Pack() (*Pack, error) { return p.pack() }

func (p *Published) validOn(day Day) bool {
	return day >= p.From && (p.Until == "" || day < p.Until)
}

// Library keeps published versions for ever: what an inspection once saw stays judgeable. It is a value owned by one
// writer; readers that run beside it use Clone.
type Library struct {
	byRef map[PackRef]*Published
	// standards are what is known of standards now. A pack remembers their validity as it was when it was published, and
	// a standard may have ended since.
	standards map[StandardID]*Standard
}

// NewLibrary is empty.
func NewLibrary() *Library {
	return &Library{byRef: map[PackRef]*Published{}, standards: map[StandardID]*Standard{}}
}

// Clone copies the library; packs themselves are immutable and shared.
func (l *Library) Clone() *Library {
	c := NewLibrary()
	for ref, p := range l.byRef {
		entry := *p
		c.byRef[ref] = &entry
	}
	maps.Copy(c.standards, l.standards)
	return c
}

// Know tells the library what is known of a standard now.
func (l *Library) Know(s *Standard) { l.standards[s.ID] = s }

// Add publishes a version from a day on. The same content again does nothing; other content under the same ref is
// ErrImmutable. until may be ""; if given it must be after from, else ErrValidity.
func (l *Library) Add(p *Pack, from, until Day) error {
	return l.enter(Published{
		Ref: p.Ref(), Title: p.Title, Sectors: p.Sectors, Hash: p.Hash(), Bytes: len(p.canonical), From: from, Until: until,
		pack: func() (*Pack, error) { return p, nil },
	})
}

func (l *Library) enter(p Published) error {
	if old := l.byRef[p.Ref]; old != nil {
		if old.Hash != p.Hash {
			return ErrImmutable.Saying("检查清单 %s 已经发布，内容不能更改，请发布新版本", p.Ref)
		}
		return nil
	}
	if p.Until != "" && p.Until <= p.From {
		return ErrValidity
	}
	l.byRef[p.Ref] = &p
	return nil
}

// Supersede ends a version on the day on which another takes its place. Both must be in the library (ErrPackUnknown),
// and the day must lie after the old version's first day (ErrValidity). Doing the same again does nothing.
func (l *Library) Supersede(old, next PackRef, day Day) error {
	o, n := l.byRef[old], l.byRef[next]
	if o == nil || n == nil || old == next {
		return ErrPackUnknown
	}
	if o.SupersededBy == next && o.Until == day {
		return nil
	}
	if o.SupersededBy != "" {
		return ErrImmutable.Saying("检查清单 %s 已由 %s 取代", old, o.SupersededBy)
	}
	if day <= o.From || o.Until != "" && day > o.Until {
		return ErrValidity
	}
	o.Until, o.SupersededBy = day, next
	return nil
}

// Get finds a version, also one that is no longer valid; ErrPackUnknown when it was never published here.
func (l *Library) Get(ref PackRef) (*Pack, error) {
	if p := l.byRef[ref]; p != nil {
		return p.pack()
	}
	return nil, ErrPackUnknown.Saying("没有检查清单 %s", clip(string(ref)))
}

// Entries lists everything published, by ref.
func (l *Library) Entries() []Published {
	all := make([]Published, 0, len(l.byRef))
	for _, p := range l.byRef {
		all = append(all, *p)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Ref < all[j].Ref })
	return all
}

// Entry finds what is known of a version without reading its content.
func (l *Library) Entry(ref PackRef) (Published, bool) {
	p := l.byRef[ref]
	if p == nil {
		return Published{}, false
	}
	return *p, true
}

// Latest is the version of an id that begins last; "" when there is none.
func (l *Library) Latest(id string) PackRef {
	var best *Published
	for _, p := range l.byRef {
		if p.Ref.ID() == id && (best == nil || before(p, best, "")) {
			best = p
		}
	}
	if best == nil {
		return ""
	}
	return best.Ref
}

// Current is the version that a new inspection of a sector uses on a day: of those valid, the pack that bears the
// sector's name; else the one made for the fewest sectors, so that a sector's own pack comes before one made for all;
// then the latest From, then the greater ref. ErrNoCurrentPack when there is none.
func (l *Library) Current(sector Sector, day Day) (*Pack, error) {
	var best *Published
	for _, p := range l.byRef {
		if p.validOn(day) && slices.Contains(p.Sectors, sector) && (best == nil || before(p, best, sector)) {
			best = p
		}
	}
	if best == nil {
		return nil, ErrNoCurrentPack
	}
	return best.pack()
}

// CurrentOf is the version of one pack id that is valid on a day, or ErrNoCurrentPack.
func (l *Library) CurrentOf(id string, day Day) (Published, error) {
	var best *Published
	for _, p := range l.byRef {
		if p.validOn(day) && p.Ref.ID() == id && (best == nil || before(p, best, "")) {
			best = p
		}
	}
	if best == nil {
		return Published{}, ErrNoCurrentPack
	}
	return *best, nil
}

func before(a, b *Published, sector Sector) bool {
	if x, y := a.Ref.ID() == string(sector), b.Ref.ID() == string(sector); x != y {
		return x
	}
	if x, y := len(a.Sectors), len(b.Sectors); x != y {
		return x < y
	}
	if a.From != b.From {
		return a.From > b.From
	}
	return a.Ref > b.Ref
}

// force judges a standard of a pack on a day by what is known of it now, or as the pack remembers it.
func (l *Library) force(s PackStandard, day Day) Force {
	if now := l.standards[s.ID]; now != nil {
		return now.ForceOn(day)
	}
	return s.ForceOn(day)
}

// Judgement is the verdict by the pinned pack and, where a standard of that pack was not in force on the day of the
// inspection, the one by the pack in force. Flags are the findings to act on: of two that agree in rule and working
// place the graver, and everything that only one of them raised.
type Judgement struct {
	Pinned    Verdict
	Second    *Verdict     // nil when the pinned pack's standards were in force, or no other pack is valid
	SecondRef PackRef      // of Second
	NotOn     []StandardID // standards of the pinned pack that were not in force on the day
	Unsure    []StandardID // standards whose first day is not known
	Flags     []Finding
}

// Judge judges with the pinned version on the corrected day of the inspection. ErrPackUnknown means unjudged: the record
// is kept and judged when the pack arrives.
func (l *Library) Judge(ref PackRef, day Day, answers []Answer, facts Facts) (Judgement, error) {
	p, err := l.Get(ref)
	if err != nil {
		return Judgement{}, err
	}
	j := Judgement{Pinned: p.Judge(day, answers, facts)}
	j.Flags = slices.Clone(j.Pinned.Findings)
	for _, s := range p.Standards {
		switch l.force(s, day) {
		case NotInForce:
			j.NotOn = append(j.NotOn, s.ID)
		case ForceUnknown:
			j.Unsure = append(j.Unsure, s.ID)
		}
	}
	if len(j.NotOn) == 0 {
		return j, nil
	}
	current, err := l.CurrentOf(p.ID, day)
	if err != nil || current.Ref == ref {
		return j, nil
	}
	other, err := current.pack()
	if err != nil {
		return Judgement{}, err
	}
	second := other.Judge(day, answers, facts)
	j.Second, j.SecondRef = &second, current.Ref
	j.Flags = Graver(j.Pinned.Findings, second.Findings)
	return j, nil
}

// Graver joins two lists of findings: one for each rule and working place, of the graver class; the first list wins ties.
func Graver(a, b []Finding) []Finding {
	type key struct {
		rule     RuleID
		instance string
	}
	at := map[key]int{}
	out := make([]Finding, 0, len(a)+len(b))
	for _, f := range append(slices.Clone(a), b...) {
		k := key{f.Rule, f.Instance}
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, f)
		} else if f.Class.Rank() > out[i].Class.Rank() {
			out[i] = f
		}
	}
	return out
}
