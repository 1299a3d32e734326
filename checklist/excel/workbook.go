package excel

import (
	"fmt"
	"slices"

	"paicha/checklist"
)

// workbook is a source as rows of sheets.
type workbook struct {
	info     checklist.Source // without what has sheets of its own
	facts    []checklist.SourceFact
	sections []checklist.SourceSection // without items
	items    []itemRow
	tallies  []checklist.SourceTally // without members
	members  []memberRow
	rules    []ruleRow
	whiles   []whileRow
	omitted  []checklist.Omission
}

// rowsOf lays a source out in sheets.
func rowsOf(f *checklist.Source) workbook {
	w := workbook{info: *f, facts: f.Facts, omitted: f.Omitted}
	conform := map[checklist.ItemCode]bool{}
	for _, s := range f.Sections {
		for _, it := range s.Items {
			w.items = append(w.items, itemRow{section: s.ID, SourceItem: it})
			conform[it.Code] = it.Kind == checklist.Conform
		}
		w.sections = append(w.sections, checklist.SourceSection{ID: s.ID, Title: s.Title, When: s.When})
	}
	chinese := func(c checklist.Condition) checklist.Condition {
		if conform[c.Item] {
			c.Is = slices.Clone(c.Is)
			for i, is := range c.Is {
				c.Is[i] = results.chinese(is)
			}
		}
		return c
	}
	for _, t := range f.Tallies {
		w.tallies = append(w.tallies, checklist.SourceTally{Code: t.Code, Text: t.Text})
		for _, m := range t.Members {
			for _, c := range m.Any {
				w.members = append(w.members, memberRow{tally: t.Code, clause: m.Clause, Condition: chinese(c)})
			}
			if len(m.Any) == 0 {
				w.members = append(w.members, memberRow{tally: t.Code, clause: m.Clause})
			}
		}
	}
	for _, r := range f.Rules {
		row := ruleRow{SourceRule: r}
		if r.Threshold != nil {
			row.limit = *r.Threshold
		}
		w.rules = append(w.rules, row)
		for _, c := range r.While {
			w.whiles = append(w.whiles, whileRow{rule: r.ID, Condition: chinese(c)})
		}
	}
	return w
}

// placed is a row and where it stands.
type placed[T any] struct {
	value T
	row   int
}

// readRows are the rows of a workbook as they were read.
type readRows struct {
	info     checklist.Source
	facts    []placed[checklist.SourceFact]
	sections []placed[checklist.SourceSection]
	items    []placed[itemRow]
	tallies  []placed[checklist.SourceTally]
	members  []placed[memberRow]
	rules    []placed[ruleRow]
	whiles   []placed[whileRow]
	omitted  []placed[checklist.Omission]
}

// source puts the rows together and notes for every path of the source in which row it stands.
func (w *readRows) source(at *places) *checklist.Source {
	f := w.info
	at.row("", info.sheet, 0)
	for i, r := range w.facts {
		f.Facts = append(f.Facts, r.value)
		at.row(fmt.Sprintf("facts[%d]", i), facts.sheet, r.row)
	}
	kinds := w.inSections(&f, at)
	w.inTallies(&f, at, kinds)
	w.inRules(&f, at, kinds)
	for i, r := range w.omitted {
		f.Omitted = append(f.Omitted, r.value)
		at.row(fmt.Sprintf("omitted[%d]", i), omitted.sheet, r.row)
	}
	return &f
}

