package checklist

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// trial is one generated case.
type trial struct {
	pack    *Pack
	rule    RuleID // "" where the case is about none
	name    string
	day     Day
	facts   Facts
	answers []Answer
	want    want
}

// outcome is what a rule must come to.
type outcome int

const (
	free outcome = iota // both sides need only agree
	raisedHere
	silent
	open
	suspect
	human
)

// want is derived from the structured conditions, not from their CEL.
type want struct {
	outcome  outcome
	items    []ItemCode // of open, suspect and human: those that must be told
	facts    []FactCode // of suspect
	instance string     // of raisedHere
	shown    string     // of raisedHere: a value that the explanation must show
}

// cases generates the trials of one rule.
type cases struct {
	pack       *Pack
	rule       *Rule
	members    map[TallyCode][]SourceMember
	conditions []Condition // nil where the rule is given as CEL only
	reads      []ItemCode  // of the conditions, or of when
	closure    []int       // items with a when on which the rule hangs, those read first first
	steering   []ItemCode  // items that those, and applies, read
	facts      []FactCode  // facts that those, and applies, read
	pool       pool
	trials     []trial
}

// mostTrials bounds the cases of one rule.
const mostTrials = 40

func newCases(p *Pack, members map[TallyCode][]SourceMember, r *Rule) *cases {
	c := &cases{pack: p, rule: r, members: members, conditions: r.While, reads: r.when.items}
	if r.Threshold != nil {
		c.conditions = append([]Condition{*r.Threshold}, r.While...)
	}
	if it := p.Item(ItemCode(r.ID)); len(c.conditions) == 0 && it != nil && r.When == fmt.Sprintf("ans[%q].result == %q", it.Code, ResultNonconform) {
		c.conditions = []Condition{{Item: it.Code, Is: []string{string(ResultNonconform)}}}
	}
	sources := []string{r.When, r.Applies}
	if len(c.conditions) > 0 {
		c.reads = itemsOf(members, c.conditions...)
		sources = []string{r.Applies}
	}
	var steer func(e *expression)
	seen := map[ItemCode]bool{}
	follow := func(code ItemCode) {
		i := p.index[code]
		if !seen[code] && p.whens[i] != nil {
			seen[code] = true
			sources = append(sources, p.items[i].When)
			steer(p.whens[i])
		}
	}
	steer = func(e *expression) {
		for _, code := range e.items {
			if !slices.Contains(c.steering, code) {
				c.steering = append(c.steering, code)
			}
			follow(code)
		}
		for _, f := range e.facts {
			if !slices.Contains(c.facts, f) {
				c.facts = append(c.facts, f)
			}
		}
	}
	for _, code := range c.reads {
		follow(code)
	}
	if r.applies != nil {
		steer(r.applies)
	}
	for _, i := range p.order {
		if seen[p.items[i].Code] {
			c.closure = append(c.closure, i)
		}
	}
	all := slices.Clone(c.conditions)
	for _, condition := range c.conditions {
		for _, m := range members[condition.Tally] {
			all = append(all, m.Any...)
		}
	}
	c.pool = poolOf(sources, all)
	return c
}

// expect derives what the rule must come to.
func (c *cases) expect(w *world) want {
	w.settle(c.closure)
	applies, when := yes, c.judged(w)
	var unsure []ItemCode
	if c.rule.applies != nil {
		applies, unsure = w.cel(c.rule.applies), c.rule.applies.items
	}
	in := func(s state, codes []ItemCode) (out []ItemCode) {
		for _, code := range codes {
			if w.state(code) == s && !slices.Contains(out, code) {
				out = append(out, code)
			}
		}
		return out
	}
	switch {
	case applies == no || when == no:
		return want{outcome: silent}
	case when == yes && applies == yes:
		return want{outcome: raisedHere}
	case when == yes:
		out := want{outcome: suspect, items: in(unanswered, unsure)}
		for _, f := range c.rule.applies.facts {
			if w.facts[f] == (FactValue{}) {
				out.facts = append(out.facts, f)
			}
		}
		if len(out.items)+len(out.facts) == 0 {
			out = want{outcome: human, items: in(forHuman, unsure)}
		}
		return out
	}
	if items := in(forHuman, append(slices.Clone(c.reads), unsure...)); len(items) > 0 {
		return want{outcome: human, items: items}
	}
	if items := in(unanswered, c.reads); len(items) > 0 {
		return want{outcome: open, items: items}
	}
	for _, f := range c.rule.when.facts {
		if w.facts[f] == (FactValue{}) {
			return want{} // a tally or a free rule that reads facts
		}
	}
	return want{outcome: silent}
}

