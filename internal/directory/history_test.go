package directory

import (
	"slices"
	"testing"

	"paicha/internal/store"
)

// TestHistoryTwins: what is archived comes back with the tokens that it had, and nobody can be granted a twin.
func TestHistoryTwins(t *testing.T) {
	tokens := SubmittedTokens([]UserID{"li", "wang"}, "t1", "mine-1", "532504", []SectorID{"coal-mine"})
	archived := HistoryTokens(tokens)
	if !slices.IsSorted(archived) || !Archived(archived) || Archived(tokens) || len(store.Intersect(archived, tokens)) > 0 {
		t.Fatal(archived)
	}
	if back := PresentTokens(archived); !slices.Equal(back, tokens) {
		t.Fatal(back)
	}
	if same := PresentTokens(tokens); !slices.Equal(same, tokens) {
		t.Fatal(same)
	}
	for _, twin := range archived {
		for _, role := range Roles() {
			if (Grant{Token: twin, Role: role}).Validate() == nil {
				t.Errorf("%s can be granted", twin)
			}
		}
	}
}

// TestInSector: a sector finds its own wherever they are and however far they have come, and nothing else.
func TestInSector(t *testing.T) {
	of := func(sectors ...SectorID) [][]store.Token {
		draft := DraftTokens([]UserID{"wang"}, "", "532504", sectors)
		submitted := SubmittedTokens([]UserID{"wang"}, "", "mine-1", "532501", sectors)
		return [][]store.Token{draft, submitted, HistoryTokens(submitted)}
	}
	for _, c := range []struct {
		sectors []SectorID
		sector  SectorID
		want    bool
	}{
		{[]SectorID{"coal-mine"}, "coal-mine", true},
		{[]SectorID{"fire", "coal-mine"}, "coal-mine", true},
		{[]SectorID{"fire", "hospital"}, "other", true},
		{[]SectorID{"other"}, "hospital", false},
		{[]SectorID{"fire"}, "coal-mine", false},
	} {
		for i, tokens := range of(c.sectors...) {
			if got := len(store.Intersect(tokens, InSector(c.sector))) > 0; got != c.want {
				t.Errorf("%v %d in %s: %v", c.sectors, i, c.sector, got)
			}
		}
	}
}
