package attest

import (
	"time"

	"paicha/internal/directory"

	"github.com/go-json-experiment/json/jsontext"
)

// The parts in which somebody signs or declines.
const (
	AsTeam       = "inspector"  // one of the inspection's team
	AsSupervisor = "supervisor" // a supervisor who amends
	AsEnterprise = "enterprise" // the enterprise's representative, from an account of the enterprise
)

// Sealed is a content with everything that people have put under it. Rev, Mutation, Differs and Waiting are the server's
// word and signed by nobody.
type Sealed struct {
	Hash       Hash               `json:"hash"`
	Content    string             `json:"content"` // as it was signed, byte for byte
	Rev        uint64             `json:"rev,omitzero"`
	Mutation   string             `json:"mutation,omitzero"`
	Differs    []Difference       `json:"differs,omitempty"` // where the record, as merged, was not what was signed
	Signatures []Seal             `json:"signatures"`
	Declined   []Decline          `json:"declined,omitempty"`
	Waiting    []directory.UserID `json:"waiting,omitempty"` // of the team, who have not signed
	Extra      jsontext.Value     `json:",embed"`
}

// Seal is one signature. At is the device's time, ReceivedAt the server's; neither is signed.
type Seal struct {
	User       directory.UserID   `json:"user"`
	As         string             `json:"as"`
	Device     directory.DeviceID `json:"device"`
	Key        string             `json:"key"` // the key's fingerprint
	Signature  Signature          `json:"signature"`
	At         time.Time          `json:"at,omitzero"`
	ReceivedAt time.Time          `json:"receivedAt"`
	Mutation   string             `json:"mutation,omitzero"`
	Extra      jsontext.Value     `json:",embed"`
}

// Decline is one refusal to sign, with its reason. Signature is of DeclineMessage, and may be missing.
type Decline struct {
	User       directory.UserID   `json:"user"`
	As         string             `json:"as"`
	Device     directory.DeviceID `json:"device,omitzero"`
	Key        string             `json:"key,omitzero"`
	Reason     string             `json:"reason"`
	Signature  *Signature         `json:"signature,omitzero"`
	At         time.Time          `json:"at,omitzero"`
	ReceivedAt time.Time          `json:"receivedAt"`
	Mutation   string             `json:"mutation,omitzero"`
	Extra      jsontext.Value     `json:",embed"`
}

// HasSigned reports whether a user has signed.
func (s *Sealed) HasSigned(u directory.UserID) bool {
	for i := range s.Signatures {
		if s.Signatures[i].User == u {
			return true
		}
	}
	return false
}
