package checklist

import (
	"fmt"
	"slices"
	"strings"
)

// LoadStandard reads one standard from YAML. The first problem found is told in ErrStandard.
func LoadStandard(file string, data []byte) (*Standard, error) {
	var f standardFile
	if _, err := readYAML(data, &f); err != nil {
		return nil, ErrStandard.Saying("判定标准文件 %s：%v", file, err).Because(err)
	}
	in := f.Standard
	s := &Standard{
		ID: StandardID(in.ID), Title: in.Title, Document: in.Document, Issuer: in.Issuer, Status: in.Status,
		Sectors: in.Sectors, Note: in.Note,
	}
	fail := func(format string, args ...any) (*Standard, error) {
		return nil, ErrStandard.Saying("判定标准文件 %s：%s", file, fmt.Sprintf(format, args...))
	}
	if !validID(in.ID) || in.Title == "" || len(in.Sectors) == 0 || len(f.Clauses) == 0 {
		return fail("缺少编号、名称、行业或条款，或编号不是半角小写字母、数字和 -")
	}
	for _, sec := range in.Sectors {
		if !validID(string(sec)) {
			return fail("行业“%s”格式不对", clip(string(sec)))
		}
	}
	var err error
	for _, d := range []struct {
		text string
		into *Day
	}{{in.Effective, &s.Effective}, {in.Ended, &s.Ended}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = ParseDay(d.text); err != nil {
			return fail("日期“%s”不对", clip(d.text))
		}
	}
	if s.Ended != "" && s.Ended <= s.Effective {
		return fail("停止施行日期不晚于施行日期")
	}
	for i, c := range f.Clauses {
		if c.Clause == "" || c.Criterion == "" || c.Verified == nil {
			return fail("第 %d 条缺少条款号、判定情形或核对标记 verified", i+1)
		}
		if _, err := ParseClauseRef(in.ID + "#" + c.Clause); err != nil {
			return fail("条款号“%s”含有不允许的字符", clip(c.Clause))
		}
		clause := Clause{
			Clause: c.Clause, Heading: c.Heading, Criterion: c.Criterion, Major: c.Major == nil || *c.Major,
			Ask: c.Ask, Evidence: c.Evidence, Verified: *c.Verified, Note: c.Note,
		}
		for _, m := range c.Measurable {
			if m.Quantity == "" || m.MajorWhen == "" {
				return fail("条款“%s”的限值缺少名称或判定条件", c.Clause)
			}
			clause.Measurable = append(clause.Measurable, Measure(m))
		}
		s.Clauses = append(s.Clauses, clause)
	}
	return s, nil
}

// LoadPack reads, expands, compiles and lints a pack from YAML. What is wrong with it comes as Problems, which are ErrPack.
func LoadPack(file string, data []byte, standards *Standards) (*Pack, error) {
	p, list := ParsePack(file, data, standards)
	if len(list) > 0 {
		return nil, Problems(list)
	}
	return p, nil
}

// ParsePack is LoadPack with everything that is wrong; the pack is nil when there is something.
func ParsePack(file string, data []byte, standards *Standards) (*Pack, []Problem) {
	var f Source
	root, err := readYAML(data, &f)
	ps := problems{file: file, root: root}
	if err != nil {
		ps.add("yaml_invalid", err.Error())
		return nil, ps.list
	}
	p := f.pack(&ps, standards)
	ps.located(f.asWritten(p, ps.list, p.compile()))
	if len(ps.list) > 0 {
		return nil, ps.list
	}
	p.lint(&ps, standards, &f)
	if len(ps.list) > 0 {
		return nil, ps.list
	}
	if err := p.seal(); err != nil {
		ps.add("pack_invalid", err.Error())
		return nil, ps.list
	}
	return p, nil
}

