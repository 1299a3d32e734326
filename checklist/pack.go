package checklist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gowebpki/jcs"
)

// packFormat marks the compiled JSON; a tablet that does not know it must not judge with it.
const packFormat = "paicha-pack/1"

// Limits of a pack: bytes of its compiled JSON, and counts, so that judging stays in microseconds for each answer.
const (
	maxPackJSON = 4 << 20
	maxItems    = 1000
	maxRules    = 2000
	maxFacts    = 100
)

// PackRef names one version of a pack: "coal-mine@2023.1". A version is published once and never changes.
type PackRef string

// ParsePackRef checks "id@version": lower-case letters, digits, "-" and "." on both sides.
func ParsePackRef(s string) (PackRef, error) {
	id, version, ok := strings.Cut(s, "@")
	if !ok || !validID(id) || !validID(version) {
		return "", ErrPackRef.Saying("检查清单编号“%s”格式不对，应为“编号@版本”", clip(s))
	}
	return PackRef(s), nil
}

// ID is the part before "@".
func (r PackRef) ID() string { id, _, _ := strings.Cut(string(r), "@"); return id }

// Version is the part after "@".
func (r PackRef) Version() string { _, v, _ := strings.Cut(string(r), "@"); return v }

// Hash is the lower-case hexadecimal SHA-256 of a pack's canonical JSON (RFC 8785).
type Hash string

// PackStandard is what a pack remembers of a standard that it rests on.
type PackStandard struct {
	ID        StandardID `json:"id"`
	Title     string     `json:"title"`
	Document  string     `json:"document,omitempty"`
	Effective Day        `json:"effective,omitempty"`
	Ended     Day        `json:"ended,omitempty"`
	Partly    bool       `json:"partly,omitempty"` // cited in part; the others are covered clause by clause
}

// ForceOn judges the validity of the standard, as known when the pack was published, on a day.
func (s PackStandard) ForceOn(day Day) Force { return forceOn(s.Effective, s.Ended, day) }

// Section groups items as a person walks the site.
type Section struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Items []Item `json:"items"`
}

// Omission says why a clause or a limit of the pack's standards is not asked.
type Omission struct {
	Clause  ClauseRef  `json:"clause,omitempty" yaml:"clause,omitempty"`
	Measure MeasureRef `json:"measure,omitempty" yaml:"measure,omitempty"`
	Reason  string     `json:"reason" yaml:"reason"`
}

// Pack is a compiled checklist of one sector. It is complete in itself: citations carry the text of their clauses, so a
// version stays judgeable when standards change. It is made by LoadPack or DecodePack and not changed afterwards.
type Pack struct {
	Format    string         `json:"format"`
	ID        string         `json:"id"`
	Version   string         `json:"version"`
	Title     string         `json:"title"`
	Note      string         `json:"note,omitempty"`
	Sectors   []Sector       `json:"sectors"`
	Standards []PackStandard `json:"standards"`
	Facts     []Fact         `json:"facts,omitempty"`
	Tallies   []Tally        `json:"tallies,omitempty"`
	Sections  []Section      `json:"sections"`
	Rules     []Rule         `json:"rules"`
	Citations []Citation     `json:"citations"`
	Omitted   []Omission     `json:"omitted,omitempty"`

	canonical  []byte
	hash       Hash
	items      []*Item
	index      map[ItemCode]int
	factIndex  map[FactCode]*Fact
	tallyIndex map[TallyCode]*Tally
	whens      []*expression // by item; nil where the item always applies
	order      []int         // items with a when, those read first first
	judged     []bool        // items that some rule reads
	cited      map[ClauseRef]Citation
}

// Ref is the pack's "id@version".
func (p *Pack) Ref() PackRef { return PackRef(p.ID + "@" + p.Version) }

// Hash identifies the content; equal hashes mean equal bytes of MarshalJSON.
func (p *Pack) Hash() Hash { return p.hash }

// MarshalJSON returns the canonical compiled JSON (RFC 8785), the bytes that Hash covers and that a tablet pulls.
func (p *Pack) MarshalJSON() ([]byte, error) { return bytes.Clone(p.canonical), nil }

