package inspection

import (
	"errors"
	"slices"
	"testing"
	"time"

	"paicha/internal/store"
)

func saved(t testing.TB, in Inspection, a SaveArgs, base, rev uint64, c Cause) Inspection {
	t.Helper()
	got, err := Save(&in, testID, a, store.Rev(base), store.Rev(rev), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSave(t *testing.T) {
	first := begun(t, good("licence"))
	change := SaveArgs{Answers: []Answer{bad("licence")}}
	t.Run("UnseenAnswerKeepsBothValues", func(t *testing.T) {
		got := saved(t, first, change, 0, 2, by("u2", 1))
		if got.Answers[0].Result != Conform || len(got.Conflicts) != 1 || got.Conflicts[0].Offered.Answer.Result != Nonconform ||
			len(first.Conflicts) != 0 {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("SeenAnswerIsReplaced", func(t *testing.T) {
		got := saved(t, first, change, 1, 2, by("u2", 1))
		if got.Answers[0].Result != Nonconform || len(got.Conflicts) != 0 || first.Answers[0].Result != Conform {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("OwnChainReplaces", func(t *testing.T) {
		got := saved(t, first, change, 0, 2, by("u1", 2))
		if got.Answers[0].Result != Nonconform || len(got.Conflicts) != 0 {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("TwoValuesInOneSaveAreBothKept", func(t *testing.T) {
		got := saved(t, begun(t), SaveArgs{Answers: []Answer{good("door"), bad("door")}}, 1, 2, by("u1", 2))
		if len(got.Answers) != 1 || len(got.Conflicts) != 1 {
			t.Fatalf("%+v %+v", got.Answers, got.Conflicts)
		}
	})
	t.Run("SameValueAddsPhotosOnly", func(t *testing.T) {
		a := good("licence")
		a.Photos = []Hash{photo(1)}
		got := saved(t, first, SaveArgs{Answers: []Answer{a}}, 0, 2, by("u2", 1))
		if len(got.Conflicts) != 0 || len(got.Answers[0].Photos) != 1 || len(first.Answers[0].Photos) != 0 {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("StrangersWorkIsAProposal", func(t *testing.T) {
		got := saved(t, first, change, 1, 2, by("u3", 1))
		if got.Answers[0].Result != Conform || len(got.Proposals) != 1 || !slices.Contains(got.Marks, MarkLateWork) {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("FirstSaveNeedsItsHeader", func(t *testing.T) {
		_, err := Save(nil, testID, SaveArgs{}, 0, 1, by("u1", 1))
		wantFault(t, err, ErrNotBegun, "/header")
		h := header()
		h.Sectors = nil
		_, err = Save(nil, testID, SaveArgs{Header: h}, 0, 1, by("u1", 1))
		wantFault(t, err, ErrNotBegun, "/header/sectors")
	})
	t.Run("OddTimesAndPlacesAreMarkedNotRefused", func(t *testing.T) {
		c := by("u1", 2)
		c.DeviceTime, c.Place = time.Unix(0, 0), &Place{Lat: 95, System: WGS84, Mock: true}
		got := saved(t, first, SaveArgs{}, 1, 2, c)
		for _, m := range []Mark{MarkClock, MarkPlace, MarkMockPlace} {
			if !slices.Contains(got.Marks, m) {
				t.Errorf("no %s", m)
			}
		}
	})
}

func TestSubmit(t *testing.T) {
	t.Run("Unsigned", func(t *testing.T) {
		_, err := Submit(begun(t), SubmitArgs{Signatures: []Signature{{Name: "x", Role: RoleEnterprise}}}, 1, 2, by("u1", 2))
		wantFault(t, err, ErrUnsigned, "/signatures")
	})
	t.Run("NotOfTheTeam", func(t *testing.T) {
		_, err := Submit(begun(t), SubmitArgs{Signatures: signatures()}, 1, 2, by("u3", 2))
		wantFault(t, err, ErrNotTeam, "")
	})
	t.Run("SecondSubmissionIsAProposal", func(t *testing.T) {
		in := submitted(t, good("licence"))
		got, err := Submit(in, SubmitArgs{SaveArgs: SaveArgs{Answers: []Answer{bad("licence")}}, Signatures: signatures()}, 1, 3, by("u2", 1))
		if err != nil || len(got.Proposals) != 1 || got.Answers[0].Result != Conform || got.Submitted.By != "u1" {
			t.Fatal(err)
		}
	})
}

func TestAmend(t *testing.T) {
	args := AmendArgs{SaveArgs: SaveArgs{Answers: []Answer{bad("licence")}}, Reason: "看错", Signatures: signatures()}
	t.Run("KeepsWhatItReplaced", func(t *testing.T) {
		got, err := Amend(submitted(t, good("licence")), args, 2, 3, by("u1", 3))
		if err != nil || got.Answers[0].Result != Nonconform || got.Amendments[0].Before[0].Answer.Result != Conform {
			t.Fatal(err, got.Amendments)
		}
	})
	t.Run("AdoptsAProposal", func(t *testing.T) {
		in := saved(t, submitted(t, good("licence")), args.SaveArgs, 2, 3, by("u2", 1))
		a := AmendArgs{Reason: "采纳", Adopts: []MutationID{"u2-1"}, Signatures: signatures()}
		got, err := Amend(in, a, 3, 4, by("u1", 3))
		if err != nil || got.Answers[0].Result != Nonconform || got.Answers[0].Stamp.By != "u2" || got.Proposals[0].Settled == nil {
			t.Fatal(err, got.Answers)
		}
		a.Answers = []Answer{{Item: "licence", Result: NotApplicable}}
		got, err = Amend(in, a, 3, 4, by("u1", 3))
		if err != nil || got.Answers[0].Result != NotApplicable || len(got.Conflicts) != 0 || len(got.Amendments[0].Before) != 2 {
			t.Fatal("who adopts and answers has seen both", err, got.Conflicts)
		}
		a.Adopts = []MutationID{"u2-1", "u2-1"}
		_, err = Amend(in, a, 3, 4, by("u1", 3))
		wantFault(t, err, ErrTwice, "/adopts/1")
		a.Adopts = []MutationID{"none"}
		_, err = Amend(in, a, 3, 4, by("u1", 3))
		wantFault(t, err, ErrUnsettled, "/adopts/0")
	})
	t.Run("Refuses", func(t *testing.T) {
		_, err := Amend(submitted(t), args, 2, 3, by("u3", 3))
		wantFault(t, err, ErrNotTeam, "")
		noReason, unsigned := args, args
		noReason.Reason, unsigned.Signatures = "", nil
		_, err = Amend(submitted(t), noReason, 2, 3, by("u1", 3))
		wantFault(t, err, ErrReason, "/reason")
		_, err = Amend(submitted(t), unsigned, 2, 3, by("u1", 3))
		wantFault(t, err, ErrUnsigned, "/signatures")
	})
}

func TestSettle(t *testing.T) {
	in := saved(t, begun(t, good("licence")), SaveArgs{Answers: []Answer{bad("licence")}}, 0, 2, by("u2", 1))
	args := SettleArgs{Mutation: "u2-1", Item: "licence", Take: TakeOffered}
	t.Run("TakesTheOffered", func(t *testing.T) {
		got, err := Settle(in, args, 3, by("u1", 2))
		if err != nil || got.Answers[0].Result != Nonconform || got.Conflicts[0].Settled == nil || in.Conflicts[0].Settled != nil {
			t.Fatal(err, got)
		}
		_, err = Settle(got, args, 4, by("u1", 3))
		wantFault(t, err, ErrUnsettled, "/mutation")
	})
	t.Run("KeepsTheStoredAndTheEvidence", func(t *testing.T) {
		keep := args
		keep.Take = TakeStored
		got, err := Settle(in, keep, 3, by("u1", 2))
		if err != nil || got.Answers[0].Result != Conform || got.Conflicts[0].Offered.Answer.Result != Nonconform {
			t.Fatal(err, got)
		}
	})
	t.Run("AfterSubmissionItIsAnAmendment", func(t *testing.T) {
		sub, err := Submit(in, SubmitArgs{Signatures: signatures()}, 2, 3, by("u1", 2))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Settle(sub, args, 4, by("u1", 3))
		wantFault(t, err, ErrReason, "/note")
		noted := args
		noted.Note = "照片为准"
		got, err := Settle(sub, noted, 4, by("u1", 3))
		if err != nil || len(got.Amendments) != 1 || got.Amendments[0].Before[0].Answer.Result != Conform {
			t.Fatal(err, got.Amendments)
		}
	})
	t.Run("Refuses", func(t *testing.T) {
		_, err := Settle(in, args, 3, by("u3", 1))
		wantFault(t, err, ErrNotTeam, "")
		late := saved(t, submitted(t), SaveArgs{Answers: []Answer{bad("door")}}, 1, 3, by("u2", 1))
		_, err = Settle(late, SettleArgs{Mutation: "u2-1", Take: TakeOffered}, 4, by("u1", 3))
		wantFault(t, err, ErrBadValue, "/take")
		got, err := Settle(late, SettleArgs{Mutation: "u2-1", Take: TakeStored}, 4, by("u1", 3))
		if err != nil || got.Proposals[0].Settled == nil {
			t.Fatal(err)
		}
	})
}

func TestTokens(t *testing.T) {
	draft, sub := begun(t, bad("licence")), submitted(t, bad("licence"))
	hazard := func(in Inspection) Hazard {
		known := map[HazardID]Hazard{}
		derived(judged(t, in, 5), known)
		for _, h := range known {
			return h
		}
		t.Fatal("no hazard")
		return Hazard{}
	}
	hidden, shown := hazard(draft), hazard(sub)
	for _, token := range []store.Token{"532501", "532501/town-gas", "53", "ent:e1"} {
		if slices.Contains(Tokens(&draft), token) || slices.Contains(HazardTokens(&hidden), token) {
			t.Errorf("a draft is seen through %s", token)
		}
		if !slices.Contains(Tokens(&sub), token) || !slices.Contains(HazardTokens(&shown), token) {
			t.Errorf("what is submitted is not seen through %s", token)
		}
	}
	for _, token := range []store.Token{"user:u1", "user:u2", "sup:532501"} {
		if !slices.Contains(Tokens(&draft), token) || !slices.Contains(HazardTokens(&hidden), token) {
			t.Errorf("a draft is not seen through %s", token)
		}
	}
	self := draft
	self.Header.Mode = SelfCheck
	if !slices.Contains(Tokens(&self), "ent:e1") || slices.Contains(Tokens(&self), "532501") {
		t.Error("an enterprise sees its own check, the region does not yet")
	}
	tip := hazardIn(Reported)
	tip.Source = FromTip
	if slices.Contains(HazardTokens(&tip), "ent:e1") || !slices.Contains(HazardTokens(&tip), "sup:532501") {
		t.Error("a tip is no news for the enterprise")
	}
	tip, err := Confirm(tip, ConfirmArgs{}, sup(1))
	if err != nil || !slices.Contains(HazardTokens(&tip), "ent:e1") {
		t.Error("a confirmed tip is")
	}
	moved, err := commands[CmdTransfer](hazardIn(Reported))
	if tokens := HazardTokens(&moved); err != nil || !slices.Contains(tokens, "532502") || !slices.Contains(tokens, "532501") ||
		!slices.IsSorted(tokens) {
		t.Error("a transferred hazard is seen by both", tokens)
	}
}

func TestFieldsAreThereOnlyWhenTrue(t *testing.T) {
	in := begun(t)
	for _, name := range []string{"pendingEffects", "unjudged"} {
		if _, ok := Fields(&in)[name]; ok {
			t.Errorf("%s of a quiet record", name)
		}
	}
	in.Unjudged, in.PendingEffects = true, &Pending{}
	for _, name := range []string{"pendingEffects", "unjudged"} {
		if Fields(&in)[name].Num != 1 {
			t.Errorf("no %s", name)
		}
	}
	h := Hazard{Inspection: testID}
	if HazardFields(&h)["inspection"].Text != string(testID) {
		t.Error("no inspection")
	}
	if _, ok := HazardFields(&Hazard{})["inspection"]; ok {
		t.Error("a reported hazard has no inspection")
	}
}

func TestRemarkIsRestrictedAndOnce(t *testing.T) {
	in, err := Note(begun(t), RemarkArgs{Text: "内部"}, sup(1))
	if err != nil {
		t.Fatal(err)
	}
	in, err = Note(in, RemarkArgs{Text: "内部"}, sup(1))
	body, rest, encErr := Encode(&in)
	back, decErr := Decode(body, rest)
	if errors.Join(err, encErr, decErr) != nil || len(back.Remarks) != 1 || len(in.History) != 1 {
		t.Fatal(err, encErr, decErr, back.Remarks)
	}
	if public, err := Decode(body, nil); err != nil || len(public.Remarks) != 0 {
		t.Fatal("the body alone tells the remark")
	}
}
