package inspection

import (
	"strings"

	"github.com/google/uuid"

	"paicha/internal/directory"
)

// ID names an inspection: a UUID made on the tablet, in its canonical lower-case form.
type ID string

// HazardID names a hazard: a UUIDv5 when an inspection raised it, else a UUID of the reporter's making.
type HazardID string

// TaskID names the planned inspection that an inspection carries out.
type TaskID string

// FindingID names a free finding within its inspection; made on the tablet.
type FindingID string

// MutationID names the command of a device that caused a change; package sync parses it.
type MutationID string

// The words of a pack. An instance tells apart the repeats of one item or rule
// (the third storage tank); the empty one is for what is asked once.
type (
	// RuleID names a rule.
	RuleID string
	// ItemID names an item.
	ItemID string
	// Instance names one of several alike.
	Instance string
)

// DepartmentID names a body with a duty of supervision.
type DepartmentID = directory.DepartmentID

// hazardSpace is the UUIDv5 name space of derived hazards; it must never change, or resent findings become new hazards.
var hazardSpace = uuid.MustParse("6f0c1f0e-5d3a-5b7e-9c41-53250aa1c0de")

// ParseID reads an inspection's id: any UUID in canonical form.
func ParseID(s string) (ID, error) {
	if !canonicalUUID(s) {
		return "", ErrBadID.At("/id")
	}
	return ID(s), nil
}

// ParseHazardID reads a hazard's id.
func ParseHazardID(s string) (HazardID, error) {
	if !canonicalUUID(s) {
		return "", ErrBadID.At("/id")
	}
	return HazardID(s), nil
}

// NewHazardID derives a hazard's id from the inspection, the rule (or the device's free finding) and the instance,
// never from an item alone: two rules over one item are two hazards. The parts are separated by a byte that no id
// contains, so that no two triples share a name.
func NewHazardID(in ID, f Finding) HazardID {
	kind, name := "rule", string(f.Rule)
	if f.Rule == "" {
		kind, name = "finding", string(f.ID)
	}
	key := strings.Join([]string{string(in), kind, name, string(f.Instance)}, "\x1f")
	return HazardID(uuid.NewSHA1(hazardSpace, []byte(key)).String())
}

func canonicalUUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u != uuid.Nil && u.String() == s
}