// Item finds an item by code; nil when there is none.
func (p *Pack) Item(code ItemCode) *Item {
	if i, ok := p.index[code]; ok {
		return p.items[i]
	}
	return nil
}

// Items lists all items in the order of the sections.
func (p *Pack) Items() []*Item { return p.items }

// plainPack is Pack without its methods, for encoding.
type plainPack Pack

// DecodePack reads a compiled pack and compiles its expressions again. With want not empty the bytes must have that hash,
// which somebody who published them vouches for; otherwise they must be canonical. Unknown fields are refused: what was hashed must be understood completely.
func DecodePack(data []byte, want Hash) (*Pack, error) {
	if len(data) > maxPackJSON {
		return nil, ErrPackTooLarge
	}
	got := hashOf(data)
	switch {
	case want == "":
		if err := checkCanonical(data); err != nil {
			return nil, err
		}
	case got != want:
		return nil, ErrPackHash
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var plain plainPack
	if err := d.Decode(&plain); err != nil {
		return nil, ErrPackJSON.Because(err)
	}
	p := Pack(plain)
	if p.Format != packFormat {
		return nil, ErrPackJSON.Saying("检查清单格式“%s”不认识", clip(p.Format))
	}
	if problems := p.compile(); len(problems) > 0 {
		return nil, ErrPackJSON.Saying("检查清单不能使用：%s", problems[0].Message)
	}
	p.canonical, p.hash = bytes.Clone(data), got
	return &p, nil
}

// checkCanonical refuses bytes that are not RFC 8785: two writings of one pack would have two hashes.
func checkCanonical(data []byte) error {
	if !json.Valid(data) { // also bounds the nesting, which jcs does not
		return ErrPackJSON
	}
	canonical, err := jcs.Transform(data)
	if err != nil {
		return ErrPackJSON.Because(err)
	}
	if !bytes.Equal(canonical, data) {
		return ErrPackJSON.Saying("检查清单内容不是规范的 JSON 形式")
	}
	return nil
}

// seal fixes the canonical bytes and the hash.
func (p *Pack) seal() error {
	raw, err := json.Marshal((*plainPack)(p))
	if err != nil {
		return ErrPack.Because(err)
	}
	if p.canonical, err = jcs.Transform(raw); err != nil {
		return ErrPack.Because(err)
	}
	p.hash = hashOf(p.canonical)
	return nil
}

func hashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// compile builds the indexes, checks codes and compiles every expression. Problems carry paths, no lines.
func (p *Pack) compile() []Problem {
	var ps problems
	p.index, p.factIndex, p.cited = map[ItemCode]int{}, map[FactCode]*Fact{}, map[ClauseRef]Citation{}
	p.items, p.tallyIndex = nil, map[TallyCode]*Tally{}
	if !p.bounded() {
		ps.add("too_many", fmt.Sprintf("清单过大：最多 %d 个项目、%d 条规则、%d 项企业情况", maxItems, maxRules, maxFacts))
		return ps.list
	}
	for _, c := range p.Citations {
		p.cited[c.Ref] = c
	}
	for i := range p.Facts {
		p.checkFact(&ps, i)
	}
	seen := map[string]bool{}
	for i := range p.Sections {
		s := &p.Sections[i]
		ps.id(s.ID, seen, "分节编号", "sections", i, "id")
		for j := range s.Items {
			p.checkItem(&ps, &s.Items[j], i, j)
		}
	}
	sc := p.scope()
	p.whens = make([]*expression, len(p.items))
	n := 0
	for i := range p.Sections {
		for j := range p.Sections[i].Items {
			it := &p.Sections[i].Items[j]
			if it.When != "" && n < len(p.whens) {
				e, err := sc.compile(it.When)
				if err != nil {
					ps.add("when_invalid", err.Error(), "sections", i, "items", j, "when")
				}
				p.whens[n] = e
			}
			n++
		}
	}
	if len(ps.list) == 0 {
		p.order = p.sortWhens(&ps)
	}
	for i := range p.Tallies {
		p.checkTally(&ps, sc, i)
	}
	sc.tallies = p.tallyIndex
	ids := map[string]bool{}
	p.judged = make([]bool, len(p.items))
	for i := range p.Rules {
		p.checkRule(&ps, sc, ids, i)
	}
	return ps.list
}

func (p *Pack) bounded() bool {
	items := 0
	for _, s := range p.Sections {
		items += len(s.Items)
	}
	return items <= maxItems && len(p.Tallies) <= maxFacts && len(p.Sections) <= maxItems && len(p.Rules) <= maxRules && len(p.Facts) <= maxFacts
}

func (p *Pack) scope() scope {
	sc := scope{items: map[ItemCode]*Item{}, index: p.index, facts: p.factIndex, compiled: map[string]*expression{}}
	for _, it := range p.items {
		sc.items[it.Code] = it
	}
	return sc
}

func (p *Pack) checkFact(ps *problems, i int) {
	f := &p.Facts[i]
	if !validID(string(f.Code)) || p.factIndex[f.Code] != nil {
		ps.add("code_invalid", fmt.Sprintf("企业情况编号“%s”格式不对或重复（只用半角小写字母、数字、- 和 .）", clip(string(f.Code))), "facts", i, "code")
	}
	switch {
	case f.Kind == Choice && len(f.Choices) > 1, (f.Kind == Bool || f.Kind == Number) && len(f.Choices) == 0:
	default:
		ps.add("kind_invalid", fmt.Sprintf("企业情况“%s”的类型或选项不对", clip(string(f.Code))), "facts", i, "kind")
	}
	p.factIndex[f.Code] = f
}

func (p *Pack) checkItem(ps *problems, it *Item, i, j int) {
	at := func(code, message, field string) { ps.add(code, message, "sections", i, "items", j, field) }
	code := clip(string(it.Code))
	if !validID(string(it.Code)) {
		at("code_invalid", fmt.Sprintf("项目编号“%s”格式不对，只能用半角小写字母、数字、- 和 .", code), "code")
	}
	if _, twice := p.index[it.Code]; twice {
		at("code_duplicate", fmt.Sprintf("项目编号“%s”重复", code), "code")
	}
	switch it.Kind {
	case Conform, Number, Count, Text, Date:
		if len(it.Choices) > 0 {
			at("kind_invalid", fmt.Sprintf("项目“%s”不是选择项，不能有选项", code), "choices")
		}
	case Choice:
		if len(it.Choices) < 2 {
			at("kind_invalid", fmt.Sprintf("项目“%s”是选择项，至少要有两个选项", code), "choices")
		}
	default:
		at("kind_invalid", fmt.Sprintf("项目“%s”的类型“%s”不认识", code, clip(string(it.Kind))), "kind")
	}
	if it.Unit != "" && it.Kind != Number && it.Kind != Count {
		at("unit_invalid", fmt.Sprintf("项目“%s”不是数值，不能有单位", code), "unit")
	}
	if it.Class != "" && (it.Kind != Conform || it.Class.Rank() == 0) {
		at("class_invalid", fmt.Sprintf("项目“%s”的隐患类别只用于符合性项目，且为 major、key、general 之一", code), "class")
	}
	if it.Name == "" || it.Text == "" {
		at("text_missing", fmt.Sprintf("项目“%s”缺少名称或问题", code), "text")
	}
	if it.Photos < 0 || it.Photos > 20 || it.Annex1 < 0 || it.Annex1 > 8 {
		at("number_invalid", fmt.Sprintf("项目“%s”的照片数或附件1行号超出范围", code), "photos")
	}
	for k, ref := range it.Clauses {
		if _, ok := p.cited[ref]; !ok {
			ps.add("clause_unknown", fmt.Sprintf("项目“%s”引用的条款“%s”不存在", code, clip(string(ref))), "sections", i, "items", j, "clauses", k)
		}
	}
	p.index[it.Code] = len(p.items)
	p.items = append(p.items, it)
}

func (p *Pack) checkRule(ps *problems, sc scope, ids map[string]bool, i int) {
	r := &p.Rules[i]
	at := func(code, message, field string) { ps.add(code, message, "rules", i, field) }
	ps.id(string(r.ID), ids, "规则编号", "rules", i, "id")
	if r.Class.Rank() == 0 {
		at("class_invalid", fmt.Sprintf("规则“%s”的类别“%s”不认识，应为 major、key、general 之一", clip(string(r.ID)), clip(string(r.Class))), "class")
	}
	if len(r.Clauses) == 0 {
		at("clause_missing", fmt.Sprintf("规则“%s”没有引用条款", clip(string(r.ID))), "clauses")
	}
	r.Unverified = len(r.Clauses) > 0
	major := false
	for k, ref := range r.Clauses {
		c, ok := p.cited[ref]
		if !ok {
			ps.add("clause_unknown", fmt.Sprintf("规则“%s”引用的条款“%s”不存在", clip(string(r.ID)), clip(string(ref))), "rules", i, "clauses", k)
		}
		r.Unverified = r.Unverified && !c.Verified
		major = major || c.Major || !ok
	}
	if r.Class == Major && !major {
		at("class_invalid", fmt.Sprintf("规则“%s”判为重大隐患，但所引条款都不是重大隐患情形", clip(string(r.ID))), "class")
	}
	r.when, r.applies, r.Reads, r.Facts, r.Tallies, r.reads = nil, nil, nil, nil, nil, nil
	var err error
	if r.when, err = sc.compile(r.When); err != nil {
		at("rule_invalid", fmt.Sprintf("规则“%s”：%v", clip(string(r.ID)), err), "when")
		return
	}
	if r.Applies != "" {
		if r.applies, err = sc.compile(r.Applies); err != nil {
			at("rule_invalid", fmt.Sprintf("规则“%s”的适用条件：%v", clip(string(r.ID)), err), "applies")
			return
		}
	}
	if len(r.when.items) == 0 {
		at("rule_invalid", fmt.Sprintf("规则“%s”没有引用任何项目", clip(string(r.ID))), "when")
	}
	r.Reads, r.Facts = mergeReads(r.when, r.applies)
	for _, e := range []*expression{r.when, r.applies} {
		if e == nil {
			continue
		}
		r.Tallies = append(r.Tallies, e.tallies...)
	}
	for _, code := range r.Reads {
		r.reads = append(r.reads, p.index[code])
		p.judged[p.index[code]] = true
	}
	if err := p.checkTemplate(r.Explain); err != nil {
		at("explain_invalid", fmt.Sprintf("规则“%s”：%v", clip(string(r.ID)), err), "explain")
	}
}

func mergeReads(es ...*expression) (items []ItemCode, facts []FactCode) {
	items = []ItemCode{}
	seen := map[string]bool{}
	for _, e := range es {
		if e == nil {
			continue
		}
		for _, c := range e.items {
			if !seen["i"+string(c)] {
				seen["i"+string(c)] = true
				items = append(items, c)
			}
		}
		for _, c := range e.facts {
			if !seen["f"+string(c)] {
				seen["f"+string(c)] = true
				facts = append(facts, c)
			}
		}
	}
	return items, facts
}

// sortWhens orders items so that each applicability is known before another reads it, and refuses cycles.
func (p *Pack) sortWhens(ps *problems) []int {
	const visiting, done = 1, 2
	state := make([]int, len(p.items))
	var order []int
	var visit func(i int) bool
	visit = func(i int) bool {
		switch state[i] {
		case visiting:
			return false
		case done:
			return true
		}
		state[i] = visiting
		if e := p.whens[i]; e != nil {
			for _, code := range e.items {
				if !visit(p.index[code]) {
					return false
				}
			}
			order = append(order, i)
		}
		state[i] = done
		return true
	}
	n := 0
	for i := range p.Sections {
		for j := range p.Sections[i].Items {
			if !visit(n) {
				ps.add("when_cycle", fmt.Sprintf("项目“%s”的适用条件绕回了自己", p.items[n].Code), "sections", i, "items", j, "when")
				return nil
			}
			n++
		}
	}
	return order
}
