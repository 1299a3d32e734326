package inspection

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/fault"
)

func funds() *int64 { n := int64(0); return &n }

func fixings() Fixings {
	return Fixings{Responsible: "负责人", Measures: "更换", Funds: funds(), Deadline: noon.AddDate(0, 1, 0), Plan: "停用"}
}

func sup(n uint64) Cause { return as(by("s", n), Supervisor) }
func ent(n uint64) Cause { return as(by("e", n), Enterprise) }

// accepted takes a reported hazard through its whole life.
func accepted(t testing.TB, h Hazard) Hazard {
	t.Helper()
	var err error
	step := func(next Hazard, e error) { h, err = next, errors.Join(err, e) }
	step(Confirm(h, ConfirmArgs{}, sup(101)))
	step(Plan(h, PlanArgs{Fixings: fixings()}, ent(102)))
	step(Rectify(h, RectifyArgs{Note: "完成"}, ent(103)))
	step(Accept(h, AcceptArgs{}, sup(104)))
	if err != nil || h.Status != Accepted {
		t.Fatal(err, h.Status)
	}
	return h
}

// hazardIn is a hazard in a status, with what the way there leaves behind.
func hazardIn(s Status) Hazard {
	h := Hazard{
		ID: "h", Unit: Unit{ID: "e1"}, Region: "532501", Sectors: []Sector{"town-gas"}, Class: KeyCase, Status: s,
		Source: FromEnterprise, Owner: Owner{Region: "532501", Department: "d1"},
	}
	if s == Rectifying || s == Rectified || s == Accepted {
		f := fixings()
		h.Fixings = &f
	}
	if s == Rectified {
		h.Rectifies = []Rectification{{Note: "完成"}}
	}
	return h
}

// commands run every hazard command with arguments and a person that are right in themselves.
var commands = map[Command]func(Hazard) (Hazard, error){
	CmdReport: func(h Hazard) (Hazard, error) {
		a := ReportArgs{Unit: h.Unit, Region: h.Region, Sectors: h.Sectors, Source: FromDepartment, Explanation: "门坏"}
		if h.Status == "" {
			return Report(nil, "h", a, sup(1))
		}
		return Report(&h, "h", a, sup(1))
	},
	CmdConfirm:  func(h Hazard) (Hazard, error) { return Confirm(h, ConfirmArgs{}, sup(1)) },
	CmdWithdraw: func(h Hazard) (Hazard, error) { return Withdraw(h, WithdrawArgs{Reason: "误判"}, sup(1)) },
	CmdPlan:     func(h Hazard) (Hazard, error) { return Plan(h, PlanArgs{Fixings: fixings()}, ent(1)) },
	CmdRectify: func(h Hazard) (Hazard, error) {
		return Rectify(h, RectifyArgs{Note: "完成", Before: []Hash{photo(1)}, After: []Hash{photo(2)}}, ent(1))
	},
	CmdAccept:  func(h Hazard) (Hazard, error) { return Accept(h, AcceptArgs{}, sup(1)) },
	CmdReject:  func(h Hazard) (Hazard, error) { return Reject(h, RejectArgs{Reason: "未改"}, sup(1)) },
	CmdReopen:  func(h Hazard) (Hazard, error) { return Reopen(h, ReopenArgs{Reason: "属实"}, sup(1)) },
	CmdRegrade: func(h Hazard) (Hazard, error) { return Regrade(h, RegradeArgs{Class: Major, Reason: "重"}, sup(1)) },
	CmdExtend: func(h Hazard) (Hazard, error) {
		return Extend(h, ExtendArgs{Deadline: noon.AddDate(0, 2, 0), Reason: "备件"}, sup(1))
	},
	CmdList: func(h Hazard) (Hazard, error) {
		return List(h, ListArgs{Level: "county", Number: "1", Authority: "县安委会", Deadline: noon.AddDate(0, 1, 0)}, sup(1))
	},
	CmdTransfer: func(h Hazard) (Hazard, error) {
		return TransferTo(h, TransferArgs{To: Owner{Region: "532502"}, Reason: "属地"}, sup(1))
	},
	CmdExempt:       func(h Hazard) (Hazard, error) { return Exempt(h, ExemptArgs{Exempt: true, Reason: "自查"}, sup(1)) },
	CmdHazardRemark: func(h Hazard) (Hazard, error) { return NoteHazard(h, RemarkArgs{Text: "注意"}, sup(1)) },
}

