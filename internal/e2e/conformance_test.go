package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
)

// TestConformance has the program's own strange tablet try the program's own server: no requirement of docs/protocol.md
// may fail, and most are seen.
func TestConformance(t *testing.T) {
	s := newServer(t)
	out, err := exec.Command(binary, "conformance", "--json", "--server", s.url()).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	passed := 0
	for _, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var l struct{ Rule, Title, State, Note string }
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch l.State {
		case "pass":
			passed++
		case "fail":
			t.Errorf("%s %s: %s", l.Rule, l.Title, l.Note)
		}
	}
	if passed < 30 {
		t.Errorf("only %d requirements were seen to hold", passed)
	}
	if exit != nil && !t.Failed() {
		t.Errorf("exit %v without a failed requirement: %s", exit, exit.Stderr)
	}
}
