package checklist

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Finding is what a rule raised: suspected (疑似) until a person confirms it.
type Finding struct {
	Rule        RuleID     `json:"rule"`
	Instance    string     `json:"instance,omitempty"` // working place; "" is the whole site
	Class       Class      `json:"class"`
	Items       []ItemCode `json:"items"`
	Clauses     []Citation `json:"clauses"`
	Explanation string     `json:"explanation"`          // measured value, comparator and limit, in Chinese
	Caveat      string     `json:"caveat,omitempty"`     // the limit was borrowed from another norm or not checked
	Unverified  bool       `json:"unverified,omitempty"` // rests only on unverified clauses
	Annex1      []int      `json:"annex1,omitempty"`     // rows of Annex 1, 抽查检查情况, that count this enterprise
}

// Settled is false where the clauses or the limit behind a finding have not been confirmed against the official text.
func (f Finding) Settled() bool { return !f.Unverified && f.Caveat == "" }

// OpenQuestion is an item, or a fact about the enterprise, that rules needed and nobody answered. Exactly one of Item
// and Fact is set. Suspect means that the answers given already meet a condition and only this fact decides whether
// the rule concerns the site.
type OpenQuestion struct {
	Item     ItemCode `json:"item,omitempty"`
	Fact     FactCode `json:"fact,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Rules    []RuleID `json:"rules"`
	Suspect  bool     `json:"suspect,omitempty"`
}

// HumanCheck is an answer, a fact or a rule that the machine must not judge. Exactly one of Item and Fact is set; Rules
// lists what hangs on it.
type HumanCheck struct {
	Item     ItemCode `json:"item,omitempty"`
	Fact     FactCode `json:"fact,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Rules    []RuleID `json:"rules,omitempty"`
	Reason   string   `json:"reason"`

	// Failed tells that the rule erred although nothing that it reads is missing: a defect of the pack or of ours, to be told
	// to those who run the server. It is no part of the verdict's bytes.
	Failed bool `json:"-"`
}

// Verdict is the outcome of judging. An inspection is clean only if all three lists are empty.
type Verdict struct {
	Findings []Finding      `json:"findings"`
	Open     []OpenQuestion `json:"open"`
	Human    []HumanCheck   `json:"human"`
}

// Judge applies every rule to the answers as of the day of the inspection. It is pure, never fails and never treats what
// is missing, unreadable or contradictory as safe: such things become open questions or human checks. Findings come in
// the order of the rules, then of the working places.
func (p *Pack) Judge(day Day, answers []Answer, facts Facts) Verdict {
	j := newJudging(p, day, facts)
	j.enter(answers)
	j.applicability()
	for i := range p.Rules {
		r := &p.Rules[i]
		j.instancesOf(r)
		for _, inst := range j.scratch {
			j.rule(r, inst)
		}
	}
	j.disagreements()
	return j.verdict
}

// rule judges one rule in one working place.
func (j *judging) rule(r *Rule, inst int) {
	j.view.instance = inst
	applies := yes
	if r.applies != nil {
		if applies = j.eval(r.applies); applies == no {
			return
		}
	}
	switch j.eval(r.when) {
	case no:
		return
	case yes:
		if applies == yes {
			j.raise(r, inst)
			return
		}
		if !j.ask(r, r.applies, inst, true) && !j.needsHuman(r, inst) {
			j.fail(r, inst)
		}
		return
	}
	// An error: something that the rule needs is missing. CEL absorbs errors in && and ||, so an error here means that
	// the missing thing would have decided.
	if j.needsHuman(r, inst) || j.ask(r, r.when, inst, false) {
		return
	}
	for _, i := range r.reads {
		if j.cell(inst, i).state == notApplicable {
			return
		}
	}
	j.fail(r, inst)
}

