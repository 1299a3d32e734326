package auth

import (
	"slices"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// Action names a command ("hazard.accept"), the pull of a kind ("pull:hazard") or a route ("GET /api/v1/hazards").
type Action string

// Scope says what ties a role to a document before it may act on it.
type Scope uint8

// The scopes, from nothing to everything.
const (
	No         Scope = iota // refused
	Any                     // allowed; the action looks at no one document, or narrows what it shows by itself
	Own                     // the document carries the user's own token
	Team                    // Own, and a grant of the role covers the place: work in the region that the team is in
	SelfCheck               // Own, and the document is the user's enterprise's: 企业自查
	Enterprise              // the document carries the token of the user's enterprise
	Region                  // an active grant of the role covers the document
	Reach                   // Region or Own: whatever the role reads
)

func (s Scope) String() string {
	return [...]string{"no", "any", "own", "team", "self-check", "enterprise", "region", "reach"}[s]
}

// Row is one action with the scope of each role. Public actions need no session at all.
type Row struct {
	Action     Action
	Inspector  Scope
	Supervisor Scope
	Enterprise Scope
	Analyst    Scope
	Admin      Scope
	Public     bool
}

// Of returns the row's scope for a role; No for a role that does not exist.
func (r Row) Of(role directory.Role) Scope {
	switch role {
	case directory.RoleInspector:
		return r.Inspector
	case directory.RoleSupervisor:
		return r.Supervisor
	case directory.RoleEnterprise:
		return r.Enterprise
	case directory.RoleAnalyst:
		return r.Analyst
	case directory.RoleAdmin:
		return r.Admin
	}
	return No
}

var rowOf = func() map[Action]Row {
	m := make(map[Action]Row, len(Policy))
	for _, r := range Policy {
		m[r.Action] = r
	}
	return m
}()

// Actions returns every action that has a row, sorted, so that other packages' tests can compare their registries.
func Actions() []Action {
	out := make([]Action, 0, len(Policy))
	for _, r := range Policy {
		out = append(out, r.Action)
	}
	slices.Sort(out)
	return out
}

// HasRow reports whether the action has a row; a command or route without one must fail the build.
func HasRow(a Action) bool { _, ok := rowOf[a]; return ok }

// IsPublic reports whether the action needs no session.
func IsPublic(a Action) bool { return rowOf[a].Public }

// Pull is the action of pulling a kind.
func Pull(k store.Kind) Action { return Action("pull:" + string(k)) }

// Route is the action of a route, its path as the router writes it.
func Route(method, path string) Action { return Action(method + " " + path) }

// Allow decides whether the user may do the action to a document that carries tokens, at that instant; nil is yes.
// The tokens are those of the document as it stands, or as it would be if the action makes it; for an archived one those
// that it had count (directory.PresentTokens). The answer is ErrForbidden, ErrDisabled, or ErrNoRow for an action
// without a row, which nobody may do.
func Allow(u directory.User, a Action, tokens []store.Token, at time.Time) error {
	row, ok := rowOf[a]
	switch {
	case !ok:
		return ErrNoRow
	case row.Public:
		return nil
	case u.Disabled:
		return ErrDisabled
	}
	tokens = directory.PresentTokens(tokens)
	for _, role := range u.Roles {
		if permits(u, role, row.Of(role), tokens, at) {
			return nil
		}
	}
	return ErrForbidden
}

// May decides as Allow for an action on no one document: whether any role of the user has it in some scope that the
// user holds anything in. Routes ask it first and narrow what they show by the user's reading.
func May(u directory.User, a Action, at time.Time) error {
	row, ok := rowOf[a]
	switch {
	case !ok:
		return ErrNoRow
	case row.Public:
		return nil
	case u.Disabled:
		return ErrDisabled
	}
	for _, role := range u.Roles {
		if row.Of(role) != No && stands(u, role, at) {
			return nil
		}
	}
	return ErrForbidden
}

// MayPull reports whether a reach of that audience shows documents of that kind at all; a kind without a row is never
// shown. Which documents is decided by their tokens.
func MayPull(audience directory.Role, k store.Kind) bool { return rowOf[Pull(k)].Of(audience) != No }

// stands reports whether the user's role is good for anything now: an administrator's by itself, an enterprise user's
// by the enterprise, the others' by a grant that is active.
func stands(u directory.User, role directory.Role, at time.Time) bool {
	switch role {
	case directory.RoleAdmin:
		return true
	case directory.RoleEnterprise:
		return u.Enterprise != ""
	default:
		return slices.ContainsFunc(u.ActiveGrants(at), func(g directory.Grant) bool { return g.Role == role })
	}
}

func permits(u directory.User, role directory.Role, s Scope, tokens []store.Token, at time.Time) bool {
	if !stands(u, role, at) {
		return false
	}
	own := slices.Contains(tokens, directory.UserToken(u.ID))
	enterprise := u.Enterprise != "" && slices.Contains(tokens, directory.EnterpriseToken(u.Enterprise))
	switch s {
	case Any:
		return true
	case Own:
		return own
	case Team:
		return own && inPlace(u, role, tokens, at)
	case SelfCheck:
		return own && enterprise
	case Enterprise:
		return enterprise
	case Region:
		return covered(u, role, tokens, at)
	case Reach:
		return own || covered(u, role, tokens, at)
	}
	return false
}

// covered reports whether a grant of the role gives one of the tokens: a supervisor's by its sup: twin too.
func covered(u directory.User, role directory.Role, tokens []store.Token, at time.Time) bool {
	return granted(u, role, tokens, at, role == directory.RoleSupervisor)
}

// inPlace reports whether a grant of the role lies over the document's place. A draft carries no region tokens, but its
// supervisors' twins tell where it is; they are read here to check the team's place, not to show anything.
func inPlace(u directory.User, role directory.Role, tokens []store.Token, at time.Time) bool {
	return granted(u, role, tokens, at, true)
}

func granted(u directory.User, role directory.Role, tokens []store.Token, at time.Time, twins bool) bool {
	return slices.ContainsFunc(u.ActiveGrants(at), func(g directory.Grant) bool {
		return g.Role == role && (slices.Contains(tokens, g.Token) ||
			twins && slices.Contains(tokens, directory.SupervisorTwin(g.Token)))
	})
}

// IsCommand reports whether the action is a command's name.
func (a Action) IsCommand() bool {
	return !strings.HasPrefix(string(a), "pull:") && !strings.Contains(string(a), " ")
}
