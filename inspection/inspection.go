package inspection

import (
	"time"

	"paicha/inspection/attest"
	"paicha/internal/store"
)

// Kind and KindHazard are the document kinds of this package.
const (
	Kind       store.Kind = "inspection"
	KindHazard store.Kind = "hazard"
)

// Status is where an inspection or a hazard stands; moves.go has the table.
type Status string

// The statuses of an inspection.
const (
	Draft     Status = "draft"     // being made; only its team, task and supervisors know of it
	Submitted Status = "submitted" // signed and sent; changes only by amendment
)

// Mode is the way in which a check is made.
type Mode string

// The modes.
const (
	Unannounced Mode = "unannounced" // 四不两直
	Routine     Mode = "routine"     // 日常
	Special     Mode = "special"     // 专项
	Random      Mode = "random"      // 双随机
	Joint       Mode = "joint"       // 联合
	Cross       Mode = "cross"       // 交叉
	Night       Mode = "night"       // 夜查
	Supervision Mode = "supervision" // 督导
	SelfCheck   Mode = "self"        // 企业自查
)

var modes = map[Mode]string{
	Unannounced: "四不两直", Routine: "日常检查", Special: "专项检查", Random: "双随机", Joint: "联合检查",
	Cross: "交叉检查", Night: "夜查", Supervision: "督导检查", SelfCheck: "企业自查",
}

// Known reports whether m is one of the modes.
func (m Mode) Known() bool { return modes[m] != "" }

// Label returns the mode's Chinese name.
func (m Mode) Label() string { return modes[m] }

// Mark is a doubt or remark that the server sets on an inspection; never a reason to refuse it.
type Mark string

// The marks of an inspection.
const (
	MarkClock       Mark = "clock"          // a device time that cannot be: before 2020, or past five minutes of the server's
	MarkUnknownPack Mark = "unknown-pack"   // the pack version is not here (yet): unjudged
	MarkPackHash    Mark = "pack-hash"      // the pack is known but the device saw other content under its name
	MarkPlace       Mark = "place"          // a coordinate out of range or without its system
	MarkMockPlace   Mark = "mock-place"     // the platform reported a simulated position
	MarkMode        Mark = "mode"           // a mode that this version does not know
	MarkLateWork    Mark = "late-work"      // somebody's answers came after submission and wait as a proposal
	MarkNeedsHuman  Mark = "needs-human"    // the machine must not judge something here: Verdict.Human says what and why
	MarkOldStandard Mark = "old-standard"   // the pinned pack rests on a standard that was not in force on the day
	MarkUnsigned    Mark = "unsigned"       // submitted or amended without a device's signature over the content
	MarkDiffers     Mark = "signed-differs" // what was signed is not what the record says after merging: Attestations say where
)

// PackRef is the checklist version that the inspector saw: "town-gas@2023.2" with its content hash.
type PackRef struct {
	ID   string `json:"id"` // id@version
	Hash string `json:"hash,omitzero"`
}

// Unit is what is checked, with the attributes that report rows need, as they were at the time.
type Unit struct {
	ID         EnterpriseID `json:"id"`
	Name       string       `json:"name,omitzero"`
	CreditCode string       `json:"creditCode,omitzero"` // GB 32100, empty if none yet
	HighRisk   bool         `json:"highRisk,omitzero"`
	Park       string       `json:"park,omitzero"`         // 各类园区
	Hydropower int64        `json:"hydropowerKW,omitzero"` // installed capacity, kilowatts
	Works      string       `json:"works,omitzero"`        // works type of a construction project
	Traits     []string     `json:"traits,omitempty"`      // further row keys: "old-plant", "high-risk-plant", "accident-prone"
	Extra      Extra        `json:",embed"`
}

// Header is what is settled when a check begins. It is merged as one part, like an answer.
type Header struct {
	Unit        Unit           `json:"unit"`
	Region      RegionCode     `json:"region"`
	Sectors     []Sector       `json:"sectors"`
	Mode        Mode           `json:"mode"`
	Pack        PackRef        `json:"pack"`
	Task        TaskID         `json:"task,omitzero"`
	Department  DepartmentID   `json:"department,omitzero"`   // who counts what is found
	Departments []DepartmentID `json:"departments,omitempty"` // all of a joint check
	StartedAt   time.Time      `json:"startedAt"`             // device time
	Place       *Place         `json:"place,omitzero"`
	Stamp       Stamp          `json:"set,omitzero"`
	Extra       Extra          `json:",embed"`
}

// The roles under a record. The signature of the checking side is required, the enterprise's is asked for.
const (
	RoleInspector  = "inspector"
	RoleSupervisor = "supervisor"
	RoleWitness    = "witness"
	RoleEnterprise = "enterprise"
)

// Signature is one name under the record. Over is the hash of what was signed, kept as the device gave it.
type Signature struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	User    UserID    `json:"user,omitzero"`
	Image   Hash      `json:"image,omitzero"`   // photo or drawing of the signature
	Refused bool      `json:"refused,omitzero"` // the enterprise would not sign; Note says why
	Note    string    `json:"note,omitzero"`
	At      time.Time `json:"at,omitzero"` // device time
	Over    string    `json:"over,omitzero"`
	Extra   Extra     `json:",embed"`
}

