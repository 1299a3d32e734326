package directory

import (
	"errors"
	"slices"
	"testing"
	"time"

	"paicha/internal/store"
)

var noon = time.Date(2023, 6, 1, 4, 0, 0, 0, time.UTC)

func TestRegions(t *testing.T) {
	if n := len(Children(Honghe)); n != 13 {
		t.Errorf("%d divisions", n)
	}
	if got := Ancestors("532504"); !slices.Equal(got, []RegionCode{"53", "5325", "532504"}) {
		t.Errorf("ancestors %v", got)
	}
	if Ancestors("99") != nil {
		t.Error("an unknown region has ancestors")
	}
	for in, want := range map[string]RegionCode{"53": Yunnan, "530000": Yunnan, "532500": Honghe, "532504": "532504"} {
		if got, err := ParseRegion(in); err != nil || got != want {
			t.Errorf("%s: %s %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "5", "54", "532505", "532504000", "５３", "000000"} {
		if _, err := ParseRegion(bad); !errors.Is(err, ErrRegion) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTokens(t *testing.T) {
	got := RegionTokens("532501", []SectorID{CoalMine})
	want := []store.Token{"53", "53/coal-mine", "5325", "5325/coal-mine", "532501", "532501/coal-mine"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if !slices.Contains(RegionTokens("532501", []SectorID{Hospital}), "5325/other") {
		t.Error("a grant of other does not cover a hospital")
	}
	draft := DraftTokens([]UserID{"u1", "u2"}, "t1", "532504", []SectorID{CoalMine})
	for _, no := range []store.Token{"532504", "532504/coal-mine", "ent:e1"} {
		if slices.Contains(draft, no) {
			t.Errorf("a draft carries %s", no)
		}
	}
	for _, yes := range []store.Token{"user:u1", "user:u2", "task:t1", "sup:53", "sup:532504/coal-mine"} {
		if !slices.Contains(draft, yes) {
			t.Errorf("a draft lacks %s", yes)
		}
	}
	sub := SubmittedTokens([]UserID{"u1"}, "t1", "e1", "532504", []SectorID{CoalMine})
	for _, yes := range []store.Token{"532504/coal-mine", "ent:e1", "user:u1", "task:t1", "sup:5325"} {
		if !slices.Contains(sub, yes) {
			t.Errorf("a submitted inspection lacks %s", yes)
		}
	}
	if !slices.IsSorted(sub) || !slices.IsSorted(draft) {
		t.Error("tokens are not sorted")
	}
}

func TestReading(t *testing.T) {
	inspector := User{ID: "u1", Roles: []Role{RoleInspector}, Grants: []Grant{
		{Token: "532501/coal-mine", Role: RoleInspector},
		{Token: "532527", Role: RoleInspector, Until: noon, Reason: ReasonAway},
		{Token: "532502", Role: RoleInspector, Revoked: true},
		{Token: "532503", Role: RoleInspector, From: noon.Add(time.Second)},
		{Token: "5325", Role: RoleSupervisor}, // the role itself was taken away
	}}
	supervisor := User{ID: "s1", Roles: []Role{RoleSupervisor}, Grants: []Grant{{Token: "5325/other", Role: RoleSupervisor}}}
	enterprise := User{ID: "p1", Roles: []Role{RoleEnterprise}, Enterprise: "e1"}
	analyst := User{ID: "a1", Roles: []Role{RoleAnalyst}, Grants: []Grant{{Token: "5325", Role: RoleAnalyst}}}
	disabled := enterprise
	disabled.Disabled = true
	ended := User{ID: "x", Roles: []Role{RoleInspector}, Grants: []Grant{{Token: "5325", Role: RoleInspector, Until: noon}}}
	for name, c := range map[string]struct {
		u    User
		want []Reach
	}{
		"Inspector": {inspector, []Reach{
			{"532501/coal-mine", RoleInspector},
			{"pack:all", RoleInspector},
			{"pack:coal-mine", RoleInspector},
			{"user:u1", RoleInspector},
		}},
		"Enterprise": {enterprise, []Reach{{"ent:e1", RoleEnterprise}, {"pack:all", RoleEnterprise}, {"user:p1", RoleEnterprise}}},
		"Analyst":    {analyst, []Reach{{"5325", RoleAnalyst}, {"pack:all", RoleAnalyst}, {"user:a1", RoleAnalyst}}},
		"Admin": {User{ID: "d", Roles: []Role{RoleAdmin}}, []Reach{
			{"pack:all", RoleAdmin},
			{"user:d", RoleAdmin},
		}},
		"Disabled":       {disabled, nil},
		"EveryGrantOver": {ended, nil},
	} {
		if got := c.u.Reading(noon); !slices.Equal(got, c.want) {
			t.Errorf("%s reads %v, want %v", name, got, c.want)
		}
	}
	got := supervisor.Reading(noon)
	for _, want := range []Reach{
		{"5325/other", RoleSupervisor},
		{"sup:5325/other", RoleSupervisor},
		{"pack:hospital", RoleSupervisor},
		{"user:s1", RoleInspector},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the supervisor lacks %v", want)
		}
	}
	if !slices.Contains(enterprise.ReadingOf(noon, Enterprise{ID: "e1", Sectors: []SectorID{TownGas}}), Reach{"pack:town-gas", RoleEnterprise}) {
		t.Error("an enterprise lacks the pack of its sector")
	}
	if slices.Contains(enterprise.ReadingOf(noon, Enterprise{ID: "e2", Sectors: []SectorID{TownGas}}), Reach{"pack:town-gas", RoleEnterprise}) {
		t.Error("an enterprise has the pack of another's sector")
	}
}

// TestDraftStaysSecret is 四不两直: nobody but the team and the supervisors of the place meets a draft's tokens.
func TestDraftStaysSecret(t *testing.T) {
	d, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	draft := DraftTokens([]UserID{"demo-inspector-1"}, "t", "532504", []SectorID{CoalMine})
	may := map[UserID]bool{"demo-inspector-1": true, "demo-supervisor-1": true, "demo-supervisor-2": true}
	for _, u := range d.Users {
		sees := slices.ContainsFunc(u.Reading(noon), func(r Reach) bool { return slices.Contains(draft, r.Token) })
		if sees != may[u.ID] {
			t.Errorf("%s sees the draft: %v", u.ID, sees)
		}
	}
}

func TestGrantValidate(t *testing.T) {
	for name, c := range map[string]struct {
		g  Grant
		ok bool
	}{
		"Region":          {Grant{Token: "5325", Role: RoleAnalyst}, true},
		"Task":            {Grant{Token: "task:t1", Role: RoleInspector, Reason: ReasonAid, Until: noon}, true},
		"TaskSupervised":  {Grant{Token: "task:t1", Role: RoleSupervisor}, false},
		"SupToken":        {Grant{Token: "sup:5325", Role: RoleSupervisor}, false},
		"UserToken":       {Grant{Token: "user:u1", Role: RoleInspector}, false},
		"EnterpriseToken": {Grant{Token: "ent:e1", Role: RoleInspector}, false},
		"LongForm":        {Grant{Token: "532500", Role: RoleInspector}, false},
		"Sector":          {Grant{Token: "5325/nothing", Role: RoleInspector}, false},
		"AdminRole":       {Grant{Token: "5325", Role: RoleAdmin}, false},
		"AwayWithoutEnd":  {Grant{Token: "5325", Role: RoleInspector, Reason: ReasonAway}, false},
		"EndBeforeBegin":  {Grant{Token: "5325", Role: RoleInspector, From: noon, Until: noon}, false},
		"OtherReason":     {Grant{Token: "5325", Role: RoleInspector, Reason: "?"}, false},
	} {
		if err := c.g.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGrantEnds(t *testing.T) {
	g := Grant{Token: "5325", Role: RoleInspector, From: noon, Until: noon.Add(time.Hour)}
	for d, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		if g.Active(noon.Add(d)) != want {
			t.Errorf("after %v active is not %v", d, want)
		}
	}
}
