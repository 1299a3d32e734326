package auth

import (
	"errors"
	"slices"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

var noon = time.Date(2023, 6, 1, 4, 0, 0, 0, time.UTC)

// people are one of each role, in the same place and enterprise.
var people = map[directory.Role]directory.User{
	directory.RoleInspector: {
		ID: "me", Roles: []directory.Role{directory.RoleInspector},
		Grants: []directory.Grant{{Token: "532504/coal-mine", Role: directory.RoleInspector}},
	},
	directory.RoleSupervisor: {
		ID: "me", Roles: []directory.Role{directory.RoleSupervisor},
		Grants: []directory.Grant{{Token: "532504", Role: directory.RoleSupervisor}},
	},
	directory.RoleEnterprise: {ID: "me", Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine"},
	directory.RoleAnalyst: {
		ID: "me", Roles: []directory.Role{directory.RoleAnalyst},
		Grants: []directory.Grant{{Token: "5325", Role: directory.RoleAnalyst}},
	},
	directory.RoleAdmin: {ID: "me", Roles: []directory.Role{directory.RoleAdmin}},
}

var (
	coal = []directory.SectorID{directory.CoalMine}
	gas  = []directory.SectorID{directory.TownGas}

	ownDraft      = directory.DraftTokens([]directory.UserID{"me", "mate"}, "", "532504", coal)
	foreignDraft  = directory.DraftTokens([]directory.UserID{"mate"}, "", "532504", coal)
	farDraft      = directory.DraftTokens([]directory.UserID{"me"}, "", "532503", gas)
	ownSelfCheck  = directory.SelfCheckTokens([]directory.UserID{"me"}, "mine", "532504", coal)
	hereSubmitted = directory.SubmittedTokens([]directory.UserID{"mate"}, "", "mine", "532504", coal)
	farSubmitted  = directory.SubmittedTokens([]directory.UserID{"mate"}, "", "theirs", "532503", gas)
)

// TestEveryCell holds each cell of the table against documents near and far: the scope alone decides.
func TestEveryCell(t *testing.T) {
	// want[scope][role] lists the documents that the scope opens; a missing role is none.
	type docs = [6]bool // own draft, another team's draft, own draft elsewhere, own self-check, submitted here, submitted elsewhere
	all := [][]store.Token{ownDraft, foreignDraft, farDraft, ownSelfCheck, hereSubmitted, farSubmitted}
	yes := docs{true, true, true, true, true, true}
	own := docs{true, false, true, true, false, false}
	ins, sup, ent, ana, adm := directory.RoleInspector, directory.RoleSupervisor, directory.RoleEnterprise, directory.RoleAnalyst, directory.RoleAdmin
	want := map[Scope]map[directory.Role]docs{
		No:  {},
		Any: {ins: yes, sup: yes, ent: yes, ana: yes, adm: yes},
		Own: {ins: own, sup: own, ent: own, ana: own, adm: own},
		Team: {
			ins: {true, false, false, true, false, false}, sup: {true, false, false, true, false, false},
			ana: {true, false, true, true, false, false},
		},
		SelfCheck:  {ent: {false, false, false, true, false, false}},
		Enterprise: {ent: {false, false, false, true, true, false}},
		Region: {
			ins: {false, false, false, false, true, false}, sup: {true, true, false, true, true, false},
			ana: {false, false, false, false, true, true},
		},
		Reach: {
			ins: {true, false, true, true, true, false}, sup: {true, true, true, true, true, false},
			ana: {true, false, true, true, true, true}, ent: own, adm: own,
		},
	}
	for _, row := range Policy {
		for _, role := range directory.Roles() {
			scope := row.Of(role)
			for i, tokens := range all {
				err := Allow(people[role], row.Action, tokens, noon)
				if ok := row.Public || want[scope][role][i]; ok != (err == nil) {
					t.Errorf("%s by %s (%s) on document %d: %v", row.Action, role, scope, i, err)
				}
			}
			if ok := row.Public || scope != No; ok != (May(people[role], row.Action, noon) == nil) {
				t.Errorf("%s by %s: May differs", row.Action, role)
			}
		}
	}
}

// TestWhoMayWhat pins the cells that the domain cares about, against a slip in the table.
func TestWhoMayWhat(t *testing.T) {
	for _, c := range []struct {
		name   string
		role   directory.Role
		action Action
		tokens []store.Token
		ok     bool
	}{
		{"InspectorSavesOwn", directory.RoleInspector, "inspection.save", ownDraft, true},
		{"InspectorNotOthers", directory.RoleInspector, "inspection.save", foreignDraft, false},
		{"InspectorNotElsewhere", directory.RoleInspector, "inspection.save", farDraft, false},
		{"InspectorNeverLowers", directory.RoleInspector, "hazard.withdraw", hereSubmitted, false},
		{"InspectorNeverAccepts", directory.RoleInspector, "hazard.accept", hereSubmitted, false},
		{"SupervisorConfirms", directory.RoleSupervisor, "hazard.confirm", hereSubmitted, true},
		{"SupervisorNotElsewhere", directory.RoleSupervisor, "hazard.confirm", farSubmitted, false},
		{"EnterpriseRectifies", directory.RoleEnterprise, "hazard.rectify", hereSubmitted, true},
		{"EnterpriseNotOthers", directory.RoleEnterprise, "hazard.rectify", farSubmitted, false},
		{"EnterpriseNotBeforeSubmission", directory.RoleEnterprise, "hazard.rectify", foreignDraft, false},
		{"EnterpriseNeverAccepts", directory.RoleEnterprise, "hazard.accept", hereSubmitted, false},
		{"EnterpriseChecksItself", directory.RoleEnterprise, "inspection.submit", ownSelfCheck, true},
		{"EnterpriseNotDepartmentsCheck", directory.RoleEnterprise, "inspection.amend", hereSubmitted, false},
		{"AnalystReadsOnly", directory.RoleAnalyst, "hazard.plan", hereSubmitted, false},
		{"AdminReadsNoHazard", directory.RoleAdmin, "pull:hazard", hereSubmitted, false},
		{"AdminAdministers", directory.RoleAdmin, "device.revoke", nil, true},
		{"SupervisorNotAdmin", directory.RoleSupervisor, "user.save", nil, false},
		{"NobodyJudges", directory.RoleSupervisor, "inspection.judge", hereSubmitted, false},
	} {
		if err := Allow(people[c.role], c.action, c.tokens, noon); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRightsEnd(t *testing.T) {
	u := people[directory.RoleInspector]
	u.Grants = []directory.Grant{{Token: "532504", Role: directory.RoleInspector, Until: noon}}
	if err := Allow(u, "inspection.save", ownDraft, noon.Add(-time.Second)); err != nil {
		t.Error(err)
	}
	for _, a := range []Action{"inspection.save", "POST /api/v1/sync/pull", "pull:hazard"} {
		if err := Allow(u, a, ownDraft, noon); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s after the end: %v", a, err)
		}
	}
	u.Disabled = true
	if err := Allow(u, "inspection.save", ownDraft, noon); !errors.Is(err, ErrDisabled) {
		t.Error(err)
	}
	if err := Allow(u, "hazard.eat", ownDraft, noon); !errors.Is(err, ErrNoRow) {
		t.Error(err)
	}
}

func TestTableForm(t *testing.T) {
	as := Actions()
	if len(slices.Compact(slices.Clone(as))) != len(as) {
		t.Error("an action has two rows")
	}
	for _, r := range Policy {
		private := r.Inspector|r.Supervisor|r.Enterprise|r.Analyst|r.Admin != No
		if r.Public && private {
			t.Errorf("%s is public and not", r.Action)
		}
		if !HasRow(r.Action) || IsPublic(r.Action) != r.Public {
			t.Errorf("%s is not found", r.Action)
		}
	}
	for _, k := range []store.Kind{KindSession, KindCredential, directory.KindClaim, "unheard"} {
		for _, role := range directory.Roles() {
			if MayPull(role, k) {
				t.Errorf("%s may pull %s", role, k)
			}
		}
	}
	if !MayPull(directory.RoleEnterprise, "hazard") || MayPull(directory.RoleEnterprise, "task") || !HasRow(Route("GET", "/api/v1/hazards")) {
		t.Error("pulls and routes are not found")
	}
}
