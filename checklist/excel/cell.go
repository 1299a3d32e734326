package excel

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// numberFormat is how a number is shown, as far as it changes what was meant.
type numberFormat int

const (
	generalFormat numberFormat = iota
	dateFormat
	percentFormat
	otherFormat
)

// cell is one value as the workbook holds it.
type cell struct {
	raw    string
	kind   byte // numberValue and so on; 0 is a text
	format numberFormat
}

// complaint is what is wrong with a cell.
type complaint struct{ code, message string }

func complain(code, format string, args ...any) *complaint {
	return &complaint{code, fmt.Sprintf(format, args...)}
}

// read takes a cell as the column's form wants it. ok is false when the cell is empty.
func (s *spec) read(c cell) (got content, ok bool, wrong *complaint) {
	switch c.kind {
	case errorValue:
		return got, false, complain("cell_error", "单元格是错误值 %s", clip(c.raw))
	case boolValue:
		return got, false, complain("cell_type", "单元格是逻辑值 TRUE 或 FALSE，应填文字")
	case dateValue:
		c.format = dateFormat
	}
	raw := trim(c.raw)
	if raw == "" {
		return got, false, nil
	}
	if len([]rune(raw)) > maxCell {
		return got, false, complain("cell_too_long", "文字过长，每个单元格最多 %d 个字", maxCell)
	}
	if n, name := unseen(raw); n > 0 {
		return got, false, complain("cell_character", "第 %d 个字符是%s，请删除", n, name)
	}
	if c.kind != 0 {
		switch c.format {
		case dateFormat:
			return got, false, complain("cell_date", "单元格是日期格式，不知道原来填的是什么；请改为文本格式后重填")
		case percentFormat:
			return got, false, complain("cell_percent", "单元格是百分比格式，存的是 %s；请改为常规格式，只填数字，单位另填", clip(raw))
		}
	}
	got, wrong = s.take(c, raw)
	return got, wrong == nil, wrong
}

func (s *spec) take(c cell, raw string) (content, *complaint) {
	switch s.form {
	case wholeForm, numberForm:
		return s.takeNumber(c, raw)
	case wordForm:
		key, ok := s.words.key(raw)
		if !ok {
			return content{}, complain(s.words.code, "%s“%s”不认识，应为 %s", s.title, clip(raw), join(s.words.all()))
		}
		return content{text: key}, nil
	}
	if c.kind != 0 {
		v, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return content{}, complain("cell_number", "单元格中的数不能读取")
		}
		if s.form == codeForm && (v != math.Trunc(v) || c.format != generalFormat) {
			return content{}, complain("cell_type", "单元格存成了数 %s，末尾或开头的 0 可能已经丢失；请改为文本格式后重填", clip(raw))
		}
		raw = strconv.FormatFloat(v, 'f', -1, 64)
	}
	if s.form == linesForm {
		return s.takeLines(raw)
	}
	return content{text: raw}, nil
}

func (s *spec) takeLines(raw string) (got content, wrong *complaint) {
	for entry := range strings.SplitSeq(raw, "\n") {
		if entry = trim(entry); entry != "" {
			got.lines = append(got.lines, entry)
		}
	}
	return got, nil
}

// halfWidth is what Chinese input methods leave in a number and what it means beyond doubt.
var halfWidth = strings.NewReplacer("０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9",
	"．", ".", "－", "-", "−", "-", "％", "%")

var decimal = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)

func (s *spec) takeNumber(c cell, raw string) (got content, wrong *complaint) {
	if c.kind == 0 {
		raw = halfWidth.Replace(raw)
		if s.form == numberForm {
			raw, got.percent = strings.CutSuffix(raw, "%")
		}
		if !decimal.MatchString(raw) {
			return got, s.notNumber(raw)
		}
	}
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return got, complain("cell_number", "单元格中的数不能读取")
	}
	if s.form == wholeForm && (v != math.Trunc(v) || v < float64(s.least) || v > float64(s.most)) {
		return got, complain("number_invalid", "%s应为 %d 至 %d 的整数", s.title, s.least, s.most)
	}
	got.number = v
	return got, nil
}

// notNumber names the first character that does not belong into a number.
func (s *spec) notNumber(raw string) *complaint {
	n := 0
	for _, r := range raw {
		n++
		switch {
		case r >= '0' && r <= '9' || r == '.' || r == '-' && n == 1:
		case strings.ContainsRune("<>=≥≤≠＜＞＝≧≦", r):
			return complain("cell_number", "%s只填数字，第 %d 个字符“%c”是比较符，请填到“比较”一栏", s.title, n, r)
		case r == ',' || r == '，':
			return complain("cell_number", "%s只填数字，第 %d 个字符“%c”是千分位逗号，请删除", s.title, n, r)
		default:
			return complain("cell_number", "%s只填数字，第 %d 个字符“%c”不是数字；单位另填", s.title, n, r)
		}
	}
	return complain("cell_number", "%s“%s”不是一个数", s.title, clip(raw))
}

// trim takes the blanks away that nobody sees at the ends, and gives line breaks one form.
func trim(s string) string {
	return strings.TrimSpace(lineBreaks.Replace(s))
}

var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// unseen finds the first character (from 1) that cannot be seen and would make two texts differ that look the same.
func unseen(s string) (n int, name string) {
	for _, r := range s {
		n++
		switch {
		case r == '\n':
		case r == '\t':
			return n, "制表符"
		case r == unicode.ReplacementChar:
			return n, "乱码（U+FFFD）"
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Co, r) || r&0xfffe == 0xfffe:
			return n, fmt.Sprintf("看不见的字符 U+%04X", r)
		}
	}
	return 0, ""
}

// formatOf reads what a number format code makes of a number.
func formatOf(id int, code string) numberFormat {
	switch {
	case id == 9 || id == 10:
		return percentFormat
	case id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58:
		return dateFormat
	case code == "" && (id == 0 || id == 1 || id == 49), code == "General", code == "0", code == "@":
		return generalFormat
	}
	bare := quotedFormat.ReplaceAllString(code, "")
	switch {
	case strings.ContainsAny(bare, "yYmMdDhHsS年月日") || elapsedFormat.MatchString(code):
		return dateFormat
	case strings.Contains(bare, "%"):
		return percentFormat
	}
	return otherFormat
}

var (
	quotedFormat  = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|General`)
	elapsedFormat = regexp.MustCompile(`\[[hHmMsS]+\]`)
)
