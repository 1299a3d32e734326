package checklist

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors/pack.json and the wanted verdicts")

// testDay is a day of the campaign.
const testDay Day = "2023-06-15"

// vector is one shared case: a tablet runs the same files. Want holds the whole verdict; the clauses of findings are
// given by reference.
type vector struct {
	Name    string      `json:"name"`
	Pack    string      `json:"pack"` // file beside the vector
	Day     Day         `json:"day"`  // of the inspection
	Facts   Facts       `json:"facts"`
	Answers []Answer    `json:"answers"`
	Want    wantVerdict `json:"want"`
}

type wantVerdict struct {
	Findings []wantFinding  `json:"findings"`
	Open     []OpenQuestion `json:"open"`
	Human    []wantHuman    `json:"human"`
}

type wantFinding struct {
	Rule        RuleID      `json:"rule"`
	Instance    string      `json:"instance,omitempty"`
	Class       Class       `json:"class"`
	Clauses     []ClauseRef `json:"clauses"`
	Explanation string      `json:"explanation"`
}

type wantHuman struct {
	Item     ItemCode `json:"item,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Rules    []RuleID `json:"rules,omitempty"`
}

func wanted(v Verdict) wantVerdict {
	w := wantVerdict{Findings: []wantFinding{}, Open: v.Open, Human: []wantHuman{}}
	for _, f := range v.Findings {
		refs := []ClauseRef{}
		for _, c := range f.Clauses {
			refs = append(refs, c.Ref)
		}
		w.Findings = append(w.Findings, wantFinding{f.Rule, f.Instance, f.Class, refs, f.Explanation})
	}
	for _, h := range v.Human {
		w.Human = append(w.Human, wantHuman{h.Item, h.Instance, h.Rules})
	}
	return w
}

func TestVectorPackIsCompiled(t *testing.T) {
	source, err := os.ReadFile("testdata/vector-pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadPack("vector-pack.yaml", source, embedded(t).Standards)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := p.MarshalJSON()
	if *update {
		if err := os.WriteFile("testdata/vectors/pack.json", raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile("testdata/vectors/pack.json")
	if err != nil || string(stored) != string(raw) {
		t.Fatalf("pack.json is old; run with -update (%v)", err)
	}
}

func TestVectors(t *testing.T) {
	names, err := filepath.Glob("testdata/vectors/judge-*.json")
	if err != nil || len(names) < 10 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			packJSON, err := os.ReadFile(filepath.Join(filepath.Dir(name), v.Pack))
			if err != nil {
				t.Fatal(err)
			}
			p, err := DecodePack(packJSON, "")
			if err != nil {
				t.Fatal(err)
			}
			got := wanted(p.Judge(v.Day, v.Answers, v.Facts))
			if *update {
				v.Want = got
				out, _ := json.MarshalIndent(v, "", "  ")
				if err := os.WriteFile(name, append(out, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(got, v.Want) {
				g, _ := json.MarshalIndent(got, "", " ")
				t.Errorf("got %s", g)
			}
		})
	}
}
