package sync

import (
	"maps"
	"slices"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// scope is what one person may read at one instant.
type scope struct {
	tokens    []store.Token // sorted, unique
	audiences map[store.Token][]directory.Role
}

func scopeOf(u directory.User, at time.Time) scope {
	s := scope{audiences: map[store.Token][]directory.Role{}}
	for _, r := range u.Reading(at) {
		s.audiences[r.Token] = append(s.audiences[r.Token], r.Audience)
	}
	s.tokens = slices.Sorted(maps.Keys(s.audiences))
	return s
}

// within is the part of s that a tablet was told of, as it was told. Only what it was told of can be told to be
// forgotten, so nothing is sent by what lies beyond.
func (s scope) within(held map[store.Token][]directory.Role) scope {
	told := scope{audiences: map[store.Token][]directory.Role{}}
	for _, t := range s.tokens {
		for _, a := range s.audiences[t] {
			if slices.Contains(held[t], a) {
				told.audiences[t] = append(told.audiences[t], a)
			}
		}
		if len(told.audiences[t]) > 0 {
			told.tokens = append(told.tokens, t)
		}
	}
	return told
}

// covers returns the tokens through which a document of that kind is seen, of those that cover it, and whether one of
// them shows it as to a supervisor.
func (s scope) covers(k store.Kind, tokens []store.Token) (via []store.Token, supervisor bool) {
	for _, t := range store.Intersect(tokens, s.tokens) {
		seen := false
		for _, a := range s.audiences[t] {
			if auth.MayPull(a, k) {
				seen = true
				supervisor = supervisor || a == directory.RoleSupervisor
			}
		}
		if seen {
			via = append(via, t)
		}
	}
	return via, supervisor
}

// shows reports whether the scope has any token by which documents of that kind are seen.
func (s scope) shows(k store.Kind, t store.Token) bool {
	return slices.ContainsFunc(s.audiences[t], func(a directory.Role) bool { return auth.MayPull(a, k) })
}
