package client

import (
	"testing"
	"time"
)

func TestLease(t *testing.T) {
	met := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	now := met
	tablet := &Tablet{Dir: t.TempDir(), Now: func() time.Time { return now }}
	if err := tablet.Open(); err != nil {
		t.Fatal(err)
	}
	if now = met.Add(1000 * time.Hour); tablet.Locked() {
		t.Error("locked before it ever met a server that said so")
	}
	now = met
	if err := tablet.replica.met(now, 24*3600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		at     time.Duration
		locked bool
	}{
		{"within the lease", 23 * time.Hour, false},
		{"the clock set back a little", -time.Minute, false},
		{"the clock set back behind the meeting", -time.Hour, true},
		{"set right again", 23 * time.Hour, false},
		{"past the lease", 25 * time.Hour, true},
		{"the clock set back to win time", 2 * time.Hour, true},
	} {
		if now = met.Add(c.at); tablet.Locked() != c.locked {
			t.Errorf("%s: locked %t", c.what, !c.locked)
		}
	}
	if err := tablet.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tablet.Open(); err != nil {
		t.Fatal(err)
	}
	if !tablet.Locked() {
		t.Error("a restart unlocks it")
	}
	if err := tablet.replica.met(now, 24*3600); err != nil {
		t.Fatal(err)
	}
	if tablet.Locked() {
		t.Error("a hello does not unlock it")
	}
}
