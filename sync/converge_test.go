package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"
	fieldsync "paicha/sync"
)

// work is one mutation with what its author meant by it and what became of it.
type work struct {
	id, doc string
	raw     json.RawMessage
	number  float64 // of a save: the value that it set; 0 for anything else
	bad     bool    // it cannot be done, ever
	first   fieldsync.Status
	code    string
}

// fieldTablet is a tablet on a bad line: an outbox in order, a replica with its cursor.
type fieldTablet struct {
	session fieldsync.Session
	n       int
	outbox  []*work
	cursor  string
	held    map[string]fieldsync.PullChange
}

// TestP2OnceAndP3NothingDropped lets tablets work on two inspections from a seed, with requests and answers lost,
// everything sent again in any order of tablets, bad items among the good and the server restarted. Then the line is
// good: every outbox drains (P7), every mutation has one effect or none and a final verdict that never changed, the
// losing side of each conflict is in the record, and all replicas are the same.
func TestP2OnceAndP3NothingDropped(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playConvergence(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func playConvergence(t *testing.T, r *rand.Rand) {
	p := newPlace(t)
	inspections := []string{insp1, "018f0000-0000-7000-8000-000000000002"}
	var tablets []*fieldTablet
	for _, who := range []string{"wang", "li"} {
		tablets = append(tablets, &fieldTablet{session: inspector(who, "532504/coal-mine"), held: map[string]fieldsync.PullChange{}})
	}
	spare := inspector("wang", "532504/coal-mine") // the same person with another tablet
	spare.Device = "dev-wang-spare"
	tablets = append(tablets, &fieldTablet{session: spare, held: map[string]fieldsync.PullChange{}})

	var all []*work
	for range 120 {
		tab := tablets[r.IntN(len(tablets))]
		switch r.IntN(10) {
		case 0, 1, 2:
			all = append(all, tab.record(t, p, r, inspections[r.IntN(2)]))
		case 3, 4, 5, 6:
			tab.push(t, p, r.IntN(len(tab.outbox)+1), r.IntN(3))
		case 7, 8:
			tab.pull(t, p)
		case 9:
			if r.IntN(4) == 0 {
				p.stop()
				p.open()
			}
		}
	}
	fresh := inspector("li", "532504/coal-mine") // whoever waited for the beginning of a record gets it from another
	fresh.Device = "dev-li-another"
	tablets = append(tablets, &fieldTablet{session: fresh, held: map[string]fieldsync.PullChange{}})
	for _, id := range inspections {
		all = append(all, tablets[3].add(p, "inspection.save", id, saveArgs(t, ""), 0))
	}
	rounds := 0
	for slices.ContainsFunc(tablets, func(tab *fieldTablet) bool { return len(tab.outbox) > 0 }) {
		if rounds++; rounds > len(all)+2 {
			t.Fatalf("after %d rounds on a good line something still waits", rounds)
		}
		for _, tab := range tablets {
			tab.push(t, p, len(tab.outbox), answered)
		}
	}
	for _, tab := range tablets {
		for tab.pull(t, p) {
		}
	}
	for _, id := range inspections {
		checkRecord(t, p, id, all)
	}
	for _, tab := range tablets[1:] {
		if len(tab.held) != len(tablets[0].held) {
			t.Errorf("replicas of %d and %d documents", len(tab.held), len(tablets[0].held))
		}
		for ref, c := range tab.held {
			if o := tablets[0].held[ref]; c.Rev != o.Rev || string(c.Body) != string(o.Body) {
				t.Errorf("replicas differ in %s: rev %d and %d", ref, c.Rev, o.Rev)
			}
		}
	}
}

// record makes one more mutation on the tablet: mostly answers, sometimes the end, sometimes nonsense.
func (tab *fieldTablet) record(t *testing.T, p *place, r *rand.Rand, id string) *work {
	switch k := r.IntN(12); {
	case k == 0:
		return tab.add(p, "inspection.submit", id, `{"signatures":`+signed+`}`, 0)
	case k == 1:
		w := tab.add(p, "inspection.burn", id, `{}`, 0)
		w.bad = true
		return w
	case k <= 4:
		number := float64(1+r.IntN(5)) / 10
		return tab.add(p, "inspection.save", id, saveArgs(t, fmt.Sprintf(`{"item":"gas.methane-return","instance":"a","number":%g,"unit":"%%"}`, number)), number)
	default:
		number := float64(1+r.IntN(5)) / 10
		return tab.add(p, "inspection.save", id, fmt.Sprintf(`{"answers":[{"item":"gas.methane-return","instance":"a","number":%g,"unit":"%%"}]}`, number), number)
	}
}

func (tab *fieldTablet) add(p *place, name, id, args string, number float64) *work {
	tab.n++
	kind := "inspection"
	// The spaces tell the mutations of tablets apart that say the same: ids are made of the arguments here.
	raw := mutation(tab.n, name, kind, id, tab.held[kind+id].Rev, p.now, args+strings.Repeat(" ", len(tab.session.Device)))
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		p.t.Fatal(err)
	}
	w := &work{id: m.ID, doc: id, raw: raw, number: number}
	tab.outbox = append(tab.outbox, w)
	return w
}

// What a line can do to a push.
const (
	answered = iota
	requestLost
	answerLost
)

// push sends the first of the outbox, and takes the answer if it comes.
func (tab *fieldTablet) push(t *testing.T, p *place, count, line int) {
	t.Helper()
	if count == 0 || line == requestLost {
		return
	}
	sent := slices.Clone(tab.outbox[:count])
	raws := make([]json.RawMessage, len(sent))
	for i, w := range sent {
		raws[i] = w.raw
	}
	results := p.push(tab.session, raws...)
	for i, res := range results {
		w := sent[i]
		if string(res.ID) != w.id {
			t.Fatalf("result %d is of %s, want %s", i, res.ID, w.id)
		}
		if !res.Status.Final() {
			continue
		}
		first, code := res.Status, ""
		if first == fieldsync.Duplicate {
			first = res.First
		}
		if res.Problem != nil {
			code = res.Problem.Code
		}
		if w.first != "" && (w.first != first || w.code != code || res.Status != fieldsync.Duplicate) {
			t.Fatalf("%s was %s %s, now %s %s %s", w.id, w.first, w.code, res.Status, first, code)
		}
		w.first, w.code = first, code
		if line == answered {
			tab.outbox = slices.DeleteFunc(tab.outbox, func(o *work) bool { return o == w })
		}
	}
}

// pull takes one page and tells whether there is more.
func (tab *fieldTablet) pull(t *testing.T, p *place) bool {
	t.Helper()
	page, _ := p.pull(tab.session, tab.cursor)
	for _, c := range page.Changes {
		ref := string(c.Kind) + c.ID
		if c.Removed != "" {
			delete(tab.held, ref)
			continue
		}
		tab.held[ref] = c
	}
	tab.cursor = page.Cursor
	return page.More
}

// checkRecord counts what the mutations did to one inspection.
func checkRecord(t *testing.T, p *place, id string, all []*work) {
	t.Helper()
	d, err := p.store.One(context.Background(), store.Ref{Kind: inspection.Kind, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	in, err := inspection.Decode(d.Body, d.Restricted)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if w.doc != id {
			continue
		}
		effects := 0
		for _, e := range in.History {
			if string(e.Mutation) == w.id {
				effects++
			}
		}
		wanted := 1
		if w.first == fieldsync.Rejected {
			wanted = 0
		}
		if w.first == "" || effects != wanted || w.bad != (w.first == fieldsync.Rejected) {
			t.Errorf("%s ended as %q %s with %d effects", w.id, w.first, w.code, effects)
		}
		if w.first != fieldsync.Conflict {
			continue
		}
		kept := slices.ContainsFunc(in.Proposals, func(o inspection.Proposal) bool { return string(o.Mutation) == w.id })
		for _, c := range in.Conflicts {
			if string(c.Mutation) != w.id || c.Offered.Answer == nil {
				kept = kept || string(c.Mutation) == w.id
				continue
			}
			s := c.Stored.Answer
			kept = kept || *c.Offered.Answer.Number == w.number && s != nil && *s.Number != w.number
		}
		if !kept {
			t.Errorf("what %s offered is not in the record", w.id)
		}
	}
}

// failingPacks is a library whose disk does not answer.
type failingPacks struct{ inspection.Library }

func (failingPacks) Get(checklist.PackRef) (*checklist.Pack, error) {
	return nil, fault.New(fault.Unavailable, "test.packs", "检查表暂时读不到")
}

// TestLaterOfRetryWaits keeps the order of one inspection also where the server could not do the first for the moment.
func TestLaterOfRetryWaits(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	ms := []json.RawMessage{
		mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`),
		mutation(3, "inspection.save", "inspection", insp1, 1, p.now, `{"answers":[{"item":"power.double-circuit","result":"conform"}]}`),
	}
	packs := p.sync.Packs
	p.sync.Packs = failingPacks{}
	got := p.push(wang, ms...)
	want(t, got[0], fieldsync.Retry, "sync.busy")
	want(t, got[1], fieldsync.Blocked, "sync.blocked")
	p.sync.Packs = packs
	got = p.push(wang, ms...)
	want(t, got[0], fieldsync.Applied, "")
	want(t, got[1], fieldsync.Conflict, "sync.proposal")
}

// TestP5GrantThatNeverSettledIsForgotten gives a person a second grant, cuts the pages so short that its backfill never
// begins, and takes all grants away: whatever the tablet was sent must be told to be forgotten.
func TestP5GrantThatNeverSettledIsForgotten(t *testing.T) {
	p := newPlace(t)
	wang, sun := inspector("wang", "532504/coal-mine"), inspector("sun", "532504/coal-mine")
	first, _ := p.pull(sun, "")
	for i := range 3 {
		id := fmt.Sprintf("018f0000-0000-7000-8000-%012d", i+1)
		want(t, p.push(wang, mutation(2*i+1, "inspection.save", "inspection", id, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
		want(t, p.push(wang, mutation(2*i+2, "inspection.submit", "inspection", id, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	}
	sun.User.Roles = append(sun.User.Roles, directory.RoleSupervisor)
	sun.User.Grants = append(sun.User.Grants, directory.Grant{Token: "5325", Role: directory.RoleSupervisor})
	p.sync.Limits.PullDocs = 1
	page, _ := p.pull(sun, first.Cursor)
	if !page.More || len(page.Changes) != 1 {
		t.Fatalf("the page was to be short: %+v", page)
	}
	via := page.Changes[0].Via
	sun.User.Grants = nil
	last, _ := p.pull(sun, page.Cursor)
	if via = slices.DeleteFunc(slices.Clone(via), func(x store.Token) bool { return slices.Contains(last.Forget, x) }); len(via) > 0 {
		t.Errorf("still held through %v", via)
	}
}
