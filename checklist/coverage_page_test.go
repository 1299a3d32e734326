package checklist

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// inCell is how many items, clauses or rules a cell of the page names before it counts the rest.
const inCell = 8

func TestCoveragePageIsCurrent(t *testing.T) {
	const path = "../docs/coverage.md"
	want := coveragePage(covered(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Fatalf("docs/coverage.md is old, run go test ./checklist -run Coverage -update (%v)", err)
	}
}

type coverageWriter struct {
	strings.Builder
	c *Coverage
}

func coveragePage(c *Coverage) string {
	w := coverageWriter{c: c}
	w.WriteString("# 覆盖表：方案与判定标准的每一条由哪些检查项目承担\n\n" +
		"由 `go test ./checklist -run Coverage -update` 从 `checklist/plan.yaml`、`checklist/standards`、`checklist/packs` 生成，不要手改。\n" +
		"“现行清单”是同一编号的最新版本。一格最多列 " + fmt.Sprint(inCell) + " 个，其余计数。“未核对”指条款没有与公布文本核对过；" +
		"“限值待核”指该限值借自其他标准或未经核对。\n\n")
	w.summary()
	w.WriteString("\n## 方案各句\n\n每句的第一个条款说的就是这一句，必须有项目；其后是判定标准对同一事项的条款。项目按所引条款的先后排列；“判定”是引用这些条款的规则数。\n")
	for _, part := range c.Plan.Parts {
		heading, more, _ := strings.Cut(part.Heading, "。")
		fmt.Fprintf(&w, "\n### %s\n", heading)
		if more != "" {
			fmt.Fprintf(&w, "\n> %s\n", part.Heading)
		}
		for i := range part.Paragraphs {
			w.paragraph(&part.Paragraphs[i])
		}
		if part.Closing != "" {
			fmt.Fprintf(&w, "\n末段是对部门和群团组织的部署，没有检查事项：\n\n> %s\n", part.Closing)
		}
	}
	w.WriteString("\n## 判定标准各条\n\n列出引用该条的全部清单版本，没有写清单的取自标题下所写的那份；限值按条内序号列出，冒号后是使用它的规则。\n")
	for i := range c.Standards {
		w.standard(&c.Standards[i])
	}
	w.accepted()
	return w.String()
}

func (w *coverageWriter) summary() {
	w.WriteString("## 汇总\n\n" +
		"| 领域 | 现行清单 | 方案句数 | 项目 | 引用条款 | 使用限值 | 缺口 | 已列明原因 |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, p := range w.c.Places {
		var refs []string
		for _, pack := range p.Packs {
			refs = append(refs, string(pack.Ref()))
		}
		fmt.Fprintf(w, "| %s | %s | %d | %d | %d | %d | %d | %d |\n",
			p.Name, strings.Join(refs, "<br>"), p.Phrases, p.Items, p.Clauses, p.Limits, p.Open, p.Accepted)
	}
	clauses, cited, unverified, limits := 0, 0, 0, 0
	for _, s := range w.c.Standards {
		clauses += len(s.Clauses)
		cited += s.Cited
		for _, cl := range s.Clauses {
			limits += len(cl.Limits)
			if !cl.Clause.Verified {
				unverified++
			}
		}
	}
	open := len(w.c.Open())
	fmt.Fprintf(w, "\n“其他重点领域”一行是其下七个领域的合计；限值以清单各规则实际使用的计。方案共 %d 句；判定标准 %d 份、%d 条（有项目 %d 条，未核对 %d 条）、限值 %d 个；缺口 %d 处，已列明原因 %d 处。\n",
		len(w.c.Phrases), len(w.c.Standards), clauses, cited, unverified, limits, open, len(w.c.Gaps)-open)
}

func (w *coverageWriter) paragraph(p *Paragraph) {
	var lists [][]Cited[ItemCode]
	for _, ph := range w.c.Phrases {
		if ph.Paragraph == p {
			lists = append(lists, ph.Items)
		}
	}
	usual := usualPacks(lists)
	fmt.Fprintf(w, "\n#### %s %s\n\n> %s\n\n%s| 方案原话 | 类别 | 条款 | 项目 | 判定 |\n|---|---|---|---|---|\n",
		p.Number, p.Name, p.Text, usually(usual))
	for _, ph := range w.c.Phrases {
		if ph.Paragraph != p {
			continue
		}
		cited := items(ph.Items, usual)
		for _, g := range w.c.Gaps {
			if g.Place == ph.Place && g.What == ph.Phrase.Text {
				cited = strings.TrimPrefix(cited+"<br>", "<br>") + gapMark(g)
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n",
			escaped(ph.Phrase.Text), ph.Phrase.Kind.Label(), w.clauses(ph.Clauses), cited, classes(ph.Classes))
	}
}

func (w *coverageWriter) standard(s *StandardCover) {
	std := s.Standard
	force := "施行日未核对"
	if std.Effective != "" {
		force = string(std.Effective) + " 起"
	}
	if std.Ended != "" {
		force += "，" + string(std.Ended) + " 止"
	}
	var lists [][]Cited[ItemCode]
	for _, cl := range s.Clauses {
		lists = append(lists, cl.Items)
	}
	usual := usualPacks(lists)
	if std.Document != "" {
		force = std.Document + "，" + force
	}
	fmt.Fprintf(w, "\n### %s\n\n`%s`，%s。%d 条，有项目 %d 条。%s\n\n| 条款 | 项目 | 限值与规则 |\n|---|---|---|\n",
		std.Title, std.ID, force, len(s.Clauses), s.Cited, strings.TrimSpace(usually(usual)))
	for _, cl := range s.Clauses {
		cited := items(cl.Items, usual)
		if cited == "" {
			cited = w.missing(string(cl.Ref))
		}
		name := cl.Clause.Clause + " " + cl.Clause.Heading
		fmt.Fprintf(w, "| %s%s | %s | %s |\n", escaped(name), unverified(cl.Clause), cited, w.limits(&cl, usual))
	}
}

func (w *coverageWriter) limits(cl *ClauseCover, usual string) string {
	var out []string
	for n, rules := range cl.Limits {
		m := cl.Clause.Measurable[n]
		s := fmt.Sprintf("@%d %s %s", n+1, m.Quantity, m.MajorWhen)
		if m.Unit != "" {
			s += "（" + m.Unit + "）"
		}
		if cl.Clause.Caveat(n+1) != "" {
			s += "（限值待核）"
		}
		s = escaped(s) + "："
		switch {
		case len(rules) > 0:
			s += named(rules, usual, func(_ *Pack, id RuleID) string { return "`" + string(id) + "`" }, "条规则")
		case len(cl.Items) > 0:
			s += w.missing(fmt.Sprintf("%s@%d", cl.Ref, n+1))
		}
		out = append(out, strings.TrimSuffix(s, "："))
	}
	return strings.Join(out, "<br>")
}

// missing is what a cell says in place of items or rules.
func (w *coverageWriter) missing(what string) string {
	for _, g := range w.c.Gaps {
		if g.What == what {
			return gapMark(g)
		}
	}
	return ""
}

func gapMark(g Gap) string {
	switch {
	case g.Reason == "":
		return "**缺口**"
	case g.Kind == GapClass:
		return "轻于方案（见“已列明的缺口”）"
	}
	return "—（见“已列明的缺口”）"
}

func (w *coverageWriter) accepted() {
	w.WriteString("\n## 已列明的缺口\n\n| 方案原话、条款或限值 | 缺什么 | 原因 | 出处 |\n|---|---|---|---|\n")
	words := map[GapKind]string{GapPhrase: "没有项目", GapClass: "判定轻于方案", GapStandard: "没有清单引用", GapClause: "没有项目", GapLimit: "没有规则"}
	for _, g := range w.c.Gaps {
		if g.Reason == "" {
			continue
		}
		what := g.What
		if g.Place != "" {
			what = w.c.Name(g.Place) + "：" + what
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", escaped(what), words[g.Kind], escaped(g.Reason), g.By)
	}
}

// clauses names clauses by their standards.
func (w *coverageWriter) clauses(refs []ClauseRef) string {
	var out []string
	for len(refs) > 0 {
		id := refs[0].Standard()
		var names []string
		for len(refs) > 0 && refs[0].Standard() == id {
			names = append(names, escaped(refs[0].Clause())+w.unverified(refs[0]))
			refs = refs[1:]
		}
		out = append(out, fmt.Sprintf("`%s` %s", id, some(names, "条")))
	}
	return strings.Join(out, "<br>")
}

func (w *coverageWriter) unverified(ref ClauseRef) string {
	for _, s := range w.c.Standards {
		for _, cl := range s.Clauses {
			if cl.Ref == ref {
				return unverified(cl.Clause)
			}
		}
	}
	return ""
}

func unverified(c *Clause) string {
	if c.Verified {
		return ""
	}
	return "（**未核对**）"
}

func items(list []Cited[ItemCode], usual string) string {
	return named(list, usual, func(p *Pack, code ItemCode) string {
		return "`" + string(code) + "` " + escaped(short(p.Item(code).Name))
	}, "项")
}

// named lists what packs have, each pack with all its versions once; the usual ones are not named.
func named[T comparable](list []Cited[T], usual string, name func(*Pack, T) string, unit string) string {
	var out []string
	for _, cited := range list {
		head := ""
		if packs := versions(cited.Packs); packs != usual {
			head = packs + "："
		}
		var names []string
		for _, x := range cited.What {
			names = append(names, name(cited.Packs[0], x))
		}
		out = append(out, head+some(names, unit))
	}
	return strings.Join(out, "<br>")
}

// versions names a pack with its versions: fire@2023.1、@2025.1.
func versions(packs []*Pack) string {
	s := string(packs[0].Ref())
	for _, p := range packs[1:] {
		s += "、@" + p.Version
	}
	return s
}

// usualPacks is the pack that most rows of a table cite, so that it need not stand in each.
func usualPacks(lists [][]Cited[ItemCode]) string {
	count, usual := map[string]int{}, ""
	for _, list := range lists {
		for _, cited := range list {
			name := versions(cited.Packs)
			if count[name]++; count[name] > count[usual] || count[name] == count[usual] && name < usual {
				usual = name
			}
		}
	}
	return usual
}

func usually(packs string) string {
	if packs == "" {
		return ""
	}
	return "项目取自 " + packs + "，另有注明的除外。\n\n"
}

// some joins names and counts those that a cell has no room for.
func some(names []string, unit string) string {
	if len(names) > inCell {
		return fmt.Sprintf("%s 等 %d %s", strings.Join(names[:inCell], "，"), len(names), unit)
	}
	return strings.Join(names, "，")
}

func classes(count map[Class]int) string {
	var out []string
	for _, c := range []Class{Major, Key, General} {
		if count[c] > 0 {
			out = append(out, fmt.Sprintf("%s %d", c.Label(), count[c]))
		}
	}
	return strings.Join(out, "<br>")
}

// short cuts a question that serves as its own name.
func short(name string) string {
	if r := []rune(name); len(r) > 14 {
		return string(r[:13]) + "…"
	}
	return name
}

// escaped keeps a text within its cell.
func escaped(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*").Replace(s)
}
