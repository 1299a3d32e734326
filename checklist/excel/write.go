package excel

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// Write makes a workbook of a source, which need not be without problems: an author may mend it in Excel. ErrText means
// that a text would not come back as it is (blanks at its ends, characters that nobody sees, too long), ErrRows that there
// is more than Read takes.
func Write(w io.Writer, source *checklist.Source, standards *checklist.Standards) error {
	if err := inSheets(source); err != nil {
		return err
	}
	file := excelize.NewFile()
	defer func() { _ = file.Close() }()
	file.SetZipWriter(func(w io.Writer) excelize.ZipWriter { return growing{zip.NewWriter(w)} })
	b := &builder{file: file, last: map[list]string{}, wide: map[spot]float64{}, high: map[spot]int{}}
	b.try(file.SetSheetName("Sheet1", guideSheet))
	for _, name := range sheetNames()[1:] {
		_, err := file.NewSheet(name)
		b.try(err)
	}
	b.makeStyles()
	b.try(file.SetDocProps(&excelize.DocProperties{Title: source.Title, Subject: source.ID + "@" + source.Version, Creator: "排查"}))

	b.guide(source)
	b.clauses(source, standards)
	rows := rowsOf(source)
	writeUpright(b, info, &rows.info)
	writeTable(b, facts, rows.facts)
	writeTable(b, sections, rows.sections)
	writeTable(b, items, rows.items)
	writeTable(b, tallies, rows.tallies)
	writeTable(b, members, rows.members)
	writeTable(b, rules, rows.rules)
	writeTable(b, whiles, rows.whiles)
	writeTable(b, omitted, rows.omitted)
	for row, lines := range b.high {
		b.try(file.SetRowHeight(row.sheet, row.row, min(float64(lines)*lineHeight+3, 400)))
	}
	if b.err != nil {
		return b.err
	}
	if err := file.Write(w); err != nil {
		return ErrWrite.Because(err)
	}
	return nil
}

// inSheets refuses what has no column: it would be lost.
func inSheets(source *checklist.Source) error {
	for _, r := range source.Rules {
		if r.Threshold != nil && len(r.Threshold.Is) > 0 {
			return ErrText.Saying("规则“%s”的限值写成了取值，请改写到 while", clip(string(r.ID)))
		}
	}
	for _, t := range source.Tallies {
		for _, m := range t.Members {
			if slices.ContainsFunc(m.Any, func(c checklist.Condition) bool { return c.Tally != "" }) {
				return ErrText.Saying("计数“%s”的要素引用了别的计数，表格中放不下", clip(string(t.Code)))
			}
		}
	}
	return nil
}

// builder fills a workbook; after the first error it does nothing more.
type builder struct {
	file *excelize.File
	last map[list]string  // the ranges of the lists that stand in the look-up sheet
	wide map[spot]float64 // widths of columns (row 0)
	high map[spot]int     // lines of rows (column 0) with more than one
	look looks
	err  error
}

func (b *builder) try(err error) {
	if b.err == nil && err != nil {
		b.err = ErrWrite.Because(err)
	}
}

// put writes one value; style 0 leaves that of the column.
func (b *builder) put(s spot, value any, style int) {
	if b.err != nil {
		return
	}
	if style != b.look.band && style != b.look.title {
		b.fit(s, value)
	}
	name, err := excelize.CoordinatesToCellName(s.col, s.row)
	b.try(err)
	switch v := value.(type) {
	case string:
		if v != "" {
			b.try(b.file.SetCellStr(s.sheet, name, v))
		}
	case int:
		b.try(b.file.SetCellInt(s.sheet, name, int64(v)))
	case float64:
		// SetCellFloat rounds to what Excel shows.
		b.try(b.file.SetCellDefault(s.sheet, name, strconv.FormatFloat(v, 'g', -1, 64)))
	}
	if style != 0 {
		b.try(b.file.SetCellStyle(s.sheet, name, name, style))
	}
}

// escaped is how a workbook writes a character that XML does not allow.
var escaped = regexp.MustCompile(`_x[0-9a-fA-F]{4}_`)

// value turns what a column shows into what a cell holds, and refuses what would not come back.
func (b *builder) value(here spot, title string, value any) any {
	refused := func(reason string) any {
		if b.err == nil {
			b.err = ErrText.Saying("“%s”的“%s”一栏（第 %d 行）%s，表格不能原样保存，请先修改", here.sheet, title, here.row, reason)
		}
		return nil
	}
	var entries []string
	switch v := value.(type) {
	case string:
		entries = []string{v}
	case []string:
		entries = v
		if slices.ContainsFunc(v, func(s string) bool { return s == "" || strings.Contains(s, "\n") }) {
			return refused("有空的或者带换行的一项")
		}
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return refused("不是一个数")
		}
		return v
	default:
		return value
	}
	for _, s := range entries {
		if trim(s) != s {
			return refused("的文字首尾有空白")
		}
		if n, name := unseen(s); n > 0 {
			return refused(fmt.Sprintf("第 %d 个字符是%s", n, name))
		}
		if escape := escaped.FindString(s); escape != "" {
			return refused("含有 " + escape)
		}
	}
	joined := strings.Join(entries, "\n")
	if len([]rune(joined)) > maxCell {
		return refused(fmt.Sprintf("超过 %d 个字", maxCell))
	}
	if joined == "" {
		return nil
	}
	return joined
}

// writeTable fills a sheet: header, rows, and what helps to fill in more of them.
func writeTable[T any](b *builder, t table[T], rows []T) {
	if len(rows) > maxRows {
		b.err = ErrRows.Saying("“%s”表有 %d 行，上限 %d 行", t.sheet, len(rows), maxRows)
	}
	b.columns(t.sheet, specsOf(t.columns))
	for k, c := range t.columns {
		b.put(spot{t.sheet, 1, k + 1}, c.title, b.look.header(c.needed))
		for i := range rows {
			here := spot{t.sheet, i + 2, k + 1}
			b.put(here, b.value(here, c.title, c.show(&rows[i])), b.look.body(c.form))
		}
		b.validate(t.sheet, k+1, 2, maxRows+1, c.spec)
	}
	b.frame(t.sheet, t.freeze, len(t.columns), len(rows)+1)
}

// writeUpright fills a sheet whose rows are the columns of one value.
func writeUpright[T any](b *builder, t table[T], value *T) {
	b.columns(t.sheet, []spec{{width: 18, form: codeForm}, {width: 60, form: codeForm}, {width: 70, form: textForm}})
	for k, h := range uprightHeader {
		b.put(spot{t.sheet, 1, k + 1}, h.title, b.look.header(k == 1))
	}
	for i, c := range t.columns {
		row := i + 2
		here := spot{t.sheet, row, 2}
		b.put(spot{t.sheet, row, 1}, c.title, b.look.header(c.needed))
		b.put(here, b.value(here, c.title, c.show(value)), b.look.body(c.form))
		b.put(spot{t.sheet, row, 3}, c.help, b.look.note)
	}
	b.frame(t.sheet, 0, len(uprightHeader), 0)
}
