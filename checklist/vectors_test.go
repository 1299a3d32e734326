package checklist

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the compiled packs of testdata/vectors and the wanted verdicts")

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
	Human    []HumanCheck   `json:"human"`
}

// wantFinding is a Finding whose clauses are given by reference.
type wantFinding struct {
	Rule        RuleID      `json:"rule"`
	Instance    string      `json:"instance,omitempty"`
	Class       Class       `json:"class"`
	Items       []ItemCode  `json:"items"`
	Clauses     []ClauseRef `json:"clauses"`
	Explanation string      `json:"explanation"`
	Caveat      string      `json:"caveat,omitempty"`
	Unverified  bool        `json:"unverified,omitempty"`
	Annex1      []int       `json:"annex1,omitempty"`
}

func wanted(v Verdict) wantVerdict {
	w := wantVerdict{Findings: []wantFinding{}, Open: v.Open, Human: v.Human}
	for _, f := range v.Findings {
		refs := []ClauseRef{}
		for _, c := range f.Clauses {
			refs = append(refs, c.Ref)
		}
		w.Findings = append(w.Findings, wantFinding{f.Rule, f.Instance, f.Class, f.Items, refs, f.Explanation, f.Caveat, f.Unverified, f.Annex1})
	}
	return w
}

// vectorPacks are the packs of the vectors: the source, and the compiled form beside the vectors.
var vectorPacks = map[string]string{"vector-pack.yaml": "pack.json", "vector-arithmetic.yaml": "arithmetic.json"}

func TestVectorPacksAreCompiled(t *testing.T) {
	for source, compiled := range vectorPacks {
		t.Run(compiled, func(t *testing.T) {
			yaml, err := os.ReadFile(filepath.Join("testdata", source))
			if err != nil {
				t.Fatal(err)
			}
			p, err := LoadPack(source, yaml, embedded(t).Standards)
			if err != nil {
				t.Fatal(messageOf(err))
			}
			raw, _ := p.MarshalJSON()
			file := filepath.Join("testdata/vectors", compiled)
			if *update {
				if err := os.WriteFile(file, raw, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(file)
			if err != nil || string(stored) != string(raw) {
				t.Fatalf("%s is old; run with -update (%v)", file, err)
			}
		})
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
