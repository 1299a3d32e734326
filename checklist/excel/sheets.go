package excel

import (
	"slices"

	"paicha/checklist"
)

// The rows of the sheets, where they are not those of the source itself.
type (
	itemRow struct {
		section string
		checklist.SourceItem
	}
	memberRow struct {
		tally  checklist.TallyCode
		clause checklist.ClauseRef
		checklist.Condition
	}
	ruleRow struct {
		checklist.SourceRule
		limit checklist.Condition // the threshold, where the rule has one
	}
	whileRow struct {
		rule checklist.RuleID
		checklist.Condition
	}
)

// The sheets that are not read.
const (
	guideSheet   = "说明"
	clausesSheet = "条款"
)

const (
	exprHelp    = "写法见本页下方“条件怎样写”。"
	clauseHelp  = "每行一个（单元格内换行按 Alt+Enter），例如 coal-mine-2020#第五条(二)。可在“条款”表中查到并复制。"
	measureHelp = "每行一个，例如 coal-mine-2020#第五条(二)@1，在“条款”表中查。"
	codeHelp    = "只用半角小写字母、数字、- 和 .，各版本保持不变，不能重复。"
)

// info stands upright: one row for each column.
var info = table[checklist.Source]{
	sheet: "清单信息",
	help:  "整份清单的基本情况，在“内容”一栏填写。",
	columns: []column[checklist.Source]{
		text(codeForm, "编号", "id", func(f *checklist.Source) *string { return &f.ID }).need().
			says("清单的编号，各版本相同，例如 coal-mine。只用半角小写字母、数字、- 和 .。"),
		text(codeForm, "版本", "version", func(f *checklist.Source) *string { return &f.Version }).need().
			says("例如 2023.2。已经发布的版本不能再改，修改后要换新的版本号。"),
		text(textForm, "名称", "title", func(f *checklist.Source) *string { return &f.Title }).need().
			says("检查人员看到的清单名称。"),
		text(textForm, "备注", "note", func(f *checklist.Source) *string { return &f.Note }).
			says("判定依据、适用说明等。"),
		lines("行业", "sectors", func(f *checklist.Source) *[]checklist.Sector { return &f.Sectors }).need().
			says("适用的行业编号，每行一个（单元格内换行按 Alt+Enter），例如 coal-mine。"),
		lines("判定标准", "standards", func(f *checklist.Source) *[]checklist.StandardID { return &f.Standards }).
			says("标准编号，每行一个。这些标准的每一条都要有检查项目，或者列入“不检查的条款”。"),
		lines("部分引用的标准", "partly", func(f *checklist.Source) *[]checklist.StandardID { return &f.Partly }).
			says("只引用其中几条的标准，每行一个编号。"),
	},
}

var facts = table[checklist.SourceFact]{
	sheet: "企业情况", freeze: 1,
	help: "判断项目和规则是否适用时要知道的企业情况，每行一项。",
	columns: []column[checklist.SourceFact]{
		text(codeForm, "编号", "code", func(f *checklist.SourceFact) *checklist.FactCode { return &f.Code }).need().wide(22).
			says(codeHelp + "条件中写作 facts[\"编号\"]。"),
		text(textForm, "问题", "text", func(f *checklist.SourceFact) *string { return &f.Text }).wide(50).
			says("例如 瓦斯等级。"),
		oneOf(factKinds, "类型", "kind", func(f *checklist.SourceFact) *checklist.Kind { return &f.Kind }).need().wide(10).
			says("选择：从选项中选一个；数值：一个数；是否：是或否。"),
		lines("选项", "choices", func(f *checklist.SourceFact) *[]string { return &f.Choices }).wide(40).
			says("类型为“选择”时填，每行一个，至少两个。"),
	},
}

var sections = table[checklist.SourceSection]{
	sheet: "分节", freeze: 1,
	help: "按检查人员在现场行走的顺序，每行一节。",
	columns: []column[checklist.SourceSection]{
		text(codeForm, "编号", "id", func(s *checklist.SourceSection) *string { return &s.ID }).need().wide(22).says(codeHelp),
		text(textForm, "名称", "title", func(s *checklist.SourceSection) *string { return &s.Title }).wide(40).
			says("例如 瓦斯与防突。"),
		text(exprForm, "适用条件", "when", func(s *checklist.SourceSection) *string { return &s.When }).wide(60).
			says("不成立时整节不检查；空着表示总是检查。" + exprHelp),
	},
}

