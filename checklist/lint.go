package checklist

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Lint reads a pack and tells everything that is wrong with it, and what it lacks for the people who work with it.
func Lint(file string, data []byte, standards *Standards) []Problem {
	p, list := ParsePack(file, data, standards)
	if p != nil {
		list = append(list, p.wanting(file)...)
	}
	return list
}

// LintFS lints every standards/*.yaml and packs/*.yaml of a file system, as the embedded ones are laid out.
func LintFS(fsys fs.FS) []Problem {
	standards, list := lintStandards(fsys, "standards")
	if standards == nil {
		return list
	}
	names, err := fs.Glob(fsys, "packs/*.yaml")
	if err != nil {
		return append(list, Problem{File: "packs", Code: "read_failed", Message: "检查清单目录不能读取"})
	}
	refs := map[PackRef]string{}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			list = append(list, Problem{File: name, Code: "read_failed", Message: "文件不能读取"})
			continue
		}
		p, found := ParsePack(name, data, standards)
		list = append(list, found...)
		if p == nil {
			continue
		}
		list = append(list, p.wanting(name)...)
		if other := refs[p.Ref()]; other != "" {
			list = append(list, Problem{File: name, Code: "code_duplicate", Message: fmt.Sprintf("与 %s 是同一编号和版本", other)})
		}
		refs[p.Ref()] = name
	}
	return list
}

// lintStandards collects the standards of a folder that can be read; nil when two of them clash.
func lintStandards(fsys fs.FS, dir string) (*Standards, []Problem) {
	var list []Problem
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil || len(names) == 0 {
		return nil, []Problem{{File: dir, Code: "read_failed", Message: "没有找到判定标准文件"}}
	}
	var good []*Standard
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err == nil {
			var s *Standard
			if s, err = LoadStandard(name, data); err == nil {
				good = append(good, s)
				continue
			}
		}
		list = append(list, Problem{File: path.Clean(name), Code: "standard_invalid", Message: messageOf(err)})
	}
	standards, err := NewStandards(good)
	if err != nil {
		return nil, append(list, Problem{File: dir, Code: "standard_invalid", Message: messageOf(err)})
	}
	return standards, list
}

// lint asks what compile cannot know: whether the pack covers its standards and whether every item judges something.
func (p *Pack) lint(ps *problems, standards *Standards, f *Source) {
	p.lintItems(ps, f)
	for i := range p.Rules {
		p.lintMeasures(ps, standards, i, len(f.Rules))
	}
	p.lintCoverage(ps, standards)
}

func (p *Pack) lintItems(ps *problems, f *Source) {
	read := map[ItemCode]bool{}
	for i := range p.Rules {
		for _, code := range p.Rules[i].Reads {
			read[code] = true
		}
	}
	for i, s := range f.Sections {
		for j, it := range s.Items {
			at := func(code, message, field string) { ps.add(code, message, "sections", i, "items", j, field) }
			if !read[it.Code] && it.Kind != Choice && it.Kind != Text && it.Kind != Date {
				at("item_unjudged", fmt.Sprintf("项目“%s”没有任何规则使用，检查结果不会产生隐患", it.Code), "code")
			}
			if it.Photos > 0 && it.Evidence == "" {
				at("evidence_missing", fmt.Sprintf("项目“%s”要求照片，却没有说明拍什么", it.Code), "evidence")
			}
			if len(it.Clauses) == 0 {
				at("clause_missing", fmt.Sprintf("项目“%s”没有引用条款", it.Code), "clauses")
			}
		}
	}
}

// The core part of a pack is what a quick unannounced check asks: few enough to be finished, the whole of a small pack.
const (
	minCore = 20
	maxCore = 40
)

// wanting tells what a pack lacks for the people who work with it. It judges as well without, so LoadPack accepts it.
func (p *Pack) wanting(file string) []Problem {
	ps := problems{file: file}
	core := 0
	for i := range p.Sections {
		for j := range p.Sections[i].Items {
			it := &p.Sections[i].Items[j]
			at := func(code, message, field string) { ps.add(code, message, "sections", i, "items", j, field) }
			if it.Core {
				core++
			}
			if it.Advice == "" {
				at("advice_missing", fmt.Sprintf("项目“%s”没有整改建议", it.Code), "advice")
			}
			if it.Evidence == "" {
				at("evidence_missing", fmt.Sprintf("项目“%s”没有说明拍什么、看什么作证据", it.Code), "evidence")
			}
		}
	}
	if least := min(minCore, len(p.items)); core < least || core > maxCore {
		ps.add("core_count", fmt.Sprintf("核心项目（四不两直快查）有 %d 项，应为 %d 至 %d 项", core, least, maxCore), "sections")
	}
	return ps.list
}

