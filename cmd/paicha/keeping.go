package main

import (
	"context"
	"time"

	"paicha/internal/config"
	"paicha/media"
	fieldsync "paicha/sync"
)

// newKeeper decides about originals as the settings say.
func newKeeper(c config.Config, docs media.Documents, epoch string, ledger *media.Ledger, locks media.Locker) *fieldsync.Keeper {
	return &fieldsync.Keeper{
		Docs: docs, Ledger: ledger, Locks: locks, Epoch: epoch, Now: time.Now,
		Periods: media.Periods{General: media.Span(c.KeepGeneral), Major: media.Span(c.KeepMajor)},
	}
}

// noteHeld remembers that the photo store is to be told of a hold or its end. What finds no room is found at night.
func (s *server) noteHeld(subject string) {
	select {
	case s.held <- subject:
	default:
	}
}

// keepNightly ends what has been kept for its period, at night and once a day, and tells the photo store of holds.
func (s *server) keepNightly(ctx context.Context) {
	if s.keeper.Periods.Forever() && s.keeper.Locks == nil {
		return
	}
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for {
		if h := time.Now().In(china).Hour(); h >= scrubFrom && h < scrubTo {
			r, done, err := s.keeper.Nightly(ctx)
			switch {
			case err != nil:
				s.log.Warn("keeping of photos", "error", err)
			case done && r.Failed > 0:
				s.log.Warn("keeping of photos: some failed and are tried again tomorrow", "report", r)
			case done:
				s.log.Info("keeping of photos", "report", r)
			}
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case subject := <-s.held:
				if err := s.keeper.Held(ctx, subject); err != nil {
					s.log.Warn("the photo store was not told of a hold; it will be at night", "subject", subject, "error", err)
				}
			case <-hour.C:
				waiting = false
			}
		}
	}
}
