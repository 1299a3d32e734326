package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"paicha/inspection/attest"
	"paicha/internal/fault"
	"paicha/media"

	"github.com/go-json-experiment/json"
)

// The bounds of what a stranger's bundle may cost.
const (
	maxDirectory = 8 << 20  // bytes of the archive's directory
	maxFiles     = 25_000   // also of missing photos
	maxManifest  = 16 << 20 // bytes
	maxRecord    = 64 << 20 // bytes of a record or further file, inflated
	maxInflated  = 1 << 30  // bytes of all of them
	maxName      = 200
)

// Fact is one line of a report. Text is for people; Code is stable.
type Fact struct {
	Code  string       `json:"code"`
	State attest.State `json:"state"`
	Text  string       `json:"text"`
	File  string       `json:"file,omitzero"`
}

// Report is what a bundle came to. Whole: every file is there as the manifest names it, and nothing else. Verified: it is
// whole and signed, and the signatures hold. Signatures is absent where the bundle has none.
type Report struct {
	Manifest   Manifest       `json:"-"`
	Kind       string         `json:"kind"`
	ID         string         `json:"id"`
	Whole      bool           `json:"whole"`
	Verified   bool           `json:"verified"`
	Facts      []Fact         `json:"facts"`
	Signatures *attest.Report `json:"signatures,omitzero"`
	Log        *Log           `json:"log,omitzero"`
}

// Verify checks a bundle of size bytes with nothing else at hand. Its errors are ErrForm, ErrVersion and ErrTooLarge; a
// bundle that can be read but does not hold is a Report that says why.
func Verify(r io.ReaderAt, size int64) (Report, error) { return VerifyWith(r, size, "") }

// VerifyWith is Verify for who knows the verifier key of the server's log, from elsewhere than the bundle: manifest and
// head must be signed by it. Without a key the one that the bundle names is taken, which proves that nobody changed a part
// of the bundle, and not who made it.
func VerifyWith(r io.ReaderAt, size int64, logKey string) (Report, error) {
	said, err := announced(r, size)
	if err != nil {
		return Report{}, ErrForm.Because(err)
	}
	if said > 1<<16 { // a count of 0xFFFF alone stands for "see the larger record"
		return Report{}, ErrTooLarge
	}
	bounded := &counted{r: r, left: maxDirectory}
	archive, err := zip.NewReader(bounded, size)
	if errors.Is(err, errSpent) {
		return Report{}, ErrTooLarge
	}
	if err != nil {
		return Report{}, ErrForm.Because(err)
	}
	bounded.free = true
	v := verifier{files: map[string]*zip.File{}, album: attest.Album{Have: map[media.SHA256]bool{}}, pin: logKey}
	if err := v.directory(archive, size); err != nil {
		return Report{}, err
	}
	if err := v.read(); err != nil {
		return Report{}, err
	}
	v.openLog()
	v.whole()
	v.complete()
	v.signatures()
	v.signedManifest()
	v.logged()
	out := v.report
	out.Whole = !v.broken
	out.Verified = out.Whole && out.Signatures != nil && out.Signatures.Verified
	return out, nil
}

// errSpent is what a directory without end is stopped by.
var errSpent = errors.New("the directory is too large")

// counted lets a directory be read, and nothing without end.
type counted struct {
	r    io.ReaderAt
	left int64
	free bool
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	if !c.free {
		if c.left -= int64(len(p)); c.left < 0 {
			return 0, errSpent
		}
	}
	return c.r.ReadAt(p, off)
}

type verifier struct {
	files  map[string]*zip.File
	album  attest.Album
	report Report
	broken bool

	evidence    []media.Evidence
	attestation []byte

	pin      string // the log's key, "" if nobody gave one
	manifest media.SHA256
	log      *ledger
}

func (v *verifier) say(code string, s attest.State, file, format string, args ...any) {
	v.report.Facts = append(v.report.Facts, Fact{Code: code, State: s, Text: fmt.Sprintf(format, args...), File: file})
	v.broken = v.broken || s == attest.Failed
}

