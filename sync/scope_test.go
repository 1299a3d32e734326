package sync_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"
)

// fact is what the oracle knows of one inspection: it was told by the test, not by the server.
type fact struct {
	id, region, enterprise, author string
	submitted                      bool
}

// viewer is a person with a tablet as the oracle sees them.
type viewer struct {
	session fieldsync.Session
	cursor  string
	held    map[string][]store.Token // inspection or hazard id → via
	of      map[string]string        // that id → inspection
	ever    map[string]bool          // inspections that the person was once allowed to see
}

// sees decides by the rules of the field alone whether somebody may know of an inspection and its hazards at that moment.
func sees(u directory.User, f fact, at time.Time) bool {
	active := false
	for _, g := range u.Grants {
		if !g.Until.IsZero() && !at.Before(g.Until) {
			continue
		}
		active = true
		place, sector, _ := strings.Cut(string(g.Token), "/")
		if !strings.HasPrefix(f.region, place) || sector != "" && sector != "coal-mine" {
			continue
		}
		if f.submitted || g.Role == directory.RoleSupervisor {
			return true
		}
	}
	if u.Enterprise != "" {
		return f.submitted && string(u.Enterprise) == f.enterprise
	}
	return active && string(u.ID) == f.author
}

// TestP5NothingOutsideScope plays seeded histories of inspections, submissions and rights that end, and looks at every
// byte of every pull: no id of an inspection that its reader may not know of. At the end each replica is what the oracle
// says, neither more nor less (P4).
func TestP5NothingOutsideScope(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playScopes(t, rand.New(rand.NewPCG(seed, 11))) })
	}
}

func playScopes(t *testing.T, r *rand.Rand) {
	p := newPlace(t)
	begin := p.now
	inspectors := []fieldsync.Session{inspector("wang", "532504/coal-mine"), inspector("zhao", "532501/coal-mine")}
	analyst := inspector("stat", "5325")
	analyst.User.Roles = []directory.Role{directory.RoleAnalyst}
	analyst.User.Grants[0].Role = directory.RoleAnalyst
	visiting := inspector("gast", "532504/coal-mine") // 异地执法: a right with an end
	visiting.User.Grants[0].Until = begin.Add(20 * time.Hour)
	sessions := append(slices.Clone(inspectors), supervisor("chief", "5325"), supervisor("county", "532501/coal-mine"),
		analyst, visiting, enterpriseUser("boss1", "mine-1"), enterpriseUser("boss2", "mine-2"))
	var viewers []*viewer
	for _, s := range sessions {
		viewers = append(viewers, &viewer{session: s, held: map[string][]store.Token{}, of: map[string]string{}, ever: map[string]bool{}})
	}
	places := []struct{ region, enterprise string }{{"532504", "mine-1"}, {"532501", "mine-2"}}
	var facts []*fact
	note := func() { // whoever may see something now was once allowed to
		for _, v := range viewers {
			for _, f := range facts {
				if sees(v.session.User, *f, p.now) {
					v.ever[f.id] = true
				}
			}
		}
	}
	for n := range 80 {
		switch r.IntN(4) {
		case 0:
			i := r.IntN(2)
			f := &fact{
				id: fmt.Sprintf("018f0000-0000-7000-8000-%012d", n+1), region: places[i].region, enterprise: places[i].enterprise,
				author: string(inspectors[i].User.ID),
			}
			args := strings.NewReplacer(`"532504"`, `"`+f.region+`"`, "mine-1", f.enterprise, `"wang","li"`, `"`+f.author+`"`).Replace(saveArgs(t, methane))
			want(t, p.push(inspectors[i], mutation(n+1, "inspection.save", "inspection", f.id, 0, p.now, args))[0], fieldsync.Applied, "")
			facts = append(facts, f)
		case 1:
			if len(facts) == 0 {
				continue
			}
			f := facts[r.IntN(len(facts))]
			if f.submitted {
				continue
			}
			i := slices.IndexFunc(inspectors, func(s fieldsync.Session) bool { return string(s.User.ID) == f.author })
			want(t, p.push(inspectors[i], mutation(n+1, "inspection.submit", "inspection", f.id, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
			f.submitted = true
		case 2:
			p.now = p.now.Add(time.Hour)
		case 3:
			v := viewers[r.IntN(len(viewers))]
			note()
			v.pull(t, p, facts)
		}
		note()
	}
	p.now = begin.Add(100 * time.Hour)
	for _, v := range viewers {
		for v.pull(t, p, facts) {
		}
		expected := map[string]bool{}
		for _, f := range facts {
			if sees(v.session.User, *f, p.now) {
				expected[f.id] = true
			}
		}
		got := map[string]bool{}
		for id := range v.held {
			got[v.of[id]] = true
		}
		if !maps.Equal(expected, got) {
			t.Errorf("%s holds %v, may see %v", v.session.User.ID, got, expected)
		}
	}
}

// pull takes one page as a tablet does and checks each byte of it; it tells whether there is more.
func (v *viewer) pull(t *testing.T, p *place, facts []*fact) bool {
	t.Helper()
	page, raw := p.pull(v.session, v.cursor)
	for _, f := range facts {
		if !sees(v.session.User, *f, p.now) && !v.ever[f.id] && strings.Contains(raw, f.id) {
			t.Fatalf("%s was sent %s of %s", v.session.User.ID, f.id, raw)
		}
	}
	if page.Reset {
		v.held = map[string][]store.Token{}
	}
	lost := map[store.Token]bool{}
	for _, token := range page.Forget {
		lost[token] = true
	}
	for id, via := range v.held {
		if via = slices.DeleteFunc(slices.Clone(via), func(x store.Token) bool { return lost[x] }); len(via) == 0 {
			delete(v.held, id)
		} else {
			v.held[id] = via
		}
	}
	for _, c := range page.Changes {
		if c.Kind != "inspection" && c.Kind != "hazard" {
			continue
		}
		if c.Removed != "" {
			delete(v.held, c.ID)
			continue
		}
		var body struct {
			ID         string `json:"id"`
			Inspection string `json:"inspection"`
		}
		if err := json.Unmarshal(c.Body, &body); err != nil {
			t.Fatal(err)
		}
		of := body.Inspection
		if c.Kind == "inspection" {
			of = body.ID
		}
		i := slices.IndexFunc(facts, func(f *fact) bool { return f.id == of })
		if i < 0 || !sees(v.session.User, *facts[i], p.now) {
			t.Fatalf("%s was sent %s %s, which is of %s", v.session.User.ID, c.Kind, c.ID, of)
		}
		if len(c.Restricted) > 0 && !v.session.User.Has(directory.RoleSupervisor) {
			t.Fatalf("%s was sent a restricted part", v.session.User.ID)
		}
		v.held[c.ID], v.of[c.ID] = c.Via, of
	}
	v.cursor = page.Cursor
	return page.More
}
