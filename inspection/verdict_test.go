package inspection

import (
	"slices"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	pack := testPack(t, "gas@2")
	judge := func(answers ...Answer) Verdict {
		in := begun(t, answers...)
		return Judge(&in, pack)
	}
	t.Run("JustBelowAtAndAboveTheLimit", func(t *testing.T) {
		for n, want := range map[float64]Class{0.99: "", 1.0: Major, 1.01: Major} {
			if got := flags(judge(percent(n)))["gas-high"]; got != want {
				t.Errorf("%v: %q, want %q", n, got, want)
			}
		}
	})
	t.Run("UnknownIsNeverSafe", func(t *testing.T) {
		v := judge()
		if len(v.Findings) != 0 || !slices.Contains(v.Unknown, "licence") || !slices.Contains(v.Unknown, "gas-high") {
			t.Fatalf("unanswered: %+v", v)
		}
		at := slices.IndexFunc(v.Open, func(q OpenQuestion) bool { return q.Item == "licence" })
		if at < 0 || v.Open[at].Ask != "证照是否有效？" {
			t.Fatalf("what must be asked: %+v", v.Open)
		}
	})
	t.Run("WrongUnitIsForAHuman", func(t *testing.T) {
		a := percent(0.1)
		a.Unit = "MPa"
		in := begun(t, a)
		v := Judge(&in, pack)
		if len(v.Human) == 0 || v.Human[0].Reason == "" || !slices.Contains(v.Human[0].Items, "gas") || v.Human[0].Instance != "厨房" {
			t.Fatalf("%+v", v.Human)
		}
		in = Judged(in, v, true, 2, by("server", 1))
		if !slices.Contains(in.Marks, MarkNeedsHuman) {
			t.Fatal("not marked", in.Marks)
		}
		if in = judged(t, begun(t, good("licence"), good("door"), percent(0.1)), 3); slices.Contains(in.Marks, MarkNeedsHuman) {
			t.Fatal("marked without need")
		}
	})
	t.Run("DeviceRaisesAndNeverLowers", func(t *testing.T) {
		in := begun(t, bad("licence"), bad("door"))
		in.Findings = []Finding{{Rule: "door", Class: Major}, {Rule: "licence", Class: General}, {Rule: "own", Class: KeyCase}}
		v := Judge(&in, pack)
		got := flags(v)
		if got["door"] != Major || got["licence"] != Major || got["own"] != KeyCase {
			t.Fatal(got)
		}
		if v.Major != 2 || v.Key != 1 || v.General != 0 {
			t.Fatalf("%d %d %d", v.Major, v.Key, v.General)
		}
		if f := v.Findings[0]; !f.ByDevice || !f.ByServer || len(f.Citations) != 1 || f.Title != "门" {
			t.Fatalf("%+v", f)
		}
	})
	t.Run("WithoutPackTheDeviceStandsAlone", func(t *testing.T) {
		in := begun(t, bad("licence"))
		in.Findings = []Finding{{ID: "f", Class: Major}}
		v := Judge(&in, nil)
		in = Judged(in, v, false, 2, by("server", 1))
		if !v.NoPack || len(v.Findings) != 1 || !in.Unjudged || !slices.Contains(in.Marks, MarkUnknownPack) {
			t.Fatalf("%+v", v)
		}
		if in = judged(t, in, 3); in.Unjudged || slices.Contains(in.Marks, MarkUnknownPack) || in.Verdict.Major != 2 {
			t.Fatal("the pack arrived and changed nothing")
		}
	})
	t.Run("OfferedSideOfAConflictIsJudged", func(t *testing.T) {
		in := begun(t, good("licence"))
		for n, a := range []Answer{{Item: "licence", Result: NotApplicable}, bad("licence")} {
			var err error
			if in, err = Save(&in, testID, SaveArgs{Answers: []Answer{a}}, 0, 2, by([]string{"u2", "u1x"}[n], 1)); err != nil {
				t.Fatal(err)
			}
			in.Team = []UserID{"u1", "u1x", "u2"}
		}
		if len(in.Conflicts) != 2 || flags(Judge(&in, pack))["licence"] != Major {
			t.Fatalf("%d conflicts, %v", len(in.Conflicts), flags(Judge(&in, pack)))
		}
		for i := range in.Conflicts {
			in.Conflicts[i].Settled = &Settled{Take: TakeStored}
		}
		if got := flags(Judge(&in, pack)); len(got) != 0 {
			t.Fatal("a settled side still flags", got)
		}
	})
	t.Run("FindingShowsThePhotosOfItsAnswers", func(t *testing.T) {
		a, other := percent(2), percent(0.1)
		a.Photos, other.Photos, other.Instance = []Hash{photo(1), photo(2)}, []Hash{photo(3)}, "门厅"
		v := judge(a, other)
		if len(v.Findings) != 1 || !slices.Equal(v.Findings[0].Photos, a.Photos) {
			t.Fatalf("%+v", v.Findings)
		}
	})
}

