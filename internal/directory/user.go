package directory

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"paicha/internal/store"

	"golang.org/x/text/unicode/norm"
)

// UserID names a person's account; it never changes, as the login may.
type UserID string

// User is an account. Its password is not here: package auth keeps it.
type User struct {
	ID         UserID       `json:"id" yaml:"id"`
	Login      string       `json:"login" yaml:"login"` // NFC, lower case (ParseLogin)
	Name       string       `json:"name" yaml:"name"`
	Roles      []Role       `json:"roles" yaml:"roles"`
	Grants     []Grant      `json:"grants,omitempty" yaml:"grants"`
	Enterprise EnterpriseID `json:"enterprise,omitempty" yaml:"enterprise"` // of an enterprise user
	Department DepartmentID `json:"department,omitempty" yaml:"department"`
	Disabled   bool         `json:"disabled,omitempty" yaml:"disabled"`
}

// Reach is one thing that a user may read now: what carries Token, shown as to Audience.
type Reach struct {
	Token    store.Token
	Audience Role
}

// ParseLogin makes a login normal: blanks around it dropped, NFC, lower case. Empty, long, with blanks, controls or a
// slash or colon inside it is ErrLogin.
func ParseLogin(s string) (string, error) {
	if len(s) > 1024 || !utf8.ValidString(s) {
		return "", ErrLogin
	}
	s = norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))))
	n := utf8.RuneCountInString(s)
	bad := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '/' || r == ':' }
	if n < 2 || n > 64 || strings.ContainsFunc(s, bad) {
		return "", ErrLogin
	}
	return s, nil
}

// Has reports whether the user holds the role.
func (u User) Has(r Role) bool { return slices.Contains(u.Roles, r) }

// ActiveGrants returns the grants that give something at that instant: active ones of a role that the user still
// holds; none of a disabled user.
func (u User) ActiveGrants(at time.Time) []Grant {
	var out []Grant
	if u.Disabled {
		return nil
	}
	for _, g := range u.Grants {
		if g.Active(at) && u.Has(g.Role) {
			out = append(out, g)
		}
	}
	return out
}

// Reading returns what the user may read at that instant, sorted by token and audience, unique.
//
// Everybody who may read anything reads the own user token and pack:all. An inspector's or supervisor's grant gives its
// token and the packs of its sectors; a supervisor's its sup: twin too, as audience supervisor. An analyst's grant gives
// its token as audience analyst. An enterprise user reads the enterprise's token. An admin reads no region. Somebody all
// of whose grants have ended reads nothing: the work once done as a team member does not keep a right alive.
//
// The own user token is never of audience supervisor: it must not open restricted parts in a region where the person
// has no grant as supervisor. Somebody who holds one gets them by the region's token.
func (u User) Reading(at time.Time) []Reach {
	if u.Disabled {
		return nil
	}
	var out []Reach
	for _, g := range u.ActiveGrants(at) {
		out = append(out, Reach{g.Token, g.Role})
		if g.Role == RoleSupervisor {
			out = append(out, Reach{SupervisorTwin(g.Token), RoleSupervisor})
		}
		if g.Role != RoleAnalyst {
			out = append(out, packReach(g)...)
		}
	}
	if u.Has(RoleEnterprise) && u.Enterprise != "" {
		out = append(out, Reach{EnterpriseToken(u.Enterprise), RoleEnterprise})
	}
	if len(out) == 0 && !u.Has(RoleAdmin) {
		return nil
	}
	own := u.ownAudience()
	out = append(out, Reach{UserToken(u.ID), own}, Reach{PackToken(AllSectors), own})
	slices.SortFunc(out, func(a, b Reach) int {
		return cmp.Or(cmp.Compare(a.Token, b.Token), cmp.Compare(a.Audience, b.Audience))
	})
	return slices.Compact(out)
}

