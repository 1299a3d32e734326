package checklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// small makes a pack of one measured item; limit and class vary its content.
func small(t *testing.T, version, standard string, limit float64, class Class) *Pack {
	t.Helper()
	std := &Standard{
		ID: StandardID(standard), Title: "标准", Effective: "2021-01-01", Sectors: []Sector{"coal-mine"},
		Clauses: []Clause{{
			Clause: "第一条", Heading: "题", Criterion: "情形", Major: true, Verified: true,
			Measurable: []Measure{{Quantity: "浓度", Unit: "%", MajorWhen: fmt.Sprintf("> %v", limit)}},
		}},
	}
	if standard == "old" {
		std.Effective, std.Ended = "2015-01-01", "2021-01-01"
	}
	set, err := NewStandards([]*Standard{std})
	if err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`
id: small
version: %q
title: 小清单
sectors: [coal-mine]
standards: [%s]
sections:
- {id: one, title: 一, items: [{code: n, name: 浓度, text: 浓度？, kind: number, unit: "%%", clauses: ["%s#第一条"]}]}
rules:
- {id: n, class: %s, threshold: {item: n, op: ">", value: %v, unit: "%%"}, clauses: ["%s#第一条"], measures: ["%s#第一条@1"]}
`, version, standard, standard, class, limit, standard, standard)
	p, err := LoadPack("small.yaml", []byte(source), set)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLibrary(t *testing.T) {
	one := small(t, "1", "old", 2, General)
	two := small(t, "2", "new", 1, Major)
	l := NewLibrary()
	if err := errors.Join(l.Add(one, "2018-01-01", ""), l.Add(two, "2021-01-01", "")); err != nil {
		t.Fatal(err)
	}
	t.Run("SameContentAgainIsNothing", func(t *testing.T) {
		if err := l.Add(small(t, "1", "old", 2, General), "2018-01-01", ""); err != nil || len(l.Entries()) != 2 {
			t.Error(err)
		}
	})
	t.Run("OtherContentIsRefused", func(t *testing.T) {
		if err := l.Add(small(t, "1", "old", 3, General), "2018-01-01", ""); !errors.Is(err, ErrImmutable) {
			t.Error(err)
		}
	})
	t.Run("ValidityBackwards", func(t *testing.T) {
		if err := l.Add(small(t, "3", "new", 1, Major), "2022-01-01", "2022-01-01"); !errors.Is(err, ErrValidity) {
			t.Error(err)
		}
	})
	t.Run("Supersede", func(t *testing.T) {
		if err := l.Supersede("small@1", "small@9", "2021-01-01"); !errors.Is(err, ErrPackUnknown) {
			t.Error(err)
		}
		if err := l.Supersede("small@1", "small@2", "2018-01-01"); !errors.Is(err, ErrValidity) {
			t.Error(err)
		}
		for range 2 {
			if err := l.Supersede("small@1", "small@2", "2021-01-01"); err != nil {
				t.Error(err)
			}
		}
		if err := l.Supersede("small@1", "small@2", "2022-01-01"); !errors.Is(err, ErrImmutable) {
			t.Error(err)
		}
	})
	t.Run("CurrentByDay", func(t *testing.T) {
		for day, want := range map[Day]PackRef{"2018-01-01": "small@1", "2020-12-31": "small@1", "2021-01-01": "small@2"} {
			if p, err := l.Current("coal-mine", day); err != nil || p.Ref() != want {
				t.Errorf("%s: %v", day, err)
			}
		}
		if _, err := l.Current("coal-mine", "2017-12-31"); !errors.Is(err, ErrNoCurrentPack) {
			t.Error(err)
		}
		if _, err := l.Current("school", "2021-06-01"); !errors.Is(err, ErrNoCurrentPack) {
			t.Error(err)
		}
	})
	t.Run("SupersededStaysJudgeable", func(t *testing.T) {
		if p, err := l.Get("small@1"); err != nil || p != one {
			t.Error(err)
		}
		if _, err := l.Get("small@9"); !errors.Is(err, ErrPackUnknown) {
			t.Error(err)
		}
	})
	t.Run("StandardNotInForceGetsSecondVerdict", func(t *testing.T) {
		answers := []Answer{{Item: "n", Number: ptr(2.5), Unit: "%"}}
		j, err := l.Judge("small@1", "2023-05-15", answers, nil)
		if err != nil || j.Second == nil || j.SecondRef != "small@2" || len(j.NotOn) != 1 {
			t.Fatalf("%+v %v", j, err)
		}
		if len(j.Flags) != 1 || j.Flags[0].Class != Major || j.Pinned.Findings[0].Class != General {
			t.Errorf("the graver must flag: %+v", j.Flags)
		}
		answers[0].Number = ptr(1.5)
		if j, _ = l.Judge("small@1", "2023-05-15", answers, nil); len(j.Pinned.Findings) != 0 || len(j.Flags) != 1 {
			t.Errorf("what only the second raises must flag: %+v", j.Flags)
		}
		if j, _ = l.Judge("small@1", "2019-05-15", answers, nil); j.Second != nil || len(j.Flags) != 0 {
			t.Errorf("a standard in force needs no second verdict: %+v", j)
		}
	})
	t.Run("CloneIsIndependent", func(t *testing.T) {
		c := l.Clone()
		if err := c.Add(small(t, "5", "new", 1, Major), "2024-01-01", ""); err != nil || len(l.Entries()) != 2 {
			t.Error(err)
		}
	})
}

