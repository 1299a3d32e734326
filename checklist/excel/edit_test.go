package excel

import (
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// TestWhatPeopleDoToASheet: none of it changes the pack.
func TestWhatPeopleDoToASheet(t *testing.T) {
	_, want, list := read(t, edited(t, func(*excelize.File) {}))
	if len(list) > 0 {
		t.Fatal(list)
	}
	for name, work := range map[string]func(t *testing.T, f *excelize.File){
		"EmptyRowsBetween": func(t *testing.T, f *excelize.File) {
			must(t, f.InsertRows("检查项目", 4, 3))
			must(t, f.InsertRows("规则", 2, 1))
			must(t, f.InsertRows("清单信息", 4, 2))
		},
		"BlanksAround": func(t *testing.T, f *excelize.File) {
			set(t, f, "检查项目", "B2", " gas.methane-return  ")
			set(t, f, "检查项目", "D2", "甲烷浓度是多少？　")
			set(t, f, "检查项目", "E3", "选择\u00a0")
			set(t, f, "检查项目", "G3", " 仍在作业 \r\n\r\n已停工撤人\n")
			set(t, f, "规则", "A1", " 编号\n")
			set(t, f, "规则", "A20", "  ")
		},
		"NumbersAsText": func(t *testing.T, f *excelize.File) {
			set(t, f, "规则", "F4", "1.0")
			set(t, f, "规则", "F5", "2")
			set(t, f, "检查项目", "K2", "0")
		},
		"FullWidthNumbers": func(t *testing.T, f *excelize.File) {
			set(t, f, "规则", "F3", "９０．０")
			set(t, f, "规则", "F4", "１．０％")
			set(t, f, "规则", "F5", "２")
		},
		"TypedComparators": func(t *testing.T, f *excelize.File) {
			set(t, f, "规则", "E2", ">=")
			set(t, f, "规则", "E4", "＞")
			set(t, f, "计数要素", "D3", "＜")
		},
		"NumberAsCode": func(t *testing.T, f *excelize.File) { set(t, f, "清单信息", "B3", 1) },
		"MovedColumns": func(t *testing.T, f *excelize.File) {
			for row := range 9 {
				a, b := cellName(t, 4, row+1), cellName(t, 5, row+1)
				left, err := f.GetCellValue("检查项目", a)
				must(t, err)
				right, err := f.GetCellValue("检查项目", b)
				must(t, err)
				set(t, f, "检查项目", a, right)
				set(t, f, "检查项目", b, left)
			}
		},
		"RowsOfSectionsMixed": func(t *testing.T, f *excelize.File) { // the order within each section stays
			must(t, f.DuplicateRowTo("检查项目", 5, 2))
			must(t, f.RemoveRow("检查项目", 6))
		},
		"HiddenAndFiltered": func(t *testing.T, f *excelize.File) {
			must(t, f.SetColVisible("检查项目", "C", false))
			must(t, f.SetRowVisible("检查项目", 3, false))
			must(t, f.AutoFilter("规则", "A1:M7", []excelize.AutoFilterOptions{{Column: "B", Expression: "x == 重大隐患"}}))
		},
		"CommentAndColour": func(t *testing.T, f *excelize.File) {
			must(t, f.AddComment("检查项目", excelize.Comment{Cell: "D2", Author: "审核", Text: "请再核对"}))
			style(t, f, "检查项目", "D2", excelize.Style{Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFFF00"}}})
		},
		"RichText": func(t *testing.T, f *excelize.File) {
			must(t, f.SetCellRichText("检查项目", "D2", []excelize.RichTextRun{{Text: "甲烷浓度", Font: &excelize.Font{Bold: true}}, {Text: "是多少？"}}))
		},
		"EmptySheetAdded": func(t *testing.T, f *excelize.File) {
			_, err := f.NewSheet("Sheet1")
			must(t, err)
		},
		"LookUpSheetsRemoved": func(t *testing.T, f *excelize.File) {
			must(t, f.DeleteSheet(guideSheet))
			must(t, f.DeleteSheet(clausesSheet))
		},
		"FormatsFarBelow": func(t *testing.T, f *excelize.File) {
			style(t, f, "规则", "A20000", excelize.Style{Font: &excelize.Font{Bold: true}})
			style(t, f, "规则", "ZZ3", excelize.Style{Font: &excelize.Font{Bold: true}})
		},
		"NotesInTheGuide": func(t *testing.T, f *excelize.File) { set(t, f, guideSheet, "G3", 0.5) },
	} {
		t.Run(name, func(t *testing.T) {
			_, p, list := read(t, edited(t, func(f *excelize.File) { work(t, f) }))
			if len(list) > 0 {
				t.Fatal(list)
			}
			if p.Hash() != want.Hash() {
				t.Error("the pack changed")
			}
		})
	}
}

func cellName(t testing.TB, col, row int) string {
	t.Helper()
	name, err := excelize.CoordinatesToCellName(col, row)
	must(t, err)
	return name
}

// TestWhatPeopleChange: the pack has what the sheet says.
func TestWhatPeopleChange(t *testing.T) {
	_, p, list := read(t, edited(t, func(f *excelize.File) {
		set(t, f, "清单信息", "B3", "2")
		must(t, f.DuplicateRowTo("检查项目", 2, 5)) // behind the other items of the section
		for cell, v := range map[string]any{"B5": "gas.new", "C5": "新浓度", "D5": "新的甲烷浓度？", "K5": "２", "J5": "测点照片", "M5": "是"} {
			set(t, f, "检查项目", cell, v)
		}
		for cell, v := range map[string]any{"A9": "gas.new", "B9": "一般隐患", "C9": "gas.new", "E9": "≥", "F9": "０．８", "G9": "%", "K9": "coal-mine-2020#第五条(二)"} {
			set(t, f, "规则", cell, v)
		}
		for cell, v := range map[string]any{"A4": "gas.new", "B4": "vent.dual-fan", "H4": "不符合\n不适用"} {
			set(t, f, "规则条件", cell, v)
		}
		must(t, f.DuplicateRowTo("检查项目", 10, 7)) // remark moves up within power
		must(t, f.RemoveRow("检查项目", 11))
	}))
	if len(list) > 0 {
		t.Fatal(list)
	}
	var codes []checklist.ItemCode
	for _, it := range p.Items() {
		codes = append(codes, it.Code)
	}
	if !slices.Equal(codes, []checklist.ItemCode{"gas.methane-return", "gas.return-work", "vent.dual-fan", "gas.new", "power.circuits", "remark", "slope.design", "slope.angle", "calibrated"}) {
		t.Error(codes)
	}
	if it := p.Item("gas.new"); p.Ref() != "vectors@2" || it.Photos != 2 || !it.Core || it.Place != "回风测点" {
		t.Errorf("%s %+v", p.Ref(), it)
	}
	r := p.Rules[slices.IndexFunc(p.Rules, func(r checklist.Rule) bool { return r.ID == "gas.new" })]
	if r.When != `ans["gas.new"].number >= 0.8 && ans["vent.dual-fan"].result in ["nonconform", "na"]` || r.Class != checklist.General {
		t.Errorf("%+v", r)
	}
}
