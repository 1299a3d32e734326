package checklist

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Coverage shows what of a plan and of the standards the packs ask: plan phrase → items, clause → items, limit → rules.
type Coverage struct {
	Plan      *Plan
	Places    []PlaceCover // sectors and packs in the plan's order
	Phrases   []PhraseCover
	Standards []StandardCover
	Gaps      []Gap
	Stale     []string // what Plan.Accepted lists although it is no gap
}

// PlaceCover sums up a sector of the plan, or the pack that is asked beside that of every sector.
type PlaceCover struct {
	ID, Name       string
	Packs          []*Pack // the latest version of each
	Phrases        int
	Items          int
	Clauses        int // that an item cites
	Limits         int // that a rule uses
	Open, Accepted int // gaps of its phrases, and of the standards that its packs cover clause by clause
}

// PhraseCover is one phrase with the items of its sector's latest packs that cite one of its clauses, those of the first
// clause first.
type PhraseCover struct {
	Place     string
	Paragraph *Paragraph
	Phrase    *Phrase
	Clauses   []ClauseRef
	Items     []Cited[ItemCode]
	Classes   map[Class]int // rules that cite one of the clauses
}

// StandardCover is one standard with what every pack has for its clauses.
type StandardCover struct {
	Standard *Standard
	Clauses  []ClauseCover
	Cited    int // clauses that an item cites
}

// ClauseCover is one clause with the items that cite it and the rules that use its limits.
type ClauseCover struct {
	Ref    ClauseRef
	Clause *Clause
	Items  []Cited[ItemCode]
	Limits [][]Cited[RuleID] // by number of the limit, from 0
}

// Cited is what a pack has for a clause or a limit; versions that have the same stand together.
type Cited[T comparable] struct {
	Packs []*Pack
	What  []T
}

// GapKind says what is missing.
type GapKind string

// The kinds of gaps.
const (
	GapPhrase   GapKind = "phrase"   // no item of the sector's latest packs cites its first clause
	GapClass    GapKind = "class"    // all its rules raise less than the plan names it
	GapStandard GapKind = "standard" // no item of any pack cites it
	GapClause   GapKind = "clause"   // no item of any pack cites it
	GapLimit    GapKind = "limit"    // no rule of any pack uses it
	GapUnknown  GapKind = "unknown"  // the plan's list names a clause that does not exist
)

// Gap is one thing that is not asked. With a Reason it is accepted.
type Gap struct {
	Kind     GapKind
	Place    string     // of a phrase: its sector or pack
	Standard StandardID // of a clause or limit
	What     string
	Reason   string
	By       string // who gives the reason: a pack's id@version, or the plan
}

// String is one line for a terminal.
func (g Gap) String() string {
	s := map[GapKind]string{
		GapPhrase: "现行清单没有项目", GapClass: "现行清单的判定轻于方案", GapStandard: "没有清单引用",
		GapClause: "没有检查项目", GapLimit: "没有规则使用", GapUnknown: "条款不存在",
	}[g.Kind]
	s = g.What + "：" + s
	if g.Place != "" {
		s = g.Place + " " + s
	}
	if g.Reason != "" {
		s += "（" + g.Reason + "）"
	}
	return s
}

// Open lists the gaps that nobody accepted.
func (c *Coverage) Open() []Gap {
	return slices.DeleteFunc(slices.Clone(c.Gaps), func(g Gap) bool { return g.Reason != "" })
}

// CoverEmbedded covers what comes with the program.
func CoverEmbedded() (*Coverage, error) {
	b, err := Embedded()
	if err != nil {
		return nil, err
	}
	return b.cover(files)
}

// CoverFS covers the standards and packs of a file system, as LoadBundle reads them; without a plan.yaml of its own,
// against the plan that comes with the program.
func CoverFS(fsys fs.FS) (*Coverage, error) {
	b, err := LoadBundle(fsys)
	if err != nil {
		return nil, err
	}
	return b.cover(fsys)
}