func (j *judging) raise(r *Rule, inst int) {
	f := Finding{
		Rule: r.ID, Instance: j.names[inst], Class: r.Class, Items: []ItemCode{},
		Explanation: j.explain(r.Explain, inst), Caveat: r.Caveat, Unverified: r.Unverified,
	}
	f.Clauses = make([]Citation, len(r.Clauses))
	for i, ref := range r.Clauses {
		f.Clauses[i] = j.pack.cited[ref]
	}
	held := j.held(r, inst)
	for k, i := range r.reads {
		if !held[r.Reads[k]] && !r.direct(r.Reads[k]) {
			continue
		}
		f.Items = append(f.Items, r.Reads[k])
		if n := j.pack.items[i].Annex1; n > 0 && !slices.Contains(f.Annex1, n) {
			f.Annex1 = append(f.Annex1, n)
		}
		at := inst
		if j.cells[inst][i].state == unset {
			at = 0 // the site's answer served this place
		}
		j.cells[at][i].touched = true
	}
	j.verdict.Findings = append(j.verdict.Findings, f)
}

// ask notes the unanswered items and facts of an expression; false when there is none.
func (j *judging) ask(r *Rule, e *expression, inst int, suspect bool) bool {
	found := false
	for k, i := range e.at {
		if j.cell(inst, i).state == unanswered {
			c := &j.cells[inst][i]
			if c.open == 0 {
				j.verdict.Open = append(j.verdict.Open, OpenQuestion{Item: e.items[k], Instance: j.names[inst]})
				c.open = len(j.verdict.Open)
			}
			j.open(c.open, r, suspect)
			for _, f := range j.unsure[place{inst, i}] {
				j.open(j.askFact(f), r, false)
			}
			found = true
		}
	}
	for _, code := range e.facts {
		if _, known := j.facts[code]; !known {
			j.open(j.askFact(code), r, suspect)
			found = true
		}
	}
	return found
}

// askFact gives the position, counted from 1, of the open question about a fact.
func (j *judging) askFact(code FactCode) int {
	if j.asked == nil {
		j.asked = map[FactCode]int{}
	}
	if j.asked[code] == 0 {
		j.verdict.Open = append(j.verdict.Open, OpenQuestion{Fact: code})
		j.asked[code] = len(j.verdict.Open)
	}
	return j.asked[code]
}

// open joins a rule to an open question. Rules are judged one after another, so only the last can be there already.
func (j *judging) open(position int, r *Rule, suspect bool) {
	o := &j.verdict.Open[position-1]
	o.Suspect = o.Suspect || suspect
	if len(o.Rules) == 0 || o.Rules[len(o.Rules)-1] != r.ID {
		o.Rules = append(o.Rules, r.ID)
	}
}

// needsHuman joins a rule to the human checks of the items that it reads.
func (j *judging) needsHuman(r *Rule, inst int) bool {
	found := false
	for _, i := range r.reads {
		c := j.cell(inst, i)
		if c.state != forHuman {
			continue
		}
		found = true
		h := &j.verdict.Human[c.human]
		if !slices.Contains(h.Rules, r.ID) {
			h.Rules = append(h.Rules, r.ID)
		}
	}
	return found
}

func (j *judging) fail(r *Rule, inst int) {
	// What does not apply has no value, and days cannot be counted to a day that is not known: then the rule is sound.
	sound := slices.ContainsFunc(r.reads, func(i int) bool {
		return j.cell(inst, i).state == notApplicable || j.today == "" && j.pack.items[i].Kind == Date
	})
	for k, code := range r.Reads {
		reason := "规则“" + string(r.ID) + "”运行出错，该项必须人工判定"
		if j.today == "" && j.pack.items[r.reads[k]].Kind == Date {
			reason = "不知道检查日期，不能计算天数，该项必须人工判定"
		}
		j.verdict.Human = append(j.verdict.Human, HumanCheck{
			Item: code, Instance: j.names[inst], Rules: []RuleID{r.ID}, Reason: reason, Failed: !sound,
		})
	}
}