func TestHazardMoves(t *testing.T) {
	// The life of a hazard once more, by hand: what is not here must be refused.
	want := map[Status]map[Command]Status{
		"": {CmdReport: Reported},
		Reported: {
			CmdConfirm: Confirmed, CmdWithdraw: Withdrawn, CmdRegrade: Reported, CmdTransfer: Reported,
			CmdExempt: Reported, CmdHazardRemark: Reported,
		},
		Confirmed: {
			CmdPlan: Rectifying, CmdRectify: Rectified, CmdWithdraw: Withdrawn, CmdRegrade: Confirmed,
			CmdTransfer: Confirmed, CmdExempt: Confirmed, CmdList: Confirmed, CmdHazardRemark: Confirmed,
		},
		Rectifying: {
			CmdRectify: Rectified, CmdPlan: Rectifying, CmdRegrade: Rectifying, CmdTransfer: Rectifying,
			CmdExempt: Rectifying, CmdList: Rectifying, CmdExtend: Rectifying, CmdHazardRemark: Rectifying,
		},
		Rectified: {
			CmdAccept: Accepted, CmdReject: Rectifying, CmdRegrade: Rectified, CmdTransfer: Rectified,
			CmdExempt: Rectified, CmdHazardRemark: Rectified,
		},
		Accepted:  {CmdHazardRemark: Accepted},
		Withdrawn: {CmdReopen: Reported, CmdHazardRemark: Withdrawn},
	}
	for from := range moves {
		for c, run := range commands {
			h := hazardIn(from)
			got, err := run(h)
			to, ok := want[from][c]
			switch {
			case !ok && !errors.Is(err, ErrNoMove):
				t.Errorf("%s from %q: %v, want a refusal", c, from, err)
			case ok && err != nil:
				t.Errorf("%s from %q: %v", c, from, err)
			case ok && got.Status != to:
				t.Errorf("%s from %q: %q, want %q", c, from, got.Status, to)
			case ok && c != CmdHazardRemark && (len(got.History) != 1 || got.History[0].To != to):
				t.Errorf("%s from %q: history %+v", c, from, got.History)
			case ok:
				if twice, err := run(got); err != nil && c != CmdReport || err == nil && len(twice.History) != len(got.History) {
					t.Errorf("%s from %q twice with one mutation: %v", c, from, err)
				}
			}
		}
	}
}

func TestInspectionMoves(t *testing.T) {
	run := map[Command]func(Inspection) (Inspection, error){
		CmdSave: func(in Inspection) (Inspection, error) { return Save(&in, testID, SaveArgs{}, 1, 9, by("u1", 9)) },
		CmdSubmit: func(in Inspection) (Inspection, error) {
			return Submit(in, SubmitArgs{Signatures: signatures()}, 1, 9, by("u1", 9))
		},
		CmdAmend: func(in Inspection) (Inspection, error) {
			return Amend(in, AmendArgs{Reason: "复核", Signatures: signatures()}, 1, 9, by("u1", 9))
		},
		CmdSettle: func(in Inspection) (Inspection, error) {
			in.Conflicts = []Conflict{{Mutation: "m", Offered: Side{Fact: &Fact{Name: "f"}}}}
			return Settle(in, SettleArgs{Mutation: "m", Fact: "f", Take: TakeStored}, 9, by("u1", 9))
		},
		CmdRemark: func(in Inspection) (Inspection, error) { return Note(in, RemarkArgs{Text: "注意"}, sup(9)) },
	}
	want := map[Status]map[Command]Status{
		"":    {CmdSave: Draft},
		Draft: {CmdSave: Draft, CmdSubmit: Submitted, CmdSettle: Draft, CmdRemark: Draft},
		Submitted: {
			CmdSave: Submitted, CmdSubmit: Submitted, CmdAmend: Submitted, CmdSettle: Submitted,
			CmdRemark: Submitted,
		},
	}
	for from, in := range map[Status]Inspection{"": {}, Draft: begun(t), Submitted: submitted(t)} {
		in.Status = from
		for c, f := range run {
			got, err := f(in)
			to, ok := want[from][c]
			switch {
			case !ok && !errors.Is(err, ErrInspectionMove):
				t.Errorf("%s from %q: %v, want a refusal", c, from, err)
			case ok && (err != nil || got.Status != to) && from != "":
				t.Errorf("%s from %q: %q %v, want %q", c, from, got.Status, err, to)
			}
		}
	}
}