// ReadingOf is Reading with the packs of the user's enterprise, whose sectors only its own document tells.
func (u User) ReadingOf(at time.Time, enterprise Enterprise) []Reach {
	out := u.Reading(at)
	if len(out) == 0 || !u.Has(RoleEnterprise) || u.Enterprise == "" || enterprise.ID != u.Enterprise {
		return out
	}
	for _, s := range enterprise.Sectors {
		for _, w := range s.WithParent() {
			out = append(out, Reach{PackToken(w), RoleEnterprise})
		}
	}
	slices.SortFunc(out, func(a, b Reach) int {
		return cmp.Or(cmp.Compare(a.Token, b.Token), cmp.Compare(a.Audience, b.Audience))
	})
	return slices.Compact(out)
}

// ownAudience is how a person is shown what is addressed to them.
func (u User) ownAudience() Role {
	for _, r := range []Role{RoleInspector, RoleEnterprise, RoleAnalyst, RoleAdmin} {
		if u.Has(r) {
			return r
		}
	}
	return RoleInspector
}

// packReach gives the packs that a grant's holder needs: of its sector and the one above or those within it, or of
// every sector if it names none.
func packReach(g Grant) []Reach {
	_, sector, err := ParseScope(g.Token)
	if err != nil {
		return nil // a task's grant: what pack it needs travels with the task
	}
	var of []SectorID
	if sector == "" {
		for _, s := range sectors {
			of = append(of, s.ID)
		}
	} else {
		of = append(sector.WithParent(), sector.Subsectors()...)
	}
	out := make([]Reach, 0, len(of))
	for _, s := range of {
		out = append(out, Reach{PackToken(s), g.Role})
	}
	return out
}

// Normal returns the user with login and name normal and roles sorted: the form that is stored. A login that cannot be
// made normal is left for Validate.
func (u User) Normal() User {
	if l, err := ParseLogin(u.Login); err == nil {
		u.Login = l
	}
	u.Name = norm.NFC.String(strings.TrimSpace(u.Name))
	u.Roles = slices.Clone(u.Roles)
	slices.Sort(u.Roles)
	u.Roles = slices.Compact(u.Roles)
	return u
}

// Validate checks a normal user: ErrID, ErrLogin, ErrName, ErrRole, ErrGrant, ErrDepartment or ErrUser.
func (u User) Validate() error {
	if !validID(string(u.ID)) {
		return ErrID.At("/id")
	}
	if l, err := ParseLogin(u.Login); err != nil || l != u.Login {
		return ErrLogin.At("/login")
	}
	if !validName(u.Name) {
		return ErrName.At("/name")
	}
	if len(u.Roles) == 0 {
		return ErrRole.Saying("用户至少要有一个角色").At("/roles")
	}
	for _, r := range u.Roles {
		if _, err := ParseRole(string(r)); err != nil {
			return ErrRole.At("/roles")
		}
	}
	if len(u.Roles) > 1 && u.Has(RoleEnterprise) {
		return ErrUser.Saying("企业用户不能兼任监管角色").At("/roles")
	}
	if u.Has(RoleEnterprise) != (u.Enterprise != "") || (u.Enterprise != "" && !validID(string(u.Enterprise))) {
		return ErrUser.Saying("企业用户须属于一家企业，其他用户不能").At("/enterprise")
	}
	if len(u.Grants) > 100 {
		return ErrGrant.Saying("授权过多，最多100项").At("/grants")
	}
	for _, g := range u.Grants {
		if err := g.Validate(); err != nil {
			return err
		}
	}
	if u.Department != "" {
		if _, err := ParseDepartment(string(u.Department)); err != nil {
			return ErrDepartment.At("/department")
		}
	}
	return nil
}

// UserDoc turns a valid user into a document that only the person reads.
func UserDoc(u User) (store.Doc, error) {
	u = u.Normal()
	if err := u.Validate(); err != nil {
		return store.Doc{}, err
	}
	fields := store.Fields{"login": store.Text(u.Login), "name": store.Text(u.Name), "disabled": flag(u.Disabled)}
	if u.Enterprise != "" {
		fields["enterprise"] = store.Text(string(u.Enterprise))
	}
	if u.Department != "" {
		fields["department"] = store.Text(string(u.Department))
	}
	return document(KindUser, string(u.ID), []store.Token{UserToken(u.ID)}, fields, u)
}

// ReadUser reads a user back from its document.
func ReadUser(d store.Doc) (User, error) { return read[User](KindUser, d) }
