package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/google/uuid"
)

// place is a server in a temporary directory with a clock that the test turns.
type place struct {
	t     testing.TB
	dir   string
	ids   int
	now   time.Time
	store *store.Store
	sync  *fieldsync.Service
	stop  func()
}

func newPlace(t testing.TB) *place {
	p := &place{t: t, dir: t.TempDir(), now: time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)}
	p.open()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *place) open() {
	p.t.Helper()
	ctx := context.Background()
	bundle, err := checklist.Embedded()
	if err != nil {
		p.t.Fatal(err)
	}
	lib := checklist.NewLibrary()
	for _, pack := range bundle.Packs {
		if err := lib.Add(pack, "2023-01-01", ""); err != nil {
			p.t.Fatal(err)
		}
	}
	engine, err := sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(p.dir, "paicha.db"), Indexes: slices.Concat(inspection.Indexes, directory.Indexes, media.Indexes, fieldsync.Indexes),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	hub := fieldsync.NewHub()
	p.store, err = store.Open(ctx, engine, store.Options{
		Now: func() time.Time { return p.now }, Elapsed: func() time.Duration { return 0 },
		NewID: func() string { p.ids++; return fmt.Sprintf("id%d", p.ids) }, OnCommit: hub.Committed,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	seal, err := fieldsync.NewCursorSeal([]byte("a secret of this test"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.sync = &fieldsync.Service{
		Cursors: seal,
		Store:   p.store, Packs: lib, Now: func() time.Time { return p.now }, Limits: fieldsync.DefaultLimits,
		Grace: 72 * time.Hour, LockAfter: 24 * time.Hour, Hub: hub,
	}
	p.stop = func() {
		if err := engine.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

func inspector(id string, token store.Token) fieldsync.Session {
	return fieldsync.Session{Device: directory.DeviceID("dev-" + id), User: directory.User{
		ID: directory.UserID(id), Roles: []directory.Role{directory.RoleInspector},
		Grants: []directory.Grant{{Token: token, Role: directory.RoleInspector}},
	}}
}

func supervisor(id string, token store.Token) fieldsync.Session {
	return fieldsync.Session{Device: directory.DeviceID("dev-" + id), User: directory.User{
		ID: directory.UserID(id), Roles: []directory.Role{directory.RoleSupervisor},
		Grants: []directory.Grant{{Token: token, Role: directory.RoleSupervisor}},
	}}
}

func enterpriseUser(id, enterprise string) fieldsync.Session {
	return fieldsync.Session{Device: directory.DeviceID("dev-" + id), User: directory.User{
		ID: directory.UserID(id), Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: directory.EnterpriseID(enterprise),
	}}
}

// mutation writes one as a tablet would; the bytes are what a retry repeats.
func mutation(n int, name, kind, id string, base store.Rev, at time.Time, args string) json.RawMessage {
	m := uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(n, name, id, args)))
	return json.RawMessage(fmt.Sprintf(`{"id":%q,"n":%d,"name":%q,"doc":{"kind":%q,"id":%q},"baseRev":%d,"at":%q,"args":%s}`,
		m, n, name, kind, id, base, at.Format(time.RFC3339), args))
}

// linksOf names the numbers that the mutations leave out: the tests number by the story, not by device.
func linksOf(ms []json.RawMessage) []fieldsync.Link {
	carried, most := map[uint64]bool{}, uint64(0)
	for _, raw := range ms {
		var m struct{ N uint64 }
		if json.Unmarshal(raw, &m) == nil {
			carried[m.N] = true
			most = max(most, m.N)
		}
	}
	var out []fieldsync.Link
	for n := uint64(1); n < most; n++ {
		if !carried[n] {
			out = append(out, fieldsync.Link{N: n})
		}
	}
	return out
}

func (p *place) push(s fieldsync.Session, ms ...json.RawMessage) []fieldsync.Result {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{
		"epoch": p.store.Epoch(), "device": s.Device, "deviceTime": p.now, "mutations": ms, "links": linksOf(ms),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := fieldsync.DecodePush(body, p.sync.Limits)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := p.sync.Push(context.Background(), s, r)
	if err != nil {
		p.t.Fatal(err)
	}
	return out.Results
}

func (p *place) pull(s fieldsync.Session, cursor string) (fieldsync.PullResponse, string) {
	p.t.Helper()
	b, err := p.sync.Pull(context.Background(), s, fieldsync.PullRequest{Cursor: cursor})
	if err != nil {
		p.t.Fatal(err)
	}
	var r fieldsync.PullResponse
	if err := json.Unmarshal(b, &r); err != nil {
		p.t.Fatalf("%v in %s", err, b)
	}
	return r, string(b)
}

const (
	insp1  = "018f0000-0000-7000-8000-000000000001"
	header = `{"unit":{"id":"mine-1","name":"示范煤矿一号"},"region":"532504","sectors":["coal-mine"],"mode":"unannounced",` +
		`"pack":{"id":"coal-mine@2023.1"},"startedAt":"2023-06-05T07:30:00Z"}`
	methane = `{"item":"gas.methane-return","instance":"1201回风","number":1.2,"unit":"%"},` +
		`{"item":"gas.return-work","instance":"1201回风","choice":"仍在作业"}`
	facts  = `[{"name":"mine-kind","text":"井工"}]`
	signed = `[{"name":"王某","role":"inspector"}]`
)

func packRef(t *testing.T) string {
	b, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Packs {
		if p.ID == "coal-mine" {
			return string(p.Ref())
		}
	}
	t.Fatal("no coal-mine pack")
	return ""
}

func saveArgs(t *testing.T, answers string) string {
	h := strings.Replace(header, "coal-mine@2023.1", packRef(t), 1)
	return `{"header":` + h + `,"team":["wang","li"],"facts":` + facts + `,"answers":[` + answers + `]}`
}

// TestStoryFromTabletToEnterprise walks one major hazard from the tablet to the enterprise.
func TestStoryFromTabletToEnterprise(t *testing.T) {
	p := newPlace(t)
	wang, chief := inspector("wang", "532504/coal-mine"), supervisor("chief", "5325")
	mine, other := enterpriseUser("boss", "mine-1"), enterpriseUser("rival", "mine-2")

	_, before := p.pull(mine, "")
	got := p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))
	want(t, got[0], fieldsync.Applied, "")
	if _, after := p.pull(mine, ""); after != before {
		t.Fatalf("the enterprise learnt of an unannounced inspection:\n%s\n%s", before, after)
	}

	got = p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))
	want(t, got[0], fieldsync.Applied, "")

	seen, raw := p.pull(mine, "")
	var hazard fieldsync.PullChange
	for _, c := range seen.Changes {
		if c.Kind == "hazard" && strings.Contains(string(c.Body), "gas.methane-return") {
			hazard = c
		}
	}
	for _, s := range []string{"第五条(二)", "1.2", `"class":"major"`, `"suspected":true`} {
		if !strings.Contains(string(hazard.Body), s) {
			t.Errorf("hazard without %s: %s", s, hazard.Body)
		}
	}
	if strings.Contains(raw, `"restricted"`) {
		t.Error("restricted part sent to the enterprise")
	}
	if r, _ := p.pull(other, ""); len(r.Changes) != 0 {
		t.Errorf("another enterprise sees %d documents", len(r.Changes))
	}

	steps := []struct {
		as         fieldsync.Session
		name, args string
		want       fieldsync.Status
		code       string
	}{
		{mine, "hazard.accept", `{"note":"好了"}`, fieldsync.Rejected, "sync.forbidden"},
		{chief, "hazard.confirm", `{}`, fieldsync.Applied, ""},
		{chief, "hazard.accept", `{}`, fieldsync.Rejected, "hazard.no_move"},
		{other, "hazard.plan", `{}`, fieldsync.Blocked, "sync.blocked"},
		{mine, "hazard.plan", `{"fixings":{"responsible":"张某","measures":"加强通风","funds":50000,"deadline":"2023-06-30T00:00:00Z","plan":"撤人断电"}}`, fieldsync.Applied, ""},
		{mine, "hazard.rectify", `{"note":"已调整风量"}`, fieldsync.Applied, ""},
		{chief, "hazard.reject", `{"reason":"没有测定记录"}`, fieldsync.Applied, ""},
		{mine, "hazard.rectify", `{"note":"补充测定记录"}`, fieldsync.Applied, ""},
		{chief, "hazard.accept", `{"note":"现场复查合格"}`, fieldsync.Applied, ""},
	}
	for i, s := range steps {
		r := p.push(s.as, mutation(10+i, s.name, "hazard", hazard.ID, 0, p.now, s.args))[0]
		if r.Status != s.want || r.Problem != nil && r.Problem.Code != s.code {
			t.Fatalf("step %d %s by %s: %+v %+v", i, s.name, s.as.User.ID, r, r.Problem)
		}
	}
}

func want(t *testing.T, r fieldsync.Result, status fieldsync.Status, code string) {
	t.Helper()
	got := ""
	if r.Problem != nil {
		got = r.Problem.Code
	}
	if r.Status != status || got != code {
		t.Fatalf("got %s %s (%+v), want %s %s", r.Status, got, r.Problem, status, code)
	}
}

// TestP2SameMutationHasOneEffect sends one mutation again, with other content, and thirty-two times at once.
func TestP2SameMutationHasOneEffect(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	m := mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane))
	var wg gosync.WaitGroup
	results := make([]fieldsync.Result, 32)
	for i := range results {
		wg.Go(func() { results[i] = p.push(wang, m)[0] })
	}
	wg.Wait()
	applied := 0
	for _, r := range results {
		if r.Status == fieldsync.Applied {
			applied++
		} else {
			want(t, r, fieldsync.Duplicate, "")
		}
	}
	d, err := p.store.One(context.Background(), store.Ref{Kind: "inspection", ID: insp1})
	if err != nil || applied != 1 || d.Rev != 1 {
		t.Fatalf("applied %d times, rev %d, %v", applied, d.Rev, err)
	}
	reused := json.RawMessage(strings.Replace(string(m), "1.2", "0.2", 1))
	want(t, p.push(wang, reused)[0], fieldsync.Rejected, "sync.mutation_reused")
}

