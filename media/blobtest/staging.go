package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"paicha/media"
)

// Staging runs the suite for media.Staging. open opens the store of a directory or bucket name, again after it was
// opened before, as a restart does.
func Staging(t *testing.T, open func(t *testing.T, name string) (media.Staging, media.Blobs)) {
	ctx := context.Background()
	content := []byte("0123456789")
	hash := media.Sum(content)
	arrival := time.Date(2023, 6, 1, 8, 0, 0, 123_000_000, time.UTC)
	begin := func(t *testing.T, name string, have int) (media.Staging, media.Blobs) {
		t.Helper()
		s, b := open(t, name)
		if err := s.Create(ctx, "up-1", 10, []byte("meta")); err != nil {
			t.Fatal(err)
		}
		if have > 0 {
			if n, err := s.Append(ctx, "up-1", 0, bytes.NewReader(content[:have])); err != nil || n != int64(have) {
				t.Fatal(n, err)
			}
		}
		return s, b
	}
	offset := func(t *testing.T, s media.Staging, want int64) {
		t.Helper()
		if st, err := s.Stat(ctx, "up-1"); err != nil || st.Offset != want || string(st.Meta) != "meta" || st.Length != 10 {
			t.Fatalf("%+v %v, want offset %d", st, err, want)
		}
	}
	t.Run("ResumesAfterReopening", func(t *testing.T) {
		dir := t.TempDir()
		begin(t, dir, 4)
		s, b := open(t, dir)
		offset(t, s, 4)
		if _, err := s.Append(ctx, "up-1", 4, bytes.NewReader(content[4:])); err != nil {
			t.Fatal(err)
		}
		for i := range 2 { // the first time stays
			if err := s.Commit(ctx, "up-1", hash, arrival.Add(time.Duration(i)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := b.Stat(ctx, hash); err != nil || n != 10 {
			t.Fatal(n, err)
		}
		if st, err := s.Stat(ctx, "up-1"); err != nil || !st.Committed {
			t.Fatal(st, err)
		}
		s, _ = open(t, dir)
		if st, err := s.Stat(ctx, "up-1"); err != nil || !st.Committed || st.Offset != 10 || !st.Arrived.Equal(arrival) {
			t.Fatal(st, err)
		}
	})
	t.Run("CommittedReadsTheBlob", func(t *testing.T) {
		dir := t.TempDir()
		s, _ := begin(t, dir, 10)
		if st, err := s.Stat(ctx, "up-1"); err != nil || !st.Arrived.IsZero() {
			t.Fatal(st, err)
		}
		if err := s.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
		s, b := open(t, dir)
		r, n, err := s.Open(ctx, "up-1")
		if err != nil || n != 10 {
			t.Fatal(n, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
			t.Fatal(string(got), err)
		}
		if err := b.Delete(ctx, hash); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open(ctx, "up-1"); !errors.Is(err, media.ErrNotFound) {
			t.Fatal(err)
		}
	})
	t.Run("CancelledInMidStreamKeepsWhatCame", func(t *testing.T) {
		dir := t.TempDir()
		s, _ := begin(t, dir, 2)
		short, cancel := context.WithCancel(ctx)
		defer cancel()
		n, err := s.Append(short, "up-1", 2, &cancelling{bytes.NewReader(content[2:]), 3, cancel})
		if n != 3 || !errors.Is(err, context.Canceled) {
			t.Fatal(n, err)
		}
		offset(t, s, 5)
		s, _ = open(t, dir)
		offset(t, s, 5)
		if _, err := s.Append(ctx, "up-1", 5, bytes.NewReader(content[5:])); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(short, "up-1", hash, arrival); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := s.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("WrongOffset", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 4)
		for _, at := range []int64{-1, 0, 3, 5, 1 << 40} {
			if _, err := s.Append(ctx, "up-1", at, bytes.NewReader(content)); !errors.Is(err, media.ErrOffset) {
				t.Fatal(at, err)
			}
		}
		offset(t, s, 4)
	})
	t.Run("OverLengthKeepsNothing", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 4)
		if n, err := s.Append(ctx, "up-1", 4, bytes.NewReader(content)); n != 0 || !errors.Is(err, media.ErrTooLong) {
			t.Fatal(n, err)
		}
		offset(t, s, 4)
	})
	t.Run("BrokenLineKeepsWhatCame", func(t *testing.T) {
		dir, cut := t.TempDir(), errors.New("line cut")
		s, _ := begin(t, dir, 0)
		n, err := s.Append(ctx, "up-1", 0, io.MultiReader(bytes.NewReader(content[:6]), iotest.ErrReader(cut)))
		if n != 6 || !errors.Is(err, cut) {
			t.Fatal(n, err)
		}
		s, _ = open(t, dir)
		offset(t, s, 6)
	})
	t.Run("DiscardKeepsNothing", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 2)
		bad := &media.Discard{Err: media.ErrChecksum}
		n, err := s.Append(ctx, "up-1", 2, io.MultiReader(bytes.NewReader(content[2:6]), iotest.ErrReader(bad)))
		if n != 0 || !errors.Is(err, media.ErrChecksum) {
			t.Fatal(n, err)
		}
		offset(t, s, 2)
	})
	t.Run("AskingDoesNotWaitForADeadLine", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 2)
		line, sender := io.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = s.Append(ctx, "up-1", 2, line)
		}()
		if _, err := sender.Write(content[2:4]); err != nil {
			t.Fatal(err)
		}
		offset(t, s, 2)
		if all, err := s.List(ctx); err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		_ = sender.Close()
		<-ended
		offset(t, s, 4)
	})
	t.Run("TwoAppendsOneWins", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 0)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { _, errs[i] = s.Append(ctx, "up-1", 0, bytes.NewReader(content[:5])) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, media.ErrOffset) {
				t.Fatal(err)
			}
		}
		if won != 1 {
			t.Fatalf("%d won", won)
		}
		offset(t, s, 5)
	})
	t.Run("WrongHashKeepsBytes", func(t *testing.T) {
		dir := t.TempDir()
		s, b := begin(t, dir, 10)
		if err := s.Commit(ctx, "up-1", media.Sum(nil), arrival); !errors.Is(err, media.ErrHashMismatch) {
			t.Fatal(err)
		}
		if _, err := b.Stat(ctx, hash); !errors.Is(err, media.ErrNotFound) {
			t.Fatal(err)
		}
		s, _ = open(t, dir)
		offset(t, s, 10)
		if err := s.Commit(ctx, "up-1", hash, arrival); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("IncompleteIsNotCommitted", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 9)
		if err := s.Commit(ctx, "up-1", hash, arrival); !errors.Is(err, media.ErrIncomplete) {
			t.Fatal(err)
		}
	})
	t.Run("IDIsNoPathAndIsTakenOnce", func(t *testing.T) {
		s, _ := begin(t, t.TempDir(), 0)
		for _, id := range []media.UploadID{"", "..", "../x", "a/b", `a\b`, "a.b", "照片", "a\x00"} {
			if err := s.Create(ctx, id, 1, nil); !errors.Is(err, media.ErrUploadIDForm) {
				t.Fatal(id, err)
			}
		}
		if err := s.Create(ctx, "up-1", 1, nil); !errors.Is(err, media.ErrUploadExists) {
			t.Fatal(err)
		}
	})
	t.Run("RemovedIsGone", func(t *testing.T) {
		dir := t.TempDir()
		s, _ := begin(t, dir, 3)
		for range 2 {
			if err := s.Remove(ctx, "up-1"); err != nil {
				t.Fatal(err)
			}
		}
		s, _ = open(t, dir)
		if all, err := s.List(ctx); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
		if _, err := s.Append(ctx, "up-1", 0, bytes.NewReader(content)); !errors.Is(err, media.ErrUploadNotFound) {
			t.Fatal(err)
		}
	})
}
