package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"paicha/media"
)

// Shared runs the suite for media.Shared. Each call of open with one name gives another process, so to speak, that
// works on the same uploads.
func Shared(t *testing.T, open func(t *testing.T, name string) (media.Shared, media.Blobs)) {
	ctx := context.Background()
	content := bytes.Repeat([]byte("0123456789"), 100)
	hash, length := media.Sum(content), int64(len(content))
	arrival := time.Date(2023, 6, 1, 8, 0, 0, 0, time.UTC)
	pair := func(t *testing.T) (a, b media.Shared, blobs media.Blobs) {
		t.Helper()
		name := t.TempDir()
		a, blobs = open(t, name)
		b, _ = open(t, name)
		if err := a.Create(ctx, "up-1", length, []byte("meta")); err != nil {
			t.Fatal(err)
		}
		return a, b, blobs
	}
	send := func(t *testing.T, s media.Shared, from, to int64) {
		t.Helper()
		if n, err := s.Append(ctx, "up-1", from, bytes.NewReader(content[from:to])); err != nil || n != to-from {
			t.Fatal(n, err)
		}
	}
	at := func(t *testing.T, s media.Shared, want int64) {
		t.Helper()
		if st, err := s.Stat(ctx, "up-1"); err != nil || st.Offset != want || st.Length != length || string(st.Meta) != "meta" {
			t.Fatalf("%+v %v, want offset %d", st, err, want)
		}
	}
	whole := func(t *testing.T, b media.Blobs) {
		t.Helper()
		r, _, err := b.Open(ctx, hash)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
			t.Fatal(len(got), err)
		}
	}
	ids := func(all []media.Staged) []media.UploadID {
		var out []media.UploadID
		for _, st := range all {
			out = append(out, st.ID)
		}
		return out
	}
	t.Run("AnyProcessContinues", func(t *testing.T) {
		a, b, blobs := pair(t)
		for i := range int64(9) {
			send(t, []media.Shared{a, b}[i%2], i*100, i*100+100)
			at(t, a, i*100+100)
			at(t, b, i*100+100)
		}
		send(t, b, 900, 1000)
		r, n, err := b.Open(ctx, "up-1")
		if err != nil || n != length {
			t.Fatal(n, err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
			t.Fatal(len(got), err)
		}
		if err := b.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
		whole(t, blobs)
		for _, s := range []media.Shared{a, b} {
			if st, err := s.Stat(ctx, "up-1"); err != nil || !st.Committed || !st.Arrived.Equal(arrival) {
				t.Fatal(st, err)
			}
			if _, err := s.Append(ctx, "up-1", length, bytes.NewReader(nil)); !errors.Is(err, media.ErrOffset) {
				t.Fatal(err)
			}
			if err := s.Create(ctx, "up-1", length, nil); !errors.Is(err, media.ErrUploadExists) {
				t.Fatal(err)
			}
		}
	})
	t.Run("CreatedOnce", func(t *testing.T) {
		name := t.TempDir()
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			s, _ := open(t, name)
			wg.Go(func() { errs[i] = s.Create(ctx, "up-1", length, nil) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, media.ErrUploadExists) {
				t.Fatal(err)
			}
		}
		if won != 1 {
			t.Fatalf("%d created it", won)
		}
	})
	t.Run("OfTwoAppendsAtOneOffsetOneWins", func(t *testing.T) {
		a, b, _ := pair(t)
		sizes := []int64{100, 200, 100, 300}
		errs := make([]error, len(sizes))
		var wg sync.WaitGroup
		for i, n := range sizes {
			s := []media.Shared{a, b}[i%2]
			wg.Go(func() { _, errs[i] = s.Append(ctx, "up-1", 0, bytes.NewReader(content[:n])) })
		}
		wg.Wait()
		won := int64(0)
		for i, err := range errs {
			if err == nil {
				if won > 0 {
					t.Fatal("two won")
				}
				won = sizes[i]
			} else if !errors.Is(err, media.ErrOffset) {
				t.Fatal(err)
			}
		}
		at(t, a, won)
		at(t, b, won)
	})
	t.Run("ADeadLineElsewhereStopsNobody", func(t *testing.T) {
		a, b, blobs := pair(t)
		send(t, a, 0, 300)
		line, sender := io.Pipe()
		var late error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, late = a.Append(ctx, "up-1", 300, line)
		}()
		if _, err := sender.Write(content[300:500]); err != nil {
			t.Fatal(err)
		}
		at(t, b, 300)
		send(t, b, 300, 700)
		_ = sender.CloseWithError(errors.New("the line is dead")) // what came is too late to be kept
		<-ended
		if !errors.Is(late, media.ErrOffset) {
			t.Fatal(late)
		}
		at(t, a, 700)
		send(t, a, 700, 1000)
		if err := a.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
		whole(t, blobs)
	})
	t.Run("TwoComplete", func(t *testing.T) {
		a, b, blobs := pair(t)
		send(t, a, 0, 600)
		for _, s := range []media.Shared{a, b} { // what completes an upload is not durable before the Commit
			if _, err := s.Append(ctx, "up-1", 600, bytes.NewReader(content[600:])); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			s := []media.Shared{a, b}[i%2]
			wg.Go(func() { errs[i] = s.Commit(ctx, "up-1", hash, arrival.Add(time.Duration(i)*time.Second)) })
		}
		wg.Wait()
		for _, err := range errs { // one that comes when all is over has nothing left to commit and says so
			if err != nil {
				t.Fatal(errs)
			}
		}
		first, err := a.Stat(ctx, "up-1")
		if err != nil || !first.Committed {
			t.Fatal(first, err)
		}
		if err := b.Commit(ctx, "up-1", hash, arrival.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if again, err := b.Stat(ctx, "up-1"); err != nil || !again.Arrived.Equal(first.Arrived) {
			t.Fatal(again, err)
		}
		if err := b.Commit(ctx, "up-1", media.Sum(nil), arrival); !errors.Is(err, media.ErrHashMismatch) {
			t.Fatal(err)
		}
		whole(t, blobs)
	})
	t.Run("CompletedThereAndContinuedHere", func(t *testing.T) {
		a, b, blobs := pair(t)
		send(t, a, 0, 300)
		send(t, a, 300, 1000) // it waits there for a Commit that never comes
		at(t, b, 300)
		send(t, b, 300, 500)
		at(t, a, 500)
		if err := a.Commit(ctx, "up-1", hash, arrival); !errors.Is(err, media.ErrIncomplete) {
			t.Fatal(err)
		}
		send(t, a, 500, 1000)
		if err := a.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
		whole(t, blobs)
	})
	t.Run("RemovedElsewhereIsGone", func(t *testing.T) {
		a, b, _ := pair(t)
		send(t, b, 0, 300)
		if err := a.Remove(ctx, "up-1"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Append(ctx, "up-1", 300, bytes.NewReader(content[300:])); !errors.Is(err, media.ErrUploadNotFound) {
			t.Fatal(err)
		}
		if err := b.Commit(ctx, "up-1", hash, arrival); !errors.Is(err, media.ErrUploadNotFound) {
			t.Fatal(err)
		}
	})
	t.Run("PendingAndExpired", func(t *testing.T) {
		a, b, blobs := pair(t)
		for _, id := range []media.UploadID{"up-3", "up-2"} {
			if err := a.Create(ctx, id, length, nil); err != nil {
				t.Fatal(err)
			}
		}
		send(t, a, 0, 1000)
		if err := a.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Append(ctx, "up-2", 0, bytes.NewReader(content[:10])); n != 10 || err != nil {
			t.Fatal(n, err)
		}
		all, err := b.Pending(ctx)
		if err != nil || !slices.Equal(ids(all), []media.UploadID{"up-2", "up-3"}) || all[0].Offset != 10 || all[0].Length != length {
			t.Fatalf("%+v %v", all, err)
		}
		if all, err := b.List(ctx); err != nil || !slices.Equal(ids(all), []media.UploadID{"up-1", "up-2", "up-3"}) || !all[0].Committed {
			t.Fatalf("%+v %v", all, err)
		}
		if gone, err := b.Expire(ctx, time.Now().Add(-time.Hour)); err != nil || len(gone) != 0 {
			t.Fatal(gone, err)
		}
		if gone, err := b.Expire(ctx, time.Now().Add(time.Hour)); err != nil || !slices.Equal(gone, []media.UploadID{"up-1", "up-2", "up-3"}) {
			t.Fatal(gone, err)
		}
		for _, s := range []media.Shared{a, b} {
			if all, err := s.List(ctx); err != nil || len(all) != 0 {
				t.Fatal(all, err)
			}
			if _, err := s.Stat(ctx, "up-2"); !errors.Is(err, media.ErrUploadNotFound) {
				t.Fatal(err)
			}
		}
		whole(t, blobs) // photos do not expire
	})
}
