package client

import "time"

// lease is how long the tablet may be used without meeting the server, by its own clock. Met is when it last did, High the
// latest that the clock has ever shown since: setting it back wins no time.
type lease struct {
	Met  time.Time `json:"met,omitzero"`
	High time.Time `json:"high,omitzero"`
	For  int64     `json:"for,omitzero"` // seconds; 0: for ever
}

// highEvery is how far the clock goes before High is written again: asking often must not wear the flash.
const highEvery = time.Hour

// over reports whether the lease has run out by what the clock shows now, or ever showed.
func (l lease) over(now time.Time) bool {
	if l.For <= 0 || l.Met.IsZero() {
		return false
	}
	most := time.Duration(l.For) * time.Second
	return now.Sub(l.Met) > most || l.High.Sub(l.Met) > most || now.Before(l.Met.Add(-5*time.Minute))
}

// Locked reports whether the app is to lock itself: the tablet has not met the server for as long as it said, or its clock
// was set back behind their last meeting. What it holds stays, the outbox can still be sent, and the next hello unlocks.
func (t *Tablet) Locked() bool {
	if t.replica == nil {
		return false
	}
	t.replica.mu.Lock()
	defer t.replica.mu.Unlock()
	s, now := t.replica.state, t.Now()
	if now.Sub(s.Lease.High) >= highEvery || s.Lease.over(now) && now.After(s.Lease.High) {
		s.Lease.High = now
		if t.replica.become(s) != nil {
			return s.Lease.over(now) // it is judged by the clock of this moment, and written next time
		}
	}
	return s.Lease.over(now)
}

// met renews the lease, for so many seconds.
func (r *Replica) met(now time.Time, seconds int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	if s.Lease.For == seconds && !s.Lease.over(now) && now.Sub(s.Lease.Met).Abs() < highEvery {
		return nil // an hour more or less is not worth a write with each hello
	}
	s.Lease = lease{Met: now, High: now, For: seconds}
	return r.become(s)
}