// pack expands the YAML form into the compiled form; codes and expressions are checked by compile.
func (f *Source) pack(ps *problems, standards *Standards) *Pack {
	p := &Pack{Format: packFormat, ID: f.ID, Version: f.Version, Title: f.Title, Note: f.Note, Sectors: f.Sectors}
	for _, part := range [][3]string{{"id", "清单编号", f.ID}, {"version", "清单版本", f.Version}} {
		if !validID(part[2]) {
			ps.add("code_invalid", fmt.Sprintf("%s“%s”格式不对，只能用半角小写字母、数字、- 和 .", part[1], clip(part[2])), part[0])
		}
	}
	if f.Title == "" || len(f.Sectors) == 0 || len(f.Sections) == 0 {
		ps.add("text_missing", "清单缺少名称、行业或分节")
	}
	listed := map[StandardID]bool{}
	for i, id := range f.Standards {
		s := standards.Standard(id)
		if s == nil || listed[id] {
			ps.add("standard_unknown", fmt.Sprintf("判定标准“%s”不存在或重复", clip(string(id))), "standards", i)
			continue
		}
		listed[id] = true
		p.Standards = append(p.Standards, PackStandard{ID: s.ID, Title: s.Title, Document: s.Document, Effective: s.Effective, Ended: s.Ended})
	}
	for _, fact := range f.Facts {
		p.Facts = append(p.Facts, Fact(fact))
	}
	for i, id := range f.Partly {
		s := standards.Standard(id)
		if s == nil || listed[id] {
			ps.add("standard_unknown", fmt.Sprintf("部分引用的判定标准“%s”不存在，或已列入 standards", clip(string(id))), "partly", i)
			continue
		}
		listed[id] = true
		p.Standards = append(p.Standards, PackStandard{ID: s.ID, Title: s.Title, Document: s.Document, Effective: s.Effective, Ended: s.Ended, Partly: true})
	}
	items := f.items(p)
	tallies := map[TallyCode]bool{}
	for i := range f.Tallies {
		p.Tallies = append(p.Tallies, f.Tallies[i].tally(ps, items, i))
		tallies[f.Tallies[i].Code] = true
	}
	for i := range f.Rules {
		f.rule(ps, p, items, tallies, standards, i)
	}
	f.impliedRules(p, standards)
	for _, o := range f.Omitted {
		p.Omitted = append(p.Omitted, Omission(o))
	}
	p.cite(standards)
	return p
}

func (f *Source) items(p *Pack) map[ItemCode]*Item {
	items := map[ItemCode]*Item{}
	for _, s := range f.Sections {
		section := Section{ID: s.ID, Title: s.Title, Items: make([]Item, len(s.Items))}
		for j, it := range s.Items {
			section.Items[j] = Item{
				Code: it.Code, Name: it.Name, Text: it.Text, Kind: it.Kind, Unit: it.Unit, Choices: it.Choices,
				Place: it.Place, Help: it.Help, Evidence: it.Evidence, Photos: it.Photos, Advice: it.Advice, Core: it.Core,
				When: both(s.When, it.When), Class: it.Class, Annex1: it.Annex1, Clauses: it.Clauses,
			}
			if it.Name == "" {
				section.Items[j].Name = it.Text
			}
			items[it.Code] = &section.Items[j]
		}
		p.Sections = append(p.Sections, section)
	}
	return items
}

// both joins the condition of a section with that of one of its items.
func both(section, item string) string {
	switch {
	case section == "":
		return item
	case item == "":
		return section
	}
	return "(" + section + ") && (" + item + ")"
}

func (f *Source) rule(ps *problems, p *Pack, items map[ItemCode]*Item, tallies map[TallyCode]bool, standards *Standards, i int) {
	in := f.Rules[i]
	r := Rule{
		ID: in.ID, Class: in.Class, When: in.When, Applies: in.Applies, Threshold: in.Threshold, While: in.While,
		Clauses: in.Clauses, Measures: in.Measures, Explain: in.Explain,
	}
	structured := in.Threshold != nil || len(in.While) > 0
	if structured == (in.When != "") {
		ps.add("rule_invalid", fmt.Sprintf("规则“%s”要么写 when，要么写 threshold 或 while，不能都写或都不写", clip(string(in.ID))), "rules", i, "when")
	}
	if at, err := r.expand(items, tallies); err != nil {
		ps.add("rule_invalid", fmt.Sprintf("规则“%s”：%v", clip(string(in.ID)), err), append([]any{"rules", i}, at...)...)
	}
	r.Caveat = caveat(standards, in.Measures)
	p.Rules = append(p.Rules, r)
}

