package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"paicha/checklist"
	"paicha/checklist/excel"
	"paicha/internal/directory"

	"github.com/xuri/excelize/v2"
)

// tinyStandard and tinyPack are what an owner of checklists would upload.
const tinyStandard = `standard: {id: tiny-2026, title: 《示例判定标准》, document: 示例〔2026〕1号, effective: '2026-01-01', sectors: [laboratory]}
clauses:
- {clause: 第一条, heading: 浓度, criterion: 浓度超过1%。, verified: true, measurable: [{quantity: 浓度, unit: "%", major_when: "> 1"}]}
`

func tinyPack(version, standard string, limit float64) []byte {
	return fmt.Appendf(nil, `id: tiny
version: %q
title: 示例清单
sectors: [laboratory]
standards: [%s]
sections:
- id: one
  title: 现场
  items:
  - {code: gas, name: 浓度, text: 浓度是多少？, kind: number, unit: "%%", evidence: 仪表, advice: 通风, core: true, clauses: ["%s#第一条"]}
rules:
- {id: gas, class: major, threshold: {item: gas, op: ">", value: %v, unit: "%%"}, clauses: ["%s#第一条"], measures: ["%s#第一条@1"]}
`, version, standard, standard, limit, standard, standard)
}

func decoded[T any](t *testing.T, r answer, status int) T {
	t.Helper()
	var v T
	if r.status != status {
		t.Fatalf("got %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

func TestOwnersOfChecklistsPublish(t *testing.T) {
	s := newSite(t)
	admin := s.person("admin1", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	other := s.supervisor("lead", "5325")
	yaml, js := []string{"Content-Type", "application/yaml"}, []string{"Content-Type", "application/json"}

	s.refused(s.send("PUT", "/api/v1/standards/tiny-2026", other, []byte(tinyStandard), yaml...), 403, "auth.forbidden")
	s.refused(s.send("PUT", "/api/v1/standards/other", admin, []byte(tinyStandard), yaml...), 400, "checklist.standard_invalid")
	s.refused(s.send("PUT", "/api/v1/standards/tiny-2026", admin, []byte("standard: {}"), yaml...), 400, "checklist.standard_invalid")
	s.refused(s.send("PUT", "/api/v1/standards/tiny-2026", admin, []byte(tinyStandard), js...), 415, "httpapi.media_type")
	std := decoded[checklist.Standard](t, s.send("PUT", "/api/v1/standards/tiny-2026", admin, []byte(tinyStandard), yaml...), 200)
	if std.ID != "tiny-2026" || len(std.Clauses) != 1 || !std.Clauses[0].Verified {
		t.Fatalf("%+v", std)
	}

	s.refused(s.send("POST", "/api/v1/packs/drafts", other, tinyPack("1", "tiny-2026", 1), yaml...), 403, "auth.forbidden")
	s.refused(s.send("POST", "/api/v1/packs/drafts", admin, tinyPack("1", "tiny-2026", 1), "Content-Type", "text/plain"), 415, "httpapi.media_type")
	s.refused(s.send("POST", "/api/v1/packs/drafts", admin, bytes.Repeat([]byte("#"), maxSource+1), yaml...), 413, "httpapi.body_too_large")
	bad := s.send("POST", "/api/v1/packs/drafts", admin, bytes.Replace(tinyPack("1", "tiny-2026", 2), []byte("第一条@1"), []byte("第九条@1"), 1), yaml...)
	s.refused(bad, 400, "checklist.pack_invalid")
	var p Problem
	if err := json.Unmarshal(bad.body, &p); err != nil || len(p.Errors) == 0 || p.Errors[0].Place == "" || p.Errors[0].Code == "" {
		t.Errorf("every error names its place: %s", bad.body)
	}

	first := s.send("POST", "/api/v1/packs/drafts?name=tiny.yaml", admin, tinyPack("1", "tiny-2026", 1), yaml...)
	d := decoded[DraftView](t, first, 201)
	if d.Ref != "tiny@1" || d.By != "admin1" || d.From != "tiny.yaml" || d.Against != "" || d.Counts["added"] == 0 {
		t.Fatalf("%+v", d)
	}
	draft := "/api/v1/packs/drafts/" + string(d.Hash)
	if first.header.Get("Location") != draft {
		t.Error(first.header)
	}
	if r := s.send("GET", "/api/v1/packs/tiny@1", other, nil); r.status != 404 {
		t.Error("a draft is not published", r.status)
	}
	s.refused(s.send("POST", draft+"/publish", admin, []byte(`{"from":"2026-13-01"}`), js...), 400, "checklist.day_invalid")
	s.refused(s.send("POST", draft+"/publish", admin, []byte(`{"from":"2026-02-01","until":"2026-01-01"}`), js...), 400, "checklist.validity_invalid")
	s.refused(s.send("POST", draft+"/publish", other, []byte(`{"from":"2026-02-01"}`), js...), 403, "auth.forbidden")
	e := decoded[PackEntry](t, s.send("POST", draft+"/publish", admin, []byte(`{"from":"2026-02-01"}`), js...), 200)
	if e.Ref != "tiny@1" || e.From != "2026-02-01" || e.Bytes == 0 {
		t.Fatalf("%+v", e)
	}
	s.refused(s.send("GET", draft, admin, nil), 404, "checklist.draft_unknown")
	s.refused(s.send("POST", "/api/v1/packs/drafts", admin, append(tinyPack("1", "tiny-2026", 1), "note: 改\n"...), yaml...), 409, "checklist.pack_immutable")

	second := decoded[DraftView](t, s.send("POST", "/api/v1/packs/drafts", admin, append(tinyPack("2", "tiny-2026", 1), "note: 改\n"...), yaml...), 201)
	if second.Against != "tiny@1" || second.Counts["changed"] != 1 || second.Counts["weaker"] != 0 || !strings.Contains(string(second.Changes), "note") {
		t.Errorf("%+v", second)
	}
	if list := decoded[Items[DraftView]](t, s.send("GET", "/api/v1/packs/drafts", admin, nil), 200); len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	decoded[PackEntry](t, s.send("POST", "/api/v1/packs/drafts/"+string(second.Hash)+"/publish", admin, []byte(`{"from":"2026-06-01"}`), js...), 200)
	list := decoded[Items[PackEntry]](t, s.send("GET", "/api/v1/packs", other, nil), 200)
	if len(list.Items) != 2 || list.Items[0].Until != "2026-06-01" || list.Items[0].SupersededBy != "tiny@2" {
		t.Errorf("%+v", list)
	}
	s.refused(s.send("POST", "/api/v1/packs/tiny@2/end", admin, []byte(`{"day":"2026-05-01"}`), js...), 400, "checklist.validity_invalid")
	if e := decoded[PackEntry](t, s.send("POST", "/api/v1/packs/tiny@2/end", admin, []byte(`{"day":"2026-09-01"}`), js...), 200); e.Until != "2026-09-01" {
		t.Errorf("%+v", e)
	}
	if std := decoded[checklist.Standard](t, s.send("POST", "/api/v1/standards/tiny-2026/end", admin, []byte(`{"day":"2026-09-01"}`), js...), 200); std.Ended != "2026-09-01" {
		t.Errorf("%+v", std)
	}
	s.refused(s.send("POST", "/api/v1/standards/nothing/end", admin, []byte(`{"day":"2026-09-01"}`), js...), 404, "checklist.standard_unknown")
	if r := decoded[RejudgementPage](t, s.send("GET", "/api/v1/packs/tiny@2/rejudgement", other, nil), 200); r.Ref != "tiny@2" || r.Judged != 0 {
		t.Errorf("%+v", r)
	}
	s.refused(s.send("GET", "/api/v1/packs/tiny@2/rejudgement", admin, nil), 403, "auth.forbidden")
}

// TestHostileUploads sends what would cost or break something if it were believed.
func TestHostileUploads(t *testing.T) {
	s := newSite(t)
	admin := s.person("admin1", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	std, err := os.ReadFile("../../checklist/standards/coal-mine-2020.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r := s.send("PUT", "/api/v1/standards/coal-mine-2020", admin, std, "Content-Type", "application/yaml"); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	pack, err := os.ReadFile("../../checklist/testdata/vector-pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"Empty":          {},
		"NotUTF8":        []byte("id: \xff\xfe"),
		"Aliases":        []byte("a: &a [x]\nb: [*a, *a]\n"),
		"Deep":           []byte(strings.Repeat("- ", 4000) + "x"),
		"UnknownKey":     append(bytes.Clone(pack), "secret: 1\n"...),
		"Cycle":          bytes.Replace(pack, []byte(`when: 'facts["gas-grade"] == "高瓦斯"'`), []byte(`when: 'ans["vent.dual-fan"].result == "na"'`), 1),
		"Undefined":      bytes.Replace(pack, []byte(`applies: 'facts["deep"]'`), []byte(`applies: 'facts["depth"]'`), 1),
		"DuplicateItem":  bytes.Replace(pack, []byte("code: slope.angle"), []byte("code: slope.design"), 1),
		"NoSuchClause":   bytes.Replace(pack, []byte("第十八条(十)\"]}\n  - {code: slope.angle"), []byte("第九十条\"]}\n  - {code: slope.angle"), 1),
		"ExpressionBomb": bytes.Replace(pack, []byte(`'facts["deep"]'`), []byte("'"+strings.Repeat("(", 500)+`facts["deep"]`+strings.Repeat(")", 500)+"'"), 1),
		"LongExpression": bytes.Replace(pack, []byte(`'facts["deep"]'`), []byte("'"+strings.Repeat(`facts["deep"] && `, 300)+`facts["deep"]'`), 1),
		"Macro":          bytes.Replace(pack, []byte(`'facts["deep"]'`), []byte(`'[1.0].all(x, [1.0].all(y, x > y))'`), 1),
		"FullWidth":      bytes.Replace(pack, []byte(`'facts["deep"]'`), []byte(`'facts["deep"]　＝＝ true'`), 1),
		"FullWidthCode":  bytes.Replace(pack, []byte("id: vectors"), []byte("id: ｖectors"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			one := *s
			one.TB = t
			if bytes.Equal(body, pack) {
				t.Fatal("nothing was changed")
			}
			one.refused(one.send("POST", "/api/v1/packs/drafts", admin, body, "Content-Type", "application/yaml"), 400, "checklist.pack_invalid")
		})
	}
	if list := decoded[Items[DraftView]](t, s.send("GET", "/api/v1/packs/drafts", admin, nil), 200); len(list.Items) != 0 {
		t.Errorf("nothing may be kept of what was refused: %+v", list)
	}
}

// books reads and writes workbooks as the server does.
type books struct{}

func (books) Read(r io.ReaderAt, size int64, standards *checklist.Standards) (*checklist.Pack, []checklist.Problem) {
	_, p, problems := excel.Read(r, size, standards)
	return p, problems
}

func (books) Write(w io.Writer, p *checklist.Pack, standards *checklist.Standards) error {
	source, err := p.Source()
	if err != nil {
		return err
	}
	return excel.Write(w, source, standards)
}

// TestChecklistsTravelAsWorkbooks downloads a published version, changes one cell and uploads it as the next version.
func TestChecklistsTravelAsWorkbooks(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Workbooks = books{} })
	admin := s.person("admin1", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	yaml, js := []string{"Content-Type", "application/yaml"}, []string{"Content-Type", "application/json"}
	if r := s.send("PUT", "/api/v1/standards/tiny-2026", admin, []byte(tinyStandard), yaml...); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	d := decoded[DraftView](t, s.send("POST", "/api/v1/packs/drafts", admin, tinyPack("1", "tiny-2026", 1), yaml...), 201)
	decoded[PackEntry](t, s.send("POST", "/api/v1/packs/drafts/"+string(d.Hash)+"/publish", admin, []byte(`{"from":"2026-02-01"}`), js...), 200)
	book := s.send("GET", "/api/v1/packs/tiny@1/workbook", admin, nil)
	if book.status != 200 || book.header.Get("Content-Type") != mimeXLSX {
		t.Fatalf("%d %v", book.status, book.header)
	}
	same := decoded[DraftView](t, s.send("POST", "/api/v1/packs/drafts", admin, book.body, "Content-Type", mimeXLSX), 201)
	if same.Hash != d.Hash || same.Against != "tiny@1" || len(same.Counts) != 0 {
		t.Errorf("what nobody changed is the same content: %+v", same)
	}
	f, err := excelize.OpenReader(bytes.NewReader(book.body))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set := func(sheet, old, now string) string {
		t.Helper()
		cells, err := f.SearchSheet(sheet, old)
		if err != nil || len(cells) == 0 {
			t.Fatal(sheet, old, cells, err)
		}
		if err := f.SetCellStr(sheet, cells[0], now); err != nil {
			t.Fatal(err)
		}
		return cells[0]
	}
	save := func() []byte {
		b, err := f.WriteToBuffer()
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	set("清单信息", "1", "2")
	set("检查项目", "通风", "立即通风，查明泄漏")
	next := decoded[DraftView](t, s.send("POST", "/api/v1/packs/drafts", admin, save(), "Content-Type", mimeXLSX), 201)
	if next.Ref != "tiny@2" || next.Counts["changed"] != 2 || next.Counts["weaker"] != 0 {
		t.Errorf("%+v", next)
	}
	cell := set("检查项目", "数值", "数目")
	bad := s.send("POST", "/api/v1/packs/drafts", admin, save(), "Content-Type", mimeXLSX)
	s.refused(bad, 400, "checklist.pack_invalid")
	var p Problem
	if err := json.Unmarshal(bad.body, &p); err != nil || len(p.Errors) == 0 || p.Errors[0].Place != "检查项目!"+cell {
		t.Errorf("the cell is named: %s", bad.body)
	}
	s.refused(s.announce("/api/v1/packs/drafts", admin, mimeXLSX, 200<<20), 413, "httpapi.body_too_large")
	s.refused(s.send("POST", "/api/v1/packs/drafts", admin, []byte("not a workbook"), "Content-Type", mimeXLSX), 400, "checklist.pack_invalid")
}

// announce sends the head and the beginning of a request whose body would be that long, and returns what is said to it.
func (s *site) announce(path, token, kind string, length int) answer {
	s.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, token, kind, length)
	if _, err := c.Write(make([]byte, 64<<10)); err != nil { // what the server reads ahead
		s.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}
