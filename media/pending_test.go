package media_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paicha/media"
)

// TestLostAnswerIsTheSameAfterACrash: the server is killed after the photo is durable and before its evidence is
// written. Whoever asks again must get what the evidence needs.
func TestLostAnswerIsTheSameAfterACrash(t *testing.T) {
	ctx, dir, b := context.Background(), t.TempDir(), stored(t, 64, 32, 6)
	r, _ := receiver(store(t, dir))
	u, err := r.Create(ctx, media.NewUpload{
		Owner: "a", Device: "d", Length: int64(len(b)),
		Metadata: media.Metadata{SHA256: media.Sum(b), Name: "现场.jpg", Inspection: "i-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := r.Append(ctx, u.ID, "a", media.Chunk{Body: bytes.NewReader(b)})
	if err != nil || !lost.Done {
		t.Fatal(lost, err)
	}
	want := lost.Received
	if want.Photo.Facts.Orientation != 6 || want.At.IsZero() || want.Name != "现场.jpg" || want.Inspection != "i-1" || want.Owner != "a" || want.Device != "d" || want.Size != int64(len(b)) {
		t.Fatalf("%+v", want)
	}
	s := store(t, dir)
	r, now := receiver(s)
	*now = now.Add(26 * time.Hour)
	if got, err := r.Info(ctx, u.ID, "a"); err != nil || !got.Done || got.Received != want {
		t.Fatalf("Info: %+v, %v\nwant %+v", got.Received, err, want)
	}
	got, err := r.Append(ctx, u.ID, "a", media.Chunk{Offset: int64(len(b)), Body: bytes.NewReader(nil)})
	if !errors.Is(err, media.ErrUploadDone) || !got.Done || got.Received != want {
		t.Fatalf("Append: %+v, %v\nwant %+v", got.Received, err, want)
	}
	if _, err := r.Info(ctx, u.ID, "b"); !errors.Is(err, media.ErrUploadNotFound) {
		t.Fatal(err)
	}
	if err := s.Blobs().Delete(ctx, media.Sum(b)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Info(ctx, u.ID, "a"); !errors.Is(err, media.ErrNotFound) {
		t.Fatal(err)
	}
}

// counting is staging that counts how often everything is listed.
type counting struct {
	media.Staging
	lists atomic.Int32
}

func (c *counting) List(ctx context.Context) ([]media.Staged, error) {
	c.lists.Add(1)
	return c.Staging.List(ctx)
}

func TestPendingUploadsOfAnOwnerAreBounded(t *testing.T) {
	ctx, dir, b := context.Background(), t.TempDir(), picture(t, 8, 8)
	r, now := receiver(store(t, dir))
	listed := &counting{Staging: r.Staging}
	r.Staging, r.Limits.Pending = listed, 3
	create := func(owner string) (media.Upload, error) {
		return r.Create(ctx, media.NewUpload{Owner: owner, Length: int64(len(b)), Metadata: media.Metadata{SHA256: media.Sum(b)}})
	}
	must := func() media.Upload {
		t.Helper()
		u, err := create("a")
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	full := func(when string) {
		t.Helper()
		if _, err := create("a"); !errors.Is(err, media.ErrTooMany) {
			t.Fatalf("%s: %v", when, err)
		}
		if _, err := create("b" + when); err != nil {
			t.Fatalf("%s, another owner: %v", when, err)
		}
	}
	first, second, third := must(), must(), must()
	full("three begun")
	if u, err := r.Append(ctx, first.ID, "a", media.Chunk{Body: bytes.NewReader(b)}); err != nil || !u.Done {
		t.Fatal(u, err)
	}
	must()
	full("one complete")
	for range 2 { // ending it twice gives room once
		if err := r.Terminate(ctx, second.ID, "a"); err != nil && !errors.Is(err, media.ErrUploadNotFound) {
			t.Fatal(err)
		}
	}
	must()
	full("one terminated")
	if _, err := r.Append(ctx, third.ID, "a", media.Chunk{Body: bytes.NewReader(bytes.Repeat([]byte("x"), len(b)))}); !errors.Is(err, media.ErrHashMismatch) {
		t.Fatal(err)
	}
	must()
	full("one void")
	if err := r.Terminate(ctx, first.ID, "a"); err != nil { // complete: it gave its room before
		t.Fatal(err)
	}
	full("complete one forgotten")
	if n := listed.lists.Load(); n != 1 {
		t.Fatalf("everything was listed %d times", n)
	}
	restarted, _ := receiver(store(t, dir))
	restarted.Limits.Pending = 3
	old := *now
	r = restarted
	full("restarted")
	restarted.Now = func() time.Time { return old.Add(restarted.Limits.Keep + time.Hour) }
	if _, err := restarted.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	restarted.NewID = func() string { return "after-the-sweep" }
	must()
}

func TestPendingBoundHoldsForRequestsAtTheSameTime(t *testing.T) {
	r, _ := receiver(store(t, t.TempDir()))
	var next, begun atomic.Int32
	r.Limits.Pending = 5
	r.NewID = func() string { return "id-" + string('a'+rune(next.Add(1))) }
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = r.Create(context.Background(), media.NewUpload{Owner: "a", Length: 1, Metadata: media.Metadata{SHA256: media.Sum(nil)}})
			if errs[i] == nil {
				begun.Add(1)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, media.ErrTooMany) {
			t.Fatal(err)
		}
	}
	if n := begun.Load(); n != 5 {
		t.Fatalf("%d begun", n)
	}
}

func TestTakenIDHarmsNobody(t *testing.T) {
	ctx, b := context.Background(), picture(t, 8, 8)
	r, _ := receiver(store(t, t.TempDir()))
	r.NewID = func() string { return "same" }
	u := begin(t, r, b, media.Sum(b))
	if _, err := r.Create(ctx, media.NewUpload{Owner: "b", Length: 1, Metadata: media.Metadata{SHA256: media.Sum(nil)}}); !errors.Is(err, media.ErrUploadExists) {
		t.Fatal(err)
	}
	if got, err := r.Append(ctx, u.ID, "a", media.Chunk{Body: bytes.NewReader(b)}); err != nil || !got.Done {
		t.Fatal(got, err)
	}
}