func TestHazardCommandRefuses(t *testing.T) {
	listed := hazardIn(Rectified)
	listed.Marks.Listed = &Listing{Authority: "州安委会", Deadline: noon}
	listedOpen := hazardIn(Rectifying)
	listedOpen.Marks.Listed = listed.Marks.Listed
	noPhotos := hazardIn(Confirmed)
	department := hazardIn(Reported)
	department.Source = FromDepartment
	later := fixings()
	later.Deadline = later.Deadline.AddDate(0, 1, 0)
	report := ReportArgs{Unit: Unit{ID: "e"}, Region: "53", Sectors: []Sector{"fire"}, Source: FromDepartment, Explanation: "x"}
	without := func(edit func(*ReportArgs)) ReportArgs { a := report; edit(&a); return a }
	one := func(_ Hazard, err error) error { return err }
	for name, c := range map[string]struct {
		err   error
		want  *fault.Error
		field string
	}{
		"ConfirmLowers":        {one(Confirm(hazardIn(Reported), ConfirmArgs{Class: General}, sup(1))), ErrSupervisorOnly, "/class"},
		"WithdrawByInspector":  {one(Withdraw(hazardIn(Reported), WithdrawArgs{Reason: "x"}, by("u", 1))), ErrSupervisorOnly, ""},
		"WithdrawBlankReason":  {one(Withdraw(hazardIn(Reported), WithdrawArgs{Reason: " \u3000"}, sup(1))), ErrReason, "/reason"},
		"PlanWithoutAll":       {one(Plan(hazardIn(Confirmed), PlanArgs{}, ent(1))), ErrFixings, "/fixings"},
		"PlanMovesDeadline":    {one(Plan(hazardIn(Rectifying), PlanArgs{Fixings: later}, ent(1))), ErrDeadline, "/fixings/deadline"},
		"AtOnceWithoutPhotos":  {one(Rectify(noPhotos, RectifyArgs{Note: "x", Before: []Hash{photo(1)}}, ent(1))), ErrPhotos, "/after"},
		"SelfAccept":           {one(Accept(hazardIn(Rectified), AcceptArgs{}, ent(1))), ErrSelfAccept, ""},
		"AcceptListed":         {one(Accept(listed, AcceptArgs{Authority: "县安委会"}, sup(1))), ErrListedElsewhere, "/authority"},
		"RejectWithoutReason":  {one(Reject(hazardIn(Rectified), RejectArgs{}, sup(1))), ErrReason, "/reason"},
		"ReopenWithoutReason":  {one(Reopen(hazardIn(Withdrawn), ReopenArgs{}, sup(1))), ErrReason, "/reason"},
		"RegradeUnknownClass":  {one(Regrade(hazardIn(Reported), RegradeArgs{Class: "huge", Reason: "x"}, sup(1))), ErrBadValue, "/class"},
		"RegradeLowersAsOther": {one(Regrade(hazardIn(Reported), RegradeArgs{Class: General, Reason: "x"}, by("u", 1))), ErrSupervisorOnly, ""},
		"RegradeNoReason":      {one(Regrade(hazardIn(Reported), RegradeArgs{Class: Major}, sup(1))), ErrReason, "/reason"},
		"ExtendByEnterprise":   {one(Extend(hazardIn(Rectifying), ExtendArgs{Deadline: later.Deadline, Reason: "x"}, ent(1))), ErrSupervisorOnly, ""},
		"ExtendNotLater":       {one(Extend(hazardIn(Rectifying), ExtendArgs{Deadline: fixings().Deadline, Reason: "x"}, sup(1))), ErrDeadline, "/deadline"},
		"ExtendListed":         {one(Extend(listedOpen, ExtendArgs{Deadline: later.Deadline, Reason: "x"}, sup(1))), ErrListedElsewhere, "/authority"},
		"ExtendNoReason":       {one(Extend(hazardIn(Rectifying), ExtendArgs{Deadline: later.Deadline}, sup(1))), ErrReason, "/reason"},
		"ListByInspector":      {one(List(hazardIn(Confirmed), ListArgs{}, by("u", 1))), ErrSupervisorOnly, ""},
		"ListUnknownLevel":     {one(List(hazardIn(Confirmed), ListArgs{Level: "village"}, sup(1))), ErrBadValue, "/level"},
		"ListNoNumber":         {one(List(hazardIn(Confirmed), ListArgs{Level: "county"}, sup(1))), ErrMissing, "/number"},
		"TransferToSame":       {one(TransferTo(hazardIn(Reported), TransferArgs{To: hazardIn(Reported).Owner, Reason: "x"}, sup(1))), ErrBadValue, "/to"},
		"TransferNowhere":      {one(TransferTo(hazardIn(Reported), TransferArgs{Reason: "x"}, sup(1))), ErrMissing, "/to/region"},
		"ExemptNotOwnReport":   {one(Exempt(department, ExemptArgs{Exempt: true, Reason: "x"}, sup(1))), ErrBadValue, "/exempt"},
		"ExemptByEnterprise":   {one(Exempt(hazardIn(Reported), ExemptArgs{Exempt: true, Reason: "x"}, ent(1))), ErrSupervisorOnly, ""},
		"EmptyRemark":          {one(NoteHazard(hazardIn(Reported), RemarkArgs{}, sup(1))), ErrMissing, "/text"},
		"ReportNoUnit":         {one(Report(nil, "h", without(func(a *ReportArgs) { a.Unit.ID = "" }), sup(1))), ErrMissing, "/unit/id"},
		"ReportNoSector":       {one(Report(nil, "h", without(func(a *ReportArgs) { a.Sectors = nil }), sup(1))), ErrMissing, "/sectors"},
		"ReportSource":         {one(Report(nil, "h", without(func(a *ReportArgs) { a.Source = "rumour" }), sup(1))), ErrBadValue, "/source"},
		"ReportAsDepartment":   {one(Report(nil, "h", report, ent(1))), ErrBadValue, "/source"},
		"ReportSaysNothing":    {one(Report(nil, "h", without(func(a *ReportArgs) { a.Explanation = "" }), sup(1))), ErrMissing, "/explanation"},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, c.err, c.want, c.field) })
	}
}

