package directory

import (
	"slices"
	"strings"
	"time"

	"paicha/internal/store"
)

// Role is what a person is to Paicha; as the audience of a grant it also says which parts of a document are shown.
type Role string

// The roles.
const (
	RoleInspector  Role = "inspector"  // 检查人员
	RoleSupervisor Role = "supervisor" // 审核监督人员; the only audience of restricted bodies
	RoleEnterprise Role = "enterprise" // 企业用户
	RoleAnalyst    Role = "analyst"    // 统计分析人员; reads only
	RoleAdmin      Role = "admin"      // 系统管理员; administers, and reads no documents
)

// Roles lists every role.
func Roles() []Role {
	return []Role{RoleInspector, RoleSupervisor, RoleEnterprise, RoleAnalyst, RoleAdmin}
}

// ParseRole reads a role, else ErrRole.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", ErrRole.Saying("没有这个角色：%.20q", s)
	}
	return Role(s), nil
}

// Reason says why somebody was given a grant.
type Reason string

// The reasons.
const (
	ReasonPost  Reason = "岗位职责" // the person's own post; the only one without an end
	ReasonAway  Reason = "异地执法" // enforcement in another region
	ReasonCross Reason = "交叉互检" // regions check each other
	ReasonAid   Reason = "专家服务" // experts
	ReasonJoint Reason = "联合检查" // several departments at once
)

// Grant gives a person the audience Role over what carries Token, from From until before Until. Token is a region, a
// region with a sector, or a task (for inspectors only). A zero From is since ever and a zero Until is open.
type Grant struct {
	Token   store.Token `json:"token" yaml:"token"`
	Role    Role        `json:"role" yaml:"role"`
	From    time.Time   `json:"from,omitzero" yaml:"from"`
	Until   time.Time   `json:"until,omitzero" yaml:"until"`
	Reason  Reason      `json:"reason,omitempty" yaml:"reason"`
	Revoked bool        `json:"revoked,omitempty" yaml:"revoked"`
}

// Active reports whether the grant gives anything at that instant: From counts in, Until does not.
func (g Grant) Active(at time.Time) bool {
	return !g.Revoked && !at.Before(g.From) && (g.Until.IsZero() || at.Before(g.Until))
}

// Validate returns ErrGrant for a token that cannot be granted, a role that holds no grants, a reason that is not in
// the list, a passing reason without an end, or an end before the beginning.
func (g Grant) Validate() error {
	switch g.Role {
	case RoleInspector, RoleSupervisor, RoleAnalyst:
	default:
		return ErrGrant.Saying("该角色不能按地区授权").At("/role")
	}
	if task, ok := strings.CutPrefix(string(g.Token), taskPrefix); ok {
		if g.Role != RoleInspector || !validID(task) {
			return ErrGrant.Saying("任务授权只能给检查人员").At("/token")
		}
	} else if _, _, err := ParseScope(g.Token); err != nil {
		return ErrGrant.Because(err).At("/token")
	}
	if !slices.Contains([]Reason{"", ReasonPost, ReasonAway, ReasonCross, ReasonAid, ReasonJoint}, g.Reason) {
		return ErrGrant.Saying("没有这个授权原因").At("/reason")
	}
	if g.Until.IsZero() && g.Reason != "" && g.Reason != ReasonPost {
		return ErrGrant.Saying("%s须写明截止时间", g.Reason).At("/until")
	}
	if !g.Until.IsZero() && !g.Until.After(g.From) {
		return ErrGrant.Saying("截止时间须晚于开始时间").At("/until")
	}
	return nil
}
