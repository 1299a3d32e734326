package excel

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// maxProblems bounds what is told about one workbook.
const maxProblems = 200

// spot is a cell; row 0 is the whole sheet, sheet "" the whole file.
type spot struct {
	sheet    string
	row, col int
}

func (s spot) String() string {
	if s.sheet == "" {
		return ""
	}
	name, err := excelize.CoordinatesToCellName(max(s.col, 1), max(s.row, 1))
	if err != nil {
		return s.sheet
	}
	return s.sheet + "!" + name
}

type finding struct {
	spot
	code, message string
}

// standing is a column as it stands in a sheet that was read: at a position, or, of the upright sheet, in a row.
type standing struct {
	field    string
	row, col int
}

// places collects what is wrong with a workbook, and knows which cell stands for which path of the source.
type places struct {
	list    []finding
	told    map[spot]bool
	rows    map[string]spot
	columns map[string][]standing
	flagged map[spot]bool   // rows (column 0) that hold something wrong
	doubted map[string]bool // codes of such rows
}

func newPlaces() *places {
	return &places{
		told: map[spot]bool{}, rows: map[string]spot{}, columns: map[string][]standing{},
		flagged: map[spot]bool{}, doubted: map[string]bool{},
	}
}

// add notes a problem; of one cell the first is told.
func (at *places) add(s spot, code, format string, args ...any) {
	if at.told[s] || len(at.list) >= 10*maxProblems {
		return
	}
	at.told[s] = true
	at.flagged[spot{s.sheet, s.row, 0}] = true
	at.list = append(at.list, finding{s, code, fmt.Sprintf(format, args...)})
}

// doubt notes that what is told about a code may follow from what was wrong in its row.
func (at *places) doubt(code string) {
	if code != "" {
		at.doubted[code] = true
	}
}

func (at *places) row(path, sheet string, row int) { at.rows[path] = spot{sheet, row, 0} }

// unknown tells of a code that another sheet should have. That none was given at all is told where cells are read.
func (at *places) unknown(sheet string, row int, field, what, code, where string) {
	if code == "" {
		return
	}
	at.add(at.cell(sheet, row, field), "code_unknown", "%s“%s”不存在，请先在“%s”表中登记", what, clip(code), where)
}

// cell finds the column that holds a field; what no column holds alone is told at the first that begins with it, and
// else at the first column.
func (at *places) cell(sheet string, row int, field string) spot {
	columns := at.columns[sheet]
	for _, same := range []func(has string) bool{
		func(has string) bool { return has == field },
		func(has string) bool { return strings.HasPrefix(has, field+".") || strings.HasPrefix(field, has+".") },
		func(string) bool { return true },
	} {
		if i := slices.IndexFunc(columns, func(c standing) bool { return same(c.field) }); i >= 0 {
			if columns[i].row > 0 {
				row = columns[i].row
			}
			return spot{sheet, row, columns[i].col}
		}
	}
	return spot{sheet, row, 1}
}

var index = regexp.MustCompile(`\[\d+\]`)

// find follows a path of the source to its cell.
func (at *places) find(path string) spot {
	for head := path; ; {
		if s, ok := at.rows[head]; ok {
			rest := strings.TrimPrefix(strings.TrimPrefix(path, head), ".")
			return at.cell(s.sheet, s.row, index.ReplaceAllString(rest, ""))
		}
		head = head[:max(strings.LastIndexAny(head, ".["), 0)]
	}
}

// located adds what the loader told. Where cells were wrong already, what only follows from them is left out.
func (at *places) located(list []checklist.Problem) {
	wrong := maps.Clone(at.flagged)
	for _, p := range list {
		s := at.find(p.Path)
		if wrong[spot{s.sheet, s.row, 0}] || at.follows(p.Message) {
			continue
		}
		at.told[s] = false // two different things may be wrong with one expression
		if !slices.ContainsFunc(at.list, func(f finding) bool { return f.spot == s && f.code == p.Code }) {
			at.add(s, p.Code, "%s", spoken.Replace(p.Message))
		}
	}
}

// follows tells whether a sentence speaks of a code whose row was wrong.
func (at *places) follows(message string) bool {
	for code := range at.doubted {
		if strings.Contains(message, "“"+code+"”") || strings.Contains(message, `["`+code+`"]`) {
			return true
		}
	}
	return false
}

// problems lists what is wrong in the order of the workbook, at most maxProblems.
func (at *places) problems() []checklist.Problem {
	order := sheetNames()
	slices.SortStableFunc(at.list, func(a, b finding) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.sheet), slices.Index(order, b.sheet)), cmp.Compare(a.row, b.row), cmp.Compare(a.col, b.col))
	})
	var out []checklist.Problem
	for i, f := range at.list {
		if i == maxProblems-1 && len(at.list) > maxProblems {
			out = append(out, checklist.Problem{Code: "too_many_problems", Message: fmt.Sprintf("问题过多，只列出前 %d 处，请改正后重新导入", i)})
			break
		}
		out = append(out, checklist.Problem{Path: f.spot.String(), Code: f.code, Message: f.message})
	}
	return out
}

func join(words []string) string { return strings.Join(words, "、") }

// clip shortens what came from outside before it enters a message.
func clip(s string) string {
	r := []rune(strings.ReplaceAll(s, "\n", "⏎"))
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(r)
}
