package checklist

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// given is one answer of a generated case with what is meant by it, so that nothing need be read back from the answer.
type given struct {
	answer Answer
	second *Answer // contradicts the first
	state  state
	number float64 // of Number and Count in the item's unit; of Date the days from it to testDay
	text   string  // of Conform, Choice and Text
}

// world is a generated case: what is known of the whole site.
type world struct {
	pack    *Pack
	members map[TallyCode][]SourceMember // from the source: the compiled form keeps only their CEL
	facts   Facts
	given   map[ItemCode]given
	settled map[ItemCode]state // given, after applicability; see settle
}

func (w *world) clone() *world {
	return &world{pack: w.pack, members: w.members, facts: maps.Clone(w.facts), given: maps.Clone(w.given)}
}

func (w *world) with(code ItemCode, g *given) *world {
	c := w.clone()
	if g == nil {
		delete(c.given, code)
	} else {
		c.given[code] = *g
	}
	return c
}

func (w *world) answers() []Answer {
	answers := []Answer{}
	for _, it := range w.pack.items {
		if g, ok := w.given[it.Code]; ok {
			answers = append(answers, g.answer)
			if g.second != nil {
				answers = append(answers, *g.second)
			}
		}
	}
	return answers
}

func (w *world) state(code ItemCode) state {
	if s, ok := w.settled[code]; ok {
		return s
	}
	if g, ok := w.given[code]; ok {
		return g.state
	}
	return unanswered
}

// measured gives a number, a count or a date so many days before testDay.
func measured(it *Item, v float64) given {
	switch it.Kind {
	case Date:
		start, _ := time.Parse(time.DateOnly, string(testDay))
		day := start.AddDate(0, 0, -int(v)).Format(time.DateOnly)
		return given{answer: Answer{Item: it.Code, Date: Day(day)}, state: answered, number: v}
	case Count:
		s := answered
		if v < 0 {
			s = forHuman
		}
		return given{answer: value(it, v), state: s, number: v}
	}
	return given{answer: value(it, v), state: answered, number: v}
}

// found gives a result.
func found(it *Item, r Result) given {
	g := given{answer: Answer{Item: it.Code, Result: r}, state: answered, text: string(r)}
	switch r {
	case ResultNA:
		g.state = notApplicable
	case ResultUnknown:
		g.state = unanswered
	}
	return g
}

// said gives one of the choices, or a text.
func said(it *Item, s string) given {
	g := given{answer: Answer{Item: it.Code, Text: s}, state: answered, text: s}
	if it.Kind == Choice {
		g.answer = Answer{Item: it.Code, Choice: s}
	}
	return g
}

// unreadable gives what a person must look at, one of each kind of mistake.
func unreadable(it *Item, good given) map[string]given {
	human := func(a Answer) given { a.Item = it.Code; return given{answer: a, state: forHuman} }
	one, eleven := 1.0, int64(11)
	out := map[string]given{"OtherKind": human(Answer{Count: &eleven})}
	switch it.Kind {
	case Number:
		if it.Unit != "" {
			out["NoUnit"] = human(Answer{Number: &one})
		}
		out["WrongUnit"] = human(Answer{Number: &one, Unit: "furlong"})
		out["OnlyResult"] = human(Answer{Result: ResultConform})
	case Count:
		minus := int64(-1)
		out["OtherKind"] = human(Answer{Number: &one})
		out["Negative"] = human(Answer{Count: &minus})
	case Choice:
		out["NoSuchChoice"] = human(Answer{Choice: "没有这个选项"})
	case Date:
		out["NoSuchDay"] = human(Answer{Date: "2023-02-30"})
	}
	if good.state == answered {
		two := good
		two.state, two.second = forHuman, &Answer{Item: it.Code, Result: ResultUnknown}
		out["Contradicted"] = two
	}
	return out
}

// settle applies the when of those items of a closure that have one, in order of dependence.
func (w *world) settle(closure []int) {
	w.settled = map[ItemCode]state{}
	for _, i := range closure {
		it := w.pack.items[i]
		if w.cel(w.pack.whens[i]) != no {
			continue
		}
		switch s := w.state(it.Code); {
		case s == answered && !(it.Kind == Conform && w.given[it.Code].text == string(ResultConform)):
			w.settled[it.Code] = forHuman
		case s != forHuman:
			w.settled[it.Code] = notApplicable
		}
	}
}

// cel evaluates an expression over plain maps.
func (w *world) cel(e *expression) truth {
	ans, facts, tally := map[string]any{}, map[string]any{}, map[string]any{}
	for _, code := range e.direct {
		it, g := w.pack.Item(code), w.given[code]
		field := string(it.Kind)
		var v any = g.text
		switch it.Kind {
		case Conform:
			field = "result"
		case Number, Count:
			v = g.number
		case Date:
			v = string(g.answer.Date)
		}
		switch w.state(code) {
		case answered:
			fields := map[string]any{field: v}
			if it.Kind == Date {
				fields[daysField] = g.number
			}
			ans[string(code)] = fields
		case notApplicable:
			fields := map[string]any{}
			if it.Kind == Conform {
				fields[field] = string(ResultNA)
			}
			ans[string(code)] = fields
		}
	}
	for _, code := range e.facts {
		switch v := w.facts[code]; v.kind {
		case Choice:
			facts[string(code)] = v.choice
		case Number:
			facts[string(code)] = v.number
		case Bool:
			facts[string(code)] = v.yes
		}
	}
	for _, code := range e.tallies {
		least, most := w.count(code)
		fields := map[string]any{"least": float64(least), "most": float64(most)}
		if least == most {
			fields["number"] = float64(least)
		}
		tally[string(code)] = fields
	}
	out, _, err := e.program.Eval(map[string]any{"ans": ans, "facts": facts, "tally": tally})
	if err != nil {
		return unknowable
	}
	if out.Value() == true {
		return yes
	}
	return no
}

