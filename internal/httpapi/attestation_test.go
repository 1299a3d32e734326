package httpapi

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/inspection/attest"
	"paicha/internal/directory"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/google/uuid"
)

// tablet makes an account and opens a tablet of its own for it.
func (s *site) tablet(login string, u directory.User) *client.Tablet {
	s.Helper()
	s.person(login, u)
	t := &client.Tablet{
		Server: s.url, Dir: filepath.Join(s.TempDir(), login), Name: "平板", Now: time.Now,
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	}
	if err := t.Open(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { t.Close() })
	if err := t.Login(s.Context(), login, password); err != nil {
		s.Fatal(err)
	}
	s.sync(t)
	return t
}

func (s *site) sync(t *client.Tablet) {
	s.Helper()
	if _, err := t.Sync(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// settles syncs and checks what became of a mutation.
func (s *site) settles(t *client.Tablet, id fieldsync.MutationID, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	s.sync(t)
	for _, m := range t.Outbox().All() {
		if m.ID == id && (m.Result == nil || m.Result.Status != fieldsync.Applied) {
			s.Fatalf("%s: %+v", m.Name, m.Result)
		}
	}
}

// signs has somebody sign what was pulled, n contents of it.
func (s *site) signs(t *client.Tablet, id string, n int) {
	s.Helper()
	queued, err := t.Sign(id)
	if err != nil || len(queued) != n {
		s.Fatal(queued, err)
	}
	for _, m := range queued {
		s.settles(t, m, nil)
	}
}

func (s *site) record(t *client.Tablet, id string) inspection.Inspection {
	s.Helper()
	d, _ := t.Replica().Get(fieldsync.DocRef{Kind: inspection.Kind, ID: id})
	in, err := inspection.Decode(d.Body, nil)
	if err != nil {
		s.Fatal(err)
	}
	return in
}

func inspectorOf(region string) directory.User {
	return directory.User{
		Roles:  []directory.Role{directory.RoleInspector},
		Grants: []directory.Grant{{Token: directory.ScopeToken(directory.RegionCode(region), ""), Role: directory.RoleInspector, Reason: directory.ReasonPost}},
	}
}

// TestP6SignedRecordsVerifyOffline plays a record from the leader's tablet to a file that verifies without the server:
// submitted offline after saves that the server never answered, signed by a colleague, refused by the enterprise,
// amended, and signed with a device that was revoked since.
func TestP6SignedRecordsVerifyOffline(t *testing.T) {
	s := newSite(t)
	wang, li := s.tablet("wang", inspectorOf("532504")), s.tablet("li", inspectorOf("532504"))
	enterprise := directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-1"}
	boss := s.tablet("boss", enterprise)
	rival := s.person("rival", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-2"})
	chief := s.supervisor("chief", "532504")
	id := uuid.Must(uuid.NewV7()).String()
	ref := fieldsync.DocRef{Kind: inspection.Kind, ID: id}

	methane := 1.2
	for _, args := range []inspection.SaveArgs{
		{
			Header: &inspection.Header{
				Unit: inspection.Unit{ID: "mine-1", Name: "示范煤矿一号"}, Region: "532504", Sectors: []inspection.Sector{"coal-mine"},
				Mode: inspection.Unannounced, Pack: inspection.PackRef{ID: "coal-mine@2023.1"}, StartedAt: time.Now(),
			},
			Team: []inspection.UserID{"wang", "li"}, Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Conform}},
		},
		{Answers: []inspection.Answer{{Item: "gas.methane-return", Instance: "1201回风", Number: &methane, Unit: "%", At: time.Now()}}},
		{Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Nonconform}}},
	} {
		if _, err := wang.Save("inspection.save", ref, args); err != nil {
			t.Fatal(err)
		}
	}
	m, err := wang.Submit(id, inspection.SubmitArgs{Opinion: "限期整改"}, nil)
	s.settles(wang, m, err)
	in := s.record(wang, id)
	if len(in.Attestations) != 1 || len(in.Attestations[0].Differs) > 0 || slices.Contains(in.Marks, inspection.MarkUnsigned) {
		t.Fatalf("%v %+v", in.Marks, in.Attestations)
	}

	s.sync(li)
	s.signs(li, id, 1)
	s.signs(li, id, 0) // nothing is left to sign
	s.sync(boss)
	m, err = boss.Decline(id, "对测点有异议")
	s.settles(boss, m, err)
	s.sync(wang)
	m, err = wang.Amend(id, inspection.AmendArgs{Reason: "复测", SaveArgs: inspection.SaveArgs{
		Answers: []inspection.Answer{{Item: "license.layer", Result: inspection.Conform}},
	}})
	s.settles(wang, m, err)
	if in = s.record(wang, id); len(in.Attestations) != 2 || len(in.Attestations[1].Differs) > 0 || !slices.Equal(in.Attestations[1].Waiting, []inspection.UserID{"li"}) {
		t.Fatalf("%+v", in.Attestations)
	}
	if in = s.record(wang, id); in.Attestations[0].Waiting != nil || len(in.Attestations[0].Declined) != 1 {
		t.Fatalf("%+v", in.Attestations[0])
	}
	_, device := wang.Session()
	if err := s.auth.RevokeDevice(t.Context(), directory.DeviceID(device)); err != nil {
		t.Fatal(err)
	}

	at := "/api/v1/inspections/" + id + "/attestation"
	got := s.send("GET", at, chief, nil)
	f, err := attest.ReadFile(got.body)
	if got.status != 200 || err != nil {
		t.Fatalf("%d %v %s", got.status, err, got.body)
	}
	r := attest.Verify(f, nil)
	said := map[string]int{}
	for _, fact := range r.Facts {
		said[fact.Code+" "+string(fact.State)]++
	}
	for what, n := range map[string]int{"signature ok": 3, "declined ok": 1, "waiting told": 1, "chain ok": 1, "revoked told": 2} {
		if said[what] != n {
			t.Errorf("%s: %d times, want %d", what, said[what], n)
		}
	}
	if !r.Verified || len(f.Keys) != 3 {
		t.Errorf("%+v", r)
	}

	s.refused(s.send("GET", at, rival, nil), 404, "store.not_found")
	s.refused(s.send("GET", "/api/v1/inspections/nothing/attestation", chief, nil), 404, "store.not_found")
	s.refused(s.send("GET", "/api/v1/inspections/"+strings.Repeat("x", 200)+"/attestation", chief, nil), 404, "store.not_found")
}

