package fs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"paicha/media"
)

// arrival is when photos arrive in these tests.
var arrival = time.Date(2023, 6, 1, 8, 0, 0, 0, time.UTC)

func noise(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func mustOpen(t *testing.T, d disk) *Store {
	t.Helper()
	s, err := open(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func content(t *testing.T, r io.ReadSeekCloser, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAcknowledgedPhotoSurvivesPowerCut is promise P1 for whole photos: cut the power after every possible operation;
// what was acknowledged is there, and nothing that is there is wrong.
func TestAcknowledgedPhotoSurvivesPowerCut(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d := newForgetful()
		s := mustOpen(t, d)
		power, cut := 1+rnd.IntN(30), errors.New("power cut")
		d.fail = func(string, string) error {
			if power--; power <= 0 {
				return cut
			}
			return nil
		}
		acked, tried := map[media.SHA256][]byte{}, map[media.SHA256][]byte{}
		for range 6 {
			b := noise(rnd, rnd.IntN(3000))
			h := media.Sum(b)
			tried[h] = b
			if s.Blobs().Put(ctx, h, int64(len(b)), bytes.NewReader(b)) == nil {
				acked[h] = b
			}
		}
		s = mustOpen(t, d.crash(rnd))
		for h, b := range tried {
			r, _, err := s.Blobs().Open(ctx, h)
			if errors.Is(err, media.ErrNotFound) && acked[h] == nil {
				continue
			}
			if got := content(t, r, err); !bytes.Equal(got, b) {
				t.Fatalf("seed %d: a photo of %d bytes came back wrong (acknowledged: %v)", seed, len(b), acked[h] != nil)
			}
		}
	}
}

// TestAcknowledgedChunksSurvivePowerCut is promise P1 for uploads: after a cut the offset is at least what was
// acknowledged, every byte below it is right, and the upload can be completed.
func TestAcknowledgedChunksSurvivePowerCut(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		d := newForgetful()
		s := mustOpen(t, d)
		b := noise(rnd, 1000+rnd.IntN(4000))
		h := media.Sum(b)
		if err := s.Staging().Create(ctx, "up", int64(len(b)), []byte("meta")); err != nil {
			t.Fatal(err)
		}
		power, cut := 1+rnd.IntN(20), errors.New("power cut")
		d.fail = func(string, string) error {
			if power--; power <= 0 {
				return cut
			}
			return nil
		}
		acked, committed := 0, false
		for acked < len(b) {
			n := min(1+rnd.IntN(900), len(b)-acked)
			if _, err := s.Staging().Append(ctx, "up", int64(acked), bytes.NewReader(b[acked:acked+n])); err != nil {
				break
			}
			if acked+n == len(b) {
				if committed = s.Staging().Commit(ctx, "up", h, arrival) == nil; !committed {
					break
				}
			}
			acked += n
		}
		s = mustOpen(t, d.crash(rnd))
		if committed {
			r, _, err := s.Blobs().Open(ctx, h)
			if !bytes.Equal(content(t, r, err), b) {
				t.Fatalf("seed %d: the committed photo came back wrong", seed)
			}
			continue
		}
		st, err := s.Staging().Stat(ctx, "up")
		if errors.Is(err, media.ErrUploadNotFound) {
			if acked > 0 {
				// The rename may have become durable though nobody was told: then the photo is complete.
				r, _, err := s.Blobs().Open(ctx, h)
				if !bytes.Equal(content(t, r, err), b) {
					t.Fatalf("seed %d: %d acknowledged bytes are gone", seed, acked)
				}
			}
			continue
		}
		if err != nil || st.Offset < int64(acked) || string(st.Meta) != "meta" {
			t.Fatalf("seed %d: acknowledged %d, found %+v, %v", seed, acked, st, err)
		}
		r, _, err := s.Staging().Open(ctx, "up")
		if got := content(t, r, err); !bytes.Equal(got, b[:st.Offset]) {
			t.Fatalf("seed %d: the staged bytes are wrong", seed)
		}
		if _, err := s.Staging().Append(ctx, "up", st.Offset, bytes.NewReader(b[st.Offset:])); err != nil {
			t.Fatal(err)
		}
		if err := s.Staging().Commit(ctx, "up", h, arrival); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestOnePieceUploadSyncsTwice holds the cost: the bytes once, the directory once.
func TestOnePieceUploadSyncsTwice(t *testing.T) {
	ctx := context.Background()
	d := newForgetful()
	s := mustOpen(t, d)
	b := []byte("photo")
	before := d.syncs
	if err := s.Staging().Create(ctx, "up", 5, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Staging().Append(ctx, "up", 0, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	if err := s.Staging().Commit(ctx, "up", media.Sum(b), arrival); err != nil {
		t.Fatal(err)
	}
	if got := d.syncs - before; got != 2 {
		t.Fatalf("%d syncs, want 2", got)
	}
}

// TestFailedSyncKeepsOnlyDurableBytes: after a failed fsync the pages are not trusted, though a second fsync succeeds.
func TestFailedSyncKeepsOnlyDurableBytes(t *testing.T) {
	ctx := context.Background()
	d := newForgetful()
	s := mustOpen(t, d)
	if err := s.Staging().Create(ctx, "up", 10, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Staging().Append(ctx, "up", 0, bytes.NewReader([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
	d.fail = func(op, name string) error {
		if op == "sync" && isPart(name) {
			return errors.New("input/output error")
		}
		return nil
	}
	if n, err := s.Staging().Append(ctx, "up", 3, bytes.NewReader([]byte("def"))); n != 0 || !errors.Is(err, media.ErrStorage) {
		t.Fatal(n, err)
	}
	d.fail = nil
	if st, err := s.Staging().Stat(ctx, "up"); err != nil || st.Offset != 3 {
		t.Fatal(st, err)
	}
}
