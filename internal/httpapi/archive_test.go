package httpapi

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// shelved puts a hazard of these sectors, in history or not.
func (s *site) shelved(id, region string, archived bool, sectors ...inspection.Sector) {
	s.Helper()
	h := inspection.Hazard{
		ID: inspection.HazardID(id), Unit: inspection.Unit{ID: "e1"}, Region: directory.RegionCode(region), Sectors: sectors,
		Class: inspection.Major, Status: inspection.Accepted, Source: inspection.FromDepartment, Owner: inspection.Owner{Region: directory.RegionCode(region)},
		OccurredAt: time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC), ReceivedAt: time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC),
		Remarks: []inspection.Remark{{Text: "内部批注"}},
	}
	body, restricted, err := inspection.EncodeHazard(&h)
	d := store.Doc{Ref: store.Ref{Kind: inspection.KindHazard, ID: id}, Tokens: inspection.HazardTokens(&h), Fields: inspection.HazardFields(&h), Body: body, Restricted: restricted}
	if archived {
		d.Tokens = directory.HistoryTokens(d.Tokens)
	}
	s.put(d, err)
}

// found lists hazards, two a page.
func (s *site) found(token, query string) string {
	s.Helper()
	var ids []string
	for after := ""; ; {
		r := s.send("GET", "/api/v1/hazards?limit=2"+query+after, token, nil)
		var page DocumentPage
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != 200 {
			s.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		for _, d := range page.Items {
			ids = append(ids, d.ID)
		}
		if page.After == "" {
			slices.Sort(ids)
			return strings.Join(ids, " ")
		}
		after = "&after=" + page.After
	}
}

func grantOf(token store.Token, role directory.Role) directory.User {
	return directory.User{Roles: []directory.Role{role}, Grants: []directory.Grant{{Token: token, Role: role}}}
}

// TestHazardsAreFoundByEachOfTheirSectors and never beyond what the reader may see.
func TestHazardsAreFoundByEachOfTheirSectors(t *testing.T) {
	s := newSite(t)
	s.shelved("a", "532501", false, "town-gas")
	s.shelved("b", "532501", false, "fire", "town-gas")
	s.shelved("c", "532504", true, "town-gas", "fire")
	s.shelved("d", "532504", false, "hospital", "fire")
	wide := s.person("wide", grantOf("5325", directory.RoleAnalyst))
	fire := s.person("fire", grantOf("532501/fire", directory.RoleInspector))
	county := s.person("county", grantOf("532504", directory.RoleSupervisor))
	for _, c := range []struct{ token, query, want string }{
		{wide, "", "a b c d"},
		{wide, "&sector=town-gas", "a b c"},
		{wide, "&sector=fire", "b c d"},
		{wide, "&sector=hospital", "d"},
		{wide, "&sector=other", "d"},
		{wide, "&sector=school", ""},
		{wide, "&sector=fire&region=532504&class=major", "c d"},
		{wide, "&sector=fire&archived=false", "b d"},
		{fire, "", "b"},
		{fire, "&sector=town-gas", "b"},
		{fire, "&sector=hospital", ""},
		{county, "&sector=town-gas", "c"},
	} {
		if got := s.found(c.token, c.query); got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
	s.refused(s.send("GET", "/api/v1/hazards?sector=nothing", wide, nil), 400, directory.ErrSector.Code)
}

// TestArchivedIsReadByWhoHeldIt through lists, by id and with its restricted part, and by nobody else.
func TestArchivedIsReadByWhoHeldIt(t *testing.T) {
	s := newSite(t)
	s.shelved("old", "532501", true, "town-gas")
	s.shelved("new", "532501", false, "town-gas")
	chief := s.person("chief", grantOf("5325", directory.RoleSupervisor))
	inspector := s.person("insp", grantOf("532501/town-gas", directory.RoleInspector))
	owner := s.person("owner", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "e1"})
	rival := s.person("rival", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "e2"})
	away := s.person("away", grantOf("532504", directory.RoleSupervisor))
	for _, token := range []string{chief, inspector, owner} {
		for query, want := range map[string]string{"": "new old", "&archived=true": "old", "&archived=false": "new"} {
			if got := s.found(token, query); got != want {
				t.Errorf("%q: got %q, want %q", query, got, want)
			}
		}
		r := s.send("GET", "/api/v1/hazards/old", token, nil)
		var d Document
		if err := json.Unmarshal(r.body, &d); err != nil || r.status != 200 || !d.Archived {
			t.Errorf("%d %s", r.status, r.body)
		}
		if (len(d.Restricted) > 0) != (token == chief) || strings.Contains(string(r.body), "history:") {
			t.Errorf("%s", r.body)
		}
	}
	for _, token := range []string{rival, away} {
		if got := s.found(token, ""); got != "" {
			t.Errorf("got %q", got)
		}
		s.refused(s.send("GET", "/api/v1/hazards/old", token, nil), 404, store.ErrNotFound.Code)
	}
	s.refused(s.send("GET", "/api/v1/hazards?archived=perhaps", chief, nil), 400, ErrQuery.Code)
	s.refused(s.send("GET", "/api/v1/inspections?archived=1", chief, nil), 400, ErrQuery.Code)
}
