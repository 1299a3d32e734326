package inspection

import (
	"time"

	"paicha/internal/store"
)

// Source says who found a hazard; the report tables count by it.
type Source string

// The sources.
const (
	FromEnterprise  Source = "enterprise"  // 企业自查
	FromDepartment  Source = "department"  // 部门检查
	FromSupervision Source = "supervision" // 督导
	FromTip         Source = "tip"         // 举报
)

// Fixings are the five that a rectification over time needs (五落实).
type Fixings struct {
	Responsible string    `json:"responsible,omitzero"` // 责任人
	Measures    string    `json:"measures,omitzero"`    // 措施
	Funds       *int64    `json:"funds,omitzero"`       // 资金, in fen (1/100 yuan); 0 is an answer, absent is not
	Deadline    time.Time `json:"deadline,omitzero"`    // 期限, end of that day in China Standard Time
	Plan        string    `json:"plan,omitzero"`        // 预案
	Extra       Extra     `json:",embed"`
}

// Complete reports whether all five are fixed.
func (f *Fixings) Complete() bool {
	return f != nil && f.Responsible != "" && f.Measures != "" && f.Funds != nil && !f.Deadline.IsZero() && f.Plan != ""
}

// Owner is the one region and department that counts a hazard in its reports.
type Owner struct {
	Region     RegionCode   `json:"region"`
	Department DepartmentID `json:"department,omitzero"`
}

// Listing is 挂牌督办: a named authority watches the rectification and accepts it itself.
type Listing struct {
	Level     string    `json:"level"` // nation, province, prefecture, county
	Number    string    `json:"number"`
	Authority string    `json:"authority"`
	Deadline  time.Time `json:"deadline"`
	At        time.Time `json:"at"`
	Before    *Listing  `json:"before,omitzero"` // the listing that this one took the place of
	Extra     Extra     `json:",embed"`
}

// Extension is a deadline that was moved, with the reason.
type Extension struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
	By     UserID    `json:"by"`
	At     time.Time `json:"at"`
}

// Transfer is a change of the counting owner (移交).
type Transfer struct {
	From   Owner     `json:"from"`
	To     Owner     `json:"to"`
	Reason string    `json:"reason"`
	By     UserID    `json:"by"`
	At     time.Time `json:"at"`
}

// HazardMarks stand beside the status.
type HazardMarks struct {
	Listed        *Listing    `json:"listed,omitzero"`
	Extended      []Extension `json:"extended,omitempty"`
	Transferred   []Transfer  `json:"transferred,omitempty"`
	Repeat        []HazardID  `json:"repeat,omitempty"`       // same enterprise and clause before
	PenaltyExempt bool        `json:"penaltyExempt,omitzero"` // 依法不予处罚
	Unsupported   bool        `json:"unsupported,omitzero"`   // the amended record no longer calls for it; a supervisor decides
	Raised        bool        `json:"raised,omitzero"`        // its class was raised after it was first recorded
	Amended       bool        `json:"amended,omitzero"`       // the record behind it changed after submission
	Recalled      bool        `json:"recalled,omitzero"`      // it was closed, and its record came to call it graver or anew
}

// Rectification is one attempt at putting it right, with what was said of it.
type Rectification struct {
	At         time.Time `json:"at"` // server time
	DeviceTime time.Time `json:"deviceTime,omitzero"`
	By         UserID    `json:"by"`
	Note       string    `json:"note"`
	Before     []Hash    `json:"before,omitempty"`
	After      []Hash    `json:"after,omitempty"`
	Accepted   *Review   `json:"accepted,omitzero"`
	Rejected   *Review   `json:"rejected,omitzero"`
	Extra      Extra     `json:",embed"`
}

// Review is the answer to a rectification.
type Review struct {
	At     time.Time `json:"at"`
	By     UserID    `json:"by"`
	Note   string    `json:"note,omitzero"`
	Photos []Hash    `json:"photos,omitempty"`
}

