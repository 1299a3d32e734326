package checklist

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
)

// texts are the YAML texts of every pack that comes with the program and of the vector pack, which uses every form.
func texts(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	names, err := fs.Glob(files, "packs/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		if out[name], err = files.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if out["vector-pack.yaml"], err = os.ReadFile("testdata/vector-pack.yaml"); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSourceKeepsTheHash(t *testing.T) {
	standards := embedded(t).Standards
	same := func(t *testing.T, f *Source, want *Pack) {
		t.Helper()
		text, err := f.YAML()
		if err != nil {
			t.Fatal(err)
		}
		p, list := ParsePack("again.yaml", text, standards)
		if len(list) > 0 {
			t.Fatal(list)
		}
		if p.Hash() != want.Hash() {
			t.Errorf("the hash of %s changed", want.Ref())
		}
	}
	for name, data := range texts(t) {
		want, list := ParsePack(name, data, standards)
		if len(list) > 0 {
			t.Fatal(list)
		}
		t.Run(name+"/OfYAML", func(t *testing.T) {
			f, _ := ParseSource(name, data)
			same(t, f, want)
		})
		t.Run(name+"/OfCompiled", func(t *testing.T) {
			raw, _ := want.MarshalJSON()
			decoded, err := DecodePack(raw, want.Hash())
			if err != nil {
				t.Fatal(err)
			}
			f, err := decoded.Source()
			if err != nil {
				t.Fatal(err)
			}
			same(t, f, want)
			written, _ := ParseSource(name, data)
			if len(f.Rules) != len(written.Rules) {
				t.Errorf("%d rules, written were %d", len(f.Rules), len(written.Rules))
			}
			if !reflect.DeepEqual(f.Tallies, written.Tallies) {
				t.Errorf("tallies: %+v", f.Tallies)
			}
		})
	}
}

func TestSourceOfTallyReadsEveryForm(t *testing.T) {
	for _, any := range []string{
		`{item: slope.angle, op: "<", value: -1.5, unit: "°"}`,
		`{item: power.circuits, op: "==", value: 0, unit: 回}, {item: power.circuits, op: "!=", value: 0.25, unit: 回}`,
		`{item: gas.return-work, is: [仍在作业, 已停工撤人]}, {item: gas.return-work, is: [仍在作业]}, {item: vent.dual-fan, is: [na]}`,
		`{item: slope.angle, op: ">=", than: slope.design}`,
	} {
		source := strings.Replace(string(texts(t)["vector-pack.yaml"]), `{item: slope.angle, op: ">", than: slope.design}]}`, any+"]}", 1)
		f, list := ParseSource("x.yaml", []byte(source))
		if len(list) > 0 || !strings.Contains(source, any) {
			t.Fatal(list)
		}
		p, list := ParsePack("x.yaml", []byte(source), embedded(t).Standards)
		if len(list) > 0 {
			t.Fatal(any, list)
		}
		again, err := p.Source()
		if err != nil || !reflect.DeepEqual(again.Tallies, f.Tallies) {
			t.Errorf("%s: %+v %v", any, again, err)
		}
	}
}

func TestFindSource(t *testing.T) {
	if f, err := FindSource(Files(), "coal-mine@2023.1"); err != nil || f.ID != "coal-mine" {
		t.Error(f, err)
	}
	if _, err := FindSource(Files(), "coal-mine@1"); !errors.Is(err, ErrPackUnknown) {
		t.Error(err)
	}
}

// TestProblemsPointAtTheKey: of a condition and of an implied rule the path names what the author wrote.
func TestProblemsPointAtTheKey(t *testing.T) {
	vector := string(texts(t)["vector-pack.yaml"])
	for name, c := range map[string]struct{ old, put, path string }{
		"UnitOfThreshold": {`op: ">", value: 1.0, unit: "%"}`, `op: ">", value: 1.0, unit: "‰"}`, "rules[2].threshold.unit"},
		"ChoiceOfWhile":   {`while: [{item: gas.return-work, is: [仍在作业]}]`, `while: [{item: gas.return-work, is: [还在作业]}]`, "rules[2].while[0].is"},
		"ItemOfMember":    {`{item: calibrated, op: ">", value: 90, unit: 天}]}`, `{item: calibratet, op: ">", value: 90, unit: 天}]}`, "tallies[0].members[1].any[1].item"},
	} {
		t.Run(name, func(t *testing.T) {
			source := strings.Replace(vector, c.old, c.put, 1)
			_, list := ParsePack("x.yaml", []byte(source), embedded(t).Standards)
			if source == vector || len(list) != 1 || list[0].Path != c.path {
				t.Error(list)
			}
		})
	}
}
