package sync

import (
	"context"
	"errors"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// KindHealth holds how one device does, for the supervisors of the regions of its person. Its id is the device's.
const KindHealth store.Kind = "device-health"

// healthEvery is how often a device that only comes by is noted: a thousand that reconnect must not write a thousand
// documents for nothing.
const healthEvery = 5 * time.Minute

// healthLeast is how long a note stands although something changed: the two halves of a cloned device would take turns.
const healthLeast = time.Minute / 2

// Health is how a device was when it was last here.
type Health struct {
	Device     directory.DeviceID `json:"device"`
	User       directory.UserID   `json:"user"`
	SeenAt     time.Time          `json:"seenAt"` // server time
	App        string             `json:"app,omitzero"`
	Outbox     OutboxState        `json:"outbox"`
	SkewMillis int64              `json:"skewMillis"` // device clock minus server clock
	Head       uint64             `json:"head"`       // highest number of its chain that is known without a gap
	Forked     bool               `json:"forked,omitzero"`
	Lost       uint64             `json:"lost,omitzero"` // numbers that the device said it no longer has
	Wipe       bool               `json:"wipe,omitzero"` // it was told to delete everything once the outbox is empty
}

// news reports whether h says something that was needs to be told of: not that time has passed.
func (h Health) news(was Health) bool {
	waits := func(o OutboxState) bool { return o.Mutations+o.Photos > 0 }
	large := func(ms int64) bool { return (time.Duration(ms) * time.Millisecond).Abs() > skewLimit }
	since := h.SeenAt.Sub(was.SeenAt)
	if h.Forked != was.Forked || h.Lost != was.Lost || h.Wipe != was.Wipe || since >= healthEvery {
		return true
	}
	changed := h.User != was.User || h.App != was.App || waits(h.Outbox) != waits(was.Outbox) || large(h.SkewMillis) != large(was.SkewMillis)
	return changed && since >= healthLeast
}

// noteHealth keeps the device's health up to date. Whoever calls it goes on without it: it is told again.
func (s *Service) noteHealth(ctx context.Context, sess Session, change func(*Health)) error {
	ref := store.Ref{Kind: KindHealth, ID: string(sess.Device)}
	docs, err := s.Store.Get(ctx, ref, chainRef(sess.Device))
	if err != nil {
		return err
	}
	old := docs[0]
	old.Ref = ref
	var was Health
	if old.Rev > 0 {
		if err := json.Unmarshal(old.Body, &was); err != nil {
			return err
		}
	}
	h := was
	h.Device, h.User, h.SeenAt = sess.Device, sess.User.ID, s.Now().UTC().Truncate(time.Millisecond)
	if c, err := readChain(docs[1]); err == nil {
		h.Head, h.Forked, h.Lost = c.Head, c.Forked, c.Lost
	}
	change(&h)
	if old.Rev > 0 && !h.news(was) {
		return nil
	}
	p := push{Service: s, sess: sess}
	tokens, err := p.overseers(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = s.Store.Commit(ctx, []store.Write{{Old: old, New: store.Doc{
		Ref: ref, Body: body, Tokens: tokens, Fields: store.Fields{"seenAt": store.Time(h.SeenAt)},
	}}})
	return err // a stale one was just noted by another request
}

// greeted notes what a hello tells of its device. A server that cannot note it greets all the same.
func (s *Service) greeted(ctx context.Context, sess Session, r HelloRequest, skew time.Duration) {
	err := s.noteHealth(ctx, sess, func(h *Health) {
		h.Wipe = sess.Wipe
		h.App, h.Outbox, h.SkewMillis = r.App, r.Outbox, skew.Milliseconds()
	})
	if err != nil && s.Meter != nil && !errors.Is(err, context.Canceled) {
		s.Meter.HealthLost()
	}
}
