package sync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/storetest"
	fieldsync "paicha/sync"
)

// watching is two nodes on one store, and somebody who listens at the second.
type watching struct {
	t        *testing.T
	one, two *store.Store
	service  *fieldsync.Service
	user     directory.User
}

func newWatching(t *testing.T) *watching {
	model, ids := storetest.NewModel(), 0
	now := func() time.Time { return time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC) }
	open := func(told func([]store.Doc)) *store.Store {
		s, err := store.Open(t.Context(), model.Connect(func(string, int, bool) int { return 0 }), store.Options{
			Now: now, Elapsed: func() time.Duration { return 0 }, OnCommit: told,
			NewID: func() string { ids++; return fmt.Sprintf("w%d", ids) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hub := fieldsync.NewHub()
	w := &watching{t: t, one: open(nil), two: open(hub.Committed), user: inspector("wang", "532504/coal-mine").User}
	w.user.Login, w.user.Name = "wang", "王某"
	w.service = &fieldsync.Service{Store: w.two, Hub: hub, Now: now, Limits: fieldsync.DefaultLimits}
	w.keep()
	return w
}

// keep writes the user as the test has it.
func (w *watching) keep() {
	w.t.Helper()
	d, err := directory.UserDoc(w.user)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(w.one, d)
}

func (w *watching) write(s *store.Store, d store.Doc) {
	w.t.Helper()
	old, err := s.Get(context.Background(), d.Ref)
	if err != nil {
		w.t.Fatal(err)
	}
	if outs, err := s.Commit(context.Background(), []store.Write{{Old: old[0], New: d}}); err != nil || outs[0].Status != store.OK {
		w.t.Fatal(outs, err)
	}
}

func (w *watching) hazard(s *store.Store, id string, token store.Token) {
	w.t.Helper()
	w.write(s, store.Doc{Ref: store.Ref{Kind: "hazard", ID: id}, Tokens: []store.Token{token}, Body: []byte("{}")})
}

// looks looks once and tells whether the listener was hinted.
func (w *watching) looks(hints <-chan struct{}) bool {
	w.t.Helper()
	if err := w.service.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return len(hints) > 0 && func() bool { <-hints; return true }()
}

func TestLookHintsOfOtherNodes(t *testing.T) {
	w := newWatching(t)
	w.hazard(w.one, "before", "532504/coal-mine")
	hints, cancel := w.service.Subscribe(fieldsync.Session{User: w.user})
	w.hazard(w.one, "between", "532504/coal-mine")
	if !w.looks(hints) {
		t.Error("what came between subscribing and the first look was missed")
	}
	if w.looks(hints) {
		t.Error("hinted of nothing")
	}
	w.hazard(w.one, "elsewhere", "532501/coal-mine")
	if w.looks(hints) {
		t.Error("hinted of what the person may not see")
	}
	w.hazard(w.one, "here", "532504/coal-mine")
	if !w.looks(hints) || w.looks(hints) {
		t.Error("not hinted once of another node's write")
	}
	w.hazard(w.one, "here", "532501/coal-mine")
	if !w.looks(hints) {
		t.Error("not hinted of what left")
	}
	w.hazard(w.two, "own", "532504/coal-mine")
	if len(hints) != 1 {
		t.Fatal("the own node's write was not hinted at once")
	}
	<-hints
	if w.looks(hints) {
		t.Error("the own node's write was hinted twice")
	}
	cancel()
	w.hazard(w.one, "later", "532504/coal-mine")
	if w.looks(hints) {
		t.Error("hinted after its end")
	}
}

func TestLookEndsHintsOfARightThatIsRevoked(t *testing.T) {
	for name, revoke := range map[string]func(*directory.User){
		"Grant": func(u *directory.User) { u.Grants[0].Revoked = true },
		"User":  func(u *directory.User) { u.Disabled = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			hints, cancel := w.service.Subscribe(fieldsync.Session{User: w.user})
			defer cancel()
			w.looks(hints)
			revoke(&w.user)
			w.keep()
			w.looks(hints)
			w.hazard(w.one, "other", "532504/coal-mine")
			w.hazard(w.two, "own", "532504/coal-mine")
			if w.looks(hints) {
				t.Error("hinted by a right that is gone")
			}
		})
	}
}

// TestANewRightIsHintedByTheOwnNodeToo: once a look has read the right, a commit finds the listener by its token.
func TestANewRightIsHintedByTheOwnNodeToo(t *testing.T) {
	w := newWatching(t)
	hints, cancel := w.service.Subscribe(fieldsync.Session{User: w.user})
	defer cancel()
	w.looks(hints)
	w.hazard(w.two, "gas", "532504/town-gas")
	if len(hints) > 0 {
		t.Fatal("hinted without a right")
	}
	w.user.Grants = append(w.user.Grants, directory.Grant{Token: "532504/town-gas", Role: directory.RoleInspector, Reason: directory.ReasonPost})
	w.keep()
	w.looks(hints)
	w.hazard(w.two, "more gas", "532504/town-gas")
	if len(hints) != 1 {
		t.Error("the new right is not hinted")
	}
}
