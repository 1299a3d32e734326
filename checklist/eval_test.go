package checklist

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func embedded(t testing.TB) *Bundle {
	t.Helper()
	b, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func packByID(t testing.TB, id string) *Pack {
	t.Helper()
	for _, p := range embedded(t).Packs {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("no pack %s", id)
	return nil
}

func value(it *Item, v float64) Answer {
	if it.Kind == Count {
		n := int64(v)
		return Answer{Item: it.Code, Count: &n}
	}
	return Answer{Item: it.Code, Number: &v, Unit: it.Unit}
}

func raised(v Verdict, id RuleID) *Finding {
	for i := range v.Findings {
		if v.Findings[i].Rule == id {
			return &v.Findings[i]
		}
	}
	return nil
}

func isOpen(v Verdict, item ItemCode, rule RuleID) bool {
	return slices.ContainsFunc(v.Open, func(o OpenQuestion) bool { return o.Item == item && slices.Contains(o.Rules, rule) })
}

func isHuman(v Verdict, item ItemCode, rule RuleID) bool {
	return slices.ContainsFunc(v.Human, func(h HumanCheck) bool { return h.Item == item && slices.Contains(h.Rules, rule) })
}

func ptr(v float64) *float64 { return &v }

func TestMethane(t *testing.T) {
	p := packByID(t, "coal-mine")
	facts := Facts{"mine-kind": FactChoice("井工"), "gas-grade": FactChoice("低瓦斯")}
	working := Answer{Item: "gas.return-work", Choice: "仍在作业"}
	stopped := Answer{Item: "gas.return-work", Choice: "已停工撤人"}
	methane := func(v float64, unit string) Answer {
		return Answer{Item: "gas.methane-return", Number: &v, Unit: unit}
	}
	at := func(a Answer, place string) Answer { a.Instance = place; return a }
	cases := []struct {
		name    string
		facts   Facts
		answers []Answer
		raised  []string // instances
		open    []ItemCode
		human   int
	}{
		{"OverAndWorkingIsMajor", facts, []Answer{methane(1.2, "%"), working}, []string{""}, nil, 0},
		{"AtTheLimitIsNot", facts, []Answer{methane(1.0, "%"), working}, nil, nil, 0},
		{"PerMilleIsConverted", facts, []Answer{methane(12, "‰"), working}, []string{""}, nil, 0},
		{"TenPerMilleIsExactlyTheLimit", facts, []Answer{methane(10, "‰"), working}, nil, nil, 0},
		{"PpmIsConverted", facts, []Answer{methane(10001, "ppm"), working}, []string{""}, nil, 0},
		{"FullWidthPercentIsPercent", facts, []Answer{methane(1.2, "％"), working}, []string{""}, nil, 0},
		{"OverButStopped", facts, []Answer{methane(1.2, "%"), stopped}, nil, nil, 0},
		{"OverAndWorkUnknownIsOpen", facts, []Answer{methane(1.2, "%")}, nil, []ItemCode{"gas.return-work"}, 0},
		{"LowNeedsNoMore", facts, []Answer{methane(0.3, "%")}, nil, nil, 0},
		{"NoUnitGoesToAPerson", facts, []Answer{methane(1.2, ""), working}, nil, nil, 1},
		{"NaNGoesToAPerson", facts, []Answer{methane(math.NaN(), "%"), working}, nil, nil, 1},
		{"TwoDifferentAnswersGoToAPerson", facts, []Answer{methane(1.2, "%"), methane(0.2, "%"), working}, nil, nil, 1},
		{"SameAnswerTwiceIsOne", facts, []Answer{methane(1.2, "%"), methane(1.2, "%"), working}, []string{""}, nil, 0},
		{"UnknownFactsStillJudgeWhatWasAnswered", nil, []Answer{methane(1.2, "%"), working}, []string{""}, nil, 0},
		{"EachPlaceForItself", facts, []Answer{at(methane(1.2, "%"), "甲面"), at(working, "甲面"), at(methane(0.4, "%"), "乙面"), at(working, "乙面")}, []string{"甲面"}, nil, 0},
		{"NonconformBelowTheLimitIsHeard", facts, []Answer{{Item: "gas.methane-return", Number: ptr(0.5), Unit: "%", Result: ResultNonconform}, working}, nil, nil, 1},
		{"ItemOfAnotherPackIsNotDropped", facts, []Answer{methane(0.5, "%"), working, {Item: "no.such", Result: ResultNonconform}}, nil, nil, 1},
		{"ExcludedByFactsButAnswered", Facts{"mine-kind": FactChoice("露天")}, []Answer{methane(1.2, "%"), working}, nil, nil, 2},
		{"MisspeltFactIsUnknown", Facts{"mine-kind": FactChoice("井 工")}, []Answer{methane(1.2, "%"), working}, []string{""}, nil, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := p.Judge(testDay, c.answers, c.facts)
			var got []string
			for _, f := range v.Findings {
				if f.Rule == "gas.methane-return" {
					got = append(got, f.Instance)
					if f.Class != Major || f.Settled() || !strings.Contains(f.Caveat, "未核对") || f.Clauses[0].Ref != "coal-mine-2020#第五条(二)" {
						t.Errorf("finding %+v", f)
					}
				}
			}
			if !slices.Equal(got, c.raised) {
				t.Errorf("raised in %q, want %q", got, c.raised)
			}
			for _, code := range c.open {
				if !isOpen(v, code, "gas.methane-return") {
					t.Errorf("%s is not open", code)
				}
			}
			if len(v.Human) != c.human {
				t.Errorf("human checks %+v, want %d", v.Human, c.human)
			}
		})
	}
}

func TestUnknownNeverJudgesSafe(t *testing.T) {
	for _, p := range embedded(t).Packs {
		v := p.Judge(testDay, nil, nil)
		if len(v.Findings) != 0 || len(v.Human) != 0 {
			t.Fatalf("%s: no answers raised %+v %+v", p.ID, v.Findings, v.Human)
		}
		open := map[RuleID]bool{}
		for _, o := range v.Open {
			for _, r := range o.Rules {
				open[r] = true
			}
		}
		for _, r := range p.Rules {
			if !open[r.ID] {
				t.Errorf("%s: rule %s was judged safe without any answer", p.ID, r.ID)
			}
		}
	}
}

func TestUnknownApplicabilityIsSuspect(t *testing.T) {
	p := packByID(t, "coal-mine")
	v := p.Judge(testDay, []Answer{{Item: "reserve.develop", Number: ptr(2.5), Unit: "年"}, {Item: "reserve.action", Choice: "未限产也未停产"}}, nil)
	if !slices.ContainsFunc(v.Open, func(o OpenQuestion) bool { return o.Fact == "aging" && o.Suspect }) {
		t.Errorf("open %+v", v.Open)
	}
}

func TestPlaceOfOneKindIsAskedEverything(t *testing.T) {
	p := packByID(t, "coal-mine")
	v := p.Judge(testDay, []Answer{{Item: "sensor.calibrated", Instance: "T1", Number: ptr(3), Unit: "天"}}, Facts{"mine-kind": FactChoice("井工")})
	if !slices.ContainsFunc(v.Open, func(o OpenQuestion) bool { return o.Item == "sensor.works" && o.Instance == "T1" }) {
		t.Error("the other items of the sensor T1 are not open")
	}
}

func TestNonconformOfTheSiteRaisedInAPlaceIsHeard(t *testing.T) {
	p := packByID(t, "coal-mine")
	v := p.Judge(testDay, []Answer{
		{Item: "boundary.licence-low", Number: ptr(1200), Unit: "m", Result: ResultNonconform},
		{Item: "boundary.licence-high", Number: ptr(1500), Unit: "m"},
		{Item: "boundary.elevation", Instance: "甲面", Number: ptr(1100), Unit: "m"},
	}, Facts{"mine-kind": FactChoice("井工")})
	if f := raised(v, "boundary.elevation.low"); f == nil || f.Instance != "甲面" || len(v.Human) != 0 {
		t.Errorf("%+v %+v", v.Findings, v.Human)
	}
}

func TestVerdictDoesNotDependOnOrder(t *testing.T) {
	p := packByID(t, "coal-mine")
	answers, facts := fullAnswers(p)
	want := fmt.Sprintf("%+v", p.Judge(testDay, answers, facts).Findings)
	slices.Reverse(answers)
	if got := fmt.Sprintf("%+v", p.Judge(testDay, answers, facts).Findings); got != want {
		t.Error("reversed answers give another verdict")
	}
}

func TestDutyRowsOfAnnex1(t *testing.T) {
	p := packByID(t, "enterprise-duty")
	v := p.Judge(testDay, []Answer{{Item: "annex.led", Result: ResultNonconform}}, nil)
	if f := raised(v, "annex.led"); f == nil || !slices.Equal(f.Annex1, []int{3}) || f.Class != General {
		t.Errorf("finding %+v", f)
	}
}

// fullAnswers answers every item of a pack.
func fullAnswers(p *Pack) ([]Answer, Facts) {
	facts := Facts{}
	for _, f := range p.Facts {
		switch f.Kind {
		case Choice:
			facts[f.Code] = FactChoice(f.Choices[0])
		case Number:
			facts[f.Code] = FactNumber(1)
		default:
			facts[f.Code] = FactBool(false)
		}
	}
	var answers []Answer
	for i, it := range p.Items() {
		switch it.Kind {
		case Conform:
			answers = append(answers, Answer{Item: it.Code, Result: []Result{ResultConform, ResultNonconform}[i%2]})
		case Choice:
			answers = append(answers, Answer{Item: it.Code, Choice: it.Choices[0]})
		case Number, Count:
			answers = append(answers, value(it, float64(i%7)))
		case Text:
			answers = append(answers, Answer{Item: it.Code, Text: "x"})
		case Date:
			answers = append(answers, Answer{Item: it.Code, Date: "2023-05-15"})
		}
	}
	return answers, facts
}

func TestJudgeIsSafeForConcurrentUse(t *testing.T) {
	p := packByID(t, "coal-mine")
	answers, facts := fullAnswers(p)
	want := fmt.Sprint(p.Judge(testDay, answers, facts))
	got := make(chan string)
	for range 8 {
		go func() { got <- fmt.Sprint(p.Judge(testDay, answers, facts)) }()
	}
	for range 8 {
		if <-got != want {
			t.Error("concurrent judgements differ")
		}
	}
}

// TestARuleThatErrsIsTold breaks a compiled rule by hand, as no accepted expression errs by itself.
func TestARuleThatErrsIsTold(t *testing.T) {
	p := packByID(t, "coal-mine")
	broken := *p
	broken.Rules = slices.Clone(p.Rules)
	at := slices.IndexFunc(broken.Rules, func(r Rule) bool { return r.ID == "gas.methane-return" })
	env, err := language()
	if err != nil {
		t.Fatal(err)
	}
	compiled, issues := env.Compile(`ans["gas.methane-return"].nothing == "x"`)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	e := *broken.Rules[at].when
	if e.program, err = env.Program(compiled); err != nil {
		t.Fatal(err)
	}
	broken.Rules[at].when = &e
	v := broken.Judge(testDay, []Answer{
		{Item: "gas.methane-return", Instance: "T1", Number: ptr(1.2), Unit: "%"}, {Item: "gas.return-work", Instance: "T1", Choice: "仍在作业"},
	}, Facts{"mine-kind": FactChoice("井工")})
	told := slices.ContainsFunc(v.Human, func(h HumanCheck) bool {
		return h.Item == "gas.methane-return" && h.Failed && slices.Contains(h.Rules, "gas.methane-return")
	})
	if !told || raised(v, "gas.methane-return") != nil {
		t.Errorf("a rule that errs goes to a person and is told: %+v", v.Human)
	}
}