// holds judges a structured condition without CEL.
func (w *world) holds(c Condition) truth {
	of := func(b bool) truth {
		if b {
			return yes
		}
		return no
	}
	if c.Tally != "" {
		least, most := w.count(c.Tally)
		switch {
		case c.Op.Holds(float64(least), *c.Value):
			return yes
		case c.Op.Holds(float64(most), *c.Value):
			return unknowable
		}
		return no
	}
	it, g := w.pack.Item(c.Item), w.given[c.Item]
	if s := w.state(c.Item); s == notApplicable && it.Kind == Conform {
		return of(slices.Contains(c.Is, string(ResultNA)))
	} else if s != answered {
		return unknowable
	}
	switch {
	case len(c.Is) > 0:
		return of(slices.Contains(c.Is, g.text))
	case c.Than == "":
		return of(c.Op.Holds(g.number, *c.Value))
	case w.state(c.Than) != answered:
		return unknowable
	case it.Kind == Date: // the later day is the greater, and fewer days ago
		return of(c.Op.Holds(-g.number, -w.given[c.Than].number))
	}
	return of(c.Op.Holds(g.number, w.given[c.Than].number))
}

func (w *world) count(code TallyCode) (least, most int) {
	for _, m := range w.members[code] {
		outcome, na, missing := no, false, false
		for _, c := range m.Any {
			switch w.holds(c) {
			case yes:
				outcome = yes
			case unknowable:
				if outcome == no {
					outcome = unknowable
				}
			}
			for _, read := range itemsOf(nil, c) {
				na = na || w.state(read) == notApplicable
				missing = missing || w.state(read) == unanswered || w.state(read) == forHuman
			}
		}
		switch {
		case outcome == yes:
			least++
			most++
		case outcome == unknowable && (missing || !na):
			most++
		}
	}
	return least, most
}

// itemsOf lists what conditions read, each once.
func itemsOf(members map[TallyCode][]SourceMember, conditions ...Condition) []ItemCode {
	var items []ItemCode
	add := func(codes ...ItemCode) {
		for _, code := range codes {
			if code != "" && !slices.Contains(items, code) {
				items = append(items, code)
			}
		}
	}
	for _, c := range conditions {
		add(c.Item, c.Than)
		for _, m := range members[c.Tally] {
			add(itemsOf(nil, m.Any...)...)
		}
	}
	return items
}

var constants = regexp.MustCompile(`"[^"]*"|'[^']*'|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`)

// pool is what is worth answering: the constants of the expressions and conditions of a rule.
type pool struct {
	numbers []float64
	texts   []string
}

func poolOf(sources []string, conditions []Condition) pool {
	var p pool
	for _, source := range sources {
		for _, s := range constants.FindAllString(source, -1) {
			if v, err := strconv.ParseFloat(s, 64); err == nil {
				p.numbers = append(p.numbers, v)
			} else {
				p.texts = append(p.texts, s[1:len(s)-1])
			}
		}
	}
	for _, c := range conditions {
		if c.Value != nil {
			p.numbers = append(p.numbers, *c.Value)
		}
	}
	p.numbers = append(p.numbers, 100, 0, 1)
	slices.Sort(p.numbers)
	p.numbers = slices.Compact(p.numbers)
	return p
}

// step is the least difference that a case makes.
func step(it *Item, limit float64) float64 {
	if it.Kind == Number {
		return max(limit/1000, -limit/1000, 1e-6)
	}
	return 1
}

// answers lists what is worth answering to an item.
func (p pool) answers(it *Item) []given {
	var out []given
	switch it.Kind {
	case Conform:
		for _, r := range []Result{ResultNonconform, ResultConform} {
			out = append(out, found(it, r))
		}
	case Choice:
		for _, c := range it.Choices {
			out = append(out, said(it, c))
		}
	case Text:
		for _, s := range append(slices.Clone(p.texts), "无") {
			out = append(out, said(it, s))
		}
	case Number, Count, Date:
		for _, v := range p.numbers {
			if it.Kind != Number && v != float64(int(v)) || it.Kind == Date && v > 1e5 {
				continue
			}
			for _, n := range []float64{v, v - step(it, v), v + step(it, v)} {
				if it.Kind != Count || n >= 0 {
					out = append(out, measured(it, n))
				}
			}
		}
		start, _ := time.Parse(time.DateOnly, string(testDay))
		for _, s := range p.texts {
			if day, err := time.Parse(time.DateOnly, s); err == nil && it.Kind == Date {
				n := start.Sub(day).Hours() / 24
				out = append(out, measured(it, n), measured(it, n-1), measured(it, n+1))
			}
		}
	}
	return out
}

// facts lists what is worth knowing of a fact.
func (p pool) facts(f *Fact) []FactValue {
	var out []FactValue
	switch f.Kind {
	case Bool:
		out = []FactValue{FactBool(false), FactBool(true)}
	case Choice:
		for _, c := range f.Choices {
			out = append(out, FactChoice(c))
		}
	case Number:
		for _, v := range p.numbers {
			out = append(out, FactNumber(v), FactNumber(v-1), FactNumber(v+1))
		}
	}
	return out
}
