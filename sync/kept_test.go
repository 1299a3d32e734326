package sync_test

import (
	"testing"
	"time"

	fieldsync "paicha/sync"

	"paicha/internal/directory"
)

// TestKeptUntilNeverGoesBack: an older backup that is noted late changes nothing, and the margin for clocks is kept.
func TestKeptUntilNeverGoesBack(t *testing.T) {
	p := newPlace(t)
	sess := fieldsync.Session{Device: "dev", User: directory.User{ID: "wang"}}
	told := func() time.Time {
		t.Helper()
		out, err := p.sync.Hello(t.Context(), sess, fieldsync.HelloRequest{ProtocolMin: 1, ProtocolMax: 1, Device: "dev", DeviceTime: p.now})
		if err != nil {
			t.Fatal(err)
		}
		return out.KeptUntil
	}
	if got := told(); !got.IsZero() {
		t.Fatalf("without a backup devices may forget up to %v", got)
	}
	begun := time.Date(2023, 6, 5, 2, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{begun.Add(-time.Hour), begun, begun.Add(-time.Minute), begun} {
		if err := p.sync.BackedUp(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := told(), begun.Add(-5*time.Minute); !got.Equal(want) {
		t.Fatalf("kept until %v, want %v", got, want)
	}
}