// lintMeasures holds a rule to the limits that it claims: comparator, number and unit must be those of the standard.
func (p *Pack) lintMeasures(ps *problems, standards *Standards, i, explicit int) {
	r := &p.Rules[i]
	for k, ref := range r.Measures {
		at := func(code, message string) {
			if i < explicit {
				ps.add(code, message, "rules", i, "measures", k)
			} else {
				ps.add(code, message, append(p.position(ItemCode(r.ID)), "measures")...)
			}
		}
		m, ok := standards.Measure(ref)
		if !ok {
			at("measure_unknown", fmt.Sprintf("规则“%s”引用的限值“%s”不存在", r.ID, clip(string(ref))))
			continue
		}
		clause, _, _ := ParseMeasureRef(string(ref))
		cites := false
		for _, c := range r.Clauses {
			cites = cites || c == clause
		}
		if !cites {
			at("clause_missing", fmt.Sprintf("规则“%s”使用限值“%s”，却没有引用该条款", r.ID, ref))
		}
		if op, value, numeric := m.Bound(); numeric && !r.uses(op, value, m.Unit) {
			at("measure_differs", fmt.Sprintf("规则“%s”与限值“%s”（%s %s）不一致", r.ID, ref, m.MajorWhen, m.Unit))
		}
	}
}

// uses tells whether the rule has a structured condition with this limit.
func (r *Rule) uses(op Op, value float64, unit string) bool {
	all := r.While
	if r.Threshold != nil {
		all = append([]Condition{*r.Threshold}, r.While...)
	}
	for _, c := range all {
		if c.Op != op || c.Value == nil {
			continue
		}
		if v, ok := convert(value, unit, c.Unit); ok && v == *c.Value {
			return true
		}
	}
	return false
}

// lintCoverage requires every clause of the pack's standards in an item and every limit in a rule, or an omission with
// its reason.
func (p *Pack) lintCoverage(ps *problems, standards *Standards) {
	asked, used := map[ClauseRef]bool{}, map[MeasureRef]bool{}
	for _, it := range p.items {
		for _, ref := range it.Clauses {
			asked[ref] = true
		}
	}
	for i := range p.Rules {
		for _, ref := range p.Rules[i].Measures {
			used[ref] = true
		}
	}
	clauses, measures := p.omissions(ps, standards, asked, used)
	for i, ps2 := range p.Standards {
		if ps2.Partly {
			continue
		}
		s := standards.Standard(ps2.ID)
		for j := range s.Clauses {
			ref := s.Ref(&s.Clauses[j])
			if clauses[ref] {
				continue
			}
			if !asked[ref] {
				ps.add("clause_uncovered", fmt.Sprintf("条款“%s”没有检查项目，也没有列入 omitted", ref), "standards", i)
			}
			for n := range s.Clauses[j].Measurable {
				m := MeasureRef(fmt.Sprintf("%s@%d", ref, n+1))
				if !used[m] && !measures[m] {
					ps.add("measure_uncovered", fmt.Sprintf("限值“%s”（%s）没有规则使用，也没有列入 omitted", m, s.Clauses[j].Measurable[n].Quantity), "standards", i)
				}
			}
		}
	}
}

func (p *Pack) omissions(ps *problems, standards *Standards, asked map[ClauseRef]bool, used map[MeasureRef]bool) (map[ClauseRef]bool, map[MeasureRef]bool) {
	clauses, measures := map[ClauseRef]bool{}, map[MeasureRef]bool{}
	for i, o := range p.Omitted {
		at := func(code, message string) { ps.add(code, message, "omitted", i) }
		if strings.TrimSpace(o.Reason) == "" {
			at("omission_invalid", "不检查的条款必须写明原因")
		}
		switch {
		case (o.Clause == "") == (o.Measure == ""):
			at("omission_invalid", "omitted 每项要么写 clause，要么写 measure")
		case o.Clause != "":
			if standards.Clause(o.Clause) == nil || asked[o.Clause] {
				at("omission_invalid", fmt.Sprintf("条款“%s”不存在，或者已有检查项目", clip(string(o.Clause))))
			}
			clauses[o.Clause] = true
		default:
			if _, ok := standards.Measure(o.Measure); !ok || used[o.Measure] {
				at("omission_invalid", fmt.Sprintf("限值“%s”不存在，或者已有规则使用", clip(string(o.Measure))))
			}
			measures[o.Measure] = true
		}
	}
	return clauses, measures
}
