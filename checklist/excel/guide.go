package excel

import (
	"fmt"
	"slices"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// guideColumns are those of the sheet that explains the others.
var guideColumns = []spec{{title: "表", width: 15}, {title: "栏", width: 26}, {title: "必填", width: 7}, {title: "形式", width: 12}, {title: "怎样填", width: 100, form: textForm}}

// formNames are what the guide calls the forms.
var formNames = map[form]string{
	codeForm: "编号", textForm: "文字", exprForm: "条件", linesForm: "每行一个", wordForm: "下拉表", wholeForm: "整数", numberForm: "数",
}

// general is what holds for every sheet.
var general = [][2]string{
	{"先后", "行的先后就是清单中的先后：分节按现场行走的顺序，项目在节内按行排列。可以插入行、空行、移动行，也可以调整栏的先后。"},
	{"表头", "不要改表名和第 1 行的表头，不要增加栏或表；深色表头的栏必填。"},
	{"编号", "编号只用半角小写字母、数字、- 和 .，各版本保持不变：检查记录按编号对应。"},
	{"多个内容", "“每行一个”的栏，在单元格内换行按 Alt+Enter。"},
	{"不能有", "公式、合并单元格、日期格式和百分比格式的单元格、宏、外部链接。图片、批注、颜色、隐藏和筛选不影响导入，也不会导入。"},
	{"全角", "编号和条件中的字母、数字、标点都用半角；引号内的中文不受限制。数值栏中的全角数字会自动转成半角。"},
	{"限值", "比较、数和单位分开填：大于 1.0% 填作 > 、1.0 、%。单元格不要设成百分比格式。"},
	{"版本", "已经发布的版本不能更改，修改后请在“清单信息”中换新的版本号。"},
	{"导入", "导入时逐格检查，指出表、单元格和原因，例如 检查项目!E12。有一处问题就什么都不导入，请全部改正后再导入。"},
	{"查条款", "“条款”表列出本清单的判定标准的全部条款和限值，供查找和复制，不会导入。"},
}

// expressions are the examples of conditions; each is one that compiles.
var expressions = [][2]string{
	{"企业情况是某个选项", `facts["gas-grade"] == "高瓦斯"`},
	{"企业情况不是某个选项", `facts["gas-grade"] != "高瓦斯"`},
	{"企业情况是几个选项之一", `facts["gas-grade"] in ["低瓦斯", "高瓦斯"]`},
	{"企业情况为是", `facts["deep"]`},
	{"企业情况为否", `!facts["deep"]`},
	{"企业情况的数值", `facts["depth"] >= 600.0`},
	{"符合性项目不符合", `ans["vent.dual-fan"].result == "nonconform"`},
	{"符合性项目符合、不适用", `ans["vent.dual-fan"].result in ["conform", "na"]`},
	{"数值项目", `ans["gas.methane-return"].number > 1.0`},
	{"个数项目", `ans["power.circuits"].count < 2.0`},
	{"选择项目", `ans["gas.return-work"].choice == "仍在作业"`},
	{"文字项目含有某词", `ans["remark"].text.contains("失效")`},
	{"日期项目早于某日", `ans["calibrated"].date < "2023-01-01"`},
	{"日期项目距检查日的天数", `ans["calibrated"].days > 90.0`},
	{"两个项目相比", `ans["slope.angle"].number > ans["slope.design"].number + 1.0`},
	{"同时成立", `facts["deep"] && ans["power.circuits"].count < 2.0`},
	{"任一成立", `facts["deep"] || facts["gas-grade"] == "高瓦斯"`},
	{"先算括号内", `facts["deep"] && (ans["power.circuits"].count < 2.0 || ans["slope.angle"].number > 45.0)`},
}

// habits are what is easily got wrong in conditions.
var habits = [][2]string{
	{"数", "数要带小数点：写 1.0，不写 1。"},
	{"符号", "引号、括号、逗号、比较符都用半角：\" ( ) , > < ==。等于是两个等号 ==，不等于是 !=，并且是 &&，或者是 ||，否定是 !。"},
	{"选项", "选项要与“选项”栏中的文字完全相同。"},
	{"不允许", "不能用函数、正则表达式、条件运算（?:）和反斜杠；每个条件不超过 2000 字节，太复杂时拆成几条规则。"},
	{"没有填的项目", "条件读到没有检查的项目时不会当作“没有隐患”，而是列为待核实的问题。"},
}

// worked are rules filled in from end to end.
var worked = [][2]string{
	{"符合性项目", "“检查项目”：类型 符合性，隐患类别 重大隐患，条款编号 coal-mine-2020#第八条(九)。不必写规则：检查结果为不符合时即判为重大隐患。"},
	{"限值", "“规则”：编号 power.circuits，类别 重大隐患，项目 power.circuits，比较 <，限值 2，单位 回，并填条款编号。"},
	{"限值并且另一项为某选项", "回风流甲烷浓度大于 1.0% 且仍在作业。“规则”：编号 gas.methane-return，类别 重大隐患，项目 gas.methane-return，比较 >，限值 1.0，单位 %；" +
		"“规则条件”：规则 gas.methane-return，项目 gas.return-work，取值 仍在作业。"},
	{"实测与设计相比", "“规则”：项目 slope.angle，比较 >，对比项目 slope.design，限值和单位空着。"},
	{"综合判定", "“计数”登记编号 lesser；“计数要素”逐条列出；“规则”：计数 lesser，比较 ≥，限值 2，单位 条。"},
}

// guide writes the sheet that explains the others.
func (b *builder) guide(source *checklist.Source) {
	b.columns(guideSheet, guideColumns)
	b.put(spot{guideSheet, 1, 1}, fmt.Sprintf("%s（%s@%s）填写说明", source.Title, source.ID, source.Version), b.look.title)
	row := 2
	line := func(style int, cells ...string) {
		for k, s := range cells {
			b.put(spot{guideSheet, row, k + 1}, s, style)
		}
		row++
	}
	band := func(title string) { line(b.look.band, title, "", "", "", "") }
	pairs := func(title string, entries [][2]string) {
		band(title)
		for _, e := range entries {
			line(b.look.note, "", e[0], "", "", e[1])
		}
	}
	pairs("总的要求", general)
	band("各表各栏")
	var header []string
	for _, s := range guideColumns {
		header = append(header, s.title)
	}
	line(b.look.optional, header...)
	for _, e := range described() {
		line(b.look.note, e.sheet, "", "", "", e.help)
		for _, s := range e.specs {
			needed := ""
			if s.needed {
				needed = "必填"
			}
			line(b.look.note, "", s.title, needed, formNames[s.form], s.help)
		}
	}
	pairs("条件怎样写（适用条件、自由条件、适用范围）", expressions)
	pairs("写条件时注意", habits)
	pairs("规则怎样填", worked)
	b.frame(guideSheet, 0, len(guideColumns), 0)
	b.protect(guideSheet)
}

// description is what the guide says of one sheet.
type description struct {
	sheet, help string
	specs       []spec
}

func described() []description {
	return []description{
		{info.sheet, info.help, specsOf(info.columns)},
		{facts.sheet, facts.help, specsOf(facts.columns)},
		{sections.sheet, sections.help, specsOf(sections.columns)},
		{items.sheet, items.help, specsOf(items.columns)},
		{tallies.sheet, tallies.help, specsOf(tallies.columns)},
		{members.sheet, members.help, specsOf(members.columns)},
		{rules.sheet, rules.help, specsOf(rules.columns)},
		{whiles.sheet, whiles.help, specsOf(whiles.columns)},
		{omitted.sheet, omitted.help, specsOf(omitted.columns)},
	}
}

// protect keeps a sheet that is not read from being filled in by mistake. There is no password.
func (b *builder) protect(sheet string) {
	b.try(b.file.ProtectSheet(sheet, &excelize.SheetProtectionOptions{
		SelectLockedCells: true, SelectUnlockedCells: true, FormatColumns: true, FormatRows: true, AutoFilter: true, Sort: true,
	}))
}

var clauseColumns = []spec{
	{title: "条款编号", width: 36},
	{title: "标准", width: 30, form: textForm},
	{title: "标题", width: 20, form: textForm},
	{title: "判定情形", width: 70, form: textForm},
	{title: "重大隐患情形", width: 9},
	{title: "已核对", width: 8},
	{title: "限值编号", width: 38},
	{title: "限值", width: 24, form: textForm},
	{title: "判定", width: 18},
	{title: "单位", width: 9},
	{title: "适用处", width: 24, form: textForm},
	{title: "备注", width: 40, form: textForm},
}

// clauses writes the look-up sheet of the standards of the pack, one row for each limit, and beside it, hidden, the lists
// that drop-downs offer.
func (b *builder) clauses(source *checklist.Source, standards *checklist.Standards) {
	b.columns(clausesSheet, clauseColumns)
	for k, s := range clauseColumns {
		b.put(spot{clausesSheet, 1, k + 1}, s.title, b.look.optional)
	}
	row := 2
	line := func(cells ...string) {
		for k, s := range cells {
			b.put(spot{clausesSheet, row, k + 1}, s, b.look.note)
		}
		row++
	}
	var refs, limits []string
	units := checklist.Units()
	for _, id := range slices.Concat(source.Standards, source.Partly) {
		s := standards.Standard(id)
		if s == nil {
			continue
		}
		for i := range s.Clauses {
			c := &s.Clauses[i]
			ref := string(s.Ref(c))
			refs = append(refs, ref)
			head := []string{ref, s.Title, c.Heading, c.Criterion, answers.chinese(yesKey(c.Major)), answers.chinese(yesKey(c.Verified))}
			if len(c.Measurable) == 0 {
				line(append(head, "", "", "", "", "", c.Note)...)
			}
			for n, m := range c.Measurable {
				limit := fmt.Sprintf("%s@%d", ref, n+1)
				limits = append(limits, limit)
				units = append(units, m.Unit)
				line(append(slices.Clone(head), limit, m.Quantity, m.MajorWhen, m.Unit, m.Where, m.Note)...)
			}
		}
	}
	for _, s := range source.Sections {
		for _, it := range s.Items {
			units = append(units, it.Unit)
		}
	}
	units = append(units, "天", "条")
	b.frame(clausesSheet, 1, len(clauseColumns), row-1)
	for k, l := range []struct {
		list    list
		entries []string
	}{{clauseList, refs}, {measureList, limits}, {unitList, units}} {
		b.hiddenList(len(clauseColumns)+2+k, l.list, l.entries)
	}
	b.protect(clausesSheet)
}

func yesKey(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// hiddenList writes the entries of a drop-down into a hidden column of the look-up sheet, each once.
func (b *builder) hiddenList(col int, l list, entries []string) {
	seen := map[string]bool{"": true}
	row := 2
	for _, e := range entries {
		if !seen[e] {
			seen[e] = true
			b.put(spot{clausesSheet, row, col}, e, 0)
			row++
		}
	}
	name, err := excelize.ColumnNumberToName(col)
	b.try(err)
	b.try(b.file.SetColVisible(clausesSheet, name, false))
	if row > 2 {
		b.last[l] = fmt.Sprintf("'%s'!$%s$2:$%s$%d", clausesSheet, name, name, row-1)
	}
}
