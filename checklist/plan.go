package checklist

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Plan is what an action plan asks of inspections, phrase by phrase as printed, each with the clauses that stand for it.
// Cover tells from it whether anything that the plan names is not asked.
type Plan struct {
	Document string       `yaml:"document"`
	Parts    []PlanPart   `yaml:"parts"`
	Accepted []Acceptance `yaml:"accepted"`
}

// PlanPart is a run of paragraphs of the plan under one heading.
type PlanPart struct {
	Heading    string      `yaml:"heading"`
	Paragraphs []Paragraph `yaml:"paragraphs"`
	Closing    string      `yaml:"closing"` // what follows the paragraphs and asks nothing of inspections
}

// Paragraph is one paragraph of the plan, verbatim. It is for a sector or, with Pack, for the checklist that is asked
// beside that of every sector.
type Paragraph struct {
	Number  string   `yaml:"number"` // 三(一)
	Name    string   `yaml:"name"`
	Sector  Sector   `yaml:"sector"`
	Within  []Sector `yaml:"within"` // the sectors that the plan names inside it
	Pack    string   `yaml:"pack"`
	Text    string   `yaml:"text"`
	Opening string   `yaml:"opening"` // number, name and who leads: what stands before the first phrase
	Joins   []string `yaml:"joins"`   // the words that may stand between phrases
	Phrases []Phrase `yaml:"phrases"`
}

// Phrase is one thing that a paragraph names, as printed. Its first clause states the phrase itself, so an item must cite
// it; the others are what the standards say of the same matter.
type Phrase struct {
	Kind    PhraseKind  `yaml:"kind"`
	Text    string      `yaml:"text"`
	Sector  Sector      `yaml:"sector"`  // of the seven within 其他重点领域; default: that of the paragraph
	Clauses []ClauseRef `yaml:"clauses"` // "standard#*" is every clause of a standard
}

// PhraseKind is the weight that the plan gives a phrase.
type PhraseKind string

// The kinds of phrases.
const (
	PlanMajor PhraseKind = "major" // 重点排查治理……等重大隐患
	PlanKey   PhraseKind = "key"   // 集中攻坚, 集中整治, 集中排查整治
	PlanFocus PhraseKind = "focus" // 紧盯, 严防, whom and what the plan is for, its aims
	PlanDuty  PhraseKind = "duty"  // a task of the enterprise, a row of Annex 1
)

// Label is the Chinese word of the kind; an unknown kind is labelled with itself.
func (k PhraseKind) Label() string {
	switch k {
	case PlanMajor:
		return "重大隐患"
	case PlanKey:
		return "重点问题"
	case PlanFocus:
		return "关注"
	case PlanDuty:
		return "职责"
	}
	return string(k)
}

// least is the class that some rule must have for a phrase of this kind; "" where any will do.
func (k PhraseKind) least() Class {
	switch k {
	case PlanMajor:
		return Major
	case PlanKey:
		return Key
	}
	return ""
}

// Acceptance says why phrases stay without an item (Phrases) or are judged more lightly than the plan names them
// (Class), by sector or pack, and why no pack cites a whole standard.
type Acceptance struct {
	Reason    string              `yaml:"reason"`
	Phrases   map[string][]string `yaml:"phrases"`
	Class     map[string][]string `yaml:"class"`
	Standards []StandardID        `yaml:"standards"`
}

// maxJoin keeps a phrase from being passed off as a connecting word.
const maxJoin = 12

// LoadPlan reads a plan from YAML; what is wrong with it is ErrPlan.
func LoadPlan(file string, data []byte) (*Plan, error) {
	var p Plan
	if _, err := readYAML(data, &p); err != nil {
		return nil, ErrPlan.Saying("方案条目文件 %s：%v", file, err).Because(err)
	}
	seen := map[[2]string]bool{}
	for i := range p.Parts {
		for j := range p.Parts[i].Paragraphs {
			para := &p.Parts[i].Paragraphs[j]
			if err := para.check(seen); err != nil {
				return nil, ErrPlan.Saying("方案条目文件 %s：%s：%v", file, para.Number, err)
			}
		}
	}
	for _, a := range p.Accepted {
		if strings.TrimSpace(a.Reason) == "" {
			return nil, ErrPlan.Saying("方案条目文件 %s：accepted 必须写明原因", file)
		}
	}
	return &p, nil
}

// place names where a phrase, or with nil the paragraph, belongs: a sector, or the pack that the paragraph is for.
func (p *Paragraph) place(ph *Phrase) string {
	switch {
	case ph != nil && ph.Sector != "":
		return string(ph.Sector)
	case p.Pack != "":
		return p.Pack
	}
	return string(p.Sector)
}

// sectors lists the sectors whose packs stand for a phrase, or with nil for the paragraph.
func (p *Paragraph) sectors(ph *Phrase) []Sector {
	if ph != nil && ph.Sector != "" {
		return []Sector{ph.Sector}
	}
	return append([]Sector{p.Sector}, p.Within...)
}

// check holds the phrases to the text: each stands in it, in this order, and nothing else does but the opening and the
// joins. The error is a Chinese sentence.
func (p *Paragraph) check(seen map[[2]string]bool) error {
	if (p.Sector == "") == (p.Pack == "") {
		return fmt.Errorf("sector 与 pack 必须恰好填一个")
	}
	for _, join := range p.Joins {
		if join == "" || utf8.RuneCountInString(join) > maxJoin {
			return fmt.Errorf("连接词“%s”为空或过长", clip(join))
		}
	}
	rest, ok := strings.CutPrefix(p.Text, p.Opening)
	if !ok {
		return fmt.Errorf("原文不以 opening 开头")
	}
	for i := range p.Phrases {
		ph := &p.Phrases[i]
		name := [2]string{p.place(ph), ph.Text}
		if ph.Text == "" || seen[name] || ph.Kind.Label() == string(ph.Kind) {
			return fmt.Errorf("“%s”为空、重复或类别不认识", clip(ph.Text))
		}
		seen[name] = true
		between, after, found := strings.Cut(rest, ph.Text)
		if !found {
			return fmt.Errorf("“%s”不在原文中，或顺序不对", clip(ph.Text))
		}
		if !joined(between, p.Joins) {
			return fmt.Errorf("“%s”之前的“%s”没有归入任何一句", clip(ph.Text), clip(between))
		}
		for _, ref := range ph.Clauses {
			if _, err := ParseClauseRef(string(ref)); err != nil {
				return fmt.Errorf("“%s”：%w", clip(ph.Text), err)
			}
		}
		rest = after
	}
	if !joined(rest, p.Joins) {
		return fmt.Errorf("末尾的“%s”没有归入任何一句", clip(rest))
	}
	return nil
}

// joined tells whether a text is made of the given words alone.
func joined(text string, words []string) bool {
	reached := make([]bool, len(text)+1)
	reached[0] = true
	for i := range len(text) {
		for _, w := range words {
			if reached[i] && strings.HasPrefix(text[i:], w) {
				reached[i+len(w)] = true
			}
		}
	}
	return reached[len(text)]
}