// directory takes up the archive's files. Names that could be read in two ways, doubled ones and files that share bytes
// are no bundle of ours.
func (v *verifier) directory(archive *zip.Reader, size int64) error {
	if len(archive.File) > maxFiles {
		return ErrTooLarge
	}
	var packed, inflated uint64
	for _, f := range archive.File {
		switch {
		case !wellNamed(f.Name):
			return ErrForm.Because(fmt.Errorf("name %q", f.Name))
		case v.files[f.Name] != nil:
			return ErrForm.Because(fmt.Errorf("%q twice", f.Name))
		case f.Method != zip.Store && f.Method != zip.Deflate || f.Flags&1 != 0 || !f.Mode().IsRegular():
			return ErrForm.Because(fmt.Errorf("%q is of another sort", f.Name))
		case f.CompressedSize64 > uint64(size) || f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64:
			return ErrForm.Because(fmt.Errorf("%q has wrong sizes", f.Name))
		}
		if packed += f.CompressedSize64; packed > uint64(size) {
			return ErrForm.Because(errors.New("files share bytes"))
		}
		if f.Method == zip.Deflate {
			if f.UncompressedSize64 > maxRecord {
				return ErrTooLarge
			}
			if inflated += f.UncompressedSize64; inflated > maxInflated {
				return ErrTooLarge
			}
		}
		v.files[f.Name] = f
	}
	return nil
}

// wellNamed accepts what Write writes: letters, digits, - and _ and single dots, in folders.
func wellNamed(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		for word := range strings.SplitSeq(part, ".") {
			if word == "" {
				return false
			}
		}
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' && r != '/'
	}) < 0
}

// read reads the manifest.
func (v *verifier) read() error {
	f := v.files[ManifestName]
	if f == nil {
		return ErrForm.Because(errors.New("no manifest"))
	}
	if f.UncompressedSize64 > maxManifest {
		return ErrTooLarge
	}
	b, err := contents(f, maxManifest)
	if err != nil {
		return ErrForm.Because(err)
	}
	v.manifest = media.Sum(b)
	m := &v.report.Manifest
	if err := json.Unmarshal(b, m); err != nil {
		return ErrForm.Because(err)
	}
	switch {
	case m.Format != Format:
		return ErrForm
	case m.Version != Version:
		return ErrVersion
	case len(m.Files) > maxFiles || len(m.Missing) > maxFiles:
		return ErrTooLarge
	}
	v.report.Kind, v.report.ID, v.report.Facts = shown(m.Kind), shown(m.ID), []Fact{}
	return nil
}

// contents reads a file that is not longer than it says, nor than most.
func contents(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, errSpent
	}
	return b, nil
}

// whole compares every file with the manifest.
func (v *verifier) whole() {
	seen := map[string]bool{ManifestName: true, SignatureName: true}
	good := map[Role]int{}
	for _, m := range v.report.Manifest.Files {
		name := shown(m.Name)
		if seen[m.Name] {
			v.say("file", attest.Failed, name, "清单重复列出 %s", name)
			continue
		}
		seen[m.Name] = true
		f := v.files[m.Name]
		if f == nil {
			v.say("file", attest.Failed, name, "缺少文件 %s", name)
			continue
		}
		if err := v.check(m, f); err != nil {
			v.say("file", attest.Failed, name, "%s 与清单不符：%s", name, err)
			continue
		}
		if m.Named != nil {
			v.say("damaged", attest.Failed, name, "照片 %s 在服务器上已损坏，导出的字节不是原来的", m.Named)
			continue
		}
		good[m.Role]++
	}
	for name := range v.files {
		if !seen[name] {
			v.say("extra", attest.Failed, name, "清单之外的文件 %s", name)
		}
	}
	v.say("files", attest.Told, "", "与清单逐字节相符：记录 %d 份，照片 %d 张，其他 %d 份",
		good[Record]+good[Restricted], good[Photo], good[Further])
}

// The ways in which a file differs from the manifest.
var (
	errSize   = errors.New("长度不同")
	errHash   = errors.New("内容指纹不同")
	errRead   = errors.New("压缩数据已损坏")
	errRecord = errors.New("不是有效的照片证据记录")
	errName   = errors.New("文件名与指纹不同")
	errPacked = errors.New("照片不应压缩")
)

