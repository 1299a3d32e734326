package inspection

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"paicha/internal/store"
)

var results = []Result{Conform, Nonconform, NotApplicable, ""}

// drawSave draws a save in which each thing occurs at most once.
func drawSave(t *rapid.T, name string) SaveArgs {
	var a SaveArgs
	for i, item := range []ItemID{"licence", "door"} {
		if rapid.Bool().Draw(t, fmt.Sprint(name, "has", i)) {
			x := Answer{Item: item, Result: rapid.SampledFrom(results).Draw(t, fmt.Sprint(name, "result", i))}
			if n := rapid.IntRange(0, 2).Draw(t, fmt.Sprint(name, "photo", i)); n > 0 {
				x.Photos = []Hash{photo(byte(n))}
			}
			a.Answers = append(a.Answers, x)
		}
	}
	if rapid.Bool().Draw(t, name+"fact") {
		yes := rapid.Bool().Draw(t, name+"yes")
		a.Facts = []Fact{{Name: "tank", Yes: &yes}}
	}
	if rapid.Bool().Draw(t, name+"finding") {
		class := rapid.SampledFrom([]Class{Major, KeyCase, General}).Draw(t, name+"class")
		a.Findings = []Finding{{Rule: "own", Class: class, Title: rapid.SampledFrom([]string{"甲", "乙"}).Draw(t, name+"title")}}
	}
	return a
}

// values are all answers, facts and findings that a record holds, on any side, each as one line; photos and gravity,
// which are joined, as lines of their own.
func values(in *Inspection) []string {
	var out []string
	side := func(s Side) {
		switch {
		case s.Answer != nil:
			out = append(out, fmt.Sprint("answer ", s.Answer.Item, " ", s.Answer.Result))
			for _, p := range s.Answer.Photos {
				out = append(out, fmt.Sprint("photo ", s.Answer.Item, " ", p))
			}
		case s.Fact != nil:
			out = append(out, fmt.Sprint("fact ", s.Fact.Name, " ", *s.Fact.Yes))
		case s.Finding != nil:
			out = append(out, fmt.Sprint("finding ", s.Finding.Rule, " ", s.Finding.Title))
		}
	}
	for i := range in.Answers {
		side(Side{Answer: &in.Answers[i]})
	}
	for i := range in.Facts {
		side(Side{Fact: &in.Facts[i]})
	}
	for i := range in.Findings {
		side(Side{Finding: &in.Findings[i]})
		out = append(out, fmt.Sprint("class ", in.Findings[i].Rule, " ", in.Findings[i].Class))
	}
	for i := range in.Conflicts {
		side(in.Conflicts[i].Stored)
		side(in.Conflicts[i].Offered)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestTwoDevicesInEitherOrderKeepTheSameValues(t *testing.T) {
	empty := begun(t)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawSave(rt, "a"), drawSave(rt, "b")
		ca, cb := by("u1", 2), by("u2", 1)
		ab := saved(t, saved(t, empty, a, 0, 2, ca), b, 0, 3, cb)
		ba := saved(t, saved(t, empty, b, 0, 2, cb), a, 0, 3, ca)
		if x, y := values(&ab), values(&ba); !slices.Equal(x, y) {
			rt.Fatalf("\n%v\n%v", x, y)
		}
		for _, one := range []SaveArgs{a, b} {
			offered := Inspection{Answers: one.Answers, Facts: one.Facts}
			for _, v := range values(&offered) {
				if !slices.Contains(values(&ab), v) {
					rt.Fatalf("%s is lost", v)
				}
			}
		}
	})
}

func TestOnceAMutation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := saved(t, begun(t), drawSave(rt, "before"), 0, 2, by("u1", 2))
		a, base := drawSave(rt, "a"), uint64(rapid.IntRange(0, 2).Draw(rt, "base"))
		once := saved(t, in, a, base, 3, by("u2", 1))
		twice := saved(t, once, a, base, 4, by("u2", 1))
		x, _ := json.Marshal(once)
		y, _ := json.Marshal(twice)
		if string(x) != string(y) {
			rt.Fatalf("\n%s\n%s", x, y)
		}
	})
}

func TestNoSequenceLowersAHazard(t *testing.T) {
	pack := testPack(t, "gas@2")
	rapid.Check(t, func(rt *rapid.T) {
		in, known := begun(t), map[HazardID]Hazard{}
		n := map[string]uint64{"u1": 1}
		rev := store.Rev(1)
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name := fmt.Sprint(step)
			who := rapid.SampledFrom([]string{"u1", "u2"}).Draw(rt, name+"who")
			n[who]++
			c := by(who, n[who])
			base := store.Rev(rapid.IntRange(0, int(rev)).Draw(rt, name+"base"))
			a := drawSave(rt, name)
			rev++
			var err error
			switch rapid.IntRange(0, 3).Draw(rt, name+"what") {
			case 0:
				in, err = Submit(in, SubmitArgs{SaveArgs: a, Signatures: signatures()}, base, rev, c)
			case 1:
				if in.Status == Submitted {
					in, err = Amend(in, AmendArgs{SaveArgs: a, Reason: "x", Signatures: signatures()}, base, rev, c)
				}
			default:
				in, err = Save(&in, testID, a, base, rev, c)
			}
			if err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, name+"judge") {
				in = Judged(in, Judge(&in, pack), true, rev, c)
			}
			before := make(map[HazardID]Hazard, len(known))
			for id, h := range known {
				before[id] = h
			}
			if rapid.Bool().Draw(rt, name+"derive") {
				in = derived(in, known)
			}
			for id, old := range before {
				h, ok := known[id]
				if !ok || h.Class.Rank() < old.Class.Rank() || !h.Open() || old.Draft != h.Draft && h.Draft {
					rt.Fatalf("step %d: %+v became %+v", step, old, h)
				}
			}
		}
		in = derived(Judged(in, Judge(&in, pack), true, rev+1, by("server", 1)), known)
		for _, f := range in.called() {
			h, ok := known[NewHazardID(in.ID, f)]
			if !ok || h.Class.Rank() < f.Class.Rank() || h.Draft != (in.Status == Draft) {
				rt.Fatalf("the record calls for %+v, there is %+v", f, h)
			}
		}
	})
}
