package checklist

import (
	"fmt"
	"slices"
	"strings"
)

// TallyCode names a tally, unique in its pack.
type TallyCode string

// maxMembers bounds a tally, so that judging one stays in microseconds.
const maxMembers = 100

// Tally counts which of its members hold: the combined judgement (综合判定) of standards that call several lesser elements
// together a major hazard, as GB 35181 5.3.3 does. An expression reads it as tally["code"].least, .most and .number: the
// members that hold, those that hold or are not known, and their count once nothing is unknown.
type Tally struct {
	Code    TallyCode `json:"code"`
	Text    string    `json:"text"`
	Members []Member  `json:"members"`

	reads []ItemCode // items of all members, in order of first use
}

// Member is one element of a tally. It counts once, however many of its conditions hold.
type Member struct {
	Clause ClauseRef `json:"clause"`
	When   string    `json:"when"` // CEL

	when *expression
}

// tally expands the conditions of one tally; problems are told at its place.
func (f *SourceTally) tally(ps *problems, items map[ItemCode]*Item, i int) Tally {
	t := Tally{Code: f.Code, Text: f.Text, Members: make([]Member, len(f.Members))}
	for k, m := range f.Members {
		if len(m.Any) == 0 {
			ps.add("tally_invalid", fmt.Sprintf("计数“%s”的要素“%s”没有条件", clip(string(f.Code)), clip(string(m.Clause))), "tallies", i, "members", k, "any")
		}
		var any []string
		for n, c := range m.Any {
			cel, _, err := c.expression(items, nil)
			if err != nil {
				ps.add("tally_invalid", fmt.Sprintf("计数“%s”：%v", clip(string(f.Code)), err), misfitPath(err, "tallies", i, "members", k, "any", n)...)
			}
			any = append(any, cel)
		}
		t.Members[k] = Member{Clause: m.Clause, When: strings.Join(any, " || ")}
	}
	return t
}

// checkTally compiles the members of a tally. Members read items and facts, never another tally, so there is no cycle.
func (p *Pack) checkTally(ps *problems, sc scope, i int) {
	t := &p.Tallies[i]
	code := clip(string(t.Code))
	if !validID(string(t.Code)) || p.tallyIndex[t.Code] != nil {
		ps.add("code_invalid", fmt.Sprintf("计数编号“%s”格式不对或重复（只用半角小写字母、数字、- 和 .）", code), "tallies", i, "code")
	}
	if t.Text == "" || len(t.Members) < 2 || len(t.Members) > maxMembers {
		ps.add("tally_invalid", fmt.Sprintf("计数“%s”缺少名称，或要素不在 2 至 %d 个之间", code, maxMembers), "tallies", i, "members")
	}
	if len(t.Members) > maxMembers {
		return
	}
	t.reads = nil
	clauses := map[ClauseRef]bool{}
	for k := range t.Members {
		m := &t.Members[k]
		if _, ok := p.cited[m.Clause]; !ok || clauses[m.Clause] {
			ps.add("clause_unknown", fmt.Sprintf("计数“%s”的要素引用的条款“%s”不存在或重复", code, clip(string(m.Clause))), "tallies", i, "members", k, "clause")
		}
		clauses[m.Clause] = true
		e, err := sc.compile(m.When)
		if err != nil {
			ps.add("tally_invalid", fmt.Sprintf("计数“%s”：%v", code, err), "tallies", i, "members", k, "any")
			continue
		}
		m.when = e
		for _, it := range e.items {
			if !slices.Contains(t.reads, it) {
				t.reads = append(t.reads, it)
			}
		}
	}
	p.tallyIndex[t.Code] = t
}

// counted is the outcome of a tally in one working place.
type counted struct {
	least, most float64
	holding     []int // positions of the members that hold
}

// count evaluates the members of a tally once in each working place.
func (j *judging) count(t *Tally, inst int) counted {
	key := tallied{t.Code, inst}
	if c, ok := j.tallies[key]; ok {
		return c
	}
	var c counted
	for i := range t.Members {
		m := &t.Members[i]
		switch j.eval(m.when) {
		case yes:
			c.least++
			c.most++
			c.holding = append(c.holding, i)
		case unknowable:
			if !j.excluded(m.when, inst) {
				c.most++
			}
		}
	}
	if j.tallies == nil {
		j.tallies = map[tallied]counted{}
	}
	j.tallies[key] = c
	return c
}

// excluded tells that an expression failed only because something does not apply: nothing that it reads is missing.
func (j *judging) excluded(e *expression, inst int) bool {
	na := false
	for _, code := range e.items {
		switch j.cell(inst, j.pack.index[code]).state {
		case notApplicable:
			na = true
		case answered:
		default:
			return false
		}
	}
	for _, code := range e.facts {
		if _, known := j.facts[code]; !known {
			return false
		}
	}
	return na
}

// held are the items of those members of a rule's tallies that hold.
func (j *judging) held(r *Rule, inst int) map[ItemCode]bool {
	items := map[ItemCode]bool{}
	for _, code := range r.Tallies {
		t := j.pack.tallyIndex[code]
		for _, i := range j.count(t, inst).holding {
			for _, it := range t.Members[i].when.items {
				items[it] = true
			}
		}
	}
	return items
}

// showTally is a tally as a person reads it: 3（7.1.2、7.3.1、7.3.9）.
func (j *judging) showTally(code TallyCode, inst int) string {
	t := j.pack.tallyIndex[code]
	c := j.count(t, inst)
	names := make([]string, len(c.holding))
	for i, k := range c.holding {
		names[i] = t.Members[k].Clause.Clause()
	}
	return fmt.Sprintf("%d（%s）", len(names), strings.Join(names, "、"))
}