// TestP3TwoInspectorsOffline keeps both values of two people who had not seen each other.
func TestP3TwoInspectorsOffline(t *testing.T) {
	p := newPlace(t)
	wang, li := inspector("wang", "532504/coal-mine"), inspector("li", "532504/coal-mine")
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
	r := p.push(li, mutation(1, "inspection.save", "inspection", insp1, 0, p.now,
		`{"answers":[{"item":"gas.methane-return","instance":"1201回风","number":0.8,"unit":"%"},{"item":"power.double-circuit","result":"conform"}]}`))[0]
	want(t, r, fieldsync.Conflict, "sync.conflict")
	d, err := p.store.One(context.Background(), store.Ref{Kind: "inspection", ID: insp1})
	if err != nil {
		t.Fatal(err)
	}
	in, err := inspection.Decode(d.Body, d.Restricted)
	if err != nil || len(in.Conflicts) != 1 || len(in.Answers) != 3 {
		t.Fatalf("%d conflicts, %d answers, %v", len(in.Conflicts), len(in.Answers), err)
	}
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	want(t, p.push(li, mutation(2, "inspection.save", "inspection", insp1, 1, p.now,
		`{"answers":[{"item":"power.double-circuit","result":"nonconform"}]}`))[0], fieldsync.Conflict, "sync.proposal")
}

