package httpapi

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/audit"
	"paicha/internal/bundle"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// logged is a site with a log, and its sequencer.
func logged(t *testing.T) (*site, *audit.Key, func()) {
	t.Helper()
	secret, err := audit.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(d *Deps) {
		d.Audit, d.AuditKey = &audit.Log{Docs: d.Store, Verifier: key.Verifier}, key
	})
	q := audit.Sequencer{Docs: s.store, Key: key, Now: time.Now}
	return s, key, func() {
		t.Helper()
		for {
			more, err := q.Step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				return
			}
		}
	}
}

func (s *site) hazardOf(id string, region string, events int) {
	s.Helper()
	h := inspection.Hazard{ID: inspection.HazardID(id), Status: inspection.Reported}
	for i := range events {
		h.History = append(h.History, inspection.Event{By: "wang", Command: inspection.CmdConfirm, Note: fmt.Sprint(i)})
	}
	body, _, err := inspection.EncodeHazard(&h)
	s.put(store.Doc{
		Ref: store.Ref{Kind: inspection.KindHazard, ID: id}, Tokens: []store.Token{"5325", store.Token(region), "ent:mine-1"}, Body: body,
		Restricted: []byte(`{"remarks":[]}`),
	}, err)
}

// TestHeadsAreForSupervisorsAndAdministrators: the log's size would tell an enterprise that somebody is at work.
func TestHeadsAreForSupervisorsAndAdministrators(t *testing.T) {
	s, key, sequence := logged(t)
	lead := s.supervisor("lead", "5325")
	s.refused(s.send("GET", "/api/v1/audit/head", lead, nil), 404, audit.ErrEmpty.Code)
	s.hazardOf("haz-1", "532504", 3)
	sequence()
	r := s.send("GET", "/api/v1/audit/head", lead, nil)
	var h AuditHead
	if err := json.Unmarshal(r.body, &h); err != nil || r.status != 200 || h.Size != 3 || h.Key != key.Verifier {
		t.Fatalf("%d %s %v", r.status, r.body, err)
	}
	if open, err := audit.OpenHead([]byte(h.Note), key.Verifier); err != nil || open.Size != 3 || open.Root.String() != h.Root {
		t.Error(open, err)
	}
	s.hazardOf("haz-2", "532504", 2)
	sequence()
	r = s.send("GET", "/api/v1/audit/consistency?from=3", lead, nil)
	var c audit.Consistency
	if err := json.Unmarshal(r.body, &c); err != nil || r.status != 200 || c.To != 5 || c.FromRoot.String() != h.Root || len(c.Proof) == 0 {
		t.Errorf("%d %s %v", r.status, r.body, err)
	}
	s.refused(s.send("GET", "/api/v1/audit/consistency?from=6", lead, nil), 409, audit.ErrBeyond.Code)
	for _, q := range []string{"", "?from=x", "?from=0", "?from=3&to=2", "?from=3&to=-1", "?from=3&to=x"} {
		s.refused(s.send("GET", "/api/v1/audit/consistency"+q, lead, nil), 400, audit.ErrSizes.Code)
	}
	admin := s.person("admin", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	boss := s.person("boss", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-1"})
	inspector := s.person("wang", directory.User{Roles: []directory.Role{directory.RoleInspector}, Grants: []directory.Grant{{Role: directory.RoleInspector, Token: "5325"}}})
	if r := s.send("GET", "/api/v1/audit/head", admin, nil); r.status != 200 {
		t.Error(r.status)
	}
	for _, path := range []string{"head", "consistency?from=3", "proof?kind=hazard&id=haz-1"} {
		for name, token := range map[string]string{"boss": boss, "inspector": inspector} {
			if r := s.send("GET", "/api/v1/audit/"+path, token, nil); r.status != 403 || bytes.Contains(r.body, []byte("size")) {
				t.Errorf("%s, %s: %d %s", name, path, r.status, r.body)
			}
		}
	}
}

func TestProofOfADocumentsEntries(t *testing.T) {
	s, key, sequence := logged(t)
	s.hazardOf("haz-1", "532504", 5)
	_, err := s.store.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: store.Ref{Kind: checklist.KindStandard, ID: "s1"}, Body: []byte(`{"history":[{"did":"put"}]}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	sequence()
	s.hazardOf("haz-2", "532504", 1) // not logged yet
	lead, stranger := s.supervisor("lead", "5325"), s.supervisor("other", "532501")
	admin := s.person("admin", directory.User{Roles: []directory.Role{directory.RoleAdmin}})
	proof := func(token, query string) audit.Proven {
		t.Helper()
		r := s.send("GET", "/api/v1/audit/proof?"+query, token, nil)
		f, err := audit.ReadFile(r.body)
		if err != nil || r.status != 200 || len(f.Records) != 1 {
			t.Fatalf("%d %s %v", r.status, r.body, err)
		}
		if _, err := audit.OpenHead([]byte(f.Head), key.Verifier); err != nil {
			t.Error(err)
		}
		return f.Records[0]
	}
	if p := proof(lead, "kind=hazard&id=haz-1"); len(p.Entries) != 5 || p.Pending != 0 {
		t.Errorf("%+v", p)
	}
	if p := proof(lead, "kind=hazard&id=haz-1&from=3&limit=1"); len(p.Entries) != 1 || p.Entries[0].Entry != 3 || p.Pending != 0 {
		t.Errorf("%+v", p)
	}
	if p := proof(lead, "kind=hazard&id=haz-2"); len(p.Entries) != 0 || p.Pending != 1 {
		t.Errorf("%+v", p)
	}
	if p := proof(admin, "kind=standard&id=s1"); len(p.Entries) != 1 {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct{ token, query string }{
		{stranger, "kind=hazard&id=haz-1"},
		{lead, "kind=hazard&id=none"},
		{admin, "kind=hazard&id=haz-1"},
		{lead, "kind=standard&id=s1"},
		{lead, "kind=hazard&id="},
		{admin, "kind=standard&id=none"},
	} {
		s.refused(s.send("GET", "/api/v1/audit/proof?"+c.query, c.token, nil), 404, audit.ErrAbsent.Code)
	}
	for _, q := range []string{"", "kind=user&id=x", "kind=logHead&id=log", "kind=hazard&id=haz-1&from=-1", "kind=hazard&id=haz-1&limit=0", "kind=hazard&id=haz-1&limit=201", "kind=hazard&id=haz-1&limit=x"} {
		s.refused(s.send("GET", "/api/v1/audit/proof?"+q, lead, nil), 400, "httpapi.query")
	}
}

// TestBundleOfASupervisorHasTheLog: that of the enterprise has the server's signature, and nothing of the log.
func TestBundleOfASupervisorHasTheLog(t *testing.T) {
	s, key, sequence := logged(t)
	s.hazardOf("haz-1", "532504", 2)
	sequence()
	lead := s.supervisor("lead", "5325")
	boss := s.person("boss", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-1"})
	get := func(token string) (bundle.Report, []byte) {
		t.Helper()
		r := s.send("GET", "/api/v1/hazards/haz-1/bundle", token, nil)
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		out, err := bundle.VerifyWith(bytes.NewReader(r.body), int64(len(r.body)), key.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		return out, r.body
	}
	r, _ := get(lead)
	if !r.Whole || r.Log == nil || r.Log.Entries != 2 || !r.Log.Pinned {
		t.Errorf("%+v %+v", r.Log, r.Facts)
	}
	r, b := get(boss)
	if !r.Whole || r.Log != nil || bytes.Contains(b, []byte(bundle.LogName)) {
		t.Errorf("%+v %+v", r.Log, r.Facts)
	}
	for _, f := range r.Facts {
		if strings.HasPrefix(f.Code, "log_head") {
			t.Errorf("%+v", f)
		}
	}
}

func TestWithoutALogItsRoutesAreNotReady(t *testing.T) {
	s := newSite(t)
	lead := s.supervisor("lead", "5325")
	for _, path := range []string{"head", "consistency?from=1", "proof?kind=hazard&id=x"} {
		s.refused(s.send("GET", "/api/v1/audit/"+path, lead, nil), 503, "httpapi.not_ready")
	}
}