func (b *Bundle) cover(fsys fs.FS) (*Coverage, error) {
	const name = "plan.yaml"
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = files.ReadFile(name)
	}
	if err != nil {
		return nil, ErrPlan.Because(err)
	}
	plan, err := LoadPlan(name, data)
	if err != nil {
		return nil, err
	}
	return Cover(plan, b.Standards, b.Packs), nil
}

// Cover compares a plan and standards with packs, of which all versions count for clauses and the latest for phrases.
func Cover(plan *Plan, standards *Standards, packs []*Pack) *Coverage {
	c := &covering{Coverage: Coverage{Plan: plan}, standards: standards, packs: slices.Clone(packs), used: map[string]bool{}}
	slices.SortFunc(c.packs, func(a, b *Pack) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), compareVersions(a.Version, b.Version))
	})
	c.accept()
	for i := range plan.Parts {
		for j := range plan.Parts[i].Paragraphs {
			c.paragraph(&plan.Parts[i].Paragraphs[j])
		}
	}
	for _, s := range standards.All() {
		c.standard(s)
	}
	for i := range c.Places {
		c.sum(&c.Places[i])
	}
	for _, name := range c.listed {
		if !c.used[name] {
			c.Stale = append(c.Stale, name)
		}
	}
	return &c.Coverage
}

// covering is a Coverage in the making.
type covering struct {
	Coverage
	standards *Standards
	packs     []*Pack // by id and version
	reasons   map[string]Gap
	listed    []string // keys of the reasons that the plan lists, sorted
	used      map[string]bool
}

// key names a gap for its acceptance.
func (g Gap) key() string { return string(g.Kind) + " " + strings.TrimSpace(g.Place+" "+g.What) }

// accept collects the reasons: the plan's for phrases and standards, the packs' for clauses and limits.
func (c *covering) accept() {
	c.reasons = map[string]Gap{}
	give := func(g Gap) {
		if _, ok := c.reasons[g.key()]; !ok {
			c.reasons[g.key()] = g
		}
	}
	for _, a := range c.Plan.Accepted {
		for kind, names := range map[GapKind]map[string][]string{GapPhrase: a.Phrases, GapClass: a.Class} {
			for place, texts := range names {
				for _, text := range texts {
					give(Gap{Kind: kind, Place: place, What: text, Reason: a.Reason, By: "方案条目"})
				}
			}
		}
		for _, id := range a.Standards {
			give(Gap{Kind: GapStandard, What: string(id), Reason: a.Reason, By: "方案条目"})
		}
	}
	for name := range c.reasons {
		c.listed = append(c.listed, name)
	}
	slices.Sort(c.listed)
	for _, p := range c.packs {
		for _, o := range p.Omitted {
			if o.Clause != "" {
				give(Gap{Kind: GapClause, What: string(o.Clause), Reason: o.Reason, By: string(p.Ref())})
			} else {
				give(Gap{Kind: GapLimit, What: string(o.Measure), Reason: o.Reason, By: string(p.Ref())})
			}
		}
	}
}

// gap notes a gap with the reason that somebody gave for it.
func (c *covering) gap(g Gap) {
	if r, ok := c.reasons[g.key()]; ok {
		g.Reason, g.By = r.Reason, r.By
		c.used[g.key()] = true
	}
	c.Gaps = append(c.Gaps, g)
}

func (c *covering) paragraph(p *Paragraph) {
	packs := c.latest(p.sectors(nil), p.Pack)
	name := p.Name
	if p.Pack != "" && len(packs) > 0 {
		name = packs[0].Title // the paragraph is one of several
	}
	c.place(p.place(nil), name, packs)
	for i := range p.Phrases {
		ph := &p.Phrases[i]
		if ph.Sector != "" {
			c.place(string(ph.Sector), ph.Text, c.latest(p.sectors(ph), p.Pack))
		}
		c.phrase(p, ph)
	}
}