var items = table[itemRow]{
	sheet: "检查项目", freeze: 2,
	help: "每行一个问题。同一节内按行的先后排列。",
	columns: []column[itemRow]{
		text(codeForm, "分节", "section", func(r *itemRow) *string { return &r.section }).need().wide(14).offer(sectionList).
			says("“分节”表中的编号。"),
		text(codeForm, "编号", "code", func(r *itemRow) *checklist.ItemCode { return &r.Code }).need().wide(24).
			says(codeHelp + "例如 gas.methane-return。"),
		text(textForm, "简称", "name", func(r *itemRow) *string { return &r.Name }).wide(22).
			says("用在判定说明中，例如 回风流甲烷浓度。空着则用“问题”。"),
		text(textForm, "问题", "text", func(r *itemRow) *string { return &r.Text }).need().wide(46).
			says("检查人员看到的问题。"),
		oneOf(itemKinds, "类型", "kind", func(r *itemRow) *checklist.Kind { return &r.Kind }).need().wide(10).
			says("符合性：符合或不符合；数值：测得的数，要有单位；个数：不小于 0 的整数；选择：从选项中选一个；文字；日期。"),
		text(codeForm, "单位", "unit", func(r *itemRow) *string { return &r.Unit }).wide(9).offer(unitList).
			says("只用于数值和个数，例如 %、m、回。"),
		lines("选项", "choices", func(r *itemRow) *[]string { return &r.Choices }).wide(24).
			says("类型为“选择”时填，每行一个（单元格内换行按 Alt+Enter），至少两个。"),
		text(textForm, "场所", "place", func(r *itemRow) *string { return &r.Place }).wide(14).
			says("按工作地点逐个检查时填地点种类，例如 采煤工作面；空着表示全企业一次。"),
		text(textForm, "检查方法", "help", func(r *itemRow) *string { return &r.Help }).wide(34).
			says("怎样查、看哪里、怎样算。"),
		text(textForm, "取证要求", "evidence", func(r *itemRow) *string { return &r.Evidence }).wide(28).
			says("拍什么、看什么作证据。要求照片时必填。"),
		whole(0, 20, "照片数", "photos", func(r *itemRow) *int { return &r.Photos }).wide(8).
			says("至少要几份证据，0 至 20；空着为 0。"),
		text(textForm, "整改建议", "advice", func(r *itemRow) *string { return &r.Advice }).wide(34).
			says("通常怎样整改。"),
		yesNo("核心项目", "core", func(r *itemRow) *bool { return &r.Core }).wide(8).
			says("是：四不两直快查也要检查。整份清单 20 至 40 项。空着为否。"),
		text(exprForm, "适用条件", "when", func(r *itemRow) *string { return &r.When }).wide(38).
			says("不成立时该项不适用；空着表示总是适用。不能绕回自己。" + exprHelp),
		oneOf(classes, "隐患类别", "class", func(r *itemRow) *checklist.Class { return &r.Class }).wide(11).
			says("只用于符合性项目：检查结果为不符合时判为哪一类。填了就不必另写规则。"),
		whole(0, 8, "附件1行号", "annex1", func(r *itemRow) *int { return &r.Annex1 }).wide(8).
			says("对应附件1“对企业自查自改进行抽查检查情况”的行号 1 至 8；没有则空着。"),
		lines("条款编号", "clauses", func(r *itemRow) *[]checklist.ClauseRef { return &r.Clauses }).wide(36).
			says("该项检查的条款。" + clauseHelp),
		lines("限值编号", "measures", func(r *itemRow) *[]checklist.MeasureRef { return &r.Measures }).wide(36).
			says("填了隐患类别的项目所依据的限值。" + measureHelp),
	},
}

var tallies = table[checklist.SourceTally]{
	sheet: "计数", freeze: 1,
	help: "综合判定：数一数有几个要素成立。没有综合判定的清单，本表和“计数要素”表只留表头。",
	columns: []column[checklist.SourceTally]{
		text(codeForm, "编号", "code", func(t *checklist.SourceTally) *checklist.TallyCode { return &t.Code }).need().wide(22).says(codeHelp),
		text(textForm, "名称", "text", func(t *checklist.SourceTally) *string { return &t.Text }).need().wide(60).
			says("例如 综合判定要素（第7章）。"),
	},
}

var members = table[memberRow]{
	sheet: "计数要素", freeze: 2,
	help: "每行一个条件。同一计数、同一条款写了几行时，任何一行成立该要素就成立，只计一次。",
	columns: append([]column[memberRow]{
		text(codeForm, "计数", "tally", func(r *memberRow) *checklist.TallyCode { return &r.tally }).need().wide(18).offer(tallyList).
			says("“计数”表中的编号。"),
		text(codeForm, "条款编号", "clause", func(r *memberRow) *checklist.ClauseRef { return &r.clause }).need().wide(36).offer(clauseList).
			says("该要素的条款，一个。"),
	}, conditions("", func(r *memberRow) *checklist.Condition { return &r.Condition }, false, true)...),
}

