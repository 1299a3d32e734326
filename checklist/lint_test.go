package checklist

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

func TestEmbeddedIsClean(t *testing.T) {
	for _, p := range LintEmbedded() {
		t.Error(p)
	}
}

// TestBrokenPacks: each file is named after the problem that it has.
func TestBrokenPacks(t *testing.T) {
	names, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(names) < 40 {
		t.Fatal(len(names), err)
	}
	standards := embedded(t).Standards
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".yaml"), "-")
			list := Lint(name, data, standards)
			i := slices.IndexFunc(list, func(p Problem) bool { return p.Code == want })
			if i < 0 {
				t.Fatalf("want %s, got %v", want, list)
			}
			p := list[i]
			if p.File != name || !strings.ContainsFunc(p.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("problem without file or Chinese message: %v", p)
			}
			if want != "yaml_invalid" && p.Line == 0 {
				t.Errorf("problem without line: %v", p)
			}
			if _, err := LoadPack(name, data, standards); err == nil {
				t.Error("LoadPack accepts what Lint refuses")
			}
		})
	}
}

func TestFullWidthNamesTheCharacterAndPath(t *testing.T) {
	data, err := os.ReadFile("testdata/broken/rule_invalid-full-width-digit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := Lint("x.yaml", data, embedded(t).Standards)[0]
	if p.Path != "rules[0].when" || p.Line != 18 || !strings.Contains(p.Message, "１") || !strings.Contains(p.Message, "半角") {
		t.Errorf("%+v", p)
	}
}

func TestOversizedPackIsRefused(t *testing.T) {
	list := Lint("big.yaml", bytes.Repeat([]byte("# x\n"), maxYAML/4+1), embedded(t).Standards)
	if len(list) != 1 || !strings.Contains(list[0].Message, "过大") {
		t.Error(list)
	}
	if list := Lint("gbk.yaml", []byte{'i', 'd', ':', ' ', 0xc3, '('}, embedded(t).Standards); len(list) != 1 || !strings.Contains(list[0].Message, "UTF-8") {
		t.Error(list)
	}
}

func TestTooManyItemsAreRefused(t *testing.T) {
	source := "id: x\nversion: \"1\"\ntitle: 题\nsectors: [x]\nsections:\n- id: a\n  title: 一\n  items:\n" +
		strings.Repeat("  - {code: a, text: 问, kind: text}\n", maxItems+1)
	if list := Lint("many.yaml", []byte(source), embedded(t).Standards); len(list) != 1 || list[0].Code != "too_many" {
		t.Error(len(list), list[0])
	}
}

func TestLintFSReportsBrokenStandardsAndTwinPacks(t *testing.T) {
	std, err := files.ReadFile("standards/school.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if list := LintFS(fstest.MapFS{"standards/a.yaml": {Data: std}, "standards/b.yaml": {Data: std}}); len(list) == 0 {
		t.Error("two standards of one id pass")
	}
	if list := LintFS(fstest.MapFS{"standards/a.yaml": {Data: []byte("standard: {id: Ａ}\n")}}); len(list) == 0 {
		t.Error("a standard without clauses passes")
	}
	if list := LintFS(fstest.MapFS{}); len(list) == 0 {
		t.Error("nothing passes")
	}
}

func TestStandardsLoad(t *testing.T) {
	s := embedded(t).Standards
	clauses, unverified := 0, 0
	for _, std := range s.All() {
		clauses += len(std.Clauses)
		for _, c := range std.Clauses {
			if !c.Verified {
				unverified++
			}
		}
	}
	if len(s.All()) != 43 || clauses != 754+46 || unverified == 0 {
		t.Errorf("%d standards, %d clauses, %d unverified", len(s.All()), clauses, unverified)
	}
	if c := s.Clause("coal-mine-2020#第五条(二)"); c == nil || !c.Major {
		t.Error("absent major must mean true")
	}
	if c := s.Clause("coal-mine-2020#第四条(三)"); !strings.Contains(c.Caveat(5), "凭记忆") || c.Caveat(6) != "" {
		t.Errorf("同上 is not resolved: %q", c.Caveat(5))
	}
	if c := s.Clause("enterprise-duty#行动方案 四(二)1(6)"); c == nil || c.Major {
		t.Error("major: false is lost")
	}
}

func TestStandardOn(t *testing.T) {
	s := embedded(t).Standards
	ids := func(list []*Standard) (ids []StandardID) {
		for _, std := range list {
			ids = append(ids, std.ID)
		}
		return ids
	}
	if got := ids(s.StandardOn("town-gas", "2023-06-01", false)); !slices.Equal(got, []StandardID{"enterprise-duty", "seed-focus-town-gas"}) {
		t.Errorf("before the standard: %v", got)
	}
	if got := ids(s.StandardOn("town-gas", "2023-09-21", false)); !slices.Contains(got, "town-gas-2023") {
		t.Errorf("on its first day: %v", got)
	}
	if got := ids(s.StandardOn("self-built-housing", "2023-06-01", false)); slices.Contains(got, "self-built-housing-2022") {
		t.Errorf("an unknown first day counts as in force: %v", got)
	}
	if got := ids(s.StandardOn("self-built-housing", "2023-06-01", true)); !slices.Contains(got, "self-built-housing-2022") {
		t.Errorf("an unknown first day is not shown: %v", got)
	}
	ended := Standard{Effective: "2020-01-01", Ended: "2024-01-01"}
	if ended.ForceOn("2023-12-31") != InForce || ended.ForceOn("2024-01-01") != NotInForce {
		t.Error("ended is the first day no longer in force")
	}
}

func TestCoreIsAQuickCheck(t *testing.T) {
	for _, p := range embedded(t).Packs {
		core := 0
		for _, it := range p.Items() {
			if it.Core {
				core++
			}
		}
		if core < min(minCore, len(p.Items())) || core > maxCore {
			t.Errorf("%s has %d core items of %d, want %d to %d, or all", p.Ref(), core, len(p.Items()), minCore, maxCore)
		}
	}
}

func TestUnverifiedClausesMarkTheirRules(t *testing.T) {
	for _, p := range embedded(t).Packs {
		for _, r := range p.Rules {
			all := true
			for _, ref := range r.Clauses {
				all = all && !p.cited[ref].Verified
			}
			if r.Unverified != all {
				t.Errorf("%s %s: unverified is %v", p.ID, r.ID, r.Unverified)
			}
		}
	}
}

func TestRefs(t *testing.T) {
	for _, s := range []string{"", "x", "x#", "#y", "X#y", "x#y#z", "x#y@1", "ｘ#y", "x# y", "x#" + strings.Repeat("条", 50)} {
		if _, err := ParseClauseRef(s); err == nil {
			t.Errorf("clause ref %q accepted", s)
		}
	}
	for _, s := range []string{"", "x#y", "x#y@0", "x#y@01", "x#y@-1", "x#y@100", "x#y@１"} {
		if _, _, err := ParseMeasureRef(s); err == nil {
			t.Errorf("measure ref %q accepted", s)
		}
	}
	for _, s := range []string{"", "a", "a@", "@1", "A@1", "a@1@2", "a b@1", "煤@1"} {
		if _, err := ParsePackRef(s); err == nil {
			t.Errorf("pack ref %q accepted", s)
		}
	}
	if r, err := ParsePackRef("coal-mine@2023.1"); err != nil || r.ID() != "coal-mine" || r.Version() != "2023.1" {
		t.Error(r, err)
	}
	for _, s := range []string{"", "2023-02-30", "2023-5-15", "2023/05/15", "２０２３-05-15"} {
		if _, err := ParseDay(s); err == nil {
			t.Errorf("day %q accepted", s)
		}
	}
}
