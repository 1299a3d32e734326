package checklist

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// language is a pack of random rules over every kind of item and every unit of the table. Without whens, everything
// that is answered applies.
func (d dice) language(t testing.TB, id string, whens bool) *Pack {
	t.Helper()
	const clauses = 5
	p := &Pack{Format: packFormat, ID: id, Version: "1", Title: "随机", Sectors: []Sector{"x"}}
	for n := range clauses {
		p.Citations = append(p.Citations, Citation{
			Ref: ClauseRef(fmt.Sprintf("x#第%d条", n+1)), Standard: "x", Title: "标准", Clause: fmt.Sprintf("第%d条", n+1),
			Criterion: "情形", Major: true, Verified: n%2 == 0, Note: strings.Repeat("注", n%3),
		})
	}
	cite := func() ClauseRef { return p.Citations[d.IntN(clauses)].Ref }
	p.Facts = []Fact{
		{Code: "deep", Text: "深", Kind: Bool},
		{Code: "wide", Text: "宽", Kind: Bool},
		{Code: "grade", Text: "等级", Kind: Choice, Choices: []string{"低", "高", "突出"}},
		{Code: "workers", Text: "人数", Kind: Number},
		{Code: "output", Text: "产量", Kind: Number},
	}
	section := Section{ID: "all", Title: "全部"}
	add := func(it Item) {
		it.Name, it.Text, it.Clauses = "名"+string(it.Code), "问？", []ClauseRef{cite()}
		if d.chance(0.3) {
			it.Place = pick(d, "采面", "测点")
		}
		if d.chance(0.3) {
			it.Annex1 = 1 + d.IntN(8)
		}
		section.Items = append(section.Items, it)
	}
	units := []string{"mg/m³"}
	for _, c := range conversions {
		if !slices.Contains(units, c.to) {
			units = append(units, c.to)
		}
	}
	for n, unit := range units {
		it := Item{Code: ItemCode(fmt.Sprintf("n%d", n)), Kind: Number, Unit: unit}
		add(it)
		p.Rules = append(p.Rules, Rule{ // shows every number
			ID: RuleID("shown." + it.Code), Class: General, When: field(&it) + " != 0.1", Explain: "{" + string(it.Code) + "}", Clauses: []ClauseRef{cite()},
		})
	}
	for n := range 3 {
		code := func(s string) ItemCode { return ItemCode(fmt.Sprintf("%s%d", s, n)) }
		add(Item{Code: code("count"), Kind: Count, Unit: "个"})
		add(Item{Code: code("choice"), Kind: Choice, Choices: []string{"有", "无", "𠮷"}})
		add(Item{Code: code("text"), Kind: Text})
		add(Item{Code: code("date"), Kind: Date})
		add(Item{Code: code("conform"), Kind: Conform})
	}
	for i := range section.Items {
		section.Items[i].Photos = d.IntN(3)
	}
	g := grammar{dice: d, items: section.Items}
	if whens { // an item's when reads only what stands before it
		for i := range section.Items {
			if d.chance(0.4) {
				g.items = section.Items[:i]
				section.Items[i].When = g.truth(2)
			}
		}
	}
	g.items = section.Items
	for n := range 2 {
		tally := Tally{Code: TallyCode(fmt.Sprintf("tally%d", n)), Text: "计数"}
		for k := range clauses {
			tally.Members = append(tally.Members, Member{Clause: p.Citations[k].Ref, When: g.truth(1)})
		}
		p.Tallies = append(p.Tallies, tally)
	}
	p.Sections = []Section{section}
	g.tallies = true
	for n := range 60 {
		r := Rule{ID: RuleID(fmt.Sprintf("rule%d", n)), Class: pick(d, Major, Key, General), When: g.truth(3), Clauses: []ClauseRef{cite()}}
		for !strings.Contains(r.When, "ans[") && !strings.Contains(r.When, "tally[") {
			r.When = g.truth(3)
		}
		if d.chance(0.4) {
			r.Applies = g.truth(2)
		}
		if d.chance(0.3) {
			r.Caveat = "限值：未核对"
		}
		for _, it := range section.Items {
			if d.chance(0.2) {
				r.Explain += fmt.Sprintf("{%s}，", it.Code)
			}
		}
		r.Explain += "{days:date0}天，{tally:tally1}"
		p.Rules = append(p.Rules, r)
	}
	if problems := p.compile(); len(problems) > 0 {
		t.Fatal(problems[0])
	}
	if err := p.seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

// grammar writes random expressions that the checker accepts.
type grammar struct {
	dice
	items   []Item
	tallies bool
}

// of picks an item of a kind; "" where there is none.
func (g grammar) of(kinds ...Kind) *Item {
	var of []*Item
	for i := range g.items {
		if slices.Contains(kinds, g.items[i].Kind) {
			of = append(of, &g.items[i])
		}
	}
	if len(of) == 0 {
		return nil
	}
	return pick(g.dice, of...)
}

func (g grammar) truth(depth int) string {
	if depth > 0 && g.chance(0.7) {
		terms := make([]string, 2+g.IntN(3))
		for i := range terms {
			terms[i] = g.truth(depth - 1)
		}
		switch g.IntN(6) {
		case 0:
			return "!(" + terms[0] + ")"
		case 1:
			return fmt.Sprintf("(%s) %s (%s)", terms[0], pick(g.dice, "==", "!="), terms[1])
		case 2:
			return fmt.Sprintf("(%s) == (%s) != (%s)", terms[0], terms[1], g.truth(0))
		case 3:
			return "(" + strings.Join(terms, " || ") + ")"
		}
		return strings.Join(terms, " && ")
	}
	switch g.IntN(8) {
	case 0:
		return pick(g.dice, `facts["deep"]`, `!facts["wide"]`, `!!facts["deep"]`, `facts["deep"] == facts["wide"]`, "true", "false")
	case 1:
		return pick(g.dice, `facts["grade"] == "高"`, `facts["grade"] != "低"`, `facts["grade"] in ["高", "突出"]`, `"低" == facts['grade']`)
	case 2:
		if it := g.of(Choice); it != nil {
			of := fmt.Sprintf(`ans["%s"].choice`, it.Code)
			return pick(g.dice, of+` == "有"`, of+` != "𠮷"`, of+` in ["有", "𠮷"]`, of+`.contains("有")`, of+` == facts["grade"]`, `!(`+of+` in ["无",])`)
		}
	case 3:
		if it := g.of(Text); it != nil {
			of := fmt.Sprintf(`ans["%s"].text`, it.Code)
			return pick(g.dice, of+`.contains("失效")`, of+`.startsWith("复测")`, of+`.endsWith('格')`, of+` == "无"`, of+`.contains("")`, of+` in ["无", "𠮷"]`, `"很长的说明".contains(`+of+`)`, of+`.contains("𠮷")`)
		}
	case 4:
		if it, other := g.of(Date), g.of(Date); it != nil {
			of := fmt.Sprintf(`ans["%s"].date`, it.Code)
			op := pick(g.dice, "<", "<=", ">", ">=", "==", "!=")
			return pick(g.dice, fmt.Sprintf(`%s %s "2023-06-15"`, of, op), fmt.Sprintf(`"2022-12-31" %s %s`, op, of), fmt.Sprintf(`%s %s ans["%s"].date`, of, op, other.Code))
		}
	case 5:
		if it := g.of(Conform); it != nil {
			of := fmt.Sprintf(`ans["%s"].result`, it.Code)
			return pick(g.dice, of+` == "nonconform"`, of+` != "conform"`, of+` in ["na", "nonconform"]`)
		}
	}
	if g.chance(0.2) {
		return fmt.Sprintf("%s in [%s, %s, %s]", g.number(1), g.constant(), g.number(1), g.constant())
	}
	return fmt.Sprintf("%s %s %s", g.number(2), pick(g.dice, "<", "<=", ">", ">=", "==", "!="), g.number(2))
}

func (g grammar) number(depth int) string {
	if depth > 0 && g.chance(0.5) {
		a, b := g.number(depth-1), g.number(depth-1)
		return pick(
			g.dice, a+" + "+b, a+" - "+b, a+" * "+b, "("+a+" - "+b+")", "-("+a+")", "- -"+g.number(0),
			"("+a+" + "+b+") * "+g.constant(), a+" / "+g.constant(), a+" / -3.0 / 0.7",
		)
	}
	if it := g.of(Number, Count, Date); it != nil && g.chance(0.75) {
		field := string(it.Kind)
		if it.Kind == Date {
			field = daysField
		}
		return fmt.Sprintf(`ans["%s"].%s`, it.Code, field)
	}
	if g.tallies && g.chance(0.3) {
		return fmt.Sprintf(`tally["tally%d"].%s`, g.IntN(2), pick(g.dice, "least", "most", "number"))
	}
	return pick(g.dice, `facts["workers"]`, `facts["output"]`, g.constant())
}

func (g grammar) constant() string {
	return pick(g.dice, "1.0", "0.5", "100.0", "7.00", "1e3", "2.5E-3", "1.5e+2", "0.1", "90.0", "1e21", "123456789012345680000.0", "3.0")
}

// TestRulesFailOnlyForWantOfValues: where everything is answered no expression that the checker accepts errs.
func TestRulesFailOnlyForWantOfValues(t *testing.T) {
	d := newDice(5)
	for n := range 10 {
		p := d.language(t, fmt.Sprintf("language%d", n), false)
		from := poolOfPack(p)
		facts := Facts{}
		for i := range p.Facts {
			facts[p.Facts[i].Code] = pick(d, from.facts(&p.Facts[i])...)
		}
		var answers []Answer
		for _, it := range p.items {
			a := pick(d, from.answers(it)...).answer
			switch it.Kind {
			case Number:
				v := pick(d, oddNumbers...)
				a.Number = &v
			case Text:
				a.Text = strings.Repeat("很长的说明", 4000)
			}
			answers = append(answers, a)
		}
		v := p.Judge(testDay, answers, facts)
		for _, h := range v.Human {
			t.Errorf("%s %v: %s", h.Item, h.Rules, h.Reason)
		}
		for _, o := range v.Open {
			t.Errorf("open: %+v", o)
		}
	}
}
