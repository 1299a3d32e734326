package excel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// style gives a cell a number format.
func style(t testing.TB, f *excelize.File, sheet, cell string, s excelize.Style) {
	t.Helper()
	id, err := f.NewStyle(&s)
	if err == nil {
		err = f.SetCellStyle(sheet, cell, cell, id)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// must fails the test on an error of the workbook's editor.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestProblems: what a person gets wrong, the cell that is named, and a part of the sentence. The vector pack has the items
// in rows 2 to 9 and the rules in rows 2 to 7.
func TestProblems(t *testing.T) {
	type told struct{ path, code, phrase string }
	for name, c := range map[string]struct {
		work func(t *testing.T, f *excelize.File)
		want []told
	}{
		"DuplicateItem": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "B7", "slope.design") },
			[]told{
				{"检查项目!B7", "code_duplicate", "“slope.design”重复"},
				{"计数要素!C5", "tally_invalid", "“slope.angle”不存在"},
				{"规则!C6", "rule_invalid", "“slope.angle”不存在"},
			},
		},
		"DuplicateRule": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "A6", "power.circuits") },
			[]told{{"规则!A6", "code_duplicate", "“power.circuits”重复"}},
		},
		"UndefinedItemInCondition": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则条件", "B2", "gas.nothing") },
			[]told{{"规则条件!B2", "rule_invalid", "“gas.nothing”不存在"}},
		},
		"UndefinedItemInExpression": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "I7", `ans["nothing"].number > 1.0`) },
			[]told{{"规则!I7", "rule_invalid", "项目“nothing”不存在"}},
		},
		"UndefinedDesignValue": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "H6", "slope.plan") },
			[]told{{"规则!H6", "rule_invalid", "“slope.plan”不存在"}},
		},
		"UndefinedSection": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "A4", "vent") },
			[]told{{"检查项目!A4", "code_unknown", "分节“vent”不存在"}},
		},
		"UndefinedRuleOfCondition": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则条件", "A2", "gas.other") },
			[]told{{"规则条件!A2", "code_unknown", "规则“gas.other”不存在"}},
		},
		"UndefinedTally": {
			func(t *testing.T, f *excelize.File) { set(t, f, "计数要素", "A4", "greater") },
			[]told{{"计数要素!A4", "code_unknown", "计数“greater”不存在"}},
		},
		"UndefinedTallyOfRule": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "D2", "greater") },
			[]told{{"规则!D2", "rule_invalid", "计数“greater”不存在"}},
		},
		"UndefinedItemOfTally": {
			func(t *testing.T, f *excelize.File) { set(t, f, "计数要素", "C4", "calibratet") },
			[]told{{"计数要素!C4", "tally_invalid", "“calibratet”不存在"}},
		},
		"CyclicConditions": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "N6", `ans["slope.angle"].number > 1.0`)
				set(t, f, "检查项目", "N7", `ans["slope.design"].number > 1.0`)
			},
			[]told{{"检查项目!N6", "when_cycle", "绕回了自己"}},
		},
		"UnknownClause": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "规则", "K5", "coal-mine-2020#第十四条(一)\ncoal-mine-2020#第九十九条")
			},
			[]told{{"规则!K5", "clause_unknown", "“coal-mine-2020#第九十九条”不存在"}},
		},
		"UnknownStandard": {
			func(t *testing.T, f *excelize.File) { set(t, f, "清单信息", "B8", "no-such") },
			[]told{{"清单信息!B8", "standard_unknown", "“no-such”不存在，或已列入“判定标准”"}},
		},
		"ExpressionBombDeep": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "规则", "I7", strings.Repeat("(", 500)+"1.0"+strings.Repeat(")", 500))
			},
			[]told{{"规则!I7", "rule_invalid", "太复杂"}},
		},
		"ExpressionBombWide": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "规则", "I7", "1.0"+strings.Repeat("+1.0", 450)+" > 1.0")
			},
			[]told{{"规则!I7", "rule_invalid", "太复杂"}},
		},
		"ExpressionBombLong": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "N2", "true"+strings.Repeat(" || true", 300))
			},
			[]told{{"检查项目!N2", "when_invalid", "过长"}},
		},
		"Formula": {
			func(t *testing.T, f *excelize.File) { must(t, f.SetCellFormula("规则", "F4", "0.5+0.5")) },
			[]told{{"规则!F4", "cell_formula", "单元格含公式"}},
		},
		"FormulaInGuide": {
			func(t *testing.T, f *excelize.File) { must(t, f.SetCellFormula("说明", "G9", "NOW()")) },
			[]told{{"说明!G9", "cell_formula", "单元格含公式"}},
		},
		"MergedCells": {
			func(t *testing.T, f *excelize.File) { must(t, f.MergeCell("检查项目", "A2", "A4")) },
			[]told{{"检查项目!A2", "cell_merged", "A2:A4 是合并单元格"}},
		},
		"ComparatorInLimit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F4", "≥１．０") },
			[]told{{"规则!F4", "cell_number", "第 1 个字符“≥”是比较符"}},
		},
		"UnitInLimit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F5", "2回") },
			[]told{{"规则!F5", "cell_number", "第 2 个字符“回”不是数字"}},
		},
		"ThousandsInLimit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F5", "1，000") },
			[]told{{"规则!F5", "cell_number", "第 2 个字符“，”是千分位逗号"}},
		},
		"TwoPointsInLimit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F5", "1.2.3") },
			[]told{{"规则!F5", "cell_number", "“1.2.3”不是一个数"}},
		},
		"PercentSignOfOtherUnit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F5", "2％") },
			[]told{{"规则!F5", "cell_percent", "单位却是“回”"}},
		},
		"PercentFormat": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "规则", "F4", 0.01)
				style(t, f, "规则", "F4", excelize.Style{NumFmt: 10})
			},
			[]told{{"规则!F4", "cell_percent", "单元格是百分比格式，存的是 0.01"}},
		},
		"CustomPercentFormat": {
			func(t *testing.T, f *excelize.File) {
				format := `0.0"约"%`
				set(t, f, "规则", "F4", 0.01)
				style(t, f, "规则", "F4", excelize.Style{CustomNumFmt: &format})
			},
			[]told{{"规则!F4", "cell_percent", "百分比格式"}},
		},
		"Date": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "清单信息", "B3", time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC))
			},
			[]told{{"清单信息!B3", "cell_date", "单元格是日期格式"}},
		},
		"CustomDateFormat": {
			func(t *testing.T, f *excelize.File) {
				format := `yyyy"年"m"月"`
				set(t, f, "检查项目", "K2", 45000)
				style(t, f, "检查项目", "K2", excelize.Style{CustomNumFmt: &format})
			},
			[]told{{"检查项目!K2", "cell_date", "单元格是日期格式"}},
		},
		"VersionAsNumber": {
			func(t *testing.T, f *excelize.File) { set(t, f, "清单信息", "B3", 2023.1) },
			[]told{{"清单信息!B3", "cell_type", "末尾或开头的 0 可能已经丢失"}},
		},
		"TruthValue": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "M2", true) },
			[]told{{"检查项目!M2", "cell_type", "TRUE 或 FALSE"}},
		},
		"FullWidthCode": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "B9", "remark１") },
			[]told{{"检查项目!B9", "code_invalid", "“remark１”格式不对"}, {"规则!I7", "rule_invalid", "项目“remark”不存在"}},
		},
		"FullWidthExpression": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "N4", `facts["gas-grade"] ＝＝ "高瓦斯"`)
			},
			[]told{{"检查项目!N4", "when_invalid", "第 20 个字符“＝”不是半角字符"}},
		},
		"UnseenCharacter": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "G3", "仍在作业\n已停\u200b工撤人")
			},
			[]told{{"检查项目!G3", "cell_character", "第 8 个字符是看不见的字符 U+200B"}},
		},
		"UnknownKind": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "E5", "数目") },
			[]told{{"检查项目!E5", "kind_invalid", "类型“数目”不认识，应为 符合性、数值、个数、选择、文字、日期"}},
		},
		"UnknownClass": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "B5", "重大") },
			[]told{{"规则!B5", "class_invalid", "类别“重大”不认识，应为 重大隐患、重点问题、一般隐患"}},
		},
		"UnknownResult": {
			func(t *testing.T, f *excelize.File) { set(t, f, "计数要素", "H2", "不合格") },
			[]told{{"计数要素!H2", "word_unknown", "应为 符合、不符合、不适用"}},
		},
		"UnknownChoice": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则条件", "H2", "仍作业") },
			[]told{{"规则条件!H2", "rule_invalid", "没有选项“仍作业”"}},
		},
		"ClassOfNumber": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "O2", "重大隐患") },
			[]told{{"检查项目!O2", "class_invalid", "只用于符合性项目"}},
		},
		"OtherUnit": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "G4", "‰") },
			[]told{{"规则!G4", "rule_invalid", "限值单位“‰”与项目单位“%”不同"}},
		},
		"PhotosBeyondRange": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "K2", 21) },
			[]told{{"检查项目!K2", "number_invalid", "照片数应为 0 至 20 的整数"}},
		},
		"PhotosNotWhole": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "K2", 1.5) },
			[]told{{"检查项目!K2", "number_invalid", "整数"}},
		},
		"NothingInNeededCell": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "D2", "　") },
			[]told{{"检查项目!D2", "cell_missing", "“问题”没有填"}},
		},
		"CellTooLong": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "I2", strings.Repeat("长", maxCell+1))
			},
			[]told{{"检查项目!I2", "cell_too_long", "文字过长"}},
		},
		"LimitAndFreeCondition": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "I4", `facts["deep"]`) },
			[]told{{"规则!I4", "rule_invalid", "要么填“自由条件”，要么填限值"}},
		},
		"LimitOverlooksStandard": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "F4", 1.5) },
			[]told{{"规则!L4", "measure_differs", "不一致"}},
		},
		"SheetMissing": {
			func(t *testing.T, f *excelize.File) { must(t, f.DeleteSheet("规则条件")) },
			[]told{{"规则条件!A1", "sheet_missing", "缺少工作表“规则条件”"}},
		},
		"SheetRenamed": {
			func(t *testing.T, f *excelize.File) { must(t, f.SetSheetName("规则", "规则2")) },
			[]told{{"规则2!A1", "sheet_unknown", "工作表“规则2”不认识"}, {"规则!A1", "sheet_missing", "缺少工作表“规则”"}},
		},
		"SheetCopied": {
			func(t *testing.T, f *excelize.File) {
				to, err := f.NewSheet("规则 (2)")
				must(t, err)
				from, err := f.GetSheetIndex("规则")
				must(t, err)
				must(t, f.CopySheet(from, to))
			},
			[]told{{"规则 (2)!A1", "sheet_unknown", "请改名或删除"}},
		},
		"HeaderMissing": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "E1", "") },
			[]told{{"检查项目!A1", "header_missing", "缺少表头 类型"}, {"检查项目!E2", "column_extra", "没有表头"}},
		},
		"HeaderMisspelt": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "E1", "种类") },
			[]told{{"检查项目!A1", "header_missing", "缺少表头 类型"}, {"检查项目!E1", "header_unknown", "“种类”不认识"}},
		},
		"HeaderTwice": {
			func(t *testing.T, f *excelize.File) { set(t, f, "检查项目", "T1", "类型") },
			[]told{{"检查项目!T1", "header_duplicate", "“类型”重复"}},
		},
		"HiddenExtraColumn": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "X5", "藏着的话")
				must(t, f.SetColVisible("检查项目", "X", false))
			},
			[]told{{"检查项目!X5", "column_extra", "该列没有表头（该列已隐藏），却有内容"}},
		},
		"InfoRowMissing": {
			func(t *testing.T, f *excelize.File) { must(t, f.RemoveRow("清单信息", 3)) },
			[]told{{"清单信息!A1", "header_missing", "缺少项目“版本”这一行"}},
		},
		"InfoRowUnknown": {
			func(t *testing.T, f *excelize.File) { set(t, f, "清单信息", "A10", "作者") },
			[]told{{"清单信息!A10", "header_unknown", "项目“作者”不认识"}},
		},
		"TooManyRows": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "A5002", "x") },
			[]told{{"规则!A5002", "sheet_too_large", "最多 5000 行"}},
		},
		"TooManyColumns": {
			func(t *testing.T, f *excelize.File) { set(t, f, "规则", "CW1", "x") },
			[]told{{"规则!CW1", "sheet_too_large", "100 列"}},
		},
		"SeveralAtOnce": {
			func(t *testing.T, f *excelize.File) {
				set(t, f, "检查项目", "E2", "数目")
				set(t, f, "检查项目", "K3", "许多")
				set(t, f, "规则", "I7", `ans["nothing"].text.contains("x")`)
				set(t, f, "规则条件", "H2", "")
			},
			[]told{
				{"检查项目!E2", "kind_invalid", "“数目”"},
				{"检查项目!K3", "cell_number", "“许”不是数字"},
				{"规则!I7", "rule_invalid", "“nothing”不存在"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, list := read(t, edited(t, func(f *excelize.File) { c.work(t, f) }))
			if len(list) != len(c.want) {
				t.Errorf("%d problems, want %d", len(list), len(c.want))
			}
			for i, w := range c.want {
				if !slices.ContainsFunc(list, func(p checklist.Problem) bool {
					return p.Path == w.path && p.Code == w.code && strings.Contains(p.Message, w.phrase)
				}) {
					t.Errorf("want %v", c.want[i])
				}
			}
			if t.Failed() {
				t.Log(list)
			}
		})
	}
}

func TestProblemsAreBoundedAndInOrder(t *testing.T) {
	_, _, list := read(t, edited(t, func(f *excelize.File) {
		for row := 2; row < 1500; row++ {
			set(t, f, "规则条件", fmt.Sprintf("E%d", row), "多")
			set(t, f, "检查项目", fmt.Sprintf("K%d", row), "多")
		}
	}))
	if len(list) != maxProblems || list[0].Path != "检查项目!K2" || list[maxProblems-1].Code != "too_many_problems" {
		t.Error(len(list), list[0], list[len(list)-1])
	}
}
