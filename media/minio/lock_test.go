package minio

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// TestLocks: the real server refuses to remove an original until the end of its lock, which is never moved forward, and
// as long as it is held.
func TestLocks(t *testing.T) {
	if openNamed(t, t.TempDir()).Locks() != nil {
		t.Fatal("locks of a bucket that has none")
	}
	opt := options(t.TempDir())
	opt.Bucket, opt.Working = "evidence-locks", "locks-working"
	plain := openWith(t, options(t.TempDir()))
	mustNot(t, plain.ensure(ctx, opt.Bucket, true))
	s := openWith(t, opt) // without a time for all: photos come unlocked
	l := s.Locks()
	if l == nil {
		t.Fatal("no locks")
	}
	b := photo(17, 3000)
	h := media.Sum(b)
	put := func() {
		t.Helper()
		mustNot(t, s.Blobs().Put(ctx, h, 3000, bytes.NewReader(b)))
	}
	until := func() time.Time {
		t.Helper()
		info, err := s.stat(ctx, opt.Bucket, s.blobName(h))
		mustNot(t, err)
		mode, at, err := s.client.GetObjectRetention(ctx, opt.Bucket, s.blobName(h), info.VersionID)
		if mustNot(t, err); *mode != s3.Compliance {
			t.Fatal(*mode)
		}
		return at.UTC()
	}
	is(t, l.Lock(ctx, h, time.Now().Add(time.Hour)), media.ErrNotFound)
	is(t, l.Hold(ctx, h, true), media.ErrNotFound)
	put()
	mustNot(t, l.Hold(ctx, h, false)) // there never was one
	mustNot(t, s.Blobs().Delete(ctx, h))
	put()
	for range 2 {
		mustNot(t, l.Hold(ctx, h, true))
		is(t, s.Blobs().Delete(ctx, h), media.ErrRetained)
	}
	for range 2 {
		mustNot(t, l.Hold(ctx, h, false))
	}
	mustNot(t, s.Blobs().Delete(ctx, h))
	_, err := s.Blobs().Stat(ctx, h)
	is(t, err, media.ErrNotFound)

	put()
	end := time.Now().Add(24*time.Hour + 300*time.Millisecond).UTC()
	for _, at := range []time.Time{end, end, end.Add(-time.Hour)} {
		mustNot(t, l.Lock(ctx, h, at))
		if got := until(); got.Before(end) || got.Sub(end) >= time.Second {
			t.Fatalf("locked until %v, want %v", got, end)
		}
	}
	later := end.Add(48 * time.Hour)
	mustNot(t, l.Lock(ctx, h, later))
	if got := until(); got.Before(later) {
		t.Fatalf("locked until %v, want %v", got, later)
	}
	is(t, s.Blobs().Delete(ctx, h), media.ErrRetained)
	mustNot(t, l.Hold(ctx, h, true))
	mustNot(t, l.Hold(ctx, h, false)) // the end of a hold ends no lock
	is(t, s.Blobs().Delete(ctx, h), media.ErrRetained)
	r, n, err := s.Blobs().Open(ctx, h)
	if !bytes.Equal(all(t, r, n, err), b) {
		t.Fatal("other bytes")
	}
}

// TestLocksOfAStoreThatIsAway: the failure is the store's, and may be tried again.
func TestLocksOfAStoreThatIsAway(t *testing.T) {
	srv := own(t)
	opt := options(t.TempDir())
	opt.Endpoint, opt.Bucket, opt.Working, opt.Attempts, opt.Timeout = "http://"+srv.addr, "evidence-locks", "locks-working", 1, time.Second
	opt.Retain = time.Second
	s := openWith(t, opt)
	b := photo(18, 100)
	mustNot(t, s.Blobs().Put(ctx, media.Sum(b), 100, bytes.NewReader(b)))
	srv.kill()
	for _, err := range []error{s.Locks().Hold(ctx, media.Sum(b), true), s.Locks().Lock(ctx, media.Sum(b), time.Now().Add(time.Hour))} {
		if !errors.Is(err, media.ErrStorage) {
			t.Fatal(err)
		}
	}
	mustNot(t, srv.start())
	mustNot(t, s.Locks().Hold(ctx, media.Sum(b), true))
	is(t, s.Blobs().Delete(ctx, media.Sum(b)), media.ErrRetained)
}
