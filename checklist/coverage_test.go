package checklist

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func covered(t *testing.T) *Coverage {
	t.Helper()
	c, err := CoverEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCoverageHasNoGap fails where the plan or a standard names what no item asks, unless the reason stands in a pack's
// omitted or under accepted in plan.yaml.
func TestCoverageHasNoGap(t *testing.T) {
	c := covered(t)
	for _, g := range c.Open() {
		t.Error(g)
	}
	for _, s := range c.Stale {
		t.Errorf("plan.yaml accepts %q, which is no gap", s)
	}
}

func TestCover(t *testing.T) {
	const (
		phrases = `{kind: major, text: 甲, clauses: ["new#第一条"]}, {kind: major, text: 乙, clauses: ["new#*"]}, {kind: focus, text: 丙}`
		aim     = "{reason: 目标, phrases: {coal-mine: [丙]}}"
	)
	standard := func(id StandardID) *Standard {
		limit := Measure{Quantity: "浓度", Unit: "%", MajorWhen: "> 1"}
		return &Standard{ID: id, Title: "标准", Sectors: []Sector{"coal-mine"}, Clauses: []Clause{
			{Clause: "第一条", Criterion: "情形", Major: true, Verified: true, Measurable: []Measure{limit, limit}},
			{Clause: "第二条", Criterion: "情形", Major: true, Verified: true, Measurable: []Measure{limit}},
		}}
	}
	cover := func(t *testing.T, phrases string, accepted []string, packs []*Pack, standards ...*Standard) *Coverage {
		t.Helper()
		plan, err := LoadPlan("plan.yaml", []byte(paragraphOf(phrases)+"accepted: ["+strings.Join(accepted, ", ")+"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		set, err := NewStandards(standards)
		if err != nil {
			t.Fatal(err)
		}
		return Cover(plan, set, packs)
	}
	open := func(c *Coverage) (out []string) {
		for _, g := range c.Open() {
			out = append(out, fmt.Sprintf("%s %s", g.Kind, g.What))
		}
		return out
	}
	packs := func(version string, class Class) []*Pack { return []*Pack{small(t, version, "new", 1, class)} }

	for _, tc := range []struct {
		name     string
		accepted string
		class    Class
		idle     bool // a standard stands there that no pack cites
		want     []string
	}{
		{"ClauseAndLimitWithoutItem", "", Major, false, []string{"limit new#第一条@2", "clause new#第二条"}},
		{"JudgedMoreLightly", "", General, false, []string{"class 甲", "class 乙", "limit new#第一条@2", "clause new#第二条"}},
		{"LightnessAccepted", "{reason: 因, class: {coal-mine: [甲, 乙]}}", General, false, []string{"limit new#第一条@2", "clause new#第二条"}},
		{"AcceptedForAnotherSector", "{reason: 因, class: {school: [甲, 乙]}}", General, false, []string{"class 甲", "class 乙", "limit new#第一条@2", "clause new#第二条"}},
		{"StandardThatNoPackCites", "", Major, true, []string{"standard idle", "limit new#第一条@2", "clause new#第二条"}},
		{"StandardAccepted", "{reason: 因, standards: [idle]}", Major, true, []string{"limit new#第一条@2", "clause new#第二条"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			standards, accepted := []*Standard{standard("new")}, []string{aim}
			if tc.idle {
				standards = append(standards, standard("idle"))
			}
			if tc.accepted != "" {
				accepted = append(accepted, tc.accepted)
			}
			if got := open(cover(t, phrases, accepted, packs("1", tc.class), standards...)); !slices.Equal(got, tc.want) {
				t.Errorf("%q", got)
			}
		})
	}
	t.Run("OmittedByAPack", func(t *testing.T) {
		list := packs("1", Major)
		list[0].Omitted = []Omission{{Clause: "new#第二条", Reason: "因"}, {Measure: "new#第一条@2", Reason: "果"}}
		c := cover(t, phrases, []string{aim}, list, standard("new"))
		if len(c.Open()) > 0 || len(c.Gaps) != 3 || c.Gaps[1].By != "small@1" || c.Gaps[1].Reason != "果" {
			t.Errorf("%+v", c.Gaps)
		}
	})
	t.Run("PhraseOfAnotherSectorsPack", func(t *testing.T) {
		list := packs("1", Major)
		list[0].Sectors = []Sector{"school"}
		if got := open(cover(t, phrases, []string{aim}, list, standard("new"))); !slices.Contains(got, "phrase 甲") {
			t.Errorf("%q", got)
		}
	})
	t.Run("PhraseThatOnlyAnOlderVersionAsks", func(t *testing.T) {
		newest := small(t, "10", "other", 1, Major)
		c := cover(t, phrases, []string{aim}, append(packs("9", Major), newest), standard("new"), standard("other"))
		got := open(c)
		if !slices.Contains(got, "phrase 甲") || slices.Contains(got, "clause new#第一条") {
			t.Errorf("%q", got)
		}
		if c.Places[0].Packs[0] != newest {
			t.Errorf("version 9 is taken for newer than 10")
		}
	})
	t.Run("OnlyALaterClauseIsAsked", func(t *testing.T) {
		c := cover(t, strings.Replace(phrases, `"new#第一条"`, `"new#第二条", "new#第一条"`, 1), []string{aim}, packs("1", Major), standard("new"))
		if got := open(c); !slices.Contains(got, "phrase 甲") || len(c.Phrases[0].Items) != 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("ClauseThatDoesNotExist", func(t *testing.T) {
		c := cover(t, strings.Replace(phrases, "new#第一条", "new#第九条", 1), []string{aim}, packs("1", Major), standard("new"))
		if got := open(c); !slices.Contains(got, "unknown new#第九条") {
			t.Errorf("%q", got)
		}
	})
	t.Run("AcceptedAlthoughNoGap", func(t *testing.T) {
		c := cover(t, phrases, []string{aim, "{reason: 因, phrases: {coal-mine: [甲]}}"}, packs("1", Major), standard("new"))
		if !slices.Equal(c.Stale, []string{"phrase coal-mine 甲"}) {
			t.Errorf("%q", c.Stale)
		}
	})
	t.Run("EqualVersionsStandTogether", func(t *testing.T) {
		c := cover(t, phrases, []string{aim}, append(packs("1", Major), packs("2", Major)...), standard("new"))
		if got := c.Standards[0].Clauses[0].Items; len(got) != 1 || len(got[0].Packs) != 2 {
			t.Errorf("%+v", got)
		}
	})
}
