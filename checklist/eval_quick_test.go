package checklist

import "testing"

func TestQuick(t *testing.T) {
	for _, p := range LintEmbedded() {
		t.Error(p)
	}
	b, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Packs {
		n := 0
		for _, it := range p.Items() {
			if it.Core {
				n++
			}
		}
		t.Log(p.Ref(), p.Hash(), len(p.Items()), len(p.Rules), n)
	}
	f := 1.2
	v := b.Packs[0].Judge([]Answer{{Item: "gas.methane-return", Number: &f, Unit: "%"}, {Item: "gas.return-work", Choice: "仍在作业"}}, nil)
	t.Logf("%+v", v.Findings)
}