func (c *cases) add(name string, w *world) {
	if len(c.trials) < mostTrials {
		c.trials = append(c.trials, trial{c.pack, c.rule.ID, name, testDay, w.facts, w.answers(), c.expect(w)})
	}
}

// generate makes the cases; false where no world was found in which the rule holds.
func (c *cases) generate() bool {
	base := c.holding()
	holds := base != nil
	if !holds {
		base = &world{pack: c.pack, members: c.members, facts: Facts{}, given: map[ItemCode]given{}}
	}
	c.add("Holds", base)
	for k, condition := range c.conditions {
		name := fmt.Sprintf("Condition%d", k+1)
		if condition.Tally != "" {
			c.tally(name, base, condition)
			continue
		}
		c.vary(name, base, condition, k == 0)
		if len(c.conditions) > 1 {
			alone := base.clone()
			alone.given = map[ItemCode]given{}
			for code, g := range base.given {
				if slices.Contains(c.steering, code) || code == condition.Item || code == condition.Than {
					alone.given[code] = g
				}
			}
			c.add(name+"/Alone", alone)
			for _, g := range c.pool.answers(c.pack.Item(condition.Item)) {
				failing := alone.with(condition.Item, &g)
				if failing.holds(condition) == no {
					c.add(name+"/AloneFailing", failing)
					break
				}
			}
		}
	}
	c.place(base)
	c.facing(base)
	c.steer(base)
	if len(c.conditions) == 0 {
		for _, code := range c.reads {
			c.toggle(string(code), base, code)
		}
	}
	return holds
}

// vary answers the item of one condition in every way that matters; every kind of mistake only in the first of a rule.
func (c *cases) vary(name string, base *world, condition Condition, first bool) {
	it := c.pack.Item(condition.Item)
	put := func(what string, g *given) { c.add(name+"/"+what, base.with(it.Code, g)) }
	visible := func(what string, g given) {
		put(what, &g)
		if last := &c.trials[len(c.trials)-1]; last.want.outcome == raisedHere && strings.Contains(c.rule.Explain, "{"+string(it.Code)+"}") {
			last.want.shown = shown(it, g)
		}
	}
	switch {
	case len(condition.Is) > 0:
		for _, s := range it.Choices {
			g := said(it, s)
			put("Choice "+s, &g)
		}
		if it.Kind == Conform {
			for _, r := range []Result{ResultNonconform, ResultConform} {
				g := found(it, r)
				put(string(r), &g)
			}
		}
	default:
		limit := 0.0
		if condition.Value != nil {
			limit = *condition.Value
		} else {
			limit = base.given[condition.Than].number
			c.add(name+"/ThanMissing", base.with(condition.Than, nil))
		}
		d := step(it, limit)
		visible("Below", measured(it, limit-d))
		visible("At", measured(it, limit))
		visible("Above", measured(it, limit+d))
		if g, ok := elsewhere(it, measured(it, limit+d)); ok {
			visible("OtherUnit", g)
		}
	}
	put("Missing", nil)
	for _, r := range []Result{ResultUnknown, ResultNA} {
		g := found(it, r)
		put(string(r), &g)
	}
	mistakes := unreadable(it, base.given[it.Code])
	for _, what := range slices.Sorted(maps.Keys(mistakes)) {
		if g := mistakes[what]; first || what == "OtherKind" || what == "WrongUnit" {
			put(what, &g)
		}
	}
}