// Hazard is a finding under closed-loop management (闭环管理). Header values of the inspection are copied when it is
// made and stay as they were then.
type Hazard struct {
	ID            HazardID        `json:"id"`
	Inspection    ID              `json:"inspection,omitzero"`    // empty: reported without a check
	InspectionRev store.Rev       `json:"inspectionRev,omitzero"` // the record's revision that it reflects
	Draft         bool            `json:"draft,omitzero"`         // the inspection is not submitted yet: not counted, not shown to the enterprise
	Team          []UserID        `json:"team,omitempty"`
	Task          TaskID          `json:"task,omitzero"`
	Unit          Unit            `json:"unit"`
	Region        RegionCode      `json:"region"`
	Sectors       []Sector        `json:"sectors"`
	Mode          Mode            `json:"mode,omitzero"`
	Class         Class           `json:"class"`
	Suspected     bool            `json:"suspected"` // 疑似 until a person confirms it
	Source        Source          `json:"source"`
	Status        Status          `json:"status"`
	Rule          RuleID          `json:"rule,omitzero"`
	Finding       FindingID       `json:"finding,omitzero"`
	Instance      Instance        `json:"instance,omitzero"`
	Items         []ItemID        `json:"items,omitempty"`
	Citations     []Citation      `json:"citations,omitempty"`
	Title         string          `json:"title,omitzero"`
	Explanation   string          `json:"explanation,omitzero"`
	Caveat        string          `json:"caveat,omitzero"`
	Annex1        []int           `json:"annex1,omitempty"`
	Photos        []Hash          `json:"photos,omitempty"`
	Called        Class           `json:"called,omitzero"`   // what its record last called it; a person may have graded it otherwise
	Formerly      Class           `json:"formerly,omitzero"` // the gravest class that it had before somebody lowered it
	Fixings       *Fixings        `json:"fixings,omitzero"`
	FormerFixings []Fixings       `json:"formerFixings,omitempty"` // of the rounds before it was recalled
	Owner         Owner           `json:"owner"`
	Departments   []DepartmentID  `json:"departments,omitempty"`
	Marks         HazardMarks     `json:"marks,omitzero"`
	OccurredAt    time.Time       `json:"occurredAt"` // when it was found, device time
	ReceivedAt    time.Time       `json:"receivedAt"` // server time
	ConfirmedAt   time.Time       `json:"confirmedAt,omitzero"`
	RectifiedAt   time.Time       `json:"rectifiedAt,omitzero"`
	AcceptedAt    time.Time       `json:"acceptedAt,omitzero"`
	WithdrawnAt   time.Time       `json:"withdrawnAt,omitzero"`
	Rectifies     []Rectification `json:"rectifications,omitempty"`
	Immediate     bool            `json:"immediate,omitzero"` // 能立即整改的: fixed at once
	History       []Event         `json:"history,omitempty"`
	Extra         Extra           `json:",embed"`

	// Remarks are supervisors' own notes: the restricted part, never in the body.
	Remarks   []Remark `json:"-"`
	restExtra Extra
}

// Deadline is the day by which it must be put right: the listing authority's if it is listed, else the fixings'.
// The zero time means that none is set.
func (h *Hazard) Deadline() time.Time {
	if l := h.Marks.Listed; l != nil && !l.Deadline.IsZero() {
		return l.Deadline
	}
	if h.Fixings != nil {
		return h.Fixings.Deadline
	}
	return time.Time{}
}

// Open reports whether something is still to be done about it.
func (h *Hazard) Open() bool { return h.Status != Accepted && h.Status != Withdrawn }

// Overdue reports whether the deadline has passed with the work not done. It is derived and never stored.
func (h *Hazard) Overdue(now time.Time) bool {
	d := h.Deadline()
	return h.Open() && h.Status != Rectified && !d.IsZero() && now.After(d)
}
