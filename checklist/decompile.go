package checklist

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Source writes a compiled pack as its authors would: without implied rules, and without what expands from the rest. Under
// unchanged standards it compiles to the same hash. The condition of a section stands with each of its items, because the
// compiled form does not remember which it was. ErrPack means that a tally was not expanded from conditions.
func (p *Pack) Source() (*Source, error) {
	f := &Source{ID: p.ID, Version: p.Version, Title: p.Title, Note: p.Note, Sectors: p.Sectors, Omitted: p.Omitted}
	for _, s := range p.Standards {
		if s.Partly {
			f.Partly = append(f.Partly, s.ID)
		} else {
			f.Standards = append(f.Standards, s.ID)
		}
	}
	for _, fact := range p.Facts {
		f.Facts = append(f.Facts, SourceFact(fact))
	}
	explicit := p.explicit()
	for _, s := range p.Sections {
		section := SourceSection{ID: s.ID, Title: s.Title}
		for i := range s.Items {
			section.Items = append(section.Items, p.sourceItem(&s.Items[i], p.Rules[explicit:]))
		}
		f.Sections = append(f.Sections, section)
	}
	for i := range p.Tallies {
		t, err := p.sourceTally(&p.Tallies[i])
		if err != nil {
			return nil, err
		}
		f.Tallies = append(f.Tallies, t)
	}
	for i := range p.Rules[:explicit] {
		f.Rules = append(f.Rules, p.sourceRule(&p.Rules[i]))
	}
	return f, nil
}

// explicit is how many rules were written out. The implied ones follow them in the order of their items.
func (p *Pack) explicit() int {
	n := len(p.Rules)
	for i := len(p.items) - 1; i >= 0 && n > 0; i-- {
		if p.implied(p.items[i], &p.Rules[n-1]) {
			n--
		}
	}
	return n
}

// implied tells whether a rule is the one that an item implies.
func (p *Pack) implied(it *Item, r *Rule) bool {
	if it.Kind != Conform || it.Class == "" || r.ID != RuleID(it.Code) {
		return false
	}
	criterion := ""
	for _, ref := range it.Clauses {
		if c, ok := p.cited[ref]; ok {
			criterion = c.Criterion
			break
		}
	}
	return r.Class == it.Class && r.When == impliedWhen(it.Code) && r.Applies == "" && r.Threshold == nil && len(r.While) == 0 &&
		slices.Equal(r.Clauses, it.Clauses) && r.Explain == impliedExplain(it.Text, criterion)
}

func (p *Pack) sourceItem(it *Item, implied []Rule) SourceItem {
	f := SourceItem{
		Code: it.Code, Name: it.Name, Text: it.Text, Kind: it.Kind, Unit: it.Unit, Choices: it.Choices, Place: it.Place,
		Help: it.Help, Evidence: it.Evidence, Photos: it.Photos, Advice: it.Advice, Core: it.Core, When: it.When,
		Class: it.Class, Annex1: it.Annex1, Clauses: it.Clauses,
	}
	if it.Name == it.Text {
		f.Name = ""
	}
	for i := range implied {
		if implied[i].ID == RuleID(it.Code) {
			f.Measures = implied[i].Measures
		}
	}
	return f
}

func (p *Pack) sourceRule(r *Rule) SourceRule {
	f := SourceRule{
		ID: r.ID, Class: r.Class, When: r.When, Applies: r.Applies, Threshold: r.Threshold, While: r.While,
		Clauses: r.Clauses, Measures: r.Measures, Explain: r.Explain,
	}
	if r.Threshold == nil && len(r.While) == 0 {
		return f
	}
	f.When = ""
	bare := Rule{Threshold: r.Threshold, While: r.While}
	if _, err := bare.expand(p.scope().items, p.tallyCodes()); err == nil && bare.Explain == r.Explain {
		f.Explain = ""
	}
	return f
}

func (p *Pack) tallyCodes() map[TallyCode]bool {
	codes := map[TallyCode]bool{}
	for _, t := range p.Tallies {
		codes[t.Code] = true
	}
	return codes
}

// sourceTally reads the conditions of the members back from their CEL, and holds the result to giving the same CEL again.
func (p *Pack) sourceTally(t *Tally) (SourceTally, error) {
	f := SourceTally{Code: t.Code, Text: t.Text}
	items := p.scope().items
	for _, m := range t.Members {
		refused := ErrPack.Saying("计数“%s”的要素“%s”不能还原成条件", t.Code, m.Clause)
		env, err := language()
		if err != nil {
			return SourceTally{}, err
		}
		parsed, issues := env.Parse(m.When)
		if issues.Err() != nil {
			return SourceTally{}, refused.Because(issues.Err())
		}
		member := SourceMember{Clause: m.Clause}
		var again []string
		for _, e := range alternatives(parsed.NativeRep().Expr()) {
			c := p.condition(e)
			cel, _, err := c.expression(items, nil)
			if err != nil {
				return SourceTally{}, refused.Because(err)
			}
			member.Any, again = append(member.Any, c), append(again, cel)
		}
		if strings.Join(again, " || ") != m.When {
			return SourceTally{}, refused
		}
		f.Members = append(f.Members, member)
	}
	return f, nil
}

// alternatives are the operands of a chain of ||, which CEL keeps as a balanced tree.
func alternatives(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalOr {
		return []ast.Expr{e}
	}
	var all []ast.Expr
	for _, a := range e.AsCall().Args() {
		all = append(all, alternatives(a)...)
	}
	return all
}

var celOps = map[string]Op{
	operators.Greater: Over, operators.GreaterEquals: AtLeast, operators.Less: Under, operators.LessEquals: AtMost,
	operators.Equals: Equal, operators.NotEquals: NotEqual,
}

// condition reads one comparison. What it cannot read it leaves out, and the caller finds that the CEL differs.
func (p *Pack) condition(e ast.Expr) Condition {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return Condition{}
	}
	left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
	code, key := selected(left)
	c := Condition{Item: ItemCode(code), Op: celOps[e.AsCall().FunctionName()]}
	switch right.Kind() {
	case ast.ListKind:
		for _, choice := range right.AsList().Elements() {
			c.Is = append(c.Is, text(choice))
		}
	case ast.LiteralKind:
		limit, isNumber := right.AsLiteral().(types.Double)
		if !isNumber {
			c.Op, c.Is = "", []string{text(right)}
			break
		}
		v := float64(limit)
		c.Value = &v
		if key == daysField {
			c.Unit = "天"
		} else if it := p.Item(c.Item); it != nil {
			c.Unit = it.Unit
		}
	case ast.SelectKind:
		than, _ := selected(right)
		c.Than = ItemCode(than)
	}
	return c
}

// selected recognises ans["code"].key.
func selected(e ast.Expr) (code, key string) {
	if e.Kind() != ast.SelectKind {
		return "", ""
	}
	code, _ = indexed(e.AsSelect().Operand(), "ans")
	return code, e.AsSelect().FieldName()
}

func text(e ast.Expr) string {
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	s, _ := e.AsLiteral().(types.String)
	return string(s)
}

func impliedWhen(code ItemCode) string {
	return fmt.Sprintf("ans[%q].result == %q", string(code), string(ResultNonconform))
}

func impliedExplain(question, criterion string) string {
	explain := question + " 检查结果：不符合"
	if criterion != "" {
		explain += "。判定情形：" + criterion
	}
	return explain
}
