package sync

import (
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// Session is who is asking, with which device. User is read afresh for each request; its grants decide.
type Session struct {
	User   directory.User
	Device directory.DeviceID
	// Revoked: the device was taken out of use. What it still pushes is kept for a supervisor.
	Revoked bool
	// Wipe: the device is to delete everything once it has nothing left to hand in.
	Wipe bool
}

// Packs finds and applies checklist versions; checklist.Shelf is one.
type Packs = inspection.Library

// Meter counts what happens; telemetry supplies it.
type Meter interface {
	Pushed(status Status)
	Pulled(changes int)
	// RuleFailed tells that a rule of a pack erred and a person has to judge instead.
	RuleFailed(pack, rule string)
	// Forked tells that a device turned out to be cloned.
	Forked(device string)
	// HealthLost tells that the health of a device could not be noted.
	HealthLost()
}

// Service is the server's side of the protocol. All fields are set before its first use.
type Service struct {
	Store  *store.Store
	Packs  Packs
	Now    func() time.Time
	Limits Limits
	Meter  Meter // may be nil
	// Grace is how long after the end of a grant work begun under it is still applied; past it, it is quarantined.
	Grace time.Duration
	// LockAfter is how long a tablet may stay unlocked without meeting the server.
	LockAfter time.Duration
	Hub       *Hub
	Cursors   *CursorSeal
	Photos    *media.Ledger // knows which photos a record names; nil: none is ever removed
	Prints    *media.Prints // knows what photos look like and where they are used; nil: no photo is found again elsewhere
	// Viewed, if set, is told of every view of a photo whose subject the enterprise does not know of yet: an inspection
	// before submission, a tip before it is confirmed. It must not block.
	Viewed func(View)
	// Held, if set, is told of every subject whose evidence is, or was, under a legal hold and was changed by somebody. It
	// must not block; what it misses is found at night.
	Held func(subject string)
	// Reached, if set, is called at the places between two durable steps; crash tests stop the process there.
	Reached func(place string)
}

// View is one look at a photo of sealed evidence.
type View struct {
	User    directory.UserID
	Device  directory.DeviceID
	Subject string // the inspection or hazard
	SHA256  media.SHA256
	At      time.Time // server time
}

// The places that Reached is told of, each between two durable steps.
const (
	BeforeHazards  = "before-hazards"  // the inspection is durable, its hazards are not
	AfterHazards   = "after-hazards"   // the hazards are durable, the inspection does not say so yet
	BeforeEvidence = "before-evidence" // the photo is durable, the evidence document does not name it
	BeforeRelease  = "before-release"  // a release is durable, its mutation is not applied
	BeforeAnswer   = "before-answer"   // everything is durable, the device does not know
	AfterArchiving = "after-archiving" // documents are in history, and nobody has looked whether they still belong there
)

func (s *Service) reached(place string) {
	if s.Reached != nil {
		s.Reached(place)
	}
}
