package inspection

import (
	"reflect"
	"slices"
	"testing"
)

// only is the one hazard of a map.
func only(t testing.TB, known map[HazardID]Hazard) Hazard {
	t.Helper()
	if len(known) != 1 {
		t.Fatalf("%d hazards", len(known))
	}
	for _, h := range known {
		return h
	}
	return Hazard{}
}

func amended(t testing.TB, in Inspection, n uint64, answers ...Answer) Inspection {
	t.Helper()
	rev := in.Verdict.Rev + 1
	a := AmendArgs{SaveArgs: SaveArgs{Answers: answers}, Reason: "复核", Signatures: signatures()}
	got, err := Amend(in, a, rev-1, rev, by("u1", n))
	if err != nil {
		t.Fatal(err)
	}
	return judged(t, got, rev)
}

func TestDerive(t *testing.T) {
	t.Run("DraftCallsForMajorsAlone", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		derived(judged(t, begun(t, bad("licence"), bad("door")), 2), known)
		h := only(t, known)
		if h.Rule != "licence" || !h.Draft || h.Status != Reported || !h.Suspected || h.Class != Major {
			t.Fatalf("%+v", h)
		}
	})
	t.Run("SubmissionPublishesAndCallsForAll", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, begun(t, bad("licence"), bad("door")), 2), known)
		in, err := Submit(in, SubmitArgs{Signatures: signatures()}, 2, 3, by("u1", 2))
		if err != nil {
			t.Fatal(err)
		}
		if in = judged(t, in, 3); in.PendingEffects == nil {
			t.Fatal("draft to submitted must reach the hazards")
		}
		derived(in, known)
		if len(known) != 2 {
			t.Fatal(len(known))
		}
		for _, h := range known {
			if h.Draft || h.InspectionRev != 3 {
				t.Fatalf("%+v", h)
			}
		}
	})
	t.Run("NothingNewPendsNothing", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, submitted(t, bad("licence")), 2), known)
		if in = judged(t, in, 3); in.PendingEffects != nil {
			t.Fatalf("%+v", in.PendingEffects)
		}
		clean := judged(t, submitted(t, good("licence"), good("door"), percent(0)), 2)
		if clean.PendingEffects != nil || len(clean.Hazards) != 0 {
			t.Fatal("a clean record calls for nothing")
		}
	})
	t.Run("WhatPendsStaysPendingWhenNothingIsNew", func(t *testing.T) {
		in := judged(t, judged(t, submitted(t, bad("licence")), 2), 3)
		if in.PendingEffects == nil || in.PendingEffects.Rev != 2 {
			t.Fatalf("%+v", in.PendingEffects)
		}
	})
	t.Run("IdempotentAndSameForWhoeverAsks", func(t *testing.T) {
		in := judged(t, submitted(t, bad("licence"), bad("door")), 2)
		a, b := Derive(&in, nil), Derive(&in, nil)
		if !reflect.DeepEqual(a, b) || len(a) != 2 || a[0].ID > a[1].ID {
			t.Fatal("not the same twice")
		}
		known := map[HazardID]Hazard{a[0].ID: a[0]}
		if rest := Derive(&in, known); len(rest) != 1 || rest[0].ID != a[1].ID {
			t.Fatalf("half done: %+v", rest)
		}
		known[a[1].ID] = a[1]
		if again := Derive(&in, known); len(again) != 0 {
			t.Fatalf("done: %+v", again)
		}
	})
	t.Run("OlderRevDoesNothing", func(t *testing.T) {
		old := judged(t, submitted(t, bad("licence")), 2)
		known := map[HazardID]Hazard{}
		derived(amended(t, old, 3, good("licence")), known)
		derived(old, known)
		derived(amended(t, derived(old, known), 3, good("licence")), known)
		before := only(t, known)
		if late := Derive(&old, known); len(late) != 0 || !before.Marks.Unsupported {
			t.Fatalf("%+v", late)
		}
	})
	t.Run("UnsupportedIsMarkedNeverClosed", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, submitted(t, bad("licence")), 2), known)
		derived(amended(t, in, 3, good("licence")), known)
		if h := only(t, known); h.Status != Reported || h.Class != Major || !h.Marks.Unsupported || !h.Marks.Amended {
			t.Fatalf("%+v", h)
		}
	})
	t.Run("SupervisorsGradeStaysUntilTheRecordIsGraver", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, submitted(t, bad("licence")), 2), known)
		h, err := Regrade(only(t, known), RegradeArgs{Class: General, Reason: "已换证"}, as(by("s", 1), Supervisor))
		if err != nil {
			t.Fatal(err)
		}
		known[h.ID] = h
		in = derived(amended(t, in, 3, bad("door")), known)
		if got := known[h.ID]; got.Class != General || got.Marks.Raised {
			t.Fatalf("an unrelated amendment undid a supervisor: %+v", got)
		}
		in = derived(amended(t, in, 4, good("licence")), known)
		derived(amended(t, in, 5, bad("licence")), known)
		if got := known[h.ID]; got.Class != Major || !got.Marks.Raised {
			t.Fatalf("called for anew: %+v", got)
		}
	})
	t.Run("AcceptedIsRecalledWhenGraver", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, submitted(t, bad("door")), 2), known)
		h := accepted(t, only(t, known))
		known[h.ID] = h
		in = derived(amended(t, in, 3, bad("licence")), known)
		if known[h.ID].Status != Accepted {
			t.Fatal("another finding reopened it")
		}
		a := AmendArgs{Reason: "更重", Signatures: signatures()}
		a.Findings = []Finding{{Rule: "door", Class: Major}}
		in, err := Amend(in, a, 3, 4, by("u1", 4))
		if err != nil {
			t.Fatal(err)
		}
		derived(judged(t, in, 4), known)
		got := known[h.ID]
		last := got.History[len(got.History)-1]
		if got.Status != Reported || !got.Suspected || !got.Marks.Recalled || got.Class != Major || !got.AcceptedAt.IsZero() ||
			got.Fixings != nil || len(got.FormerFixings) != 1 || len(got.Rectifies) != 1 ||
			last.Command != CmdDerive || last.From != Accepted || last.To != Reported {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("WithdrawnIsRecalledWhenCalledAnew", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, submitted(t, bad("licence")), 2), known)
		h, err := Withdraw(only(t, known), WithdrawArgs{Reason: "误判"}, as(by("s", 1), Supervisor))
		if err != nil {
			t.Fatal(err)
		}
		known[h.ID] = h
		in = derived(amended(t, in, 3, bad("door")), known)
		if known[h.ID].Status != Withdrawn {
			t.Fatal("another finding brought it back")
		}
		in = derived(amended(t, in, 4, good("licence")), known)
		derived(amended(t, in, 5, bad("licence")), known)
		if got := known[h.ID]; got.Status != Reported || !got.Marks.Recalled || !got.WithdrawnAt.IsZero() {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("DraftFollowsItsHeader", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(judged(t, begun(t, bad("licence")), 2), known)
		other := header()
		other.Unit.ID = "e2"
		in, err := Save(&in, testID, SaveArgs{Header: other}, 2, 3, by("u1", 2))
		if err != nil {
			t.Fatal(err)
		}
		derived(judged(t, in, 3), known)
		if h := only(t, known); h.Unit.ID != "e2" {
			t.Fatal("published to the wrong enterprise", h.Unit.ID)
		}
	})
	t.Run("NoHistoryWhereNothingChanged", func(t *testing.T) {
		known := map[HazardID]Hazard{}
		in := derived(amended(t, judged(t, submitted(t, bad("licence")), 2), 3, good("gas")), known)
		derived(amended(t, in, 4, bad("door")), known)
		for _, h := range known {
			if len(h.History) != 1 || h.InspectionRev != 4 {
				t.Fatalf("%s: %d lines, rev %d", h.Rule, len(h.History), h.InspectionRev)
			}
		}
	})
	t.Run("IDsFollowFromRuleAndInstance", func(t *testing.T) {
		ids := []HazardID{
			NewHazardID(testID, Finding{Rule: "a"}), NewHazardID(testID, Finding{ID: "a"}),
			NewHazardID(testID, Finding{Rule: "a", Instance: "1"}), NewHazardID(testID, Finding{Rule: "a1"}),
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 4 || NewHazardID(testID, Finding{Rule: "a", ID: "x"}) != NewHazardID(testID, Finding{Rule: "a"}) {
			t.Fatal(ids)
		}
	})
}