// impliedRules writes out the rule of every Conform item that declares a class and has no rule of its own id.
func (f *Source) impliedRules(p *Pack, standards *Standards) {
	ids := map[RuleID]bool{}
	for _, r := range f.Rules {
		ids[r.ID] = true
	}
	for _, s := range f.Sections {
		for _, it := range s.Items {
			if it.Kind != Conform || it.Class == "" || ids[RuleID(it.Code)] {
				continue
			}
			criterion := ""
			for _, ref := range it.Clauses {
				if c := standards.Clause(ref); c != nil {
					criterion = c.Criterion
					break
				}
			}
			p.Rules = append(p.Rules, Rule{
				ID: RuleID(it.Code), Class: it.Class,
				When:    impliedWhen(it.Code),
				Clauses: it.Clauses, Measures: it.Measures, Caveat: caveat(standards, it.Measures), Explain: impliedExplain(it.Text, criterion),
			})
		}
	}
}

// asWritten turns what is wrong with the compiled pack into what is wrong with its source. Problems of implied rules, which
// stand nowhere in the source, move to the items that imply them; an expression that is missing because its conditions could
// not be expanded is not told again.
func (f *Source) asWritten(p *Pack, told, list []Problem) []Problem {
	expanded := func(path string) bool {
		return !slices.ContainsFunc(told, func(t Problem) bool { return strings.HasPrefix(t.Path, path+".") })
	}
	var out []Problem
	for _, problem := range list {
		path := pathOf(problem.Path)
		last := len(path) - 1
		if last > 0 && (path[last] == "when" || path[last] == "any") && path[0] != "sections" && !expanded(pathText(path[:last])) {
			continue
		}
		if last > 1 && path[0] == "rules" {
			if i, _ := path[1].(int); i >= len(f.Rules) && i < len(p.Rules) {
				problem.Path = pathText(append(p.position(ItemCode(p.Rules[i].ID)), impliedKey(path[2:])...))
			}
		}
		out = append(out, problem)
	}
	return out
}

// impliedKey is where an item says what its implied rule has under a key.
func impliedKey(path []any) []any {
	if path[0] == "class" || path[0] == "clauses" {
		return path
	}
	return []any{"code"}
}

// position is the path of an item; nil when there is none.
func (p *Pack) position(code ItemCode) []any {
	for i := range p.Sections {
		for j := range p.Sections[i].Items {
			if p.Sections[i].Items[j].Code == code {
				return []any{"sections", i, "items", j}
			}
		}
	}
	return nil
}

func caveat(standards *Standards, refs []MeasureRef) string {
	for _, ref := range refs {
		clause, n, err := ParseMeasureRef(string(ref))
		if err != nil {
			continue
		}
		if c := standards.Clause(clause); c != nil && c.Caveat(n) != "" {
			return "限值：" + c.Caveat(n)
		}
	}
	return ""
}

// cite copies the citations of all clauses that items and rules name, in the order of first use.
func (p *Pack) cite(standards *Standards) {
	var refs []ClauseRef
	for _, s := range p.Sections {
		for _, it := range s.Items {
			refs = append(refs, it.Clauses...)
		}
	}
	for _, r := range p.Rules {
		refs = append(refs, r.Clauses...)
	}
	for _, t := range p.Tallies {
		for _, m := range t.Members {
			refs = append(refs, m.Clause)
		}
	}
	seen := map[ClauseRef]bool{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		if c, ok := standards.Cite(ref); ok {
			p.Citations = append(p.Citations, c)
		}
	}
}