var rules = table[ruleRow]{
	sheet: "规则", freeze: 1,
	help: "什么情况判为隐患。每行一条：或者填限值（项目、比较、限值……），或者填自由条件。还要同时满足别的条件时，在“规则条件”表中列出。" +
		"填了隐患类别的符合性项目不必另写规则。",
	columns: slices.Concat(
		[]column[ruleRow]{
			text(codeForm, "编号", "id", func(r *ruleRow) *checklist.RuleID { return &r.ID }).need().wide(24).
				says(codeHelp + "一般与项目的编号相同。"),
			oneOf(classes, "类别", "class", func(r *ruleRow) *checklist.Class { return &r.Class }).need().wide(11).
				says("成立时判为哪一类。判为重大隐患的，所引条款中至少有一条是重大隐患情形。"),
		},
		conditions("threshold.", func(r *ruleRow) *checklist.Condition { return &r.limit }, true, false),
		[]column[ruleRow]{
			text(exprForm, "自由条件", "when", func(r *ruleRow) *string { return &r.When }).wide(44).
				says("限值表达不了的才用。成立时判为隐患；要写“说明文字”。" + exprHelp),
			text(exprForm, "适用范围", "applies", func(r *ruleRow) *string { return &r.Applies }).wide(34).
				says("不成立时规则与该企业无关；空着表示总是适用。" + exprHelp),
			lines("条款编号", "clauses", func(r *ruleRow) *[]checklist.ClauseRef { return &r.Clauses }).need().wide(36).
				says("判定依据，至少一条。" + clauseHelp),
			lines("限值编号", "measures", func(r *ruleRow) *[]checklist.MeasureRef { return &r.Measures }).wide(36).
				says("规则所依据的限值：比较、数和单位要与标准一致。" + measureHelp),
			text(textForm, "说明文字", "explain", func(r *ruleRow) *string { return &r.Explain }).wide(44).
				says("判定说明，{项目编号} 处填入检查结果，{days:日期项目} 为天数，{tally:计数} 为成立的要素。填限值的规则空着会自动写出。"),
		},
	),
}

var whiles = table[whileRow]{
	sheet: "规则条件", freeze: 1,
	help: "规则还要同时满足的条件，每行一个；同一规则的各行（连同“规则”表中的限值）都成立才判为隐患。",
	columns: append([]column[whileRow]{
		text(codeForm, "规则", "rule", func(r *whileRow) *checklist.RuleID { return &r.rule }).need().wide(24).offer(ruleList).
			says("“规则”表中的编号。"),
	}, conditions("", func(r *whileRow) *checklist.Condition { return &r.Condition }, true, true)...),
}

var omitted = table[checklist.Omission]{
	sheet: "不检查的条款", freeze: 0,
	help: "“判定标准”中没有检查项目的条款，或者没有规则使用的限值，每行一个，写明原因。",
	columns: []column[checklist.Omission]{
		text(codeForm, "条款编号", "clause", func(o *checklist.Omission) *checklist.ClauseRef { return &o.Clause }).wide(40).offer(clauseList).
			says("整条不检查时填。"),
		text(codeForm, "限值编号", "measure", func(o *checklist.Omission) *checklist.MeasureRef { return &o.Measure }).wide(40).offer(measureList).
			says("只是某个限值不用时填。与条款编号二者填一个。"),
		text(textForm, "原因", "reason", func(o *checklist.Omission) *string { return &o.Reason }).need().wide(60).
			says("例如 兜底条款。"),
	},
}

// conditions are the columns of one structured condition. Only a rule may ask a tally, and only a threshold never asks for
// one of several choices.
func conditions[T any](prefix string, at func(*T) *checklist.Condition, tally, is bool) []column[T] {
	columns := []column[T]{
		text(codeForm, "项目", prefix+"item", func(r *T) *checklist.ItemCode { return &at(r).Item }).wide(24).offer(itemList).
			says("“检查项目”表中的编号。"),
	}
	if tally {
		columns = append(columns, text(codeForm, "计数", prefix+"tally", func(r *T) *checklist.TallyCode { return &at(r).Tally }).wide(14).offer(tallyList).
			says("综合判定时代替项目：“计数”表中的编号，比较填 ≥，单位填 条。"))
	}
	columns = append(columns,
		oneOf(comparators, "比较", prefix+"op", func(r *T) *checklist.Op { return &at(r).Op }).wide(7).
			says("数值、个数、日期项目填。从下拉表中选。"),
		number("限值", prefix+"value", func(r *T) **float64 { return &at(r).Value }).wide(10).
			says("只填数字。日期项目填距检查日的天数。"),
		text(codeForm, "单位", prefix+"unit", func(r *T) *string { return &at(r).Unit }).wide(9).offer(unitList).
			says("限值的单位，与项目的单位相同；日期项目填 天。"),
		text(codeForm, "对比项目", prefix+"than", func(r *T) *checklist.ItemCode { return &at(r).Than }).wide(24).offer(itemList).
			says("与另一项的结果比较时填，例如实测与设计；这时不填限值和单位。"),
	)
	if is {
		columns = append(columns, lines("取值", prefix+"is", func(r *T) *[]string { return &at(r).Is }).wide(30).
			says("选择项：哪些选项算成立，每行一个；符合性项目：符合、不符合、不适用。这时不填比较、限值和单位。"))
	}
	return columns
}