func TestAttestationOfAnUnsignedRecord(t *testing.T) {
	s := newSite(t)
	wang, chief := s.tablet("wang", inspectorOf("532504")), s.supervisor("chief", "532504")
	id := uuid.Must(uuid.NewV7()).String()
	ref := fieldsync.DocRef{Kind: inspection.Kind, ID: id}
	m, err := wang.Save("inspection.save", ref, inspection.SaveArgs{Header: &inspection.Header{
		Unit: inspection.Unit{ID: "mine-1"}, Region: "532504", Sectors: []inspection.Sector{"coal-mine"},
		Mode: inspection.Routine, Pack: inspection.PackRef{ID: "coal-mine@2023.1"}, StartedAt: time.Now(),
	}})
	s.settles(wang, m, err)
	m, err = wang.Save("inspection.submit", ref, inspection.SubmitArgs{Signatures: []inspection.Signature{{Name: "王某", Role: inspection.RoleInspector}}})
	s.settles(wang, m, err)
	if in := s.record(wang, id); !slices.Contains(in.Marks, inspection.MarkUnsigned) {
		t.Error(in.Marks)
	}
	s.refused(s.send("GET", "/api/v1/inspections/"+id+"/attestation", chief, nil), 404, fieldsync.ErrUnattested.Code)
	if _, err := wang.Sign(id); err == nil {
		t.Error("signed a record without a content")
	}
}
