package excel

import (
	"bytes"
	"maps"
	"testing"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

// FuzzPackExcel reads workbooks that nobody made in Excel: any bytes, the vector pack's workbook with one part of it
// replaced, or with one cell written. Reading never panics and stays bounded; a pack that is accepted survives being
// written and read again.
func FuzzPackExcel(f *testing.F) {
	book := vector(f)
	const file, part, cell = 0, 1, 2
	f.Add(uint8(file), uint8(0), uint16(0), []byte("PK\x03\x04"))
	f.Add(uint8(file), uint8(0), uint16(0), append(oleMagic[:8:8], encryptedName...))
	for i, xml := range []string{
		`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="3" hidden="1"/></cols><sheetData><row r="1"><c r="A1" t="inlineStr"><is><r><t>编号</t></r></is></c><c t="b" s="7"><v>1</v></c></row><row><c t="e"><f/><v>#N/A</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>`,
		`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>_x0041_</t></si><si/></sst>`,
		`<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="170" formatCode="yyyy"/></numFmts><cellXfs><xf numFmtId="170"/></cellXfs></styleSheet>`,
		`<workbook xmlns:r="r"><sheets><sheet name="规则" sheetId="1" r:id="rId4"/></sheets></workbook>`,
		`<Relationships><Relationship Id="rId4" Target="/xl/../a.xml"/></Relationships>`,
	} {
		f.Add(uint8(part), uint8(i), uint16(0), []byte(xml))
	}
	for i, text := range []string{"１２．５", "≥1", "1％", " a ", "甲\n\n乙", `ans["a"].number > 1.0`, "_x0041_", "\u200b", "不符合", "是", "coal-mine-2020#第五条(二)@1", "=1"} {
		f.Add(uint8(cell), uint8(i), uint16(i*131), []byte(text))
	}
	parts := []string{"xl/worksheets/sheet8.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet2.xml", "xl/theme/theme1.xml"}
	vectorParts, standards := unzipped(f, book), standardsOf(f)
	f.Fuzz(func(t *testing.T, how, which uint8, where uint16, content []byte) {
		data := content
		switch how % 3 {
		case part:
			all := maps.Clone(vectorParts)
			all[parts[int(which)%len(parts)]] = content
			data = zipped(t, all)
		case cell:
			data = retyped(t, book, dataSheets()[int(which)%len(dataSheets())], int(where>>8)%12+1, int(where&0xff)%20+1, string(content))
		}
		yaml, p, list := read(t, data)
		if len(list) > maxProblems {
			t.Fatal(len(list))
		}
		for _, problem := range list {
			if problem.Code == "" || problem.Message == "" || len(problem.Message) > 4000 {
				t.Fatalf("%+v", problem)
			}
		}
		if p == nil {
			return
		}
		source, list := checklist.ParseSource("", yaml)
		if len(list) > 0 {
			t.Fatal(list)
		}
		var again bytes.Buffer
		if err := Write(&again, source, standards); err != nil {
			t.Fatal(err)
		}
		if _, q, list := read(t, again.Bytes()); len(list) > 0 || q.Hash() != p.Hash() {
			t.Fatal("an accepted pack does not survive", list)
		}
	})
}

// retyped writes a text into one cell.
func retyped(t *testing.T, book []byte, sheet string, row, col int, content string) []byte {
	f, err := excelize.OpenReader(bytes.NewReader(book))
	must(t, err)
	defer f.Close()
	set(t, f, sheet, cellName(t, col, row), content)
	b, err := f.WriteToBuffer()
	must(t, err)
	return b.Bytes()
}
