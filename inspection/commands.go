package inspection

import "time"

// ReportArgs is "hazard.report": a hazard that no inspection of ours raised - the enterprise's own finding, a tip.
type ReportArgs struct {
	Unit        Unit           `json:"unit"`
	Region      RegionCode     `json:"region"`
	Sectors     []Sector       `json:"sectors"`
	Class       Class          `json:"class"`
	Source      Source         `json:"source"`
	Title       string         `json:"title,omitzero"`
	Explanation string         `json:"explanation"`
	Citations   []Citation     `json:"citations,omitempty"`
	Photos      []Hash         `json:"photos,omitempty"`
	Owner       Owner          `json:"owner,omitzero"`
	Departments []DepartmentID `json:"departments,omitempty"`
	OccurredAt  time.Time      `json:"occurredAt,omitzero"`
	Extra       Extra          `json:",embed"`
}

// ConfirmArgs is "hazard.confirm": a person has seen it; it is no longer 疑似. Class may raise it, never lower.
type ConfirmArgs struct {
	Class Class  `json:"class,omitzero"`
	Note  string `json:"note,omitzero"`
	Extra Extra  `json:",embed"`
}

// WithdrawArgs is "hazard.withdraw": confirmed false. The reason is required.
type WithdrawArgs struct {
	Reason string `json:"reason"`
	Extra  Extra  `json:",embed"`
}

// PlanArgs is "hazard.plan": the five fixings.
type PlanArgs struct {
	Fixings Fixings `json:"fixings"`
	Note    string  `json:"note,omitzero"`
	Extra   Extra   `json:",embed"`
}

// RectifyArgs is "hazard.rectify": the enterprise says what it did, with photos.
type RectifyArgs struct {
	Note   string `json:"note"`
	Before []Hash `json:"before,omitempty"`
	After  []Hash `json:"after,omitempty"`
	Extra  Extra  `json:",embed"`
}

// AcceptArgs is "hazard.accept". Authority names the listing authority when the hazard is 挂牌督办.
type AcceptArgs struct {
	Note      string `json:"note,omitzero"`
	Photos    []Hash `json:"photos,omitempty"`
	Authority string `json:"authority,omitzero"`
	Extra     Extra  `json:",embed"`
}

// RejectArgs is "hazard.reject": back to rectifying, with the reason.
type RejectArgs struct {
	Reason string `json:"reason"`
	Photos []Hash `json:"photos,omitempty"`
	Extra  Extra  `json:",embed"`
}

// ReopenArgs is "hazard.reopen".
type ReopenArgs struct {
	Reason string `json:"reason"`
	Extra  Extra  `json:",embed"`
}

// RegradeArgs is "hazard.regrade": the class changes, on the record. Lowering is a supervisor's alone.
type RegradeArgs struct {
	Class  Class  `json:"class"`
	Reason string `json:"reason"`
	Extra  Extra  `json:",embed"`
}

// ExtendArgs is "hazard.extend": a later deadline. Authority names the listing authority when the hazard is 挂牌督办.
type ExtendArgs struct {
	Deadline  time.Time `json:"deadline"`
	Reason    string    `json:"reason"`
	Authority string    `json:"authority,omitzero"`
	Extra     Extra     `json:",embed"`
}

// ListArgs is "hazard.list": 挂牌督办. Level is nation, province, prefecture or county.
type ListArgs struct {
	Level     string    `json:"level"`
	Number    string    `json:"number"`
	Authority string    `json:"authority"`
	Deadline  time.Time `json:"deadline"`
	Extra     Extra     `json:",embed"`
}

// TransferArgs is "hazard.transfer": another owner counts it from now on.
type TransferArgs struct {
	To     Owner  `json:"to"`
	Reason string `json:"reason"`
	Extra  Extra  `json:",embed"`
}

// ExemptArgs is "hazard.exempt": 依法不予处罚, or taking that back.
type ExemptArgs struct {
	Exempt bool   `json:"exempt"`
	Reason string `json:"reason"`
	Extra  Extra  `json:",embed"`
}
