package excel

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/xuri/excelize/v2"
)

// looks are the styles of a workbook.
type looks struct {
	needed, optional int // headers
	code, prose      int // cells with content; code cells hold text whatever is typed
	codeColumn       int // whole columns, for rows to come
	proseColumn      int
	note, band       int // explanations; headings of the guide
	title            int
}

const (
	fontName = "微软雅黑"
	asText   = 49 // the number format "@": Excel then makes no number, date or formula of what is typed
)

func (b *builder) makeStyles() {
	border := []excelize.Border{}
	for _, side := range []string{"left", "right", "top", "bottom"} {
		border = append(border, excelize.Border{Type: side, Color: "BFBFBF", Style: 1})
	}
	font := func(color string, bold bool) *excelize.Font {
		return &excelize.Font{Family: fontName, Size: 10, Color: color, Bold: bold}
	}
	fill := func(color string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}}
	}
	top := &excelize.Alignment{Vertical: "top", WrapText: true}
	middle := &excelize.Alignment{Vertical: "center", Horizontal: "center", WrapText: true}
	add := func(s excelize.Style) int {
		id, err := b.file.NewStyle(&s)
		b.try(err)
		return id
	}
	b.look = looks{
		needed:      add(excelize.Style{Font: font("FFFFFF", true), Fill: fill("1F4E79"), Alignment: middle, Border: border, NumFmt: asText}),
		optional:    add(excelize.Style{Font: font("1F4E79", true), Fill: fill("DDEBF7"), Alignment: middle, Border: border, NumFmt: asText}),
		code:        add(excelize.Style{Font: font("000000", false), Alignment: top, Border: border, NumFmt: asText}),
		prose:       add(excelize.Style{Font: font("000000", false), Alignment: top, Border: border}),
		codeColumn:  add(excelize.Style{Font: font("000000", false), Alignment: top, NumFmt: asText}),
		proseColumn: add(excelize.Style{Font: font("000000", false), Alignment: top}),
		note:        add(excelize.Style{Font: font("595959", false), Alignment: top, Border: border, NumFmt: asText}),
		band:        add(excelize.Style{Font: font("1F4E79", true), Fill: fill("F2F2F2"), NumFmt: asText}),
		title:       add(excelize.Style{Font: &excelize.Font{Family: fontName, Size: 14, Color: "1F4E79", Bold: true}}),
	}
}

func (l looks) header(needed bool) int {
	if needed {
		return l.needed
	}
	return l.optional
}

// body is for cells with content. What is prose or a number stays free: Excel shows long texts badly in a text cell.
func (l looks) body(f form) int {
	if f == textForm || f == numberForm || f == wholeForm {
		return l.prose
	}
	return l.code
}

// columns sets widths and the styles of rows to come.
func (b *builder) columns(sheet string, specs []spec) {
	for k, s := range specs {
		name, err := excelize.ColumnNumberToName(k + 1)
		b.try(err)
		style := b.look.codeColumn
		if b.look.body(s.form) == b.look.prose {
			style = b.look.proseColumn
		}
		b.try(b.file.SetColStyle(sheet, name, style))
		b.try(b.file.SetColWidth(sheet, name, name, max(s.width, 8)))
		b.wide[spot{sheet, 0, k + 1}] = max(s.width, 8)
	}
}

const lineHeight = 15 // points

// fit makes a row high enough for a text. A Han character is as wide as two figures.
func (b *builder) fit(s spot, value any) {
	text, _ := value.(string)
	wide := b.wide[spot{s.sheet, 0, s.col}]
	if text == "" || wide == 0 {
		return
	}
	lines := 0
	for line := range strings.SplitSeq(text, "\n") {
		units := 0.0
		for _, r := range line {
			if r < 0x2e80 {
				units++
			} else {
				units += 2
			}
		}
		lines += max(1, int(math.Ceil(units/(wide-1))))
	}
	row := spot{s.sheet, s.row, 0}
	b.high[row] = max(b.high[row], lines)
}

// growing writes an archive whose rows keep the heights that they have, until somebody edits them: excelize marks every
// height as set by hand, and then Excel would not let the row grow with its text.
type growing struct{ *zip.Writer }

