package conformance_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"paicha/sync/conformance"
)

// TestEveryRequirementHasItsCheck compares the kit with the document: neither may know of a requirement alone.
func TestEveryRequirementHasItsCheck(t *testing.T) {
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`\*\*(S\d+)\*\*`).FindAllSubmatch(b, -1) {
		named = append(named, string(m[1]))
	}
	if rules := conformance.Rules(); !slices.Equal(named, rules) {
		t.Errorf("docs/protocol.md numbers %v\nthe kit knows %v", named, rules)
	}
}
