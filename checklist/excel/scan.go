package excel

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// position is a cell within a sheet.
type position struct{ row, col int }

// The kinds of value that a cell holds; a text is none of them.
const (
	numberValue = 'n'
	boolValue   = 'b'
	errorValue  = 'e'
	dateValue   = 'd'
)

// mark is what a cell holds besides its text.
type mark struct {
	kind  byte
	style int
}

// shape is what a worksheet is made of, seen before its values are read.
type shape struct {
	last     int // last row with a value
	beyond   position
	formulas []position
	merges   []string
	hidden   [][2]int // columns from, to
	marks    map[position]mark
}

func (s *shape) isHidden(col int) bool {
	for _, h := range s.hidden {
		if h[0] <= col && col <= h[1] {
			return true
		}
	}
	return false
}

// scan walks every XML part within the limits and gives the shape of each worksheet by part name. What excelize would
// read otherwise than scan did (rows or cells out of order) is refused as damage.
func (ps parts) scan() (map[string]*shape, error) {
	shapes, left := map[string]*shape{}, maxElements
	for name, data := range ps {
		if longestTag(data) > maxTag {
			return nil, errDamaged
		}
		w := walk{left: &left}
		if err := w.part(data); err != nil {
			return nil, err
		}
		if w.shape != nil {
			shapes[name] = w.shape
		}
	}
	return shapes, nil
}

// longestTag is the length of the longest run between < and >, quotes respected, before any parser builds attributes of it.
func longestTag(data []byte) int {
	longest, start, quote := 0, -1, byte(0)
	for i, c := range data {
		switch {
		case start < 0:
			if c == '<' {
				start = i
			}
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && data[start+1] != '!' && data[start+1] != '?':
			quote = c
		case c == '>':
			longest, start = max(longest, i-start), -1
		}
	}
	if start >= 0 {
		longest = max(longest, len(data)-start)
	}
	return longest
}

// walk is the state of reading one part.
type walk struct {
	left   *int // elements and attributes that may still come
	shape  *shape
	done   bool // after sheetData
	row    int
	col    int
	cell   mark
	inCell bool
}

func (w *walk) part(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errDamaged
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errDamaged
			}
			if *w.left -= w.cost(t); *w.left < 0 {
				return refuse("file_too_large", "文件内容过多，请删除多余的行、列和格式")
			}
			if depth == 1 && t.Name.Local == "worksheet" {
				w.shape = &shape{marks: map[position]mark{}}
			} else if w.shape != nil {
				if err := w.element(t); err != nil {
					return err
				}
			}
		case xml.EndElement:
			depth--
			switch t.Name.Local {
			case "sheetData":
				w.done = true
			case "c":
				w.inCell = false
			}
		case xml.CharData:
			if len(t) > maxRun || bytes.Count(t, []byte("_x")) > maxEscapes {
				return refuse("cell_too_long", "有一个单元格的文字过长，每个单元格最多 %d 个字", maxCell)
			}
		case xml.Directive:
			return errDamaged
		}
	}
}

// cost is what an element takes of the bound. Outside of worksheets, of which no tree is built, it counts for more.
func (w *walk) cost(t xml.StartElement) int {
	if w.shape == nil {
		return 4 * (1 + len(t.Attr))
	}
	return 1 + len(t.Attr)
}

func (w *walk) element(t xml.StartElement) error {
	switch t.Name.Local {
	case "mergeCell":
		if len(w.shape.merges) < maxProblems {
			w.shape.merges = append(w.shape.merges, attribute(t, "ref"))
		}
		return nil
	case "col":
		from, err1 := strconv.Atoi(attribute(t, "min"))
		to, err2 := strconv.Atoi(attribute(t, "max"))
		if hidden := attribute(t, "hidden"); err1 == nil && err2 == nil && (hidden == "1" || hidden == "true") {
			w.shape.hidden = append(w.shape.hidden, [2]int{from, to})
		}
		return nil
	}
	if w.done {
		return nil
	}
	switch t.Name.Local {
	case "row":
		return w.startRow(attribute(t, "r"))
	case "c":
		return w.startCell(t)
	case "f":
		if w.inCell && len(w.shape.formulas) < maxProblems {
			w.shape.formulas = append(w.shape.formulas, position{w.row, w.col})
		}
	case "v", "is":
		if w.inCell {
			w.value()
		}
	}
	return nil
}

func (w *walk) startRow(ref string) error {
	row := w.row + 1
	if ref != "" {
		n, err := strconv.Atoi(ref)
		if err != nil || n < row || n > excelize.TotalRows {
			return errDamaged
		}
		row = n
	}
	w.row, w.col = row, 0
	return nil
}

func (w *walk) startCell(t xml.StartElement) error {
	col := w.col + 1
	if ref := attribute(t, "r"); ref != "" {
		c, r, err := excelize.CellNameToCoordinates(ref)
		if err != nil || r != w.row || c < col {
			return errDamaged
		}
		col = c
	}
	if w.row == 0 || w.inCell {
		return errDamaged
	}
	w.col, w.inCell, w.cell = col, true, mark{}
	switch kind := attribute(t, "t"); kind {
	case "", "n":
		w.cell.kind = numberValue
	case "b", "e", "d":
		w.cell.kind = kind[0]
	case "s", "str", "inlineStr":
	default:
		return errDamaged
	}
	if s := attribute(t, "s"); s != "" {
		style, err := strconv.Atoi(s)
		if err != nil || style < 0 {
			return errDamaged
		}
		w.cell.style = style
	}
	return nil
}

// value notes that the cell holds something.
func (w *walk) value() {
	s := w.shape
	if (w.row > maxRows+1 || w.col > maxColumns) && s.beyond.row == 0 {
		s.beyond = position{w.row, w.col}
	}
	s.last = w.row
	if w.cell.kind != 0 {
		s.marks[position{w.row, w.col}] = w.cell
	}
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// names gives the sheets in their order and the part of each.
func (ps parts) names() (names []string, part map[string]string, err error) {
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		Relationships []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if xml.Unmarshal(ps["xl/workbook.xml"], &book) != nil || xml.Unmarshal(ps["xl/_rels/workbook.xml.rels"], &rels) != nil {
		return nil, nil, errDamaged
	}
	targets := map[string]string{}
	for _, r := range rels.Relationships {
		target := path.Join("xl", r.Target)
		if strings.HasPrefix(r.Target, "/") {
			target = path.Clean(r.Target)[1:]
		}
		if targets[r.ID] != "" {
			return nil, nil, errDamaged
		}
		targets[r.ID] = target
	}
	part = map[string]string{}
	for _, s := range book.Sheets {
		if _, twice := part[s.Name]; twice || s.Name == "" || ps[targets[s.ID]] == nil {
			return nil, nil, errDamaged
		}
		names, part[s.Name] = append(names, s.Name), targets[s.ID]
	}
	return names, part, nil
}
