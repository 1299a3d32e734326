package inspection

import "time"

// SaveArgs is "inspection.save": what one tablet adds. It carries only what changed; an answer that is not here is
// left as it is. Header and Team are needed on the first save.
type SaveArgs struct {
	Header   *Header   `json:"header,omitzero"`
	Team     []UserID  `json:"team,omitempty"` // added, never removed
	Answers  []Answer  `json:"answers,omitempty"`
	Facts    []Fact    `json:"facts,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Photos   []Photo   `json:"photos,omitempty"`
	Extra    Extra     `json:",embed"`
}

// SubmitArgs is "inspection.submit": the last answers and the signatures under the record.
type SubmitArgs struct {
	SaveArgs
	At         time.Time   `json:"at,omitzero"` // device time of signing
	Opinion    string      `json:"opinion,omitzero"`
	Signatures []Signature `json:"signatures"`
}

// AmendArgs is "inspection.amend": the only change of answers after submission. It never deletes or lowers a hazard.
type AmendArgs struct {
	SaveArgs
	Reason     string       `json:"reason"`
	Adopts     []MutationID `json:"adopts,omitempty"` // proposals that this amendment takes over
	Signatures []Signature  `json:"signatures,omitempty"`
}

// SettleArgs is "inspection.settle": a person decides a conflict (named by the mutation that offered the losing value
// and what it was about) or declines a proposal (named by its mutation alone).
type SettleArgs struct {
	Mutation MutationID `json:"mutation"`
	Item     ItemID     `json:"item,omitzero"`
	Fact     string     `json:"fact,omitzero"`
	Rule     RuleID     `json:"rule,omitzero"`
	Finding  FindingID  `json:"finding,omitzero"`
	Instance Instance   `json:"instance,omitzero"`
	Header   bool       `json:"header,omitzero"`
	Take     Take       `json:"take"`
	Note     string     `json:"note,omitzero"`
	Extra    Extra      `json:",embed"`
}

// RemarkArgs is "inspection.remark" and "hazard.remark": a supervisor's internal note.
type RemarkArgs struct {
	Text  string `json:"text"`
	Extra Extra  `json:",embed"`
}
