package sync

import (
	"fmt"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// TestHintsGoToThoseWhomACommitConcerns compares the hub with asking each listener's scope, for every listener and document.
func TestHintsGoToThoseWhomACommitConcerns(t *testing.T) {
	now := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	s := &Service{Hub: NewHub(), Now: func() time.Time { return now }}
	grant := func(token store.Token, role directory.Role, from, until time.Time) directory.User {
		return directory.User{ID: directory.UserID("u" + string(token)), Roles: []directory.Role{role}, Grants: []directory.Grant{{Token: token, Role: role, From: from, Until: until}}}
	}
	none, soon := time.Time{}, now.Add(time.Hour)
	people := []directory.User{
		grant("532504/coal-mine", directory.RoleInspector, none, none),
		grant("532504/coal-mine", directory.RoleInspector, soon, none), // begins later
		grant("532504/coal-mine", directory.RoleInspector, none, soon), // ends
		grant("532503/town-gas", directory.RoleInspector, none, none),
		grant("532504", directory.RoleSupervisor, none, none),
		grant("5325", directory.RoleSupervisor, none, none),
		grant("5325", directory.RoleAnalyst, none, none),
		{ID: "e", Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "demo-coal-1"},
	}
	docs := []store.Doc{
		{Ref: store.Ref{Kind: "inspection", ID: "draft"}, Tokens: []store.Token{"user:u532504/coal-mine"}},
		{Ref: store.Ref{Kind: "inspection", ID: "sent"}, Tokens: []store.Token{"5325", "532504", "532504/coal-mine", "ent:demo-coal-1", "sup:532504"}},
		{Ref: store.Ref{Kind: "hazard", ID: "left"}, Position: store.Position{Seq: 5}, Left: []store.Left{{Token: "532503/town-gas", Position: store.Position{Seq: 5}}, {Token: "532504/coal-mine", Position: store.Position{Seq: 4}}}},
		{Ref: store.Ref{Kind: "device-health", ID: "d"}, Tokens: []store.Token{"sup:532504", "sup:5325"}},
		{Ref: store.Ref{Kind: "session", ID: "x"}},
	}
	hinted := 0
	for _, at := range []time.Time{now, soon} {
		for _, d := range docs {
			hub := NewHub()
			s.Hub = hub
			began := now
			s.Now = func() time.Time { return began }
			var hints []<-chan struct{}
			var ends []func()
			for _, u := range people {
				c, end := s.Subscribe(Session{User: u})
				hints, ends = append(hints, c), append(ends, end)
			}
			began = at
			hub.Committed([]store.Doc{d, d})
			for i, u := range people {
				want := scopeOf(u, at).concerns(d)
				if got := len(hints[i]) == 1; got != want {
					t.Errorf("%s at %s: person %d hinted %v, want %v", d.ID, at.Format(time.TimeOnly), i, got, want)
				}
				hinted += len(hints[i])
			}
			for _, end := range ends {
				end()
				end()
			}
			if len(hub.by) != 0 {
				t.Errorf("%v stay", hub.by)
			}
		}
	}
	if hinted == 0 {
		t.Error("nobody was hinted")
	}
}

// BenchmarkCommitBesideListeners is a draft of one person's committed while many others listen.
func BenchmarkCommitBesideListeners(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &Service{Hub: NewHub(), Now: time.Now}
			for i := range n {
				s.Subscribe(Session{User: directory.User{
					ID: directory.UserID(fmt.Sprint("u", i)), Roles: []directory.Role{directory.RoleInspector},
					Grants: []directory.Grant{{Token: "532504/coal-mine", Role: directory.RoleInspector}},
				}})
			}
			docs := []store.Doc{{Ref: store.Ref{Kind: "inspection", ID: "draft"}, Tokens: []store.Token{"user:u0"}}}
			for b.Loop() {
				s.Hub.Committed(docs)
			}
		})
	}
}
