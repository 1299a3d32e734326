package inspection

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/states.md")

func TestStatesPageIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("# States\n\nRendered from `inspection/moves.go` by `go test ./inspection -update`.\n")
	page := func(title string, table map[Status]map[Command]Status) {
		fmt.Fprintf(&b, "\n## %s\n\n| from | command | to |\n|---|---|---|\n", title)
		var rows []string
		for from, cs := range table {
			for c, to := range cs {
				rows = append(rows, fmt.Sprintf("| %s %s | `%s` %s | %s %s |\n", from, Label(from), c, commandNames[c], to, Label(to)))
			}
		}
		slices.Sort(rows)
		b.WriteString(strings.Join(rows, ""))
	}
	page("Inspection", inspectionMoves)
	page("Hazard", moves)
	const path = "../docs/states.md"
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != b.String() {
		t.Fatalf("docs/states.md is old, run with -update (%v)", err)
	}
}