// disagreements keeps the inspector's own word: nonconform on a measured item that no rule raised goes to a person.
func (j *judging) disagreements() {
	for inst := range j.cells {
		for i := range j.cells[inst] {
			c := &j.cells[inst][i]
			it := j.pack.items[i]
			if c.state != answered || c.answer.Result != ResultNonconform || c.touched || it.Kind == Conform && j.pack.judged[i] {
				continue
			}
			j.human(inst, i, "检查人员判为不符合，但没有规则据此判定")
		}
	}
}

// maxCount is the largest whole number that JSON carries exactly between all implementations (RFC 8259).
const maxCount = 1<<53 - 1

// newCell checks one answer against its item. The reason is set where a person must look.
func newCell(it *Item, a *Answer) (c cell, reason string) {
	c.answer, c.state = a, answered
	value := a.Number != nil || a.Count != nil || a.Choice != "" || a.Text != "" && it.Kind == Text || a.Date != ""
	switch a.Result {
	case "", ResultConform, ResultNonconform:
	case ResultNA, ResultUnknown:
		if value {
			return c, "同时填了数值和“不适用”或“未知”"
		}
		if c.state = unanswered; a.Result == ResultNA {
			c.state = notApplicable
		}
		return c, ""
	default:
		return c, fmt.Sprintf("检查结果“%s”不认识", clip(string(a.Result)))
	}
	if it.Kind == Conform {
		if a.Result != "" {
			return c, ""
		}
		if value {
			return c, "该项应填符合或不符合"
		}
		return cell{}, ""
	}
	if !value {
		if a.Result == "" {
			return cell{}, ""
		}
		return c, "该项应填测得的值，只填了符合或不符合"
	}
	return c, c.read(it)
}

// read takes the value of an answer that has one.
func (c *cell) read(it *Item) (reason string) {
	a := c.answer
	switch it.Kind {
	case Number:
		if a.Number == nil || math.IsNaN(*a.Number) || math.IsInf(*a.Number, 0) {
			return "该项应填数值"
		}
		n, ok := convert(*a.Number, a.Unit, it.Unit)
		if !ok {
			return fmt.Sprintf("单位“%s”不能换算为“%s”", clip(a.Unit), it.Unit)
		}
		if math.IsInf(n, 0) {
			return fmt.Sprintf("数值过大，不能换算为“%s”", it.Unit)
		}
		c.number = n
	case Count:
		if a.Count == nil || *a.Count < 0 || *a.Count > maxCount {
			return "该项应填不小于零的个数"
		}
		c.number = float64(*a.Count)
	case Choice:
		if !slices.Contains(it.Choices, a.Choice) {
			return fmt.Sprintf("选项“%s”不在清单中", clip(a.Choice))
		}
	case Text:
		if a.Text == "" {
			return "该项应填文字"
		}
	case Date:
		if _, err := ParseDay(string(a.Date)); err != nil {
			return fmt.Sprintf("日期“%s”不对", clip(string(a.Date)))
		}
	}
	return ""
}

// instancesOf lists the working places in which a rule is judged: those where one of its items was answered, those
// that share the kind of place of one of its items, and the whole site where no place is left or the site itself was
// answered for an item of a place.
func (j *judging) instancesOf(r *Rule) {
	j.scratch = j.scratch[:0]
	if len(j.names) == 1 {
		j.scratch = append(j.scratch, 0)
		return
	}
	site := false
	for inst := 1; inst < len(j.names); inst++ {
		for _, i := range r.reads {
			if j.cells[inst][i].state != unset || j.pack.items[i].Place != "" && j.places[inst][j.pack.items[i].Place] {
				j.scratch = append(j.scratch, inst)
				break
			}
		}
	}
	for _, i := range r.reads {
		if j.cells[0][i].state == unset {
			continue
		}
		elsewhere := j.pack.items[i].Place != ""
		for inst := 1; inst < len(j.names) && !elsewhere; inst++ {
			elsewhere = j.cells[inst][i].state != unset
		}
		site = site || elsewhere
	}
	if site || len(j.scratch) == 0 {
		j.scratch = append(j.scratch, 0)
		sort.Ints(j.scratch)
	}
}
