package checklist

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// ItemCode names an item, unique in its pack and stable between its versions: "gas.methane-return".
type ItemCode string

// FactCode names a fact about the enterprise or site: "gas-grade".
type FactCode string

// Kind is what an item or fact is answered with.
type Kind string

// The kinds. Items use all but Bool; facts use Choice, Number and Bool.
const (
	Conform Kind = "conform" // conform or nonconform
	Number  Kind = "number"  // a measured number with the item's unit
	Count   Kind = "count"   // a whole number of things, not negative
	Choice  Kind = "choice"  // one of the item's choices
	Text    Kind = "text"    // free text; rules may only ask whether it contains something
	Date    Kind = "date"    // a Day
	Bool    Kind = "bool"    // yes or no
)

// Item is one question of a checklist.
type Item struct {
	Code     ItemCode    `json:"code"`
	Name     string      `json:"name"` // short, used in explanations: 回风流甲烷浓度
	Text     string      `json:"text"` // the question as the inspector reads it
	Kind     Kind        `json:"kind"`
	Unit     string      `json:"unit,omitempty"` // of Number: the unit that thresholds use
	Choices  []string    `json:"choices,omitempty"`
	Place    string      `json:"place,omitempty"` // kind of working place that the item is answered for, once per Instance: 采煤工作面; "" is once per site
	Help     string      `json:"help,omitempty"`
	Evidence string      `json:"evidence,omitempty"` // what photo or document to take
	Photos   int         `json:"photos,omitempty"`   // how many pieces of evidence are required
	Advice   string      `json:"advice,omitempty"`   // typical rectification
	Core     bool        `json:"core,omitempty"`     // asked in the quick unannounced check
	When     string      `json:"when,omitempty"`     // CEL over facts and other answers: whether the item applies
	Class    Class       `json:"class,omitempty"`    // of a Conform item: the class its own rule raises
	Annex1   int         `json:"annex1,omitempty"`   // row of Annex 1, 对企业自查自改进行抽查检查情况
	Clauses  []ClauseRef `json:"clauses,omitempty"`
}

// Fact is a property of the enterprise or site on which applicability depends.
type Fact struct {
	Code    FactCode `json:"code"`
	Text    string   `json:"text"`
	Kind    Kind     `json:"kind"`
	Choices []string `json:"choices,omitempty"`
}

// Result is the outcome that an inspector gives.
type Result string

// The results. An absent answer is ResultUnknown, and unknown never judges safe. An answer that carries a value of the
// item's kind may leave the result empty.
const (
	ResultConform    Result = "conform"
	ResultNonconform Result = "nonconform"
	ResultNA         Result = "na"
	ResultUnknown    Result = "unknown"
)

// Answer is what was found for one item, in one working place where the item repeats.
type Answer struct {
	Item     ItemCode `json:"item"`
	Instance string   `json:"instance,omitempty"` // "" is the whole site
	Result   Result   `json:"result,omitempty"`
	Number   *float64 `json:"number,omitempty"`
	Unit     string   `json:"unit,omitempty"`
	Count    *int64   `json:"count,omitempty"`
	Choice   string   `json:"choice,omitempty"`
	Text     string   `json:"text,omitempty"`
	Date     Day      `json:"date,omitempty"`
}

func (a Answer) equal(b Answer) bool {
	return a.Result == b.Result && samePointer(a.Number, b.Number) && a.Unit == b.Unit && samePointer(a.Count, b.Count) &&
		a.Choice == b.Choice && a.Text == b.Text && a.Date == b.Date
}

func samePointer[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// FactValue is a choice, a number or yes/no. The zero value is "not known".
type FactValue struct {
	kind   Kind
	choice string
	number float64
	yes    bool
}

// FactChoice makes a fact of one of the named choices.
func FactChoice(s string) FactValue { return FactValue{kind: Choice, choice: s} }

// FactNumber makes a number.
func FactNumber(n float64) FactValue { return FactValue{kind: Number, number: n} }

// FactBool makes a yes or no.
func FactBool(yes bool) FactValue { return FactValue{kind: Bool, yes: yes} }

// Facts are the known facts; what is absent is unknown.
type Facts map[FactCode]FactValue

// MarshalJSON writes a JSON string, number, boolean or null.
func (v FactValue) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case Choice:
		return json.Marshal(v.choice)
	case Number:
		return json.Marshal(v.number)
	case Bool:
		return json.Marshal(v.yes)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON writes; anything else is ErrFact.
func (v *FactValue) UnmarshalJSON(b []byte) error {
	switch b = bytes.TrimSpace(b); {
	case string(b) == "null":
		*v = FactValue{}
	case string(b) == "true", string(b) == "false":
		*v = FactBool(string(b) == "true")
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return ErrFact.Because(err)
		}
		*v = FactChoice(s)
	default:
		n, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return ErrFact.Because(err)
		}
		*v = FactNumber(n)
	}
	return nil
}
