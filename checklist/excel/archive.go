package excel

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// Limits of a workbook from outside.
const (
	maxFile     = 8 << 20  // bytes of the file
	maxInflated = 64 << 20 // bytes of all parts together, and so of each
	maxParts    = 1000
	maxElements = 1_000_000 // XML elements and attributes of all parts together
	maxDepth    = 64        // of XML elements
	maxTag      = 64 << 10  // bytes of one tag: its attributes are in memory at once
	maxRun      = 128 << 10 // bytes of one text in XML; Excel itself allows 32,767 characters in a cell
	maxRows     = 5000      // of one sheet, without the header
	maxColumns  = 100
	maxCell     = 5000    // characters of one cell
	maxEscapes  = 500     // _xHHHH_ in one text: excelize resolves them in quadratic time
	maxText     = 2 << 20 // bytes of all cells that are read: a pack is no larger
)

// refusal is why a workbook is not read at all.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

var errDamaged = &refusal{"file_damaged", "文件已损坏或不是 Excel 生成的工作簿，请用 Excel 或 WPS 打开后另存为 .xlsx 再导入"}

// parts are the XML parts of a workbook by name.
type parts map[string][]byte

var (
	oleMagic      = []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}
	encryptedName = []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")
)

// unpack inflates the XML parts of a workbook within the limits. Pictures and the like stay packed and are not read.
func unpack(r io.ReaderAt, size int64) (parts, error) {
	switch {
	case size <= 0:
		return nil, refuse("file_empty", "文件是空的")
	case size > maxFile:
		return nil, refuse("file_too_large", "文件有 %.1f MiB，上限 %d MiB；请删除图片和多余的内容", float64(size)/(1<<20), maxFile>>20)
	}
	if err := sniff(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errDamaged
	}
	if len(z.File) > maxParts {
		return nil, refuse("file_too_large", "文件包含 %d 个部件，上限 %d 个", len(z.File), maxParts)
	}
	ps, names, left := parts{}, map[string]bool{}, uint64(maxInflated)
	for _, f := range z.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		if strings.HasSuffix(name, "/") {
			continue
		}
		low := strings.ToLower(name)
		if names[low] || path.Clean(name) != name || path.IsAbs(name) {
			return nil, errDamaged
		}
		names[low] = true
		if err := refusePart(low); err != nil {
			return nil, err
		}
		if f.Flags&1 != 0 {
			return nil, refuse("file_encrypted", "文件已加密，请取消密码后再导入")
		}
		if f.UncompressedSize64 > left {
			return nil, tooLargeInflated()
		}
		if ext := path.Ext(low); ext != ".xml" && ext != ".rels" {
			left -= f.UncompressedSize64
			continue
		}
		data, err := inflate(f, left)
		if err != nil {
			return nil, err
		}
		left -= uint64(len(data))
		ps[name] = data
	}
	if ps["[Content_Types].xml"] == nil || ps["xl/workbook.xml"] == nil {
		return nil, refuse("file_not_xlsx", "不是 Excel 工作簿（.xlsx）")
	}
	if bytes.Contains(bytes.ToLower(ps["[Content_Types].xml"]), []byte("macroenabled")) {
		return nil, refusePart("vbaproject.bin")
	}
	return ps, nil
}

func tooLargeInflated() error {
	return refuse("file_too_large", "文件解压后超过 %d MiB", maxInflated>>20)
}

// sniff tells by the first bytes what a file is that is no zip archive.
func sniff(r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 8))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return refuse("file_unreadable", "文件不能读取")
	}
	if bytes.Equal(head, oleMagic) {
		whole, err := io.ReadAll(io.NewSectionReader(r, 0, size))
		if err == nil && bytes.Contains(whole, encryptedName) {
			return refuse("file_encrypted", "文件已加密，请取消密码后再导入")
		}
		return refuse("file_old", "文件是旧格式（.xls），请另存为 .xlsx 再导入")
	}
	if !bytes.HasPrefix(head, []byte("PK")) {
		return refuse("file_not_xlsx", "不是 Excel 工作簿（.xlsx）")
	}
	return nil
}

// refusePart refuses what runs or fetches something; name is in lower case.
func refusePart(name string) error {
	switch {
	case strings.Contains(name, "vbaproject") || strings.Contains(name, "macrosheets/") || strings.Contains(name, "dialogsheets/"):
		return refuse("file_macro", "文件含有宏，请另存为不含宏的 .xlsx 再导入")
	case strings.Contains(name, "externallinks/"):
		return refuse("file_external", "文件含有指向其他文件的外部链接，请在“数据”中断开链接后再导入")
	case strings.HasSuffix(name, "/connections.xml") || strings.Contains(name, "querytables/"):
		return refuse("file_external", "文件含有外部数据连接，请删除连接后再导入")
	case strings.Contains(name, "embeddings/") || strings.Contains(name, "activex/"):
		return refuse("file_embedded", "文件嵌入了其他对象或控件，请删除后再导入")
	}
	return nil
}

// inflate reads one part and trusts no size that the archive declares.
func inflate(f *zip.File, left uint64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, errDamaged
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, int64(left)+1))
	if uint64(len(data)) > left {
		return nil, tooLargeInflated()
	}
	if err != nil {
		return nil, errDamaged
	}
	return data, nil
}

// packageRels is the root of the copy that excelize gets: the workbook is the part that was looked at.
const packageRels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
	`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>` +
	`</Relationships>`

// repack makes an archive of the parts that passed, and nothing else.
func (ps parts) repack() ([]byte, error) {
	ps = maps.Clone(ps)
	ps["_rels/.rels"] = []byte(packageRels)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(ps)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(ps[name]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