// check reads one file once, and keeps of it what later steps need.
func (v *verifier) check(m File, f *zip.File) error {
	if m.Size < 0 || f.UncompressedSize64 != uint64(m.Size) {
		return errSize
	}
	if m.Role == Photo {
		return v.photo(m, f)
	}
	if m.Size > maxRecord {
		return errSize
	}
	b, err := contents(f, m.Size)
	if err != nil {
		return errRead
	}
	if int64(len(b)) != m.Size {
		return errSize
	}
	if media.Sum(b) != m.SHA256 {
		return errHash
	}
	if m.Role == Record && m.Kind == "evidence" {
		e, err := media.ParseEvidence(b)
		if err != nil {
			return errRecord
		}
		v.evidence = append(v.evidence, e)
	}
	if m.Role == Record {
		v.compare(m, b)
	}
	if m.Name == AttestationName {
		v.attestation = bytes.Clone(b)
	}
	return nil
}

func (v *verifier) photo(m File, f *zip.File) error {
	if f.Method != zip.Store {
		return errPacked
	}
	r, err := f.Open()
	if err != nil {
		return errRead
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(r, m.Size+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return errRead
	}
	if n != m.Size {
		return errSize
	}
	h := media.SHA256(sum.Sum(nil))
	if h != m.SHA256 {
		return errHash
	}
	named := h
	if m.Named != nil {
		named = *m.Named
	}
	if stem, _, _ := strings.Cut(strings.TrimPrefix(m.Name, "photos/"), "."); stem != named.String() {
		return errName
	}
	v.album.Have[h] = true
	return nil
}

// complete looks for the photos that the evidence names: each is in the bundle, or the manifest says that it was not
// there.
func (v *verifier) complete() {
	erased := v.erased()
	missing := map[media.SHA256]string{}
	for _, m := range v.report.Manifest.Missing {
		missing[m.SHA256] = m.Reason
		switch {
		case m.Reason == NotReceived:
			v.say("missing", attest.Doubt, "", "照片 %s 导出时服务器尚未收到", m.SHA256)
		case m.Reason == Expired && erased[m.SHA256]:
			v.say("missing", attest.Doubt, "", "照片 %s 的保管期限已满，原件已销毁，无法再核对", m.SHA256)
		case m.Reason == Expired:
			v.say("missing", attest.Failed, "", "清单称照片 %s 期满销毁，证据记录中没有销毁记载", m.SHA256)
		default:
			v.say("missing", attest.Failed, "", "照片 %s 服务器曾收到，导出时已找不到", m.SHA256)
		}
	}
	if v.report.Manifest.Kind != "inspection" {
		return // a hazard's bundle has those of its inspection's photos that it names
	}
	for _, e := range v.evidence {
		for _, a := range e.Arrived {
			if _, told := missing[a.SHA256]; !told && !v.album.Have[a.SHA256] {
				v.say("photo", attest.Failed, "", "证据记录中的照片 %s 不在证据包里", a.SHA256)
			}
		}
	}
}

// erased are the photos of which the evidence itself says that they were erased after their period.
func (v *verifier) erased() map[media.SHA256]bool {
	out := map[media.SHA256]bool{}
	for _, e := range v.evidence {
		for _, a := range e.Arrived {
			if a.Erased != nil {
				out[a.SHA256] = true
			}
		}
	}
	return out
}

// signatures checks the evidence file of the devices, against the photos that are here.
func (v *verifier) signatures() {
	if v.attestation == nil {
		v.say("signatures", attest.Told, "", "证据包里没有电子签名")
		return
	}
	f, err := attest.ReadFile(v.attestation)
	if err != nil {
		v.say("signatures", attest.Failed, AttestationName, "签名文件读不出来：%s", fault.Of(err).Message)
		return
	}
	if v.report.Manifest.Kind == "inspection" && f.Inspection != v.report.Manifest.ID {
		v.say("signatures", attest.Failed, AttestationName, "签名文件是另一次检查的")
	}
	album := &v.album
	if v.report.Manifest.Kind != "inspection" {
		album = nil // the photos of a hazard are not all that its inspection's signers saw
	}
	r := attest.Verify(f, album)
	v.report.Signatures = &r
}

// shown is a stranger's text as it may be printed.
func shown(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