// TestPublications pins the content of every embedded version: a changed pack needs a new version, or, before its first
// release, -update. Every pack is published, with days that leave no version of its id beside another.
func TestPublications(t *testing.T) {
	list, err := os.ReadFile("publications.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := EmbeddedCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[PackRef]embeddedVersion{}
	for _, e := range c.publications {
		rows[e.Ref] = e
	}
	l := NewLibrary()
	for _, p := range embedded(t).Packs {
		e, ok := rows[p.Ref()]
		if !ok {
			t.Errorf("%s is not in publications.yaml", p.Ref())
			continue
		}
		if e.Hash != p.Hash() && *update {
			list = regexp.MustCompile(`(?m)^(- \{ref: `+regexp.QuoteMeta(string(e.Ref))+`, .*hash: )[0-9a-f]*\}$`).ReplaceAll(list, []byte("${1}"+string(p.Hash())+"}"))
		} else if e.Hash != p.Hash() {
			t.Errorf("content of %s changed: %s", e.Ref, p.Hash())
		}
		if err := l.Add(p, e.From, e.Until); err != nil {
			t.Errorf("%s: %v", e.Ref, err)
		}
		delete(rows, p.Ref())
	}
	for ref := range rows {
		t.Errorf("%s has no pack", ref)
	}
	for _, e := range c.publications {
		for _, o := range c.publications {
			if e.Ref != o.Ref && e.Ref.ID() == o.Ref.ID() && o.From >= e.From && (e.Until == "" || e.Until > o.From) {
				t.Errorf("%s and %s are valid on the same day", e.Ref, o.Ref)
			}
		}
		if e.SupersededBy != "" && (l.byRef[e.SupersededBy] == nil || l.byRef[e.SupersededBy].From != e.Until) {
			t.Errorf("%s is not superseded by %s on %s", e.Ref, e.SupersededBy, e.Until)
		}
	}
	if *update {
		if err := os.WriteFile("publications.yaml", list, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompiledJSON(t *testing.T) {
	for _, p := range embedded(t).Packs {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		canonical, _ := p.MarshalJSON()
		again, err := DecodePack(canonical, p.Hash())
		if err != nil {
			t.Fatalf("%s: %v", p.Ref(), err)
		}
		back, _ := again.MarshalJSON()
		if !bytes.Equal(back, canonical) || again.Hash() != p.Hash() || hashOf(canonical) != p.Hash() {
			t.Errorf("%s does not survive its JSON", p.Ref())
		}
		answers, facts := fullAnswers(p)
		if fmt.Sprint(again.Judge(testDay, answers, facts)) != fmt.Sprint(p.Judge(testDay, answers, facts)) {
			t.Errorf("%s judges otherwise after its JSON", p.Ref())
		}
		if _, err := DecodePack(canonical, Hash(strings.Repeat("0", 64))); !errors.Is(err, ErrPackHash) {
			t.Errorf("wrong hash: %v", err)
		}
		if _, err := DecodePack(append([]byte(" "), canonical...), ""); !errors.Is(err, ErrPackJSON) {
			t.Errorf("bytes that are not canonical: %v", err)
		}
		if _, err := DecodePack(canonical[:len(canonical)/2], ""); !errors.Is(err, ErrPackJSON) {
			t.Errorf("half a pack: %v", err)
		}
		if bytes.Contains(raw, []byte(`\u003e`)) && bytes.Contains(canonical, []byte(`\u003e`)) {
			t.Error("canonical JSON must not escape >")
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"Empty": nil, "Null": []byte("null"), "Array": []byte("[]"), "OtherFormat": []byte(`{"format":"x"}`),
		"UnknownField": []byte(`{"format":"paicha-pack/1","zzz":1}`), "Huge": bytes.Repeat([]byte("x"), maxPackJSON+1),
		"Deep": bytes.Repeat([]byte("["), maxPackJSON), "Half": []byte(`{"format":"paicha-pack/1"`), "Empty object": []byte(`{}`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodePack(data, ""); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestFactsFromJSON(t *testing.T) {
	var f Facts
	if err := json.Unmarshal([]byte(`{"a":"高瓦斯","b":true,"c":1.5,"d":null}`), &f); err != nil {
		t.Fatal(err)
	}
	if f["a"] != FactChoice("高瓦斯") || f["b"] != FactBool(true) || f["c"] != FactNumber(1.5) || f["d"] != (FactValue{}) {
		t.Error(f)
	}
	out, err := json.Marshal(f)
	if err != nil || string(out) != `{"a":"高瓦斯","b":true,"c":1.5,"d":null}` {
		t.Errorf("%s %v", out, err)
	}
	for _, bad := range []string{`{"a":[]}`, `{"a":{}}`, `{"a":1e999}`} {
		if err := json.Unmarshal([]byte(bad), &f); !errors.Is(err, ErrFact) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		v        float64
		from, to string
		want     float64
		ok       bool
	}{
		{10, "‰", "%", 1, true},
		{7, "‰", "‰", 7, true},
		{24, "ppm", "%", 0.0024, true},
		{740, "kPa", "MPa", 0.74, true},
		{30, "cm", "m", 0.3, true},
		{1, "％", "%", 1, true},
		{1, "% CH4", "%", 1, true},
		{1, "", "", 1, true},
		{1, "", "%", 0, false},
		{1, "%", "", 0, false},
		{1, "mg/m³", "%", 0, false},
		{1, "米", "m", 1, true},
	} {
		if got, ok := convert(c.v, c.from, c.to); ok != c.ok || got != c.want {
			t.Errorf("%v %s → %s: %v %v", c.v, c.from, c.to, got, ok)
		}
	}
}