// TestOneBadMutationStopsNoOther pushes a good record among everything that can be wrong with its neighbours.
func TestOneBadMutationStopsNoOther(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	good := func(n int) json.RawMessage {
		return mutation(n, "inspection.save", "inspection", fmt.Sprintf("018f0000-0000-7000-8000-0000000001%02d", n), 0, p.now, saveArgs(t, methane))
	}
	deep := strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200)
	other := "018f0000-0000-7000-8000-000000000009"
	cases := []struct {
		m      json.RawMessage
		status fieldsync.Status
		code   string
	}{
		{json.RawMessage(`{"id":"nonsense"}`), fieldsync.Rejected, "sync.mutation"},
		{json.RawMessage(`17`), fieldsync.Rejected, "sync.mutation"},
		{mutation(3, "inspection.burn", "inspection", other, 0, p.now, `{}`), fieldsync.Rejected, "sync.unknown_command"},
		{mutation(4, "hazard.confirm", "inspection", other, 0, p.now, `{}`), fieldsync.Rejected, "sync.wrong_kind"},
		{mutation(5, "hazard.confirm", "hazard", other, 0, p.now, `{}`), fieldsync.Blocked, "sync.blocked"},
		{mutation(6, "inspection.save", "inspection", other, 0, p.now, `{"answers":`+deep+`}`), fieldsync.Rejected, "sync.mutation"},
		{mutation(7, "inspection.save", "inspection", other, 0, p.now, `{"team":["a"],"team":["b"]}`), fieldsync.Rejected, "sync.mutation"},
		{json.RawMessage(strings.Replace(string(good(8)), "示范", "\xff\xfe", 1)), fieldsync.Rejected, "sync.mutation"},
	}
	var ms []json.RawMessage
	for i, c := range cases {
		ms = append(ms, good(20+i), c.m)
	}
	body := []byte(`{"epoch":"` + p.store.Epoch() + `","device":"dev-wang","mutations":[`)
	for i, m := range ms {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m...)
	}
	r, err := fieldsync.DecodePush(append(body, `]}`...), p.sync.Limits)
	if err != nil {
		t.Fatal(err)
	}
	r.Links = linksOf(ms)
	out, err := p.sync.Push(context.Background(), wang, r)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		want(t, out.Results[2*i], fieldsync.Applied, "")
		want(t, out.Results[2*i+1], c.status, c.code)
	}
}

