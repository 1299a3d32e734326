package checklist

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func embeddedPlan(t *testing.T) *Plan {
	t.Helper()
	data, err := files.ReadFile("plan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := LoadPlan("plan.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestPlanIsThePlans holds plan.yaml to the plan's own text; LoadPlan has held the phrases to the paragraphs.
func TestPlanIsThePlans(t *testing.T) {
	plan := embeddedPlan(t)
	if len(plan.Parts) != 3 {
		t.Fatalf("%d parts", len(plan.Parts))
	}
	for i, file := range []string{"plan-part-3.txt", "plan-part-4.txt", "plan-annex-1.txt"} {
		want, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		part := plan.Parts[i]
		if file == "plan-annex-1.txt" { // a form, with a line's end and tabs in every cell; its heading is the opening
			if unspaced(part.Paragraphs[0].Text) != unspaced(string(want)) {
				t.Errorf("%s: differs", file)
			}
			continue
		}
		lines := []string{part.Heading}
		for _, p := range part.Paragraphs {
			lines = append(lines, p.Text)
		}
		if part.Closing != "" {
			lines = append(lines, part.Closing)
		}
		if strings.Join(lines, "\n")+"\n" != string(want) {
			t.Errorf("%s: differs", file)
		}
	}
	t.Run("EverySectorInItsOrder", func(t *testing.T) {
		var got []string
		for _, part := range plan.Parts {
			for _, p := range part.Paragraphs {
				got = append(got, p.place(nil))
				for i := range p.Phrases {
					got = append(got, p.place(&p.Phrases[i]))
				}
			}
		}
		seen := map[string]bool{}
		got = slices.DeleteFunc(got, func(place string) bool {
			twice := seen[place]
			seen[place] = true
			return twice
		})
		want := []string{
			"coal-mine", "nonmetal-mine", "illegal-mining", "hazchem", "road-transport", "construction", "fire",
			"self-built-housing", "town-gas", "tourism", "industry-trade", "water-transport", "civil-explosives", "school",
			"other", "special-equipment", "water-works", "power", "commerce-storage", "slaughter-biogas", "hospital",
			"laboratory", "enterprise-duty",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}

func unspaced(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// paragraphOf is the source of a plan of one paragraph, for the packs of small.
func paragraphOf(phrases string) string {
	return `
document: 方案
parts:
- heading: 一
  paragraphs:
  - number: 一(一)
    name: 煤矿
    sector: coal-mine
    text: （一）煤矿。由某局牵头，重点排查治理甲、乙等重大隐患，严防丙。
    opening: （一）煤矿。由某局牵头，
    joins: [重点排查治理, 等重大隐患, 严防, ，, 、, 。]
    phrases: [` + phrases + "]\n"
}

func TestLoadPlanRefuses(t *testing.T) {
	for name, phrases := range map[string]string{
		"NotVerbatim":   `{kind: major, text: 甲}, {kind: major, text: 已}, {kind: focus, text: 丙}`,
		"OutOfOrder":    `{kind: major, text: 乙}, {kind: major, text: 甲}, {kind: focus, text: 丙}`,
		"Forgotten":     `{kind: major, text: 甲}, {kind: focus, text: 丙}`,
		"ForgottenLast": `{kind: major, text: 甲}, {kind: major, text: 乙}`,
		"Twice":         `{kind: major, text: 甲}, {kind: major, text: 甲}`,
		"UnknownKind":   `{kind: grave, text: 甲}, {kind: major, text: 乙}, {kind: focus, text: 丙}`,
		"BadClause":     `{kind: major, text: 甲, clauses: [new]}, {kind: major, text: 乙}, {kind: focus, text: 丙}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := LoadPlan("plan.yaml", []byte(paragraphOf(phrases))); !errors.Is(err, ErrPlan) {
				t.Error(err)
			}
		})
	}
	t.Run("LongJoin", func(t *testing.T) {
		text := strings.Replace(paragraphOf(`{kind: focus, text: 丙}`), "joins: [", "joins: [重点排查治理甲、乙等重大隐患，严防, ", 1)
		if _, err := LoadPlan("plan.yaml", []byte(text)); !errors.Is(err, ErrPlan) {
			t.Error(err)
		}
	})
	t.Run("NoReason", func(t *testing.T) {
		text := paragraphOf(`{kind: major, text: 甲}, {kind: major, text: 乙}, {kind: focus, text: 丙}`) + "accepted: [{reason: '', standards: [new]}]\n"
		if _, err := LoadPlan("plan.yaml", []byte(text)); !errors.Is(err, ErrPlan) {
			t.Error(err)
		}
	})
}
