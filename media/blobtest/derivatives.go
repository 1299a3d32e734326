package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"paicha/media"
)

// Derivatives runs the suite for media.Derivatives. open opens the store of a directory or bucket name, again after it
// was opened before, as a restart does.
func Derivatives(t *testing.T, open func(t *testing.T, name string) media.Derivatives) {
	ctx := context.Background()
	photo, other := media.Sum([]byte("photo")), media.Sum([]byte("other"))
	older, newer := bytes.Repeat([]byte("old "), 50_000), bytes.Repeat([]byte("newer "), 60_000)
	put := func(t *testing.T, d media.Derivatives, h media.SHA256, size media.SizeName, b []byte) {
		t.Helper()
		if err := d.PutDerived(ctx, h, size, b); err != nil {
			t.Fatal(err)
		}
	}
	get := func(d media.Derivatives, h media.SHA256, size media.SizeName) ([]byte, error) {
		r, n, err := d.OpenDerived(ctx, h, size)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		if int64(len(b)) != n {
			err = errors.Join(err, io.ErrUnexpectedEOF)
		}
		return b, errors.Join(err, r.Close())
	}
	want := func(t *testing.T, d media.Derivatives, h media.SHA256, size media.SizeName, want []byte) {
		t.Helper()
		if b, err := get(d, h, size); err != nil || !bytes.Equal(b, want) {
			t.Fatalf("%d bytes, want %d: %v", len(b), len(want), err)
		}
	}
	absent := func(t *testing.T, d media.Derivatives, h media.SHA256, size media.SizeName) {
		t.Helper()
		if _, err := get(d, h, size); !errors.Is(err, media.ErrNotFound) {
			t.Fatal(err)
		}
	}
	t.Run("EachSizeOfEachPhotoApart", func(t *testing.T) {
		dir := t.TempDir()
		d := open(t, dir)
		absent(t, d, photo, media.Thumb)
		put(t, d, photo, media.Thumb, older)
		absent(t, d, photo, media.Preview)
		absent(t, d, other, media.Thumb)
		put(t, d, photo, media.Preview, newer)
		put(t, d, other, media.Thumb, []byte{})
		d = open(t, dir)
		want(t, d, photo, media.Thumb, older)
		want(t, d, photo, media.Preview, newer)
		want(t, d, other, media.Thumb, []byte{})
	})
	t.Run("ReplacesWholeAndLeavesReadersTheirs", func(t *testing.T) {
		d := open(t, t.TempDir())
		put(t, d, photo, media.Thumb, older)
		r, _, err := d.OpenDerived(ctx, photo, media.Thumb)
		if err != nil {
			t.Fatal(err)
		}
		put(t, d, photo, media.Thumb, newer)
		b, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(b, older) {
			t.Fatal(len(b), err)
		}
		want(t, d, photo, media.Thumb, newer)
	})
	t.Run("ReaderSeesOldOrNewNeverAPart", func(t *testing.T) {
		d := open(t, t.TempDir())
		put(t, d, photo, media.Thumb, older)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				for n := range 20 {
					if i < 2 {
						errs[i] = errors.Join(errs[i], d.PutDerived(ctx, photo, media.Thumb, [][]byte{older, newer}[n%2]))
						continue
					}
					b, err := get(d, photo, media.Thumb)
					if err == nil && !bytes.Equal(b, older) && !bytes.Equal(b, newer) {
						err = errors.New("a part was read")
					}
					errs[i] = errors.Join(errs[i], err)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("ReadsRange", func(t *testing.T) {
		d := open(t, t.TempDir())
		put(t, d, photo, media.Preview, newer)
		r, _, err := d.OpenDerived(ctx, photo, media.Preview)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		got := make([]byte, 100)
		if _, err := r.Seek(100_001, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, newer[100_001:100_101]) {
			t.Fatal("wrong range", err)
		}
	})
	t.Run("SizeThatIsNoneIsNotFound", func(t *testing.T) {
		d := open(t, t.TempDir())
		for _, size := range []media.SizeName{"", "huge", "../../blobs", "thumb/../x"} {
			if err := d.PutDerived(ctx, photo, size, older); !errors.Is(err, media.ErrNotFound) {
				t.Fatal(size, err)
			}
			absent(t, d, photo, size)
		}
	})
	t.Run("DeletedIsGoneInAllSizes", func(t *testing.T) {
		dir := t.TempDir()
		d := open(t, dir)
		put(t, d, other, media.Thumb, older)
		put(t, d, photo, media.Thumb, older)
		put(t, d, photo, media.Preview, newer)
		for range 2 {
			if err := d.DeleteDerived(ctx, photo); err != nil {
				t.Fatal(err)
			}
		}
		absent(t, d, photo, media.Thumb)
		absent(t, d, photo, media.Preview)
		want(t, d, other, media.Thumb, older)
	})
	t.Run("CancelledChangesNothing", func(t *testing.T) {
		d := open(t, t.TempDir())
		put(t, d, photo, media.Thumb, older)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err := d.OpenDerived(ended, photo, media.Thumb)
		for _, err := range []error{err, d.PutDerived(ended, photo, media.Thumb, newer), d.DeleteDerived(ended, photo)} {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		want(t, d, photo, media.Thumb, older)
	})
}