// inSections puts the items into their sections and tells the kind of each.
func (w *readRows) inSections(f *checklist.Source, at *places) map[checklist.ItemCode]checklist.Kind {
	kinds, position := map[checklist.ItemCode]checklist.Kind{}, map[string]int{}
	for i, r := range w.sections {
		f.Sections = append(f.Sections, r.value)
		at.row(fmt.Sprintf("sections[%d]", i), sections.sheet, r.row)
		if _, twice := position[r.value.ID]; !twice {
			position[r.value.ID] = i
		}
	}
	for _, r := range w.items {
		kinds[r.value.Code] = r.value.Kind
		i, ok := position[r.value.section]
		if !ok {
			at.unknown(items.sheet, r.row, "section", "分节", r.value.section, sections.sheet)
			at.doubt(string(r.value.Code))
			continue
		}
		s := &f.Sections[i]
		at.row(fmt.Sprintf("sections[%d].items[%d]", i, len(s.Items)), items.sheet, r.row)
		s.Items = append(s.Items, r.value.SourceItem)
	}
	return kinds
}

// inTallies groups the rows of a tally by clause: the conditions of one clause are alternatives.
func (w *readRows) inTallies(f *checklist.Source, at *places, kinds map[checklist.ItemCode]checklist.Kind) {
	position := map[checklist.TallyCode]int{}
	for i, r := range w.tallies {
		f.Tallies = append(f.Tallies, r.value)
		at.row(fmt.Sprintf("tallies[%d]", i), tallies.sheet, r.row)
		if _, twice := position[r.value.Code]; !twice {
			position[r.value.Code] = i
		}
	}
	for _, r := range w.members {
		i, ok := position[r.value.tally]
		if !ok {
			at.unknown(members.sheet, r.row, "tally", "计数", string(r.value.tally), tallies.sheet)
			continue
		}
		t := &f.Tallies[i]
		k := slices.IndexFunc(t.Members, func(m checklist.SourceMember) bool { return m.Clause == r.value.clause })
		if k < 0 {
			k = len(t.Members)
			t.Members = append(t.Members, checklist.SourceMember{Clause: r.value.clause})
			at.row(fmt.Sprintf("tallies[%d].members[%d]", i, k), members.sheet, r.row)
		}
		m := &t.Members[k]
		at.row(fmt.Sprintf("tallies[%d].members[%d].any[%d]", i, k, len(m.Any)), members.sheet, r.row)
		m.Any = append(m.Any, at.keyed(members.sheet, r.row, r.value.Condition, kinds))
	}
}

func (w *readRows) inRules(f *checklist.Source, at *places, kinds map[checklist.ItemCode]checklist.Kind) {
	position := map[checklist.RuleID]int{}
	for i, r := range w.rules {
		rule := r.value.SourceRule
		if c := r.value.limit; c.Item != "" || c.Tally != "" || c.Op != "" || c.Value != nil || c.Unit != "" || c.Than != "" {
			rule.Threshold = &c
		}
		f.Rules = append(f.Rules, rule)
		at.row(fmt.Sprintf("rules[%d]", i), rules.sheet, r.row)
		if _, twice := position[rule.ID]; !twice {
			position[rule.ID] = i
		}
	}
	for _, r := range w.whiles {
		i, ok := position[r.value.rule]
		if !ok {
			at.unknown(whiles.sheet, r.row, "rule", "规则", string(r.value.rule), rules.sheet)
			continue
		}
		rule := &f.Rules[i]
		at.row(fmt.Sprintf("rules[%d].while[%d]", i, len(rule.While)), whiles.sheet, r.row)
		rule.While = append(rule.While, at.keyed(whiles.sheet, r.row, r.value.Condition, kinds))
	}
}

// keyed turns 符合, 不符合 and 不适用 of a conform item into the keys of the pack.
func (at *places) keyed(sheet string, row int, c checklist.Condition, kinds map[checklist.ItemCode]checklist.Kind) checklist.Condition {
	if kinds[c.Item] != checklist.Conform {
		return c
	}
	for i, is := range c.Is {
		key, ok := results.key(is)
		if !ok {
			at.add(at.cell(sheet, row, "is"), "word_unknown", "取值“%s”不认识，符合性项目应为 %s", clip(is), join(results.all()))
			continue
		}
		c.Is[i] = key
	}
	return c
}
