package excel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/xuri/excelize/v2"

	"paicha/checklist"
)

func standardsOf(t testing.TB) *checklist.Standards {
	t.Helper()
	b, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return b.Standards
}

// sources are the YAML texts of every pack that comes with the program and of the vector pack, which uses every form.
func sources(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	names, err := fs.Glob(checklist.Files(), "packs/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		if out[name], err = fs.ReadFile(checklist.Files(), name); err != nil {
			t.Fatal(err)
		}
	}
	if out["vector-pack.yaml"], err = os.ReadFile("../testdata/vector-pack.yaml"); err != nil {
		t.Fatal(err)
	}
	return out
}

// sourceOf is one of them, fresh at each call.
func sourceOf(t testing.TB, name string) *checklist.Source {
	t.Helper()
	f, list := checklist.ParseSource(name, sources(t)[name])
	if len(list) > 0 {
		t.Fatal(list)
	}
	return f
}

func written(t testing.TB, f *checklist.Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, standardsOf(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, data []byte) ([]byte, *checklist.Pack, []checklist.Problem) {
	t.Helper()
	yaml, p, list := Read(bytes.NewReader(data), int64(len(data)), standardsOf(t))
	if (p == nil) != (len(list) > 0) || (p == nil) != (yaml == nil) {
		t.Fatalf("pack %v, %d bytes of YAML, problems %v", p != nil, len(yaml), list)
	}
	return yaml, p, list
}

var vectorBook []byte

// vector is the workbook of the vector pack.
func vector(t testing.TB) []byte {
	t.Helper()
	if vectorBook == nil {
		vectorBook = written(t, sourceOf(t, "vector-pack.yaml"))
	}
	return vectorBook
}

// edited is the vector pack's workbook after somebody worked in it.
func edited(t testing.TB, work func(f *excelize.File)) []byte {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(vector(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	work(f)
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// set writes into a cell as if typed.
func set(t testing.TB, f *excelize.File, sheet, cell string, value any) {
	t.Helper()
	if err := f.SetCellValue(sheet, cell, value); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTripKeepsTheHash(t *testing.T) {
	for name, data := range sources(t) {
		want, list := checklist.ParsePack(name, data, standardsOf(t))
		if len(list) > 0 {
			t.Fatal(list)
		}
		compiled, err := want.Source()
		if err != nil {
			t.Fatal(err)
		}
		for of, source := range map[string]*checklist.Source{"OfYAML": sourceOf(t, name), "OfCompiled": compiled} {
			t.Run(name+"/"+of, func(t *testing.T) {
				yaml, p, list := read(t, written(t, source))
				if len(list) > 0 {
					t.Fatal(list)
				}
				if p.Hash() != want.Hash() {
					t.Error("the hash changed")
				}
				if again, list := checklist.ParsePack(name, yaml, standardsOf(t)); len(list) > 0 || again.Hash() != want.Hash() {
					t.Error("the YAML is another pack", list)
				}
			})
		}
	}
}

func TestWriteGivesTheSameBytesAgain(t *testing.T) {
	f := sourceOf(t, "packs/town-gas.yaml")
	if !bytes.Equal(written(t, f), written(t, f)) {
		t.Error("two workbooks of one source differ")
	}
}

func TestWriteRefusesWhatWouldNotComeBack(t *testing.T) {
	for name, spoil := range map[string]func(f *checklist.Source){
		"BlankAtTheEnd":    func(f *checklist.Source) { f.Sections[0].Items[0].Help = "看台账。\n" },
		"ZeroWidthSpace":   func(f *checklist.Source) { f.Title = "共用\u200b测试" },
		"TooLong":          func(f *checklist.Source) { f.Note = strings.Repeat("长", maxCell+1) },
		"LineBreakInEntry": func(f *checklist.Source) { f.Facts[0].Choices[0] = "低\n瓦斯" },
		"EmptyEntry":       func(f *checklist.Source) { f.Facts[0].Choices[0] = "" },
		"NoNumber":         func(f *checklist.Source) { inf := math.Inf(1); f.Rules[2].Threshold.Value = &inf },
		"ChoiceAsLimit":    func(f *checklist.Source) { f.Rules[2].Threshold.Is = []string{"甲"} },
		"Escape":           func(f *checklist.Source) { f.Note = "_x0041_" },
		"TallyOfTally":     func(f *checklist.Source) { f.Tallies[0].Members[0].Any[0].Tally = "lesser" },
	} {
		t.Run(name, func(t *testing.T) {
			f := sourceOf(t, "vector-pack.yaml")
			spoil(f)
			if err := Write(&bytes.Buffer{}, f, standardsOf(t)); !errors.Is(err, ErrText) {
				t.Error(err)
			}
		})
	}
	t.Run("TooManyRows", func(t *testing.T) {
		f := &checklist.Source{Omitted: make([]checklist.Omission, maxRows+1)}
		if err := Write(&bytes.Buffer{}, f, standardsOf(t)); !errors.Is(err, ErrRows) {
			t.Error(err)
		}
	})
}

// TestTextsThatLookLikeSomethingElse: what Excel or XML could take for a formula, a number or an escape stays a text.
func TestTextsThatLookLikeSomethingElse(t *testing.T) {
	f := sourceOf(t, "vector-pack.yaml")
	texts := []string{"=1+1", "'引号", "007", "1e5", "2023-01-01", "_x00_", "<b>&amp;", "甲\n乙", "TRUE", "\"", "1,5", "|-", "- a: b", "😀", "a:　b"}
	for i, s := range texts {
		f.Sections[0].Items[i%3].Help, f.Sections[0].Items[i%3].Advice = s, s
		yaml, _, list := read(t, written(t, f))
		if len(list) > 0 {
			t.Fatal(s, list)
		}
		if again, _ := checklist.ParseSource("", yaml); again.Sections[0].Items[i%3].Help != s || again.Sections[0].Items[i%3].Advice != s {
			t.Errorf("%q became %q", s, again.Sections[0].Items[i%3].Help)
		}
	}
}

func TestLimitsKeepEveryBit(t *testing.T) {
	for _, v := range []float64{0, 0.1, 0.0024, 1.1, 12.5, -3, 1e-7, 1234567.891, 1.0 / 3, 1e15, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		f := sourceOf(t, "vector-pack.yaml")
		f.Rules[3].Threshold.Value = &v
		yaml, _, list := read(t, written(t, f))
		if len(list) > 0 {
			t.Fatal(v, list)
		}
		if again, _ := checklist.ParseSource("", yaml); *again.Rules[3].Threshold.Value != v {
			t.Errorf("%v became %v", v, *again.Rules[3].Threshold.Value)
		}
	}
}

var cellPath = regexp.MustCompile(`^[^!]+![A-Z]+[0-9]+$`)

// TestBrokenPacksNameTheCell: whatever the loader refuses in YAML is refused in a workbook, with a cell and without the
// words of the YAML form. The files are named after the problem that they have.
func TestBrokenPacksNameTheCell(t *testing.T) {
	names, err := filepath.Glob("../testdata/broken/*.yaml")
	if err != nil || len(names) < 40 {
		t.Fatal(len(names), err)
	}
	words := regexp.MustCompile(`\b(omitted|standards|threshold|while|when|measure|major|value|than|is)\b`)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := checklist.ParseSource(name, data)
		want, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".yaml"), "-")
		if f == nil || want == "yaml_invalid" {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, f, standardsOf(t)); errors.Is(err, ErrText) {
				return // an expression longer than any cell
			}
			_, _, list := read(t, b.Bytes())
			if !slices.ContainsFunc(list, func(p checklist.Problem) bool { return p.Code == want || p.Code == "cell_missing" }) {
				t.Fatalf("want %s, got %v", want, list)
			}
			for _, p := range list {
				if !cellPath.MatchString(p.Path) || !strings.ContainsFunc(p.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
					t.Errorf("no cell or no Chinese: %v", p)
				}
				if words.MatchString(p.Message) {
					t.Errorf("words of the YAML form: %v", p)
				}
			}
		})
	}
}

func TestGuideExplainsEveryColumn(t *testing.T) {
	f, err := excelize.OpenReader(bytes.NewReader(vector(t)))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows(guideSheet)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(rows)
	for _, d := range described() {
		for _, s := range d.specs {
			if s.help == "" || !strings.Contains(text, s.help) || formNames[s.form] == "" || d.sheet != info.sheet && s.width == 0 {
				t.Errorf("%s %s is not explained", d.sheet, s.title)
			}
		}
	}
}

// TestExpressionsOfTheGuideCompile: an example that is refused would be worse than none.
func TestExpressionsOfTheGuideCompile(t *testing.T) {
	for _, e := range expressions {
		f := sourceOf(t, "vector-pack.yaml")
		f.Facts = append(f.Facts, checklist.SourceFact{Code: "depth", Text: "采深", Kind: checklist.Number})
		f.Sections[0].Items[0].When = e[1]
		if strings.Contains(e[1], "gas.methane-return") {
			f.Sections[0].Items[0].When = ""
			f.Sections[0].Items[1].When = e[1]
		}
		text, err := f.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, list := checklist.ParsePack("x.yaml", text, standardsOf(t)); len(list) > 0 {
			t.Error(e, list)
		}
	}
}