// place notes a sector or pack once.
func (c *covering) place(id, name string, packs []*Pack) {
	if slices.ContainsFunc(c.Places, func(p PlaceCover) bool { return p.ID == id }) {
		return
	}
	c.Places = append(c.Places, PlaceCover{ID: id, Name: name, Packs: packs})
}

// latest lists the newest version of the packs of sectors, or of the one pack that a paragraph is for. A pack that has
// its own paragraphs does not stand for the phrases of a sector.
func (c *covering) latest(sectors []Sector, only string) []*Pack {
	apart := map[string]bool{}
	for _, part := range c.Plan.Parts {
		for _, p := range part.Paragraphs {
			apart[p.Pack] = p.Pack != ""
		}
	}
	var out []*Pack
	for i, p := range c.packs {
		if i+1 < len(c.packs) && c.packs[i+1].ID == p.ID {
			continue
		}
		of := slices.ContainsFunc(sectors, func(s Sector) bool { return slices.Contains(p.Sectors, s) })
		if only == p.ID || only == "" && of && !apart[p.ID] {
			out = append(out, p)
		}
	}
	return out
}

func (c *covering) phrase(para *Paragraph, ph *Phrase) {
	cover := PhraseCover{Place: para.place(ph), Paragraph: para, Phrase: ph, Clauses: c.expand(ph.Clauses), Classes: map[Class]int{}}
	position := map[ClauseRef]int{}
	for i, ref := range cover.Clauses {
		if c.standards.Clause(ref) == nil {
			c.gap(Gap{Kind: GapUnknown, Place: cover.Place, What: string(ref)})
		}
		if _, twice := position[ref]; !twice {
			position[ref] = i
		}
	}
	// first finds the first of the phrase's clauses among others.
	first := func(refs []ClauseRef) (int, bool) {
		n := len(cover.Clauses)
		for _, ref := range refs {
			if i, ok := position[ref]; ok {
				n = min(n, i)
			}
		}
		return n, n < len(cover.Clauses)
	}
	packs, heaviest, stands := c.latest(para.sectors(ph), para.Pack), Class(""), false
	for _, p := range packs {
		for i := range p.Rules {
			r := &p.Rules[i]
			if _, cites := first(r.Clauses); !cites {
				continue
			}
			cover.Classes[r.Class]++
			if r.Class.Rank() > heaviest.Rank() {
				heaviest = r.Class
			}
		}
	}
	cover.Items = citedBy(packs, func(p *Pack) []ItemCode {
		codes := make([][]ItemCode, len(cover.Clauses)) // by the first clause that the item cites
		for _, it := range p.items {
			if n, cites := first(it.Clauses); cites {
				codes[n] = append(codes[n], it.Code)
				stands = stands || n == 0
			}
		}
		return slices.Concat(codes...)
	})
	switch {
	case !stands:
		c.gap(Gap{Kind: GapPhrase, Place: cover.Place, What: ph.Text})
	case heaviest.Rank() < ph.Kind.least().Rank():
		c.gap(Gap{Kind: GapClass, Place: cover.Place, What: ph.Text})
	}
	c.Phrases = append(c.Phrases, cover)
}

// expand writes out "standard#*".
func (c *covering) expand(refs []ClauseRef) []ClauseRef {
	var out []ClauseRef
	for _, ref := range refs {
		s := c.standards.Standard(ref.Standard())
		if ref.Clause() != "*" || s == nil {
			out = append(out, ref)
			continue
		}
		for i := range s.Clauses {
			out = append(out, s.Ref(&s.Clauses[i]))
		}
	}
	return out
}

