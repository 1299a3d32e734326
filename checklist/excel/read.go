package excel

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// Read makes a pack of a workbook that Write wrote and people changed. The YAML is the pack's source, which compiles to
// the same pack. With problems there is neither YAML nor pack; each problem's Path is sheet and cell (检查项目!F12), or ""
// when the file as a whole is refused. At most 200 are told.
func Read(r io.ReaderAt, size int64, standards *checklist.Standards) ([]byte, *checklist.Pack, []checklist.Problem) {
	at := newPlaces()
	source, err := readSource(r, size, at)
	if err != nil {
		no, ok := errors.AsType[*refusal](err)
		if !ok {
			no = errDamaged
		}
		at = newPlaces() // the whole file is refused: what was found so far does not matter
		at.add(spot{}, no.code, "%s", no.message)
	}
	if source == nil {
		return nil, nil, at.problems()
	}
	yaml, err := source.YAML()
	if err != nil {
		at.add(at.find(""), "text_invalid", "清单中有文字不能保存")
		return nil, nil, at.problems()
	}
	pack, list := checklist.ParsePack("", yaml, standards)
	at.located(list)
	if again, _ := checklist.ParseSource("", yaml); pack != nil && !reflect.DeepEqual(again, source) {
		at.add(at.find(""), "text_invalid", "清单中有文字不能原样保存")
	}
	if len(at.list) > 0 {
		return nil, nil, at.problems()
	}
	return yaml, pack, nil
}

// readSource is nil when sheets or headers are not as they should be, or the file is refused, which is the error.
func readSource(r io.ReaderAt, size int64, at *places) (source *checklist.Source, err error) {
	ps, err := unpack(r, size)
	if err != nil {
		return nil, err
	}
	shapes, err := ps.scan()
	if err != nil {
		return nil, err
	}
	names, part, err := ps.names()
	if err != nil {
		return nil, err
	}
	archive, err := ps.repack()
	if err != nil {
		return nil, err
	}
	defer func() { // the last wall: what excelize does with a file that nobody foresaw
		if recover() != nil {
			source, err = nil, errDamaged
		}
	}()
	file, err := excelize.OpenReader(bytes.NewReader(archive), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxInflated + maxFile, UnzipXMLSizeLimit: maxInflated + maxFile,
	})
	if err != nil {
		return nil, errDamaged
	}
	defer func() { _ = file.Close() }()
	rd := &reader{places: at, file: file, shapes: map[string]*shape{}, left: maxText, formats: map[int]numberFormat{}}
	for _, name := range names {
		rd.shapes[name] = shapes[part[name]]
	}
	return rd.read(names)
}

// reader is the state of reading one workbook.
type reader struct {
	*places
	file    *excelize.File
	shapes  map[string]*shape // by sheet; nil of what is no worksheet
	left    int               // bytes of text that may still come
	formats map[int]numberFormat
	broken  bool // a sheet or header is missing or too much
}

func (rd *reader) read(names []string) (*checklist.Source, error) {
	for _, name := range names {
		rd.checkShape(name)
	}
	rd.checkSheets(names)
	if rd.broken {
		return nil, nil
	}
	var w readRows
	if err := errors.Join(
		readUpright(rd, info, &w.info),
		readTable(rd, facts, &w.facts), readTable(rd, sections, &w.sections), readTable(rd, items, &w.items),
		readTable(rd, tallies, &w.tallies), readTable(rd, members, &w.members),
		readTable(rd, rules, &w.rules), readTable(rd, whiles, &w.whiles), readTable(rd, omitted, &w.omitted),
	); err != nil || rd.broken {
		return nil, err
	}
	return w.source(rd.places), nil
}

// checkShape tells what no sheet may hold.
func (rd *reader) checkShape(sheet string) {
	s := rd.shapes[sheet]
	if s == nil {
		return
	}
	if b := s.beyond; b.row > 0 {
		rd.broken = true
		rd.add(spot{sheet, b.row, b.col}, "sheet_too_large", "内容超出范围：每张表最多 %d 行、%d 列，请删除多余的行和列", maxRows, maxColumns)
	}
	for _, f := range s.formulas {
		rd.add(spot{sheet, f.row, f.col}, "cell_formula", "单元格含公式，请改为固定的内容（复制后选择性粘贴为“值”）")
	}
	for _, ref := range s.merges {
		first, _, _ := strings.Cut(ref, ":")
		col, row, err := excelize.CellNameToCoordinates(first)
		if err != nil {
			col, row = 1, 1
		}
		rd.add(spot{sheet, row, col}, "cell_merged", "单元格 %s 是合并单元格，请取消合并，每格各填各的", clip(ref))
	}
}