func TestJudgeBy(t *testing.T) {
	lib := testLibrary(t)
	in := begun(t, percent(1.2))
	in.Header.Pack.ID = "gas@1"
	t.Run("StandardInForce", func(t *testing.T) {
		in.Day = "2022-12-31"
		if v := JudgeBy(&in, lib); len(v.Findings) != 0 || v.Second != nil {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("StandardEndedTheGraverFlags", func(t *testing.T) {
		in.Day = "2023-01-01"
		v := JudgeBy(&in, lib)
		if flags(v)["gas-high"] != Major || v.Second == nil || v.Second.Pack != "gas@2" || len(v.Second.Findings) != 1 ||
			!slices.Equal(v.Second.NotInForce, []string{"gas-old"}) {
			t.Fatalf("%+v", v)
		}
		if got := Judged(in, v, true, 2, by("server", 1)); !slices.Contains(got.Marks, MarkOldStandard) {
			t.Fatal(got.Marks)
		}
	})
	t.Run("UnknownPack", func(t *testing.T) {
		x := in
		x.Header.Pack.ID = "gas@9"
		if v := JudgeBy(&x, lib); !v.NoPack {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("DayIsChinas", func(t *testing.T) {
		if d := DayOf(time.Date(2022, 12, 31, 16, 0, 0, 0, time.UTC)); d != "2023-01-01" {
			t.Fatal(d)
		}
	})
}

func TestRejudge(t *testing.T) {
	old, next := testPack(t, "gas@1"), testPack(t, "gas@2")
	in := begun(t, percent(1.2))
	in.Header.Pack.ID, in.Day = "gas@1", "2022-06-01"
	in = Judged(in, Judge(&in, old), true, 2, by("server", 1))
	r := Rejudge(&in, next)
	if len(r.Graver) != 1 || r.Graver[0].Class != Major || len(r.Milder) != 0 || r.Same() || r.Pack != "gas@1" || r.Day != "2022-06-01" || r.Rev != 2 {
		t.Fatalf("the newer version is stricter: %+v", r)
	}
	if len(in.Verdict.Findings) != 0 {
		t.Fatal("a report changes nothing")
	}
	in = Judged(in, Judge(&in, next), true, 3, by("server", 2))
	if r := Rejudge(&in, old); len(r.Milder) != 1 || r.Milder[0].Class != Major || len(r.Graver) != 0 {
		t.Fatalf("the older version finds less: %+v", r)
	}
	if r := Rejudge(&in, next); !r.Same() || r.Unknown == 0 {
		t.Fatalf("the same version says the same: %+v", r)
	}
}

func TestDayOfTheCheck(t *testing.T) {
	received := time.Date(2023, 6, 15, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		device     time.Time
		correction time.Duration
		want       Day
	}{
		"ChinasDay":            {time.Date(2023, 6, 13, 16, 30, 0, 0, time.UTC), 0, "2023-06-14"},
		"ClockADayBehind":      {time.Date(2023, 6, 13, 2, 0, 0, 0, time.UTC), 24 * time.Hour, "2023-06-14"},
		"ClockYearsBehind":     {time.Date(2021, 6, 13, 2, 0, 0, 0, time.UTC), 2 * 365 * 24 * time.Hour, "2023-06-13"},
		"ClockNeverSet":        {time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 0, "2023-06-15"},
		"InTheFuture":          {time.Date(2023, 6, 16, 2, 0, 0, 0, time.UTC), 0, "2023-06-15"},
		"FutureClockCorrected": {time.Date(2024, 6, 14, 2, 0, 0, 0, time.UTC), -366 * 24 * time.Hour, "2023-06-14"},
		"NotSaid":              {time.Time{}, 0, "2023-06-15"},
	} {
		t.Run(name, func(t *testing.T) {
			by := Cause{ServerTime: received, Correction: c.correction}
			if got := by.dayOf(c.device); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