// Create starts a part.
func (g growing) Create(name string) (io.Writer, error) {
	w, err := g.Writer.Create(name)
	if strings.HasPrefix(name, "xl/worksheets/") {
		return grown{w}, err
	}
	return w, err
}

type grown struct{ io.Writer }

// Write takes a whole part.
func (g grown) Write(part []byte) (int, error) {
	if _, err := g.Writer.Write(bytes.ReplaceAll(part, []byte(` customHeight="true"`), nil)); err != nil {
		return 0, err
	}
	return len(part), nil
}

// frame freezes the header and some columns, offers filters over the rows (rows 0: none), and makes the sheet print.
func (b *builder) frame(sheet string, freeze, columns, rows int) {
	corner, err := excelize.CoordinatesToCellName(freeze+1, 2)
	b.try(err)
	pane := "bottomLeft"
	if freeze > 0 {
		pane = "bottomRight"
	}
	b.try(b.file.SetPanes(sheet, &excelize.Panes{
		Freeze: true, XSplit: freeze, YSplit: 1, TopLeftCell: corner, ActivePane: pane,
		Selection: []excelize.Selection{{SQRef: corner, ActiveCell: corner, Pane: pane}},
	}))
	if rows > 0 {
		last, err := excelize.CoordinatesToCellName(columns, rows)
		b.try(err)
		b.try(b.file.AutoFilter(sheet, "A1:"+last, nil))
	}
	orientation, paper, wide, high, fit := "landscape", 9, 1, 0, true
	b.try(b.file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit}))
	b.try(b.file.SetPageLayout(sheet, &excelize.PageLayoutOptions{Orientation: &orientation, Size: &paper, FitToWidth: &wide, FitToHeight: &high}))
	b.try(b.file.SetDefinedName(&excelize.DefinedName{
		Name: "_xlnm.Print_Titles", RefersTo: fmt.Sprintf("'%s'!$1:$1", sheet), Scope: sheet,
	}))
}

// validate offers a drop-down or bounds a number in some rows of a column. What the sheets themselves enumerate is a
// warning: a code may be typed before it is registered, and reading checks it.
func (b *builder) validate(sheet string, col, from, to int, s spec) {
	v := excelize.NewDataValidation(true)
	stop := excelize.DataValidationErrorStyleStop
	switch {
	case s.form == wordForm:
		b.try(v.SetDropList(s.words.all()))
		v.SetError(stop, s.title, "请从下拉表中选："+join(s.words.all()))
	case s.form == wholeForm:
		b.try(v.SetRange(s.least, s.most, excelize.DataValidationTypeWhole, excelize.DataValidationOperatorBetween))
		v.SetError(stop, s.title, fmt.Sprintf("请填 %d 至 %d 的整数", s.least, s.most))
	case s.form == numberForm:
		b.try(v.SetRange(-1e15, 1e15, excelize.DataValidationTypeDecimal, excelize.DataValidationOperatorBetween))
		v.SetError(stop, s.title, "只填数字，比较和单位填在各自的栏中")
	case s.offers != nothing && b.source(s.offers) != "":
		v.SetSqrefDropList(b.source(s.offers))
		v.SetError(excelize.DataValidationErrorStyleWarning, s.title, "不在下拉表中，确定要这样填吗？")
	default:
		return
	}
	first, err := excelize.CoordinatesToCellName(col, from)
	b.try(err)
	last, err := excelize.CoordinatesToCellName(col, to)
	b.try(err)
	v.Sqref = first + ":" + last
	b.try(b.file.AddDataValidation(sheet, v))
}

// source is the range that a drop-down offers: it grows with the sheet it stands in.
func (b *builder) source(l list) string {
	whole := func(sheet, column string) string {
		return fmt.Sprintf("OFFSET('%[1]s'!$%[2]s$2,0,0,MAX(1,COUNTA('%[1]s'!$%[2]s:$%[2]s)-1),1)", sheet, column)
	}
	switch l {
	case sectionList:
		return whole(sections.sheet, "A")
	case itemList:
		return whole(items.sheet, "B")
	case tallyList:
		return whole(tallies.sheet, "A")
	case ruleList:
		return whole(rules.sheet, "A")
	}
	return b.last[l]
}
