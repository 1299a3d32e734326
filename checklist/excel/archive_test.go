package excel

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// repacked is the vector pack's workbook with some parts replaced; nil takes one out.
func repacked(t testing.TB, replace map[string][]byte) []byte {
	t.Helper()
	all := unzipped(t, vector(t))
	maps.Copy(all, replace)
	return zipped(t, all)
}

func unzipped(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		all[f.Name], err = io.ReadAll(r)
		must(t, err)
	}
	return all
}

func zipped(t testing.TB, all map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] == nil {
			continue
		}
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write(all[name])
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

// sheet wraps the content of sheetData. Sheet 8 of the workbook is 规则.
func sheet(rows string) map[string][]byte {
	return map[string][]byte{"xl/worksheets/sheet8.xml": []byte(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` + rows + `</worksheet>`)}
}

func rowsOnly(rows string) map[string][]byte { return sheet("<sheetData>" + rows + "</sheetData>") }

// TestRefusedFiles: the file as a whole is refused, at once and with the reason.
func TestRefusedFiles(t *testing.T) {
	encrypted := func() []byte {
		var b bytes.Buffer
		f, err := excelize.OpenReader(bytes.NewReader(vector(t)))
		must(t, err)
		must(t, f.Write(&b, excelize.Options{Password: "secret"}))
		return b.Bytes()
	}
	part := func(name string) []byte { return repacked(t, map[string][]byte{name: []byte("<x/>")}) }
	for name, c := range map[string]struct {
		data         []byte
		code, phrase string
	}{
		"Empty":            {nil, "file_empty", "空"},
		"OneByte":          {[]byte("P"), "file_not_xlsx", "不是 Excel 工作簿"},
		"Text":             {[]byte("编号,名称\n1,2\n"), "file_not_xlsx", "不是 Excel 工作簿"},
		"OldXLS":           {append(slices.Clone(oleMagic), make([]byte, 600)...), "file_old", "另存为 .xlsx"},
		"Encrypted":        {encrypted(), "file_encrypted", "取消密码"},
		"HalfAFile":        {vector(t)[:9000], "file_damaged", "已损坏"},
		"EmptyArchive":     {zipped(t, nil), "file_not_xlsx", "不是 Excel 工作簿"},
		"OtherArchive":     {zipped(t, map[string][]byte{"word/document.xml": []byte("<x/>")}), "file_not_xlsx", "不是 Excel 工作簿"},
		"Macro":            {part("xl/vbaProject.bin"), "file_macro", "宏"},
		"MacroSheet":       {part("xl/macrosheets/sheet1.xml"), "file_macro", "宏"},
		"MacroContentType": {repacked(t, map[string][]byte{"[Content_Types].xml": []byte(`<Types><Override ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>`)}), "file_macro", "宏"},
		"ExternalLink":     {part("xl/externalLinks/externalLink1.xml"), "file_external", "外部链接"},
		"Connection":       {part("xl/connections.xml"), "file_external", "外部数据连接"},
		"EmbeddedObject":   {part("xl/embeddings/oleObject1.bin"), "file_embedded", "嵌入"},
		"ManyParts": {func() []byte {
			many := map[string][]byte{}
			for i := range maxParts + 1 {
				many[strings.Repeat("a", i+1)] = []byte{}
			}
			return zipped(t, many)
		}(), "file_too_large", "部件"},
		"ZipBomb":             {repacked(t, rowsOnly(strings.Repeat(" ", maxInflated))), "file_too_large", "64 MiB"},
		"BombInPicture":       {repacked(t, map[string][]byte{"xl/media/image1.png": make([]byte, maxInflated+1)}), "file_too_large", "64 MiB"},
		"BombInTwoParts":      {repacked(t, map[string][]byte{"a.xml": make([]byte, 40<<20), "b.xml": make([]byte, 40<<20)}), "file_too_large", "64 MiB"},
		"ElementBomb":         {repacked(t, rowsOnly(strings.Repeat("<row/>", maxElements))), "file_too_large", "内容过多"},
		"StyleBomb":           {repacked(t, map[string][]byte{"xl/styles.xml": []byte("<styleSheet><cellXfs>" + strings.Repeat("<xf/>", maxElements) + "</cellXfs></styleSheet>")}), "file_too_large", "内容过多"},
		"AttributeBomb":       {repacked(t, sheet("<x"+strings.Repeat(` a=""`, maxTag)+"/>")), "file_damaged", "已损坏"},
		"QuotedAttributeBomb": {repacked(t, sheet("<x"+strings.Repeat(` a=">"`, maxTag)+"/>")), "file_damaged", "已损坏"},
		"DeepNesting":         {repacked(t, sheet(strings.Repeat("<x>", maxDepth+1)+strings.Repeat("</x>", maxDepth+1))), "file_damaged", "已损坏"},
		"EscapeBomb":          {repacked(t, map[string][]byte{"xl/sharedStrings.xml": []byte("<sst><si><t>" + strings.Repeat("_x0041_", maxEscapes+1) + "</t></si></sst>")}), "cell_too_long", "文字过长"},
		"LongString":          {repacked(t, rowsOnly(`<row r="1"><c r="A1" t="inlineStr"><is><t>`+strings.Repeat("a", maxRun+1)+`</t></is></c></row>`)), "cell_too_long", "文字过长"},
		"SharedStringManyTimes": {repacked(t, map[string][]byte{
			"xl/sharedStrings.xml":     []byte("<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><t>" + strings.Repeat("a", maxRun) + "</t></si></sst>"),
			"xl/worksheets/sheet8.xml": []byte("<worksheet><sheetData>" + strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 4000) + "</sheetData></worksheet>"),
		}), "file_too_large", "文字过多"},
		"Entities":       {repacked(t, map[string][]byte{"xl/worksheets/sheet8.xml": []byte(`<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>`)}), "file_damaged", "已损坏"},
		"OtherEncoding":  {repacked(t, map[string][]byte{"xl/worksheets/sheet8.xml": []byte(`<?xml version="1.0" encoding="GBK"?><worksheet/>`)}), "file_damaged", "已损坏"},
		"RowsBackwards":  {repacked(t, rowsOnly(`<row r="3"/><row r="2"/>`)), "file_damaged", "已损坏"},
		"CellsBackwards": {repacked(t, rowsOnly(`<row r="1"><c r="B1"/><c r="A1"/></row>`)), "file_damaged", "已损坏"},
		"CellOfOtherRow": {repacked(t, rowsOnly(`<row r="1"><c r="A99"><v>1</v></c></row>`)), "file_damaged", "已损坏"},
		"CellOutsideRow": {repacked(t, rowsOnly(`<c r="A1"><v>1</v></c>`)), "file_damaged", "已损坏"},
		"SheetTwice":     {repacked(t, map[string][]byte{"xl/workbook.xml": []byte(`<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="规则" r:id="rId4"/><sheet name="规则" r:id="rId5"/></sheets></workbook>`)}), "file_damaged", "已损坏"},
		"NoRelations":    {repacked(t, map[string][]byte{"xl/_rels/workbook.xml.rels": nil}), "file_damaged", "已损坏"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, list := read(t, c.data)
			if len(list) != 1 || list[0].Path != "" || list[0].Code != c.code || !strings.Contains(list[0].Message, c.phrase) {
				t.Errorf("want %s, got %v", c.code, list)
			}
		})
	}
}

// failing is a file that must not be read to its end.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("no") }

func TestLargeFileIsNotOpened(t *testing.T) {
	_, _, list := Read(failing{}, 200<<20, standardsOf(t))
	if len(list) != 1 || list[0].Code != "file_too_large" || !strings.Contains(list[0].Message, "200.0 MiB，上限 8 MiB") {
		t.Error(list)
	}
	_, _, list = Read(failing{}, 1000, standardsOf(t))
	if len(list) != 1 || list[0].Code != "file_unreadable" {
		t.Error(list)
	}
}

// TestPartThatLiesAboutItsSize: the sizes that an archive declares are not trusted.
func TestPartThatLiesAboutItsSize(t *testing.T) {
	data := repacked(t, map[string][]byte{"a.xml": bytes.Repeat([]byte(" "), 1<<20)})
	lie := bytes.ReplaceAll(data, []byte{0, 0, 0x10, 0}, []byte{1, 0, 0, 0}) // 1 MiB becomes 1 byte
	if bytes.Equal(lie, data) {
		t.Fatal("no size was changed")
	}
	if _, _, list := read(t, lie); len(list) != 1 || list[0].Code != "file_damaged" {
		t.Error(list)
	}
}

// TestEmptyFormulaIsAFormula: a formula without text still decides what the cell shows.
func TestEmptyFormulaIsAFormula(t *testing.T) {
	_, _, list := read(t, repacked(t, rowsOnly(`<row r="1"><c r="A1"><f t="dataTable" ref="A1"/><v>1</v></c></row>`)))
	if len(list) == 0 || list[0].Path != "规则!A1" || list[0].Code != "cell_formula" {
		t.Error(list)
	}
}
