package checklist

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// truth is the outcome of an expression; unknowable is an error in CEL.
type truth int8

const (
	unknowable truth = iota
	yes
	no
)

// state of a cell.
type state uint8

const (
	unset         state = iota // no answer given here; the site's answer is used where there is one
	unanswered                 // said to be unknown, or nowhere answered
	answered                   // known
	notApplicable              // said not to apply, or excluded by the item's when
	forHuman                   // unreadable or contradictory
)

// cell is the answer of one item in one working place.
type cell struct {
	state   state
	touched bool // read by a rule that raised a finding
	open    int  // position of its open question, counted from 1
	human   int  // position of its human check
	answer  *Answer
	number  float64 // in the item's unit; a count as a number
}

type place struct{ instance, item int }

type tallied struct {
	tally    TallyCode
	instance int
}

// judging is the state of one Judge call.
type judging struct {
	pack    *Pack
	facts   map[FactCode]ref.Val
	names   []string // instances; 0 is ""
	cells   [][]cell // by instance, item
	places  []map[string]bool
	unsure  map[place][]FactCode // items whose applicability hangs on unknown facts
	asked   map[FactCode]int     // position of the open question about a fact
	tallies map[tallied]counted
	today   Day
	view    view
	scratch []int
	verdict Verdict
}

func newJudging(p *Pack, day Day, facts Facts) *judging {
	j := &judging{
		pack: p, today: day, facts: make(map[FactCode]ref.Val, len(p.Facts)), names: []string{""},
		verdict: Verdict{Findings: []Finding{}, Open: []OpenQuestion{}, Human: []HumanCheck{}},
	}
	for i := range p.Facts {
		f := &p.Facts[i]
		switch v := facts[f.Code]; {
		case v.kind == "":
		case v.kind != f.Kind, v.kind == Choice && !slices.Contains(f.Choices, v.choice), math.IsNaN(v.number) || math.IsInf(v.number, 0):
			j.verdict.Human = append(j.verdict.Human, HumanCheck{Fact: f.Code, Reason: fmt.Sprintf("企业情况“%s”的内容不对，按未知处理", f.Text)})
		case v.kind == Choice:
			j.facts[f.Code] = types.String(v.choice)
		case v.kind == Number:
			j.facts[f.Code] = types.Double(v.number)
		case v.kind == Bool:
			j.facts[f.Code] = types.Bool(v.yes)
		}
	}
	j.view = view{Mapper: emptyMap, j: j, facts: factView{emptyMap, j.facts}, tallies: tallyViews{emptyMap, &j.view}}
	return j
}

// enter sorts the answers into cells. Instances are ordered by name, so that a verdict does not depend on the order of
// the answers.
func (j *judging) enter(answers []Answer) {
	position := map[string]int{"": 0}
	for i := range answers {
		if name := answers[i].Instance; name != "" {
			if _, ok := position[name]; !ok {
				position[name] = 0
				j.names = append(j.names, name)
			}
		}
	}
	sort.Strings(j.names)
	for i, name := range j.names {
		position[name] = i
	}
	j.cells = make([][]cell, len(j.names))
	j.places = make([]map[string]bool, len(j.names))
	for i := range j.cells {
		j.cells[i] = make([]cell, len(j.pack.items))
		if i > 0 {
			j.places[i] = map[string]bool{}
		}
	}
	for k := range answers {
		a := &answers[k]
		i, ok := j.pack.index[a.Item]
		inst := position[a.Instance]
		if !ok {
			j.verdict.Human = append(j.verdict.Human, HumanCheck{Item: a.Item, Instance: a.Instance, Reason: "清单中没有该项目"})
			continue
		}
		old := &j.cells[inst][i]
		if old.answer != nil {
			if !old.answer.equal(*a) && old.state != forHuman {
				j.human(inst, i, "同一项目有两个不同的答案")
			}
			continue
		}
		c, reason := newCell(j.pack.items[i], a)
		c.answer = a
		*old = c
		if reason != "" {
			j.human(inst, i, reason)
		}
		if pl := j.pack.items[i].Place; pl != "" && inst > 0 {
			j.places[inst][pl] = true
		}
	}
}

// human takes a cell out of the machine's hands.
func (j *judging) human(inst, i int, reason string) {
	c := &j.cells[inst][i]
	c.state, c.human = forHuman, len(j.verdict.Human)
	j.verdict.Human = append(j.verdict.Human, HumanCheck{Item: j.pack.items[i].Code, Instance: j.names[inst], Reason: reason})
}

// applicability evaluates the items' when in order of dependence. An item that does not apply counts as not
// applicable, unless an answer contradicts that. Where facts are missing the item counts as applicable: what is
// answered is judged, what is not stays an open question together with the missing facts.
func (j *judging) applicability() {
	for _, i := range j.pack.order {
		e, it := j.pack.whens[i], j.pack.items[i]
		for inst := range j.names {
			if inst > 0 && j.cells[inst][i].state == unset && !(it.Place != "" && j.places[inst][it.Place]) {
				continue
			}
			j.view.instance = inst
			c := &j.cells[inst][i]
			switch j.eval(e) {
			case no:
				if c.state == answered && !(it.Kind == Conform && c.answer.Result == ResultConform) {
					j.human(inst, i, "按企业情况该项不适用，却填了内容")
				} else if c.state != forHuman {
					c.state = notApplicable
				}
			case unknowable:
				if (c.state == unset || c.state == unanswered) && j.excluded(e, inst) {
					c.state = notApplicable // it hangs on something that does not apply either
					continue
				}
				for _, f := range e.facts {
					if _, known := j.facts[f]; !known {
						if j.unsure == nil {
							j.unsure = map[place][]FactCode{}
						}
						j.unsure[place{inst, i}] = append(j.unsure[place{inst, i}], f)
					}
				}
			}
		}
	}
}

