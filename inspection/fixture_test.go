package inspection

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"paicha/checklist"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// pack1 rests on a standard that ended with 2022, pack2 on the one that took its place and is stricter.
const (
	standard1 = `
standard: {id: gas-old, title: 旧标准, document: 试, issuer: 试, effective: '2020-01-01', ended: '2023-01-01', sectors: [town-gas]}
clauses:
- {clause: 第一条, heading: 证照, criterion: 无证经营, verified: true}
- {clause: 第二条, heading: 浓度, criterion: 浓度超限, verified: true, measurable: [{quantity: 浓度, unit: '%', major_when: '>= 1.5'}]}
- {clause: 第三条, heading: 门, criterion: 门不能关, major: false, verified: true}
`
	standard2 = `
standard: {id: gas-new, title: 新标准, document: 试, issuer: 试, effective: '2023-01-01', sectors: [town-gas]}
clauses:
- {clause: 第一条, heading: 证照, criterion: 无证经营, verified: true}
- {clause: 第二条, heading: 浓度, criterion: 浓度超限, verified: true, measurable: [{quantity: 浓度, unit: '%', major_when: '>= 1.0'}]}
- {clause: 第三条, heading: 门, criterion: 门不能关, major: false, verified: true}
`
	packForm = `
id: gas
version: "%d"
title: 试用清单
sectors: [town-gas]
standards: [%[2]s]
sections:
- id: s
  title: 现场
  items:
  - {code: licence, text: 证照是否有效？, kind: conform, class: major, clauses: ["%[2]s#第一条"]}
  - {code: door, text: 门能否关上？, kind: conform, class: general, clauses: ["%[2]s#第三条"]}
  - {code: gas, name: 燃气浓度, text: 燃气浓度是多少？, kind: number, unit: "%%", place: 房间, clauses: ["%[2]s#第二条"]}
rules:
- id: gas-high
  class: major
  threshold: {item: gas, op: ">=", value: %[3]s, unit: "%%"}
  clauses: ["%[2]s#第二条"]
  measures: ["%[2]s#第二条@1"]
`
)

// testLibrary holds gas@1 (until 2023) and gas@2.
func testLibrary(t testing.TB) *checklist.Library {
	t.Helper()
	lib := checklist.NewLibrary()
	for i, src := range []string{standard1, standard2} {
		s, err := checklist.LoadStandard("standard.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		all, err := checklist.NewStandards([]*checklist.Standard{s})
		if err != nil {
			t.Fatal(err)
		}
		limit := []string{"1.5", "1.0"}[i]
		for _, problem := range checklist.Lint("pack.yaml", fmt.Appendf(nil, packForm, i+1, s.ID, limit), all) {
			t.Log(problem)
		}
		p, err := checklist.LoadPack("pack.yaml", fmt.Appendf(nil, packForm, i+1, s.ID, limit), all)
		if err != nil {
			t.Fatal(err)
		}
		from, until := checklist.Day("2020-01-01"), checklist.Day("2023-01-01")
		if i == 1 {
			from, until = until, ""
		}
		if err := lib.Add(p, from, until); err != nil {
			t.Fatal(err)
		}
	}
	return lib
}

func testPack(t testing.TB, ref checklist.PackRef) *checklist.Pack {
	t.Helper()
	p, err := testLibrary(t).Get(ref)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	noon  = time.Date(2023, 6, 1, 4, 0, 0, 0, time.UTC)
	photo = func(b byte) Hash { return Hash{b} }
)

const testID ID = "018f0000-0000-7000-8000-000000000001"

// by is user u's n-th mutation on device u, an inspector's unless said otherwise.
func by(u string, n uint64) Cause {
	return Cause{
		User: UserID(u), Device: DeviceID(u), N: n, Mutation: MutationID(fmt.Sprintf("%s-%d", u, n)), As: Inspector,
		DeviceTime: noon, ServerTime: noon.Add(time.Duration(n) * time.Minute),
	}
}

func as(c Cause, a Audience) Cause {
	c.As = a
	return c
}

func header() *Header {
	return &Header{
		Unit: Unit{ID: "e1", Name: "液化气站"}, Region: "532501", Sectors: []Sector{"town-gas"}, Mode: Unannounced,
		Pack: PackRef{ID: "gas@2"}, Department: "d1", StartedAt: noon,
	}
}

func signatures() []Signature { return []Signature{{Name: "检查员", Role: RoleInspector}} }

// begun is a draft by u1 and u2 at revision 1 with these answers.
func begun(t testing.TB, answers ...Answer) Inspection {
	t.Helper()
	in, err := Save(nil, testID, SaveArgs{Header: header(), Team: []UserID{"u2"}, Answers: answers}, 0, 1, by("u1", 1))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func submitted(t testing.TB, answers ...Answer) Inspection {
	t.Helper()
	in, err := Submit(begun(t, answers...), SubmitArgs{Signatures: signatures()}, 1, 2, by("u1", 2))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func bad(item ItemID) Answer  { return Answer{Item: item, Result: Nonconform} }
func good(item ItemID) Answer { return Answer{Item: item, Result: Conform} }

func percent(n float64) Answer {
	return Answer{Item: "gas", Instance: "厨房", Number: &n, Unit: "%"}
}

// judged judges with gas@2.
func judged(t testing.TB, in Inspection, rev store.Rev) Inspection {
	t.Helper()
	return Judged(in, Judge(&in, testPack(t, "gas@2")), true, rev, by("server", uint64(rev)))
}

// derived makes the hazards durable in known and completes the record, as package sync does.
func derived(in Inspection, known map[HazardID]Hazard) Inspection {
	if in.PendingEffects == nil {
		return in
	}
	for _, h := range Derive(&in, known) {
		known[h.ID] = h
	}
	return Complete(in, in.PendingEffects.Rev)
}

func wantFault(t testing.TB, err error, want *fault.Error, field string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	if f := fault.Of(err); f.Field != field {
		t.Fatalf("%s points at %q, want %q", f.Code, f.Field, field)
	}
}

func flags(v Verdict) map[RuleID]Class {
	out := map[RuleID]Class{}
	for _, f := range v.Findings {
		out[f.Rule] = f.Class
	}
	return out
}
