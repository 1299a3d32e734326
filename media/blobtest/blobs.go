// Package blobtest is the definition by test of media.Blobs, media.Staging and media.Derivatives: every adapter runs it, nothing is skipped.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"paicha/media"
)

// Blobs runs the suite for media.Blobs; open gives an empty store.
func Blobs(t *testing.T, open func(t *testing.T) media.Blobs) {
	ctx := context.Background()
	large := bytes.Repeat([]byte("photo evidence "), 200_000)
	read := func(t *testing.T, b media.Blobs, h media.SHA256) []byte {
		t.Helper()
		r, n, err := b.Open(ctx, h)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		got, err := io.ReadAll(r)
		if err != nil || int64(len(got)) != n {
			t.Fatalf("read %d of %d: %v", len(got), n, err)
		}
		return got
	}
	for name, content := range map[string][]byte{"Empty": {}, "Small": []byte("x"), "Large": large} {
		t.Run("Keeps"+name, func(t *testing.T) {
			b, h := open(t), media.Sum(content)
			for range 2 { // again is harmless
				if err := b.Put(ctx, h, int64(len(content)), bytes.NewReader(content)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(read(t, b, h), content) {
				t.Fatal("other bytes came back")
			}
			if n, err := b.Stat(ctx, h); err != nil || n != int64(len(content)) {
				t.Fatal(n, err)
			}
		})
	}
	cut := errors.New("line cut")
	content := []byte("twelve bytes")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		hash media.SHA256
		size int64
		r    io.Reader
		want error
	}{
		"WrongHash":      {ctx, media.Sum([]byte("other")), 12, bytes.NewReader(content), media.ErrHashMismatch},
		"TooShort":       {ctx, media.Sum(content), 13, bytes.NewReader(content), media.ErrSizeMismatch},
		"TooLong":        {ctx, media.Sum(content), 11, bytes.NewReader(content), media.ErrSizeMismatch},
		"BrokenReader":   {ctx, media.Sum(content), 12, io.MultiReader(bytes.NewReader(content[:5]), iotest.ErrReader(cut)), cut},
		"CancelledBegin": {cancelled, media.Sum(content), 12, bytes.NewReader(content), context.Canceled},
	} {
		t.Run("Refuses"+name, func(t *testing.T) {
			b := open(t)
			if err := b.Put(c.ctx, c.hash, c.size, c.r); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for _, h := range []media.SHA256{c.hash, media.Sum(content)} {
				if _, err := b.Stat(ctx, h); !errors.Is(err, media.ErrNotFound) {
					t.Fatalf("something was stored: %v", err)
				}
			}
		})
	}
	t.Run("CancelledInMidStreamStoresNothing", func(t *testing.T) {
		b := open(t)
		short, cancel := context.WithCancel(ctx)
		defer cancel()
		r := &cancelling{bytes.NewReader(large), 1_000_000, cancel}
		if err := b.Put(short, media.Sum(large), int64(len(large)), r); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := b.Stat(ctx, media.Sum(large)); !errors.Is(err, media.ErrNotFound) {
			t.Fatal(err)
		}
	})
	t.Run("ConcurrentSameHash", func(t *testing.T) {
		b, h := open(t), media.Sum(large)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = b.Put(ctx, h, int64(len(large)), bytes.NewReader(large)) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, b, h), large) {
			t.Fatal("other bytes came back")
		}
	})
	t.Run("ReadsRange", func(t *testing.T) {
		b, h := open(t), media.Sum(large)
		if err := b.Put(ctx, h, int64(len(large)), bytes.NewReader(large)); err != nil {
			t.Fatal(err)
		}
		r, _, err := b.Open(ctx, h)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		got := make([]byte, 100)
		if _, err := r.Seek(1_000_003, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, large[1_000_003:1_000_103]) {
			t.Fatal("wrong range", err)
		}
	})
	t.Run("DeleteAndMissing", func(t *testing.T) {
		b, h := open(t), media.Sum(content)
		if err := b.Delete(ctx, h); err != nil {
			t.Fatal(err)
		}
		if err := b.Put(ctx, h, 12, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if err := b.Delete(ctx, h); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Open(ctx, h); !errors.Is(err, media.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

// cancelling is a reader that ends a context after n bytes, and would go on.
type cancelling struct {
	r      io.Reader
	n      int
	cancel context.CancelFunc
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.n > 0 {
		p = p[:min(len(p), c.n)]
	}
	n, err := c.r.Read(p)
	if c.n -= n; c.n <= 0 {
		c.cancel()
	}
	return n, err
}