func TestHazardCommandEffects(t *testing.T) {
	t.Run("ExtensionKeepsTheOldDeadline", func(t *testing.T) {
		old := hazardIn(Rectifying)
		h, err := commands[CmdExtend](old)
		if err != nil || !h.Deadline().Equal(noon.AddDate(0, 2, 0)) || !h.Marks.Extended[0].From.Equal(noon.AddDate(0, 1, 0)) ||
			!old.Deadline().Equal(noon.AddDate(0, 1, 0)) {
			t.Fatal(err, h.Marks.Extended)
		}
	})
	t.Run("SecondListingKeepsTheFirst", func(t *testing.T) {
		h, _ := commands[CmdList](hazardIn(Confirmed))
		h, err := List(h, ListArgs{Level: "province", Number: "2", Authority: "省", Deadline: noon}, sup(2))
		if err != nil || h.Marks.Listed.Authority != "省" || h.Marks.Listed.Before.Authority != "县安委会" || !h.Deadline().Equal(noon) {
			t.Fatal(err, h.Marks.Listed)
		}
	})
	t.Run("FixedAtOnce", func(t *testing.T) {
		h, err := commands[CmdRectify](hazardIn(Confirmed))
		if err != nil || !h.Immediate || h.RectifiedAt.IsZero() {
			t.Fatal(err)
		}
		h, err = Reject(h, RejectArgs{Reason: "未改"}, sup(2))
		if err != nil || h.Immediate || !h.RectifiedAt.IsZero() || h.Rectifies[0].Rejected == nil {
			t.Fatal(err, h)
		}
	})
	t.Run("Overdue", func(t *testing.T) {
		h := hazardIn(Rectifying)
		d := h.Deadline()
		if h.Overdue(d) || !h.Overdue(d.Add(time.Millisecond)) {
			t.Fatal("overdue begins after the deadline")
		}
		h.Status = Rectified
		if h.Overdue(d.AddDate(1, 0, 0)) {
			t.Fatal("what waits for acceptance is not overdue")
		}
	})
	t.Run("ReportOfAnEnterprise", func(t *testing.T) {
		a := ReportArgs{Unit: Unit{ID: "e"}, Region: "532501", Sectors: []Sector{"fire"}, Source: FromEnterprise, Explanation: "x"}
		h, err := Report(nil, "h", a, ent(1))
		if err != nil || !h.Suspected || h.Class != General || h.Owner.Region != "532501" || h.OccurredAt.IsZero() ||
			!slices.Equal(h.Team, []UserID{"e"}) {
			t.Fatal(err, h)
		}
	})
	t.Run("RemarkIsRestricted", func(t *testing.T) {
		h, _ := commands[CmdHazardRemark](hazardIn(Accepted))
		body, rest, err := EncodeHazard(&h)
		if err != nil || len(h.Remarks) != 1 || len(rest) == 0 || strings.Contains(string(body), "注意") || len(h.History) != 0 {
			t.Fatal(err)
		}
	})
}

