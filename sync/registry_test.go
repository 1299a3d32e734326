package sync

import (
	"testing"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// TestEveryCommandHasAPolicyRow fails the build for a command that nobody has decided about.
func TestEveryCommandHasAPolicyRow(t *testing.T) {
	if len(Commands()) == 0 {
		t.Fatal("no commands")
	}
	for _, name := range Commands() {
		if !auth.HasRow(actionOf(name)) {
			t.Errorf("command %s has no row in the policy table", name)
		}
	}
}

// TestEveryKindHasAPullRow does the same for what could be pulled, the server's own kinds included: what has no row is
// shown to nobody, and that must have been meant.
func TestEveryKindHasAPullRow(t *testing.T) {
	kinds := []store.Kind{
		inspection.Kind, inspection.KindHazard, KindEvidence, KindQuarantine, KindReceipt,
		directory.KindRegion, directory.KindSector, directory.KindDepartment, directory.KindEnterprise,
		directory.KindUser, directory.KindDevice, directory.KindClaim,
	}
	for _, c := range commands {
		kinds = append(kinds, c.kind)
	}
	for _, k := range kinds {
		if !auth.HasRow(auth.Pull(k)) {
			t.Errorf("kind %s has no pull row in the policy table", k)
		}
	}
}

// TestServerKindsAreShownToNobody holds the kinds that carry verdicts and claims against every audience.
func TestServerKindsAreShownToNobody(t *testing.T) {
	for _, k := range []store.Kind{KindReceipt, directory.KindClaim} {
		for _, r := range directory.Roles() {
			if auth.MayPull(r, k) {
				t.Errorf("%s may pull %s", r, k)
			}
		}
	}
}