// TestWorkOfAnEndedGrantIsKept applies work begun under it for a while and quarantines it afterwards.
func TestWorkOfAnEndedGrantIsKept(t *testing.T) {
	p := newPlace(t)
	wang := inspector("wang", "532504/coal-mine")
	wang.User.Grants[0].Until = p.now.Add(time.Hour)
	begun := p.now
	m := mutation(1, "inspection.save", "inspection", insp1, 0, begun, saveArgs(t, methane))
	p.now = p.now.Add(48 * time.Hour)
	want(t, p.push(wang, m)[0], fieldsync.Applied, "")
	late := mutation(2, "inspection.save", "inspection", "018f0000-0000-7000-8000-000000000002", 0, begun, saveArgs(t, methane))
	p.now = p.now.Add(48 * time.Hour)
	for _, status := range []fieldsync.Status{fieldsync.Quarantined, fieldsync.Duplicate} {
		want(t, p.push(wang, late)[0], status, "sync.quarantined")
	}
	chief := supervisor("chief", "5325")
	r, _ := p.pull(chief, "")
	found := false
	for _, c := range r.Changes {
		found = found || c.Kind == "quarantine" && strings.Contains(string(c.Body), "示范煤矿一号")
	}
	if !found {
		t.Error("the supervisor does not see the quarantined work")
	}
}

// TestPendingEffectsSurviveACrash stops between the inspection and its hazards, and after them; the start completes it,
// and a resend is a duplicate.
func TestPendingEffectsSurviveACrash(t *testing.T) {
	for _, at := range []string{fieldsync.BeforeHazards, fieldsync.AfterHazards} {
		t.Run(at, func(t *testing.T) {
			p := newPlace(t)
			wang := inspector("wang", "532504/coal-mine")
			want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, saveArgs(t, methane)))[0], fieldsync.Applied, "")
			submit := mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`)
			func() {
				defer func() { _ = recover() }()
				p.sync.Reached = func(place string) {
					if place == at {
						panic("power cut")
					}
				}
				p.push(wang, submit)
			}()
			p.stop()
			p.open()
			n, err := p.sync.Recover(context.Background())
			if err != nil || n != 1 {
				t.Fatalf("recovered %d, %v", n, err)
			}
			want(t, p.push(wang, submit)[0], fieldsync.Duplicate, "")
			page, err := p.store.Find(context.Background(), store.Query{
				Kind: inspection.KindHazard, Where: []store.Cond{store.Where("class", store.Eq, store.Text("major"))}, Order: "occurredAt",
			})
			if err != nil || len(page.Docs) == 0 {
				t.Fatalf("%d hazards, %v", len(page.Docs), err)
			}
		})
	}
}