// sheetNames are the sheets in their order.
func sheetNames() []string {
	return append(append([]string{guideSheet}, dataSheets()...), clausesSheet)
}

func dataSheets() []string {
	return []string{
		info.sheet, facts.sheet, sections.sheet, items.sheet, tallies.sheet, members.sheet, rules.sheet, whiles.sheet, omitted.sheet,
	}
}

// checkSheets refuses sheets that are missing, and those with content that nobody would read.
func (rd *reader) checkSheets(names []string) {
	for _, name := range dataSheets() {
		if !slices.Contains(names, name) || rd.shapes[name] == nil {
			rd.broken = true
			rd.add(spot{name, 0, 0}, "sheet_missing", "缺少工作表“%s”；不需要时保留表头即可", name)
		}
	}
	for _, name := range names {
		if slices.Contains(sheetNames(), name) || rd.shapes[name] != nil && rd.shapes[name].last == 0 {
			continue
		}
		rd.broken = true
		rd.add(spot{name, 0, 0}, "sheet_unknown", "工作表“%s”不认识，应为 %s；请改名或删除", clip(name), join(dataSheets()))
	}
}

// grid reads the values of a sheet, up to its last row that has one.
func (rd *reader) grid(sheet string) ([][]string, error) {
	rows, err := rd.file.Rows(sheet)
	if err != nil {
		return nil, errDamaged
	}
	defer func() { _ = rows.Close() }()
	var grid [][]string
	for len(grid) < rd.shapes[sheet].last && rows.Next() {
		row, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, errDamaged
		}
		for _, v := range row {
			if rd.left -= len(v); rd.left < 0 {
				return nil, refuse("file_too_large", "文字过多，全部单元格合计不能超过 %d KiB", maxText>>10)
			}
		}
		grid = append(grid, row)
	}
	return grid, nil
}

// cellAt is the value at a position of a grid.
func (rd *reader) cellAt(sheet string, grid [][]string, row, col int) cell {
	if row > len(grid) || col > len(grid[row-1]) {
		return cell{}
	}
	c := cell{raw: grid[row-1][col-1]}
	if m, ok := rd.shapes[sheet].marks[position{row, col}]; ok {
		c.kind, c.format = m.kind, rd.format(m.style)
	}
	return c
}

func (rd *reader) format(style int) numberFormat {
	f, known := rd.formats[style]
	if known {
		return f
	}
	if s, err := rd.file.GetStyle(style); err == nil {
		code := ""
		if s.CustomNumFmt != nil {
			code = *s.CustomNumFmt
		}
		f = formatOf(s.NumFmt, code)
	}
	rd.formats[style] = f
	return f
}

// header finds the columns by their titles; the positions are in the order of specs, 0 where a title is missing.
func (rd *reader) header(sheet string, grid [][]string, specs []spec) []int {
	found := make([]int, len(specs))
	titled := map[int]bool{}
	if len(grid) > 0 {
		for i, title := range grid[0] {
			title, here := trim(title), spot{sheet, 1, i + 1}
			if title == "" {
				continue
			}
			titled[i+1] = true
			k := slices.IndexFunc(specs, func(s spec) bool { return s.title == title })
			switch {
			case k < 0:
				rd.broken = true
				rd.add(here, "header_unknown", "表头“%s”不认识%s，应为 %s", clip(title), rd.hidden(sheet, i+1), join(titles(specs)))
			case found[k] > 0:
				rd.broken = true
				rd.add(here, "header_duplicate", "表头“%s”重复", title)
			default:
				found[k] = i + 1
			}
		}
	}
	var missing []string
	for k, s := range specs {
		if found[k] == 0 {
			missing = append(missing, s.title)
		}
	}
	if len(missing) > 0 {
		rd.broken = true
		rd.add(spot{sheet, 1, 1}, "header_missing", "第 1 行缺少表头 %s", join(missing))
	}
	rd.untitled(sheet, grid, titled)
	return found
}

// untitled refuses content in columns that have no header.
func (rd *reader) untitled(sheet string, grid [][]string, titled map[int]bool) {
	for i, row := range grid {
		for k, v := range row {
			if !titled[k+1] && trim(v) != "" {
				titled[k+1] = true
				rd.broken = true
				rd.add(spot{sheet, i + 1, k + 1}, "column_extra", "该列没有表头%s，却有内容；请删除该列或补上表头", rd.hidden(sheet, k+1))
			}
		}
	}
}

