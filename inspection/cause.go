package inspection

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// Extra holds the JSON members of a record that this version does not know: they survive a round trip.
type Extra = jsontext.Value

// CoordinateSystem names the datum of a coordinate. A coordinate without one is not accepted.
type CoordinateSystem string

// The coordinate systems in use: GPS chips speak WGS-84, Chinese maps GCJ-02 (some hundred metres apart).
const (
	WGS84 CoordinateSystem = "WGS-84"
	GCJ02 CoordinateSystem = "GCJ-02"
)

// Place is where a device believed to be. Lat and Lon are degrees, Accuracy metres (0: not told).
type Place struct {
	Lat      float64          `json:"lat"`
	Lon      float64          `json:"lon"`
	System   CoordinateSystem `json:"system"`
	Accuracy float64          `json:"accuracy,omitzero"`
	Mock     bool             `json:"mock,omitzero"` // the platform says that the position is simulated
	Extra    Extra            `json:",embed"`
}

// Audience is the part in which somebody acts or looks: it chooses the projection, and who may lower a hazard.
type Audience string

// The audiences of design section 4.
const (
	Inspector  Audience = "inspector"
	Supervisor Audience = "supervisor"
	Enterprise Audience = "enterprise"
	Analyst    Audience = "analyst"
)

// Cause is the who, with which device, when and where of one change (谁检查、谁签名、谁负责). The caller fills it;
// this package knows no clock. DeviceTime is evidence, never order. N is the device's own counter of its mutations,
// 0 for one that no tablet made. As is the audience of the grant under which the change was allowed.
type Cause struct {
	User       UserID
	Device     DeviceID
	DeviceTime time.Time
	ServerTime time.Time
	N          uint64
	Place      *Place
	Mutation   MutationID
	As         Audience
	// Key is the device's public key, by which what it signed is verified; empty where it is not known.
	Key directory.PublicKey
	// Correction is what has to be added to the device's times: the server's clock minus the device's, as measured when
	// this arrived. 0 where it was not measured.
	Correction time.Duration
	// ReleasedBy is the supervisor who let a quarantined change pass; empty for all others.
	ReleasedBy UserID
}

// Event is one line of a document's history. It stays in the document until it is in the audit log.
type Event struct {
	At         time.Time  `json:"at"` // server time
	By         UserID     `json:"by"`
	As         Audience   `json:"as,omitzero"`
	Device     DeviceID   `json:"device,omitzero"`
	DeviceTime time.Time  `json:"deviceTime,omitzero"`
	N          uint64     `json:"n,omitzero"`
	Place      *Place     `json:"place,omitzero"`
	Mutation   MutationID `json:"mutation,omitzero"`
	Command    Command    `json:"command"`
	Note       string     `json:"note,omitzero"`
	From       Status     `json:"from,omitzero"`
	To         Status     `json:"to,omitzero"`
	ReleasedBy UserID     `json:"releasedBy,omitzero"`  // the supervisor who let a quarantined change pass
	Unknown    Extra      `json:"unknownArgs,omitzero"` // members of the command's arguments that we did not know
	Extra      Extra      `json:",embed"`
}

// event makes the history line of command c.
func (by Cause) event(c Command, from, to Status, note string, unknown Extra) Event {
	return Event{
		At: ms(by.ServerTime), By: by.User, As: by.As, Device: by.Device, DeviceTime: ms(by.DeviceTime), N: by.N,
		Place: by.Place, Mutation: by.Mutation, Command: c, Note: note, From: from, To: to,
		Unknown: unknown, ReleasedBy: by.ReleasedBy,
	}
}

// Stamp says which version, device and mutation set a part of a record. Rev is the document's revision that first
// carried it; the server sets a stamp and ignores one that a device sends.
type Stamp struct {
	Rev    store.Rev `json:"rev,omitzero"`
	Device DeviceID  `json:"device,omitzero"`
	N      uint64    `json:"n,omitzero"`
	By     UserID    `json:"by,omitzero"`
}

// ms cuts an instant to UTC milliseconds, the precision at which stores compare; the zero time stays zero.
func ms(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
