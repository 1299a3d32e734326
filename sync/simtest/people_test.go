package simtest

import (
	"slices"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// person is somebody with rights that come and go.
type person struct {
	id         string
	roles      []directory.Role
	grants     []directory.Grant
	enterprise string
	disabled   bool
	devices    int
	partner    string // who is named to the team
	region     string
	ever       map[store.Token][]directory.Role // what was ever read with a pull
}

func (p *person) user() directory.User {
	return directory.User{
		ID: directory.UserID(p.id), Login: p.id, Roles: p.roles, Grants: slices.Clone(p.grants),
		Enterprise: directory.EnterpriseID(p.enterprise), Disabled: p.disabled,
	}
}

func everybody(*world) []*person {
	in, sup, an := directory.RoleInspector, directory.RoleSupervisor, directory.RoleAnalyst
	grant := func(t store.Token, r directory.Role) directory.Grant { return directory.Grant{Token: t, Role: r} }
	return []*person{
		{id: "wang", roles: []directory.Role{in}, grants: []directory.Grant{grant("532504/coal-mine", in)}, devices: 2, partner: "li", region: "532504"},
		{id: "li", roles: []directory.Role{in}, grants: []directory.Grant{grant("532504/coal-mine", in)}, devices: 1, partner: "wang", region: "532504"},
		{
			id: "dual", roles: []directory.Role{in, sup}, devices: 1, partner: "wang", region: "532504",
			grants: []directory.Grant{grant("532504/coal-mine", in), grant("532501/coal-mine", sup)},
		},
		{id: "chief", roles: []directory.Role{sup}, grants: []directory.Grant{grant("5325", sup)}, devices: 1, region: "532504"},
		{id: "boss", roles: []directory.Role{directory.RoleEnterprise}, enterprise: "mine-1", devices: 1},
		{id: "stat", roles: []directory.Role{an}, grants: []directory.Grant{grant("5325", an)}, devices: 1},
	}
}

// changeRights gives, takes away, ends or turns a right of somebody. Chief keeps his: somebody has to decide.
func (w *world) changeRights() {
	p, _ := pick(w, w.people)
	if p.id == "chief" || len(p.grants) == 0 {
		return
	}
	g := &p.grants[w.r.IntN(len(p.grants))]
	switch w.r.IntN(6) {
	case 0:
		g.Revoked = !g.Revoked
	case 1:
		g.Until = w.now.Add(time.Duration(w.r.IntN(100)) * time.Hour)
	case 2:
		g.Until = time.Time{}
	case 3: // another audience of the same place
		if len(p.roles) > 1 && len(p.grants) < 6 {
			g.Revoked = true
			p.grants = append(p.grants, directory.Grant{Token: g.Token, Role: p.roles[w.r.IntN(len(p.roles))]})
		}
	case 4: // somewhere else, or more
		if len(p.grants) < 6 {
			t := []store.Token{"532501/coal-mine", "532501", "532504", "5325/coal-mine"}[w.r.IntN(4)]
			p.grants = append(p.grants, directory.Grant{Token: t, Role: g.Role})
		}
	case 5: // a right ends; it is never forgotten that it was there
		g.Revoked = true
	}
	w.note("rights of %s: %v", p.id, p.grants)
}

// active are the grants that count at an instant; written out here, apart from the server's own.
func (p *person) active(at time.Time) (out []directory.Grant) {
	for _, g := range p.grants {
		if !g.Revoked && (g.Until.IsZero() || at.Before(g.Until)) && slices.Contains(p.roles, g.Role) {
			out = append(out, g)
		}
	}
	return out
}

// reads are the tokens that a person reads at an instant, with the audiences of each.
func (p *person) reads(at time.Time) map[store.Token][]directory.Role {
	out := map[store.Token][]directory.Role{}
	if p.disabled {
		return out
	}
	for _, g := range p.active(at) {
		out[g.Token] = append(out[g.Token], g.Role)
		if g.Role == directory.RoleSupervisor {
			out["sup:"+g.Token] = append(out["sup:"+g.Token], g.Role)
		}
	}
	if p.enterprise != "" {
		t := store.Token("ent:" + p.enterprise)
		out[t] = append(out[t], directory.RoleEnterprise)
	}
	if len(out) == 0 {
		return out
	}
	own := directory.RoleInspector // what is addressed to oneself opens no restricted part
	for _, r := range []directory.Role{directory.RoleEnterprise, directory.RoleAnalyst} {
		if !slices.Contains(p.roles, directory.RoleInspector) && slices.Contains(p.roles, r) {
			own = r
		}
	}
	t := store.Token("user:" + p.id)
	out[t] = append(out[t], own)
	return out
}

// showsKind is which audience is shown which kind.
func showsKind(r directory.Role, k store.Kind) bool {
	switch k {
	case "inspection", "hazard":
		return true
	case "evidence":
		return r != directory.RoleAnalyst
	case "quarantine", "device-health":
		return r == directory.RoleSupervisor
	}
	return false
}

// sees is the oracle: through which tokens a person sees a document, and whether the restricted part too.
func (p *person) sees(at time.Time, d store.Doc) (via []store.Token, restricted bool) {
	if d.Removed != store.Live {
		return nil, false
	}
	reads := p.reads(at)
	for _, t := range d.Tokens {
		shown := false
		for _, r := range reads[t] {
			if showsKind(r, d.Kind) {
				shown = true
				restricted = restricted || r == directory.RoleSupervisor
			}
		}
		if shown {
			via = append(via, t)
		}
	}
	return via, restricted
}