// cell finds the answer in a working place, else that of the site, else one that says unanswered.
func (j *judging) cell(inst, i int) *cell {
	if c := &j.cells[inst][i]; c.state != unset {
		return c
	}
	if c := &j.cells[0][i]; c.state != unset {
		return c
	}
	return &noCell
}

var noCell = cell{state: unanswered}

// eval evaluates an expression in the working place of the view.
func (j *judging) eval(e *expression) truth {
	if !j.known(e) {
		return e.blank
	}
	return e.eval(&j.view)
}

// known tells whether anything that an expression reads is there. Of a pack's rules most read nothing that was answered.
func (j *judging) known(e *expression) bool {
	if len(e.tallies) > 0 {
		return true
	}
	for _, i := range e.at {
		if s := j.cell(j.view.instance, i).state; s == answered || s == notApplicable {
			return true
		}
	}
	for _, code := range e.facts {
		if _, known := j.facts[code]; known {
			return true
		}
	}
	return false
}

// emptyMap answers whatever an expression of our subset cannot ask of a map.
var emptyMap, _ = types.DefaultTypeAdapter.NativeToValue(map[string]string{}).(traits.Mapper)

// view is the activation of an expression and the map "ans" at once: no map is built for a judgement.
type view struct {
	traits.Mapper
	j        *judging
	instance int
	facts    factView
	tallies  tallyViews
}

// factView is the map "facts".
type factView struct {
	traits.Mapper
	facts map[FactCode]ref.Val
}

// cellView is ans["code"].
type cellView struct {
	traits.Mapper
	cell  *cell
	item  *Item
	today Day
}

// tallyViews is the map "tally".
type tallyViews struct {
	traits.Mapper
	view *view
}

// tallyView is tally["code"].
type tallyView struct {
	traits.Mapper
	counted
}

// Find gives a tally as counted in the working place of the view.
func (v *tallyViews) Find(key ref.Val) (ref.Val, bool) {
	code, _ := key.(types.String)
	t, ok := v.view.j.pack.tallyIndex[TallyCode(code)]
	if !ok {
		return nil, false
	}
	return &tallyView{emptyMap, v.view.j.count(t, v.view.instance)}, true
}

// Find gives the bounds of a count, and its number once nothing is unknown.
func (v *tallyView) Find(key ref.Val) (ref.Val, bool) {
	switch key {
	case types.String("least"):
		return types.Double(v.least), true
	case types.String("most"):
		return types.Double(v.most), true
	case types.String("number"):
		return types.Double(v.least), v.least == v.most
	}
	return nil, false
}

// ResolveName gives CEL its two variables.
func (v *view) ResolveName(name string) (any, bool) {
	switch name {
	case "ans":
		return v, true
	case "facts":
		return &v.facts, true
	case "tally":
		return &v.tallies, true
	}
	return nil, false
}

// Parent is always nil: there is one scope.
func (v *view) Parent() cel.Activation { return nil }

// Find gives an item's answer; an item that is unanswered or needs a person is absent.
func (v *view) Find(key ref.Val) (ref.Val, bool) {
	code, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	i, ok := v.j.pack.index[ItemCode(code)]
	if !ok {
		return nil, false
	}
	c := v.j.cell(v.instance, i)
	if c.state != answered && c.state != notApplicable {
		return nil, false
	}
	return &cellView{emptyMap, c, v.j.pack.items[i], v.j.today}, true
}

// Find gives a known fact.
func (v *factView) Find(key ref.Val) (ref.Val, bool) {
	code, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	val, ok := v.facts[FactCode(code)]
	return val, ok
}

// Find gives the field that belongs to the item's kind. What does not apply has the result "na" and no value.
func (v *cellView) Find(key ref.Val) (ref.Val, bool) {
	name, _ := key.(types.String)
	kind := v.item.Kind
	if kind == Conform {
		if name != "result" {
			return nil, false
		}
		if v.cell.state == notApplicable {
			return types.String(ResultNA), true
		}
		return types.String(v.cell.answer.Result), true
	}
	if kind == Date && name == daysField && v.cell.state == answered {
		days, ok := v.cell.answer.Date.until(v.today)
		return types.Double(days), ok
	}
	if v.cell.state == notApplicable || string(name) != string(kind) {
		return nil, false
	}
	switch kind {
	case Number, Count:
		return types.Double(v.cell.number), true
	case Choice:
		return types.String(v.cell.answer.Choice), true
	case Text:
		return types.String(v.cell.answer.Text), true
	}
	return types.String(v.cell.answer.Date), true
}
