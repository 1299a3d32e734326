package checklist

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// dice makes random answers and expressions from a seed.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 2023))} }

func (d dice) chance(p float64) bool { return d.Float64() < p }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// Words that sort otherwise in UTF-16 than in UTF-8, and that JSON, templates and regular expressions might stumble over.
var (
	oddNames   = []string{"甲面", "乙面", "Ａ面", "𠮷面", "\ue000面", "a", "é", "e\u0301", "constructor", "__proto__", "-", " "}
	oddTexts   = []string{"", "无", "失效", "复测合格", "{remark}$1$&", "<b>&\"'</b>", "\t\b\f\x01\x7f", strings.Repeat("𠮷", 61), "e\u0301é"}
	oddNumbers = []float64{
		0, math.Copysign(0, -1), 1e-7, 5e-7, 1.5e-7, 123456.789e-10, 5e-324, 0.1, 0.30000000000000004, 1e20, 1e21, 1.5e21, 123456789012345680000,
		9007199254740993, 1.7976931348623157e308, -1.5e300, -1, 1, 2, 7, 100, 999.9999999999999,
	}
	oddUnits = []string{
		"", "%", "％", "‰", "ppm", "PPM", "%CH4", "% CH4", "毫米", "厘米", "厘 米", "厘　米", "m3/h", "千帕", "兆帕", "千克", "公斤", "公 斤", "小时", "°C",
		"分钟", "d", "日", "米", "千米", "吨", "万吨", "furlong", "框",
	}
	oddDays = []Day{"", "2023-06-15", "2023-06-16", "2024-02-29", "2023-02-29", "0000-01-01", "0203-05-15", "9999-12-31", "2023-6-1", "2023-13-01", "２０２３-01-01", "2023-06-15\n"}
)

// number is near a constant of the pack, or odd.
func (d dice) number(p pool) float64 {
	if d.chance(0.2) {
		return pick(d, oddNumbers...)
	}
	v := pick(d, p.numbers...)
	return pick(d, v, v, v-1, v+1, v*1.001, v/1000, v*1000)
}

func (d dice) answer(p pool, it *Item) Answer {
	a := Answer{Item: it.Code}
	if d.chance(0.15) {
		a.Result = pick(d, ResultConform, ResultNonconform, ResultNA, ResultUnknown, "bad")
	}
	kind := it.Kind
	if d.chance(0.04) {
		kind = pick(d, Conform, Number, Count, Choice, Text, Date, Bool)
	}
	switch kind {
	case Conform:
		if !d.chance(0.05) {
			a.Result = pick(d, ResultConform, ResultConform, ResultNonconform, ResultNonconform, ResultNA, ResultUnknown)
		}
	case Number:
		v := d.number(p)
		a.Number, a.Unit = &v, it.Unit
		if d.chance(0.3) {
			a.Unit = pick(d, append(oddUnits, conversions[d.IntN(len(conversions))].from)...)
		}
	case Count:
		n := int64(pick(d, d.IntN(5), d.IntN(200), -1))
		if d.chance(0.05) {
			n = pick(d, int64(1)<<53, int64(1)<<53-1, math.MaxInt64)
		}
		a.Count = &n
	case Choice:
		a.Choice = pick(d, append(slices.Clone(it.Choices), "没有")...)
	case Text:
		a.Text = pick(d, append(oddTexts, p.texts...)...)
		if d.chance(0.01) {
			a.Text = strings.Repeat("很长的说明", 4000)
		}
	case Date:
		a.Date = measured(&Item{Kind: Date}, float64(d.IntN(2000)-1000)).answer.Date
		if d.chance(0.2) {
			a.Date = pick(d, oddDays...)
		}
	}
	return a
}

// trial answers a pack at random: sparsely or completely, on the site or in several places.
func (d dice) trial(p *Pack, from pool, name string) trial {
	tr := trial{pack: p, name: name, day: testDay, facts: Facts{}, answers: []Answer{}}
	if d.chance(0.15) {
		tr.day = pick(d, oddDays...)
	}
	places := []string{""}
	for range d.IntN(4) {
		places = append(places, pick(d, oddNames...))
	}
	density := pick(d, 0.05, 0.5, 0.9, 1)
	for _, it := range p.items {
		for _, place := range places {
			if !d.chance(density) || it.Place == "" && place != "" && !d.chance(0.1) || it.Place != "" && place == "" && len(places) > 1 && !d.chance(0.2) {
				continue
			}
			a := d.answer(from, it)
			a.Instance = place
			tr.answers = append(tr.answers, a)
			if d.chance(0.01) {
				tr.answers = append(tr.answers, a)
			}
			if d.chance(0.01) {
				again := d.answer(from, it)
				again.Instance = place
				tr.answers = append(tr.answers, again)
			}
		}
	}
	if d.chance(0.05) {
		tr.answers = append(tr.answers, Answer{Item: pick(d, "no.such", "", "constructor", ItemCode("项目")), Instance: pick(d, oddNames...), Result: ResultConform})
	}
	d.Shuffle(len(tr.answers), func(i, k int) { tr.answers[i], tr.answers[k] = tr.answers[k], tr.answers[i] })
	known := pick(d, 0, 0.8, 1)
	for i := range p.Facts {
		f := &p.Facts[i]
		switch {
		case !d.chance(known):
		case d.chance(0.05):
			tr.facts[f.Code] = pick(d, FactValue{}, FactChoice("没有"), FactChoice(""), FactNumber(3), FactBool(true))
		case f.Kind == Number:
			tr.facts[f.Code] = FactNumber(d.number(from))
		default:
			tr.facts[f.Code] = pick(d, from.facts(f)...)
		}
	}
	return tr
}

// poolOfPack collects the constants of all expressions of a pack.
func poolOfPack(p *Pack) pool {
	var sources []string
	for _, it := range p.items {
		sources = append(sources, it.When)
	}
	for i := range p.Rules {
		sources = append(sources, p.Rules[i].When, p.Rules[i].Applies)
	}
	for _, t := range p.Tallies {
		for _, m := range t.Members {
			sources = append(sources, m.When)
		}
	}
	return poolOf(sources, nil)
}

func vectorPack(t testing.TB, file string) *Pack {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := DecodePack(raw, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}
