package inspection

import "time"

// Result is the verdict of a conform/nonconform item as the inspector gave it. Absent means unknown, never conform.
type Result string

// The results.
const (
	Conform       Result = "conform"
	Nonconform    Result = "nonconform"
	NotApplicable Result = "na"
)

// Answer is what was found for one item of the pack, in one instance. Its key is (Item, Instance). Which of the
// value members are set is the item's type; all may be absent, which means "no longer known".
type Answer struct {
	Item     ItemID    `json:"item"`
	Instance Instance  `json:"instance,omitzero"`
	Result   Result    `json:"result,omitzero"`
	Number   *float64  `json:"number,omitzero"`
	Unit     string    `json:"unit,omitzero"` // of Number, as written in the pack ("MPa", "%", "m")
	Choice   string    `json:"choice,omitzero"`
	Choices  []string  `json:"choices,omitempty"` // of an item that allows several
	Text     string    `json:"text,omitzero"`
	Count    *int64    `json:"count,omitzero"`
	Date     string    `json:"date,omitzero"` // YYYY-MM-DD, a day in China Standard Time
	Note     string    `json:"note,omitzero"`
	Photos   []Hash    `json:"photos,omitempty"`
	At       time.Time `json:"at,omitzero"` // device time
	Stamp    Stamp     `json:"set,omitzero"`
	Extra    Extra     `json:",embed"`
}

// Key is the identity of an answer within its inspection.
type Key struct {
	Item     ItemID
	Instance Instance
}

// Key returns the answer's identity.
func (a *Answer) Key() Key { return Key{a.Item, a.Instance} }

// Fact is an answer to one of the pack's questions of applicability ("has a storage tank": true). Exactly one of
// Yes, Number and Text is set; none means unknown.
type Fact struct {
	Name   string   `json:"name"`
	Yes    *bool    `json:"yes,omitzero"`
	Number *float64 `json:"number,omitzero"`
	Unit   string   `json:"unit,omitzero"`
	Text   string   `json:"text,omitzero"`
	Stamp  Stamp    `json:"set,omitzero"`
	Extra  Extra    `json:",embed"`
}

// Photo is the capture manifest of one photo: what the app knew when the shutter closed. The bytes travel apart.
type Photo struct {
	SHA256     Hash      `json:"sha256"`
	CapturedAt time.Time `json:"capturedAt,omitzero"` // device time
	Place      *Place    `json:"place,omitzero"`
	Device     DeviceID  `json:"device,omitzero"`
	Bytes      int64     `json:"bytes,omitzero"`
	Type       string    `json:"type,omitzero"` // media type as the device saw it; the server sniffs its own
	Caption    string    `json:"caption,omitzero"`
	Extra      Extra     `json:",embed"`
}

// Citation is the clause of an official standard that a finding rests on. Verified is false for a clause whose
// wording has not been checked against the published text: nothing is presented as settled that rests on it.
type Citation struct {
	Standard string `json:"standard"` // "town-gas-2023"
	Clause   string `json:"clause"`   // "第四条(一)"
	Title    string `json:"title,omitzero"`
	Verified bool   `json:"verified"`
	Extra    Extra  `json:",embed"`
}

// Class is the gravity of a finding or hazard.
type Class string

// The classes, gravest first: 重大隐患, 重点问题 (the plan's 集中攻坚, counted apart in Annex 2), 一般隐患.
const (
	Major   Class = "major"
	KeyCase Class = "key"
	General Class = "general"
)

// Rank orders classes by gravity: Major 3, KeyCase 2, General 1, anything else 0.
func (c Class) Rank() int {
	switch c {
	case Major:
		return 3
	case KeyCase:
		return 2
	case General:
		return 1
	}
	return 0
}

// Graver returns the graver of two classes.
func Graver(a, b Class) Class {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}

// Finding is one thing found wrong: by a rule over the answers, or by the inspector's own eyes (free: Rule is empty
// and ID is set). A device may raise either, also a rule's that the server does not see.
type Finding struct {
	ID          FindingID  `json:"id,omitzero"`
	Rule        RuleID     `json:"rule,omitzero"`
	Instance    Instance   `json:"instance,omitzero"`
	Class       Class      `json:"class"`
	Title       string     `json:"title,omitzero"`
	Items       []ItemID   `json:"items,omitempty"`
	Citations   []Citation `json:"citations,omitempty"`
	Explanation string     `json:"explanation,omitzero"`
	Caveat      string     `json:"caveat,omitzero"`  // the limit was borrowed from another norm or not checked
	Annex1      []int      `json:"annex1,omitempty"` // rows of Annex 1 that count the enterprise for it
	Photos      []Hash     `json:"photos,omitempty"`
	At          time.Time  `json:"at,omitzero"`       // device time when it was seen
	ByDevice    bool       `json:"byDevice,omitzero"` // the device raised it
	ByServer    bool       `json:"byServer,omitzero"` // the server's own evaluation raised it
	Stamp       Stamp      `json:"set,omitzero"`
	Extra       Extra      `json:",embed"`
}

// FindingKey is the identity of a finding within its inspection.
type FindingKey struct {
	Rule     RuleID
	ID       FindingID // of a free finding
	Instance Instance
}

// Key returns the finding's identity; a rule's finding is known by its rule, whatever id the device gave it.
func (f *Finding) Key() FindingKey {
	if f.Rule != "" {
		return FindingKey{Rule: f.Rule, Instance: f.Instance}
	}
	return FindingKey{ID: f.ID, Instance: f.Instance}
}