// shown is how an explanation must show a measured value.
func shown(it *Item, g given) string {
	switch it.Kind {
	case Date:
		return string(g.answer.Date)
	case Number:
		return show(*g.answer.Number) + shownUnit(g.answer.Unit)
	}
	return show(g.number) + shownUnit(it.Unit)
}

// elsewhere says a number in another unit.
func elsewhere(it *Item, g given) (given, bool) {
	for _, conv := range conversions {
		if it.Kind == Number && conv.to == spell(it.Unit) {
			n := g.number * conv.div / conv.mul
			back, ok := convert(n, conv.from, it.Unit)
			g.answer.Number, g.answer.Unit, g.number = &n, conv.from, back
			return g, ok
		}
	}
	return g, false
}

// tally makes so many members hold, with the others failing, missing, not applicable or unreadable.
func (c *cases) tally(name string, base *world, condition Condition) {
	members := c.members[condition.Tally]
	limit := int(*condition.Value)
	set := func(w *world, m SourceMember, how string) {
		for _, one := range m.Any {
			it := c.pack.Item(one.Item)
			if i := c.pack.index[one.Item]; c.pack.whens[i] != nil && w.cel(c.pack.whens[i]) != yes || slices.Contains(c.steering, one.Item) {
				continue
			}
			switch how {
			case "missing":
				delete(w.given, it.Code)
			case "na":
				w.given[it.Code] = found(it, ResultNA)
			case "human":
				w.given[it.Code] = unreadable(it, given{})["OtherKind"]
			default:
				if one.Than != "" {
					w.given[one.Than] = measured(c.pack.Item(one.Than), 100)
				}
				for _, g := range c.pool.answers(it) {
					w.given[it.Code] = g
					if (w.holds(one) == yes) == (how == "hold") {
						break
					}
				}
			}
		}
	}
	for _, n := range []int{0, limit - 1, limit, len(members)} {
		for _, rest := range []string{"fail", "missing", "na", "human"} {
			w := base.clone()
			w.settle(c.closure)
			least := 0
			for _, m := range members {
				if least < n {
					set(w, m, "hold")
					least, _ = w.count(condition.Tally)
				} else {
					set(w, m, rest)
				}
			}
			c.add(fmt.Sprintf("%s/%d hold, others %s", name, n, rest), w)
		}
	}
	for _, n := range []int{max(limit-2, 0), limit - 1} { // one could decide, or not even that
		for _, how := range []string{"missing", "na", "human"} {
			for _, rest := range []string{"fail", "na"} {
				w := base.clone()
				w.settle(c.closure)
				least, one := 0, false
				for _, m := range members {
					switch {
					case least < n:
						set(w, m, "hold")
						least, _ = w.count(condition.Tally)
					case !one:
						set(w, m, how)
						one = true
					default:
						set(w, m, rest)
					}
				}
				c.add(fmt.Sprintf("%s/%d hold, one %s, others %s", name, n, how, rest), w)
			}
		}
	}
}

// place gives the answers of places in one place instead of the whole site.
func (c *cases) place(base *world) {
	w, moved := base.clone(), false
	for code, g := range w.given {
		if c.pack.Item(code).Place != "" {
			g.answer.Instance, moved = "甲处", moved || slices.Contains(c.reads, code)
			w.given[code] = g
		}
	}
	if !moved {
		return
	}
	c.add("InAPlace", w)
	if last := &c.trials[len(c.trials)-1]; last.want.outcome == raisedHere {
		last.want.instance = "甲处"
	}
}

// facing changes each fact, and leaves each unknown.
func (c *cases) facing(base *world) {
	for _, code := range c.facts {
		w := base.clone()
		delete(w.facts, code)
		c.add("FactUnknown "+string(code), w)
		for _, v := range c.pool.facts(c.pack.factIndex[code]) {
			if v != base.facts[code] {
				w := base.clone()
				w.facts[code] = v
				c.add(fmt.Sprintf("Fact %s %v", code, v), w)
			}
		}
	}
	if len(c.facts) > 0 {
		w := base.clone()
		w.facts = Facts{}
		c.add("NoFacts", w)
		c.add("Nothing", &world{pack: c.pack, members: c.members, facts: base.facts, given: map[ItemCode]given{}})
	}
	for _, code := range c.reads { // not applicable and unanswered, where a fact excludes it
		if c.pack.whens[c.pack.index[code]] == nil {
			continue
		}
		for _, f := range c.facts {
			for _, v := range c.pool.facts(c.pack.factIndex[f]) {
				w := base.with(code, nil)
				w.facts[f] = v
				if w.cel(c.pack.whens[c.pack.index[code]]) == no {
					c.add("ExcludedUnanswered "+string(code), w)
					break
				}
			}
		}
	}
}

