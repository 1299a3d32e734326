package checklist

import (
	"slices"
	"testing"
)

// byRules sorts packs, the one with the most rules first.
func byRules(packs []*Pack) []*Pack {
	return slices.SortedFunc(slices.Values(packs), func(a, b *Pack) int { return len(b.Rules) - len(a.Rules) })
}

// BenchmarkJudgeLargest judges the largest pack with every item answered.
func BenchmarkJudgeLargest(b *testing.B) {
	p := byRules(embedded(b).Packs)[0]
	answers, facts := fullAnswers(p)
	b.ReportAllocs()
	for b.Loop() {
		p.Judge(testDay, answers, facts)
	}
}

// BenchmarkJudgeTypical judges the largest pack with 40 answers in three working places, as a quick check leaves them.
func BenchmarkJudgeTypical(b *testing.B) {
	p := byRules(embedded(b).Packs)[0]
	all, facts := fullAnswers(p)
	var answers []Answer
	for i := 0; i < len(all) && len(answers) < 40; i += max(1, len(all)/40) {
		a := all[i]
		if it := p.Item(a.Item); it.Place != "" {
			a.Instance = []string{"东翼", "西翼", "南翼"}[i%3]
		}
		answers = append(answers, a)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Judge(testDay, answers, facts)
	}
}

// BenchmarkLoadAll compiles all standards and packs from YAML, as every start does.
func BenchmarkLoadAll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := LoadBundle(files); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeAll compiles all packs from their canonical JSON.
func BenchmarkDecodeAll(b *testing.B) {
	var packs [][]byte
	size := 0
	for _, p := range embedded(b).Packs {
		raw, _ := p.MarshalJSON()
		packs = append(packs, raw)
		size += len(raw)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, raw := range packs {
			if _, err := DecodePack(raw, ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}
