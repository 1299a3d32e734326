package minio

import (
	"context"
	"net/http"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// locks has the store refuse to remove originals: until a date in compliance mode, which nobody can shorten, and by a
// legal hold, which ends when it is lifted.
type locks struct{ store *Store }

var _ media.Locker = locks{}

// Locks returns what locks originals, or nil if the bucket was not made with object lock.
func (s *Store) Locks() media.Locker {
	if !s.locked {
		return nil
	}
	return locks{s}
}

// canLock finds out whether the bucket of originals has object lock; a store that does not know the question, or does
// not let us ask it, has none.
func (s *Store) canLock(ctx context.Context) (bool, error) {
	var on string
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) (err error) {
		on, _, _, _, err = s.client.GetObjectLockConfig(ctx, s.opt.Bucket)
		return err
	})
	switch status(err) {
	case http.StatusNotFound, http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return false, nil
	}
	return on == "Enabled", err
}

// Lock implements media.Locker.
func (l locks) Lock(ctx context.Context, hash media.SHA256, until time.Time) error {
	// Dates of a lock have whole seconds, and it is not to end too early.
	until = until.UTC().Add(time.Second - time.Nanosecond).Truncate(time.Second)
	return l.on(ctx, hash, func(ctx context.Context, key, version string) error {
		_, present, err := l.store.client.GetObjectRetention(ctx, l.store.opt.Bucket, key, version)
		if err != nil && !unlocked(err) {
			return err
		}
		if present != nil && !present.Before(until) {
			return nil
		}
		mode := s3.Compliance
		return l.store.client.PutObjectRetention(ctx, l.store.opt.Bucket, key, s3.PutObjectRetentionOptions{
			Mode: &mode, RetainUntilDate: &until, VersionID: version,
		})
	})
}

// Hold implements media.Locker.
func (l locks) Hold(ctx context.Context, hash media.SHA256, on bool) error {
	want := s3.LegalHoldDisabled
	if on {
		want = s3.LegalHoldEnabled
	}
	return l.on(ctx, hash, func(ctx context.Context, key, version string) error {
		present, err := l.store.client.GetObjectLegalHold(ctx, l.store.opt.Bucket, key, s3.GetObjectLegalHoldOptions{VersionID: version})
		if err != nil && !unlocked(err) {
			return err
		}
		if present != nil && *present == want || present == nil && !on {
			return nil
		}
		return l.store.client.PutObjectLegalHold(ctx, l.store.opt.Bucket, key, s3.PutObjectLegalHoldOptions{Status: &want, VersionID: version})
	})
}

// on does something to the present version of a photo.
func (l locks) on(ctx context.Context, hash media.SHA256, do func(ctx context.Context, key, version string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := l.store.blobName(hash)
	info, err := l.store.stat(ctx, l.store.opt.Bucket, key)
	if err == nil {
		err = l.store.attempt(ctx, 0, func(ctx context.Context, _ bool) error { return do(ctx, key, info.VersionID) })
	}
	if absent(err) {
		return media.ErrNotFound
	}
	return storage(ctx, err)
}

// unlocked reports whether the store says of an object that nothing was ever set.
func unlocked(err error) bool {
	return s3.ToErrorResponse(err).Code == "NoSuchObjectLockConfiguration"
}

// retained reports whether the store's lock or a legal hold is on an object. A store refuses a deletion for many reasons
// and not all name theirs alike, so it is asked.
func (s *Store) retained(ctx context.Context, bucket, key, version string) bool {
	var locked, held bool
	dated := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		_, until, err := s.client.GetObjectRetention(ctx, bucket, key, version)
		locked = err == nil && until != nil && until.After(s.opt.Now())
		return err
	})
	if dated == nil && locked {
		return true
	}
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		hold, err := s.client.GetObjectLegalHold(ctx, bucket, key, s3.GetObjectLegalHoldOptions{VersionID: version})
		held = err == nil && hold != nil && *hold == s3.LegalHoldEnabled
		return err
	})
	return err == nil && held
}