// steer changes the answers on which applicability hangs.
func (c *cases) steer(base *world) {
	for _, code := range c.steering {
		c.toggle("Steering "+string(code), base, code)
	}
}

// toggle gives an item other answers, a mistake, and none.
func (c *cases) toggle(name string, base *world, code ItemCode) {
	it := c.pack.Item(code)
	c.add(name+"/Missing", base.with(code, nil))
	na, mistake := found(it, ResultNA), unreadable(it, given{})["OtherKind"]
	c.add(name+"/na", base.with(code, &na))
	c.add(name+"/Unreadable", base.with(code, &mistake))
	for k, g := range c.pool.answers(it) {
		if k == 6 {
			break
		}
		c.add(fmt.Sprintf("%s/%d", name, k+1), base.with(code, &g))
	}
}

// check holds Judge to what a trial wants.
func (tr *trial) check(v Verdict) error {
	f := raised(v, tr.rule)
	if (f != nil) != (tr.want.outcome == raisedHere) && tr.want.outcome != free {
		return fmt.Errorf("raised %v, want %+v", f != nil, tr.want)
	}
	mentioned := slices.ContainsFunc(v.Open, func(o OpenQuestion) bool { return slices.Contains(o.Rules, tr.rule) }) ||
		slices.ContainsFunc(v.Human, func(h HumanCheck) bool { return slices.Contains(h.Rules, tr.rule) })
	switch tr.want.outcome {
	case raisedHere:
		if f.Instance != tr.want.instance || !strings.Contains(f.Explanation, tr.want.shown) {
			return fmt.Errorf("finding %+v, want %+v", f, tr.want)
		}
	case silent:
		if mentioned {
			return fmt.Errorf("open or for a person, want silence")
		}
	case open, suspect:
		for _, code := range tr.want.items {
			if !isOpen(v, code, tr.rule) {
				return fmt.Errorf("%s is not open", code)
			}
		}
		for _, code := range tr.want.facts {
			if !slices.ContainsFunc(v.Open, func(o OpenQuestion) bool { return o.Fact == code && o.Suspect && slices.Contains(o.Rules, tr.rule) }) {
				return fmt.Errorf("fact %s is not open", code)
			}
		}
	case human:
		for _, code := range tr.want.items {
			if !isHuman(v, code, tr.rule) {
				return fmt.Errorf("%s does not go to a person", code)
			}
		}
		if !mentioned {
			return fmt.Errorf("the rule goes to no person")
		}
	}
	return nil
}

// membersOf reads the members of a pack's tallies as conditions.
func membersOf(t testing.TB, data []byte) map[TallyCode][]SourceMember {
	t.Helper()
	var f Source
	if _, err := readYAML(data, &f); err != nil {
		t.Fatal(err)
	}
	out := map[TallyCode][]SourceMember{}
	for _, tally := range f.Tallies {
		out[tally.Code] = tally.Members
	}
	return out
}

// generated makes the trials of a pack. A structured rule for which no answers hold can never raise: an error of the pack.
func generated(t testing.TB, p *Pack, members map[TallyCode][]SourceMember) []trial {
	t.Helper()
	var trials []trial
	for i := range p.Rules {
		c := newCases(p, members, &p.Rules[i])
		if holds := c.generate(); !holds && len(c.conditions) > 0 {
			t.Errorf("%s %s: no answers and facts make it hold", p.ID, c.rule.ID)
		} else if !holds {
			t.Logf("%s %s: found no answers under which it holds", p.ID, c.rule.ID)
		}
		trials = append(trials, c.trials...)
	}
	return trials
}