// Submission is the signed end of the field work. ReceivedAt is the server's time, At the device's.
type Submission struct {
	By         UserID      `json:"by"`
	Device     DeviceID    `json:"device,omitzero"`
	At         time.Time   `json:"at,omitzero"`
	ReceivedAt time.Time   `json:"receivedAt"`
	Rev        store.Rev   `json:"rev"`
	Opinion    string      `json:"opinion,omitzero"` // 检查意见
	Signatures []Signature `json:"signatures,omitempty"`
	// Representative is the enterprise's side as the signed content has it; Content is that content's hash, empty if
	// nobody signed.
	Representative *Representative `json:"representative,omitzero"`
	Content        attest.Hash     `json:"content,omitzero"`
	Extra          Extra           `json:",embed"`
}

// Side is one of two values that disagree: exactly one member is set.
type Side struct {
	Answer  *Answer  `json:"answer,omitzero"`
	Fact    *Fact    `json:"fact,omitzero"`
	Finding *Finding `json:"finding,omitzero"`
	Header  *Header  `json:"header,omitzero"`
}

// Conflict keeps both values when two people set one thing without having seen each other. The stored one stays in
// the record until a person decides; the offered one is evidence and is never dropped.
type Conflict struct {
	Stored   Side       `json:"stored"`
	Offered  Side       `json:"offered"`
	By       UserID     `json:"by"`
	Device   DeviceID   `json:"device,omitzero"`
	N        uint64     `json:"n,omitzero"`
	Mutation MutationID `json:"mutation"`
	At       time.Time  `json:"at"` // server time
	BaseRev  store.Rev  `json:"baseRev,omitzero"`
	Settled  *Settled   `json:"settled,omitzero"`
	Extra    Extra      `json:",embed"`
}

// Settled says how a person decided about a conflict or a proposal.
type Settled struct {
	By   UserID    `json:"by"`
	At   time.Time `json:"at"`
	Take Take      `json:"take"`
	Note string    `json:"note,omitzero"`
}

// Take is a person's decision between two values.
type Take string

// The decisions.
const (
	TakeStored  Take = "stored"
	TakeOffered Take = "offered"
)

// Proposal is a whole save that came after submission: kept as it was, for a person to adopt by amendment or decline.
type Proposal struct {
	Mutation   MutationID  `json:"mutation"`
	By         UserID      `json:"by"`
	Device     DeviceID    `json:"device,omitzero"`
	N          uint64      `json:"n,omitzero"`
	At         time.Time   `json:"at"` // server time
	BaseRev    store.Rev   `json:"baseRev,omitzero"`
	Args       SaveArgs    `json:"args"`
	Opinion    string      `json:"opinion,omitzero"` // of a second submission
	Signatures []Signature `json:"signatures,omitempty"`
	// Signed is what the author signed of a second submission.
	Signed  *attest.Signed `json:"signed,omitzero"`
	Settled *Settled       `json:"settled,omitzero"`
	Extra   Extra          `json:",embed"`
}

// Representative is the enterprise's side under a record.
type Representative = attest.Representative

// Amendment is a signed change after submission. Before holds what it replaced: the record of what was first signed
// can always be rebuilt.
type Amendment struct {
	Mutation   MutationID  `json:"mutation"`
	By         UserID      `json:"by"`
	Device     DeviceID    `json:"device,omitzero"`
	At         time.Time   `json:"at"` // server time
	Rev        store.Rev   `json:"rev"`
	Reason     string      `json:"reason"`
	Before     []Side      `json:"before,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"`
	Content    attest.Hash `json:"content,omitzero"` // of what was signed; empty if nobody signed
	Extra      Extra       `json:",embed"`
}

// Inspection is one check of one enterprise by named inspectors. All times are UTC milliseconds.
type Inspection struct {
	ID             ID              `json:"id"`
	Status         Status          `json:"status"`
	Header         Header          `json:"header"`
	Day            Day             `json:"day,omitzero"` // of the check in China Standard Time, corrected by the device's skew; set by the server
	Team           []UserID        `json:"team"`         // sorted; whoever saves joins it only by being named
	Answers        []Answer        `json:"answers,omitempty"`
	Facts          []Fact          `json:"facts,omitempty"`
	Findings       []Finding       `json:"findings,omitempty"` // raised by devices
	Photos         []Photo         `json:"photos,omitempty"`
	Submitted      *Submission     `json:"submitted,omitzero"`
	Conflicts      []Conflict      `json:"conflicts,omitempty"`
	Proposals      []Proposal      `json:"proposals,omitempty"`
	Amendments     []Amendment     `json:"amendments,omitempty"`
	Attestations   []attest.Sealed `json:"attestations,omitempty"` // what was signed, in the order in which it came
	Verdict        *Verdict        `json:"verdict,omitzero"`
	Unjudged       bool            `json:"unjudged,omitzero"`
	Hazards        []HazardID      `json:"hazards,omitempty"` // all that it ever raised, sorted
	PendingEffects *Pending        `json:"pendingEffects,omitzero"`
	Marks          []Mark          `json:"marks,omitempty"`
	History        []Event         `json:"history,omitempty"`
	Extra          Extra           `json:",embed"`

	// Remarks are supervisors' own notes: the restricted part of the document, never in the body.
	Remarks   []Remark `json:"-"`
	restExtra Extra
}

// Pending names the hazards that the record at Rev calls for and that are not all durable yet.
type Pending struct {
	Rev     store.Rev  `json:"rev"`
	Hazards []HazardID `json:"hazards"` // sorted
	Cause   Event      `json:"cause"`   // the change that called for them: whoever completes them writes the same history
}

// Remark is an internal note of a supervisor, seen by supervisors only.
type Remark struct {
	At       time.Time  `json:"at"`
	By       UserID     `json:"by"`
	Mutation MutationID `json:"mutation,omitzero"`
	Text     string     `json:"text"`
	Extra    Extra      `json:",embed"`
}