func TestRepeat(t *testing.T) {
	clause := []Citation{{Standard: "s", Clause: "1"}}
	make := func(id HazardID, edit func(*Hazard)) Hazard {
		h := Hazard{
			ID: id, Inspection: ID("i-" + id), Unit: Unit{ID: "e"}, Citations: clause, Source: FromDepartment,
			Status: Rectifying, ReceivedAt: noon, OccurredAt: noon,
		}
		edit(&h)
		return h
	}
	before := func(h *Hazard) { h.OccurredAt, h.ReceivedAt = noon.Add(-time.Hour), noon.Add(-time.Hour) }
	h := make("h", func(*Hazard) {})
	all := []Hazard{
		h, make("later", func(h *Hazard) { h.OccurredAt, h.ReceivedAt = noon.Add(1), noon.Add(1) }),
		make("yes", before),
		make("elsewhere", func(h *Hazard) { before(h); h.Unit.ID = "e2" }),
		make("other", func(h *Hazard) { before(h); h.Citations = []Citation{{Standard: "s", Clause: "2"}} }),
		make("false", func(h *Hazard) { before(h); h.WithdrawnAt = noon }),
		make("draft", func(h *Hazard) { before(h); h.Draft = true }),
		make("same-check", func(h *Hazard) { before(h); h.Inspection = "i-h" }),
	}
	got := MarkRepeat(MarkRepeat(h, all), all)
	if !slices.Equal(got.Marks.Repeat, []HazardID{"yes"}) || h.Marks.Repeat != nil {
		t.Fatal(got.Marks.Repeat)
	}
	own := make("own", func(h *Hazard) { h.Source = FromEnterprise })
	found := make("found", before)
	later := make("later", func(h *Hazard) { h.OccurredAt, h.ReceivedAt = noon.Add(time.Hour), noon.Add(time.Hour) })
	offline := make("offline", func(h *Hazard) { h.OccurredAt, h.ReceivedAt = noon.Add(-time.Hour), noon.Add(time.Hour) })
	unlike := make("unlike", func(h *Hazard) { before(h); h.Citations = []Citation{{Standard: "s", Clause: "2"}} })
	vague := make("vague", func(h *Hazard) { before(h); h.Citations = nil })
	idle := own
	idle.Status = Confirmed
	for name, c := range map[string]struct {
		h      Hazard
		others []Hazard
		want   bool
	}{
		"OwnReportBeingFixed": {own, []Hazard{own, later, unlike}, true}, "FoundBefore": {own, []Hazard{found}, false},
		"SeenBeforeOffline": {own, []Hazard{offline}, false}, "CannotBeTold": {own, []Hazard{vague}, false},
		"NotBeingFixed": {idle, nil, false}, "NotItsOwn": {later, nil, false},
	} {
		if PenaltyExempt(c.h, c.others) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}
