package checklist

import (
	"os"
	"path/filepath"
	"testing"
)

func FuzzLoadPack(f *testing.F) {
	names, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, name := range append(names, "packs/self-built-housing.yaml", "testdata/vector-pack.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	standards := embedded(f).Standards
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := LoadPack("fuzz.yaml", data, standards)
		if err != nil {
			return
		}
		raw, _ := p.MarshalJSON()
		again, err := DecodePack(raw, p.Hash())
		if err != nil {
			t.Fatalf("an accepted pack does not survive its own JSON: %v", err)
		}
		answers, facts := fullAnswers(p)
		again.Judge(testDay, answers, facts)
		source, err := again.Source()
		if err != nil {
			t.Fatal(err)
		}
		text, err := source.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if q, list := ParsePack("again.yaml", text, standards); len(list) > 0 || q.Hash() != p.Hash() {
			t.Fatalf("the source of an accepted pack is another pack: %v", list)
		}
	})
}

func FuzzDecodePack(f *testing.F) {
	raw, err := os.ReadFile("testdata/vectors/pack.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"format":"paicha-pack/1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePack(data, "")
		if err != nil {
			return
		}
		answers, facts := fullAnswers(p)
		p.Judge(testDay, answers, facts)
	})
}