func (rd *reader) hidden(sheet string, col int) string {
	if rd.shapes[sheet].isHidden(col) {
		return "（该列已隐藏）"
	}
	return ""
}

func titles(specs []spec) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = s.title
	}
	return out
}

// readTable reads the rows of a sheet; empty ones are passed over.
func readTable[T any](rd *reader, t table[T], into *[]placed[T]) error {
	grid, err := rd.grid(t.sheet)
	if err != nil {
		return err
	}
	found := rd.header(t.sheet, grid, specsOf(t.columns))
	for k, c := range t.columns {
		rd.columns[t.sheet] = append(rd.columns[t.sheet], standing{field: c.field, col: found[k]})
	}
	if rd.broken {
		return nil
	}
	for row := 2; row <= len(grid); row++ {
		if !slices.ContainsFunc(grid[row-1], func(v string) bool { return trim(v) != "" }) {
			continue
		}
		cells := make([]cell, len(t.columns))
		spots := make([]spot, len(t.columns))
		for k := range t.columns {
			cells[k], spots[k] = rd.cellAt(t.sheet, grid, row, found[k]), spot{t.sheet, row, found[k]}
		}
		*into = append(*into, placed[T]{readRow(rd, t.columns, cells, spots), row})
	}
	return nil
}

// readRow reads the cells of one row, in the order of the columns.
func readRow[T any](rd *reader, columns []column[T], cells []cell, spots []spot) (value T) {
	sound := true
	unit := ""
	for k, c := range columns {
		if c.title == "单位" {
			unit = halfWidth.Replace(trim(cells[k].raw))
		}
	}
	for k, c := range columns {
		got, ok, wrong := c.read(cells[k])
		switch {
		case wrong != nil:
			rd.add(spots[k], wrong.code, "%s", wrong.message)
		case ok && got.percent && unit != "%":
			rd.add(spots[k], "cell_percent", "%s带百分号，单位却是“%s”；请只填数字，单位另填", c.title, clip(unit))
		case ok:
			c.take(&value, got)
		case c.needed && len(rd.shapes[spots[k].sheet].merges) == 0: // within a merged cell all but one are empty
			rd.add(spots[k], "cell_missing", "“%s”没有填", c.title)
		}
		sound = sound && !rd.told[spots[k]]
	}
	for k, c := range columns {
		if !sound && c.form == codeForm && c.offers == nothing {
			rd.doubt(trim(cells[k].raw))
		}
	}
	return value
}

// readUpright reads a sheet whose rows are the columns of one value: title, content, explanation.
func readUpright[T any](rd *reader, t table[T], into *T) error {
	grid, err := rd.grid(t.sheet)
	if err != nil {
		return err
	}
	found := rd.header(t.sheet, grid, uprightHeader)
	if rd.broken {
		return nil
	}
	specs := specsOf(t.columns)
	cells, spots := make([]cell, len(specs)), make([]spot, len(specs))
	for row := 2; row <= len(grid); row++ {
		title := trim(rd.cellAt(t.sheet, grid, row, found[0]).raw)
		k := slices.IndexFunc(specs, func(s spec) bool { return s.title == title })
		switch here := (spot{t.sheet, row, found[0]}); {
		case k < 0 && (title != "" || trim(rd.cellAt(t.sheet, grid, row, found[1]).raw) != ""):
			rd.broken = true
			rd.add(here, "header_unknown", "项目“%s”不认识，应为 %s", clip(title), join(titles(specs)))
		case k >= 0 && spots[k].row > 0:
			rd.broken = true
			rd.add(here, "header_duplicate", "项目“%s”重复", title)
		case k >= 0:
			cells[k], spots[k] = rd.cellAt(t.sheet, grid, row, found[1]), spot{t.sheet, row, found[1]}
		}
	}
	for k, s := range specs {
		if spots[k].row == 0 {
			rd.broken = true
			rd.add(spot{t.sheet, 1, 1}, "header_missing", "缺少项目“%s”这一行", s.title)
		}
		rd.columns[t.sheet] = append(rd.columns[t.sheet], standing{field: s.field, row: spots[k].row, col: found[1]})
	}
	if rd.broken {
		return nil
	}
	*into = readRow(rd, t.columns, cells, spots)
	return nil
}

// uprightHeader is the first row of an upright sheet.
var uprightHeader = []spec{{title: "项目"}, {title: "内容"}, {title: "填写说明"}}