func (c *covering) standard(s *Standard) {
	cover := StandardCover{Standard: s}
	var gaps []Gap
	for i := range s.Clauses {
		cl := &s.Clauses[i]
		cc := ClauseCover{Ref: s.Ref(cl), Clause: cl}
		cc.Items = citedBy(c.packs, func(p *Pack) (codes []ItemCode) {
			for _, it := range p.items {
				if slices.Contains(it.Clauses, cc.Ref) {
					codes = append(codes, it.Code)
				}
			}
			return codes
		})
		if len(cc.Items) > 0 {
			cover.Cited++
		} else {
			gaps = append(gaps, Gap{Kind: GapClause, Standard: s.ID, What: string(cc.Ref)})
		}
		for n := range cl.Measurable {
			ref := MeasureRef(string(cc.Ref) + "@" + strconv.Itoa(n+1))
			rules := citedBy(c.packs, func(p *Pack) (ids []RuleID) {
				for i := range p.Rules {
					if slices.Contains(p.Rules[i].Measures, ref) {
						ids = append(ids, p.Rules[i].ID)
					}
				}
				return ids
			})
			cc.Limits = append(cc.Limits, rules)
			if len(rules) == 0 && len(cc.Items) > 0 { // a clause that is not asked is one gap, with its limits
				gaps = append(gaps, Gap{Kind: GapLimit, Standard: s.ID, What: string(ref)})
			}
		}
		cover.Clauses = append(cover.Clauses, cc)
	}
	if cover.Cited == 0 {
		gaps = []Gap{{Kind: GapStandard, Standard: s.ID, What: string(s.ID)}}
	}
	for _, g := range gaps {
		c.gap(g)
	}
	c.Standards = append(c.Standards, cover)
}

// sum counts what a sector has.
func (c *covering) sum(p *PlaceCover) {
	for _, ph := range c.Phrases {
		if ph.Place == p.ID {
			p.Phrases++
		}
	}
	clauses, limits, whole := map[ClauseRef]bool{}, map[MeasureRef]bool{}, map[StandardID]bool{}
	for _, pack := range p.Packs {
		p.Items += len(pack.items)
		for _, it := range pack.items {
			for _, ref := range it.Clauses {
				clauses[ref] = true
			}
		}
		for i := range pack.Rules {
			for _, ref := range pack.Rules[i].Measures {
				limits[ref] = true
			}
		}
		for _, s := range pack.Standards {
			whole[s.ID] = whole[s.ID] || !s.Partly
		}
	}
	p.Clauses, p.Limits = len(clauses), len(limits)
	for _, g := range c.Gaps {
		switch {
		case g.Place != p.ID && !whole[g.Standard]:
		case g.Reason == "":
			p.Open++
		default:
			p.Accepted++
		}
	}
}

// citedBy asks every pack and puts versions of one pack that have the same together; packs are ordered by id.
func citedBy[T comparable](packs []*Pack, of func(*Pack) []T) []Cited[T] {
	var out []Cited[T]
	for _, p := range packs {
		what := of(p)
		if len(what) == 0 {
			continue
		}
		if n := len(out) - 1; n >= 0 && out[n].Packs[0].ID == p.ID && slices.Equal(out[n].What, what) {
			out[n].Packs = append(out[n].Packs, p)
			continue
		}
		out = append(out, Cited[T]{Packs: []*Pack{p}, What: what})
	}
	return out
}

// compareVersions orders "2023.9" before "2023.10"; what is no number is compared as text.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		d := cmp.Compare(x, y)
		if errX != nil || errY != nil {
			d = cmp.Compare(as[i], bs[i])
		}
		if d != 0 {
			return d
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// Name finds the Chinese name of a sector or pack of the plan; the id itself where there is none.
func (c *Coverage) Name(place string) string {
	for _, p := range c.Places {
		if p.ID == place {
			return p.Name
		}
	}
	return place
}

// String is one line for a terminal.
func (p PlaceCover) String() string {
	return fmt.Sprintf("%s %s：方案 %d 句，项目 %d 项，条款 %d 条，限值 %d 个；缺口 %d，已列明 %d",
		p.ID, p.Name, p.Phrases, p.Items, p.Clauses, p.Limits, p.Open, p.Accepted)
}
