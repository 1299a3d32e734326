package excel

import (
	"slices"
	"strings"

	"paicha/checklist"
)

// words is an enumeration. Code is the problem of a word that is not in it, as the loader calls the same.
type words struct {
	code    string
	entries []word            // in the order of the drop-down
	typed   *strings.Replacer // other spellings, for people who type; nil for none
}

// word is one entry: as the pack has it and as the sheet shows it.
type word struct{ key, chinese string }

// The enumerations.
var (
	itemKinds = words{code: "kind_invalid", entries: []word{
		{string(checklist.Conform), "符合性"},
		{string(checklist.Number), "数值"},
		{string(checklist.Count), "个数"},
		{string(checklist.Choice), "选择"},
		{string(checklist.Text), "文字"},
		{string(checklist.Date), "日期"},
	}}
	factKinds = words{code: "kind_invalid", entries: []word{
		{string(checklist.Choice), "选择"},
		{string(checklist.Number), "数值"},
		{string(checklist.Bool), "是否"},
	}}
	classes = words{code: "class_invalid", entries: []word{
		{string(checklist.Major), checklist.Major.Label()},
		{string(checklist.Key), checklist.Key.Label()},
		{string(checklist.General), checklist.General.Label()},
	}}
	comparators = words{code: "rule_invalid", entries: []word{
		{string(checklist.Over), checklist.Over.Sign()},
		{string(checklist.AtLeast), checklist.AtLeast.Sign()},
		{string(checklist.Under), checklist.Under.Sign()},
		{string(checklist.AtMost), checklist.AtMost.Sign()},
		{string(checklist.Equal), checklist.Equal.Sign()},
		{string(checklist.NotEqual), checklist.NotEqual.Sign()},
	}, typed: strings.NewReplacer("＞", ">", "＜", "<", "＝", "=", "！", "!", "≧", ">=", "≦", "<=")}
	results = words{code: "word_unknown", entries: []word{
		{string(checklist.ResultConform), "符合"},
		{string(checklist.ResultNonconform), "不符合"},
		{string(checklist.ResultNA), "不适用"},
	}}
	answers = words{code: "word_unknown", entries: []word{{"yes", "是"}, {"no", "否"}}}
)

// chinese is the word for a key; a key that is not known is shown as it is, and refused when it comes back.
func (w words) chinese(key string) string {
	if i := slices.IndexFunc(w.entries, func(e word) bool { return e.key == key }); i >= 0 {
		return w.entries[i].chinese
	}
	return key
}

// key is what a word means.
func (w words) key(chinese string) (string, bool) {
	if i := slices.IndexFunc(w.entries, func(e word) bool { return e.chinese == chinese }); i >= 0 {
		return w.entries[i].key, true
	}
	if w.typed == nil {
		return "", false
	}
	typed := w.typed.Replace(chinese)
	i := slices.IndexFunc(w.entries, func(e word) bool { return e.key == typed || e.chinese == typed })
	if i < 0 {
		return "", false
	}
	return w.entries[i].key, true
}

// all is every word, as a drop-down and a message list them.
func (w words) all() []string {
	out := make([]string, len(w.entries))
	for i, e := range w.entries {
		out[i] = e.chinese
	}
	return out
}

// spoken replaces the keys of the YAML form in the loader's sentences by the names of sheets and columns.
var spoken = strings.NewReplacer(
	"也没有列入 omitted", "也没有列入“不检查的条款”表",
	"或已列入 standards", "或已列入“判定标准”",
	"要么写 when，要么写 threshold 或 while，不能都写或都不写", "要么填“自由条件”，要么填限值或在“规则条件”表中列出条件，不能都填或都不填",
	"omitted 每项要么写 clause，要么写 measure", "每行要么填“条款编号”，要么填“限值编号”",
	"必须在 value、than、is 中恰好填一个", "必须在“限值”“对比项目”“取值”中恰好填一个",
	"major、key、general 之一", strings.Join(classes.all(), "、")+"之一",
	"的 is 条件只用于选择项或符合性项目", "的“取值”只用于选择项或符合性项目",
	`条件应为 {tally, op: ">=", value, unit: 条}`, "条件应为：比较填 ≥，限值填个数，单位填“条”，其余不填",
	"应为 > >= < <= == != 之一", "应为 > ≥ < ≤ = ≠ 之一",
)
