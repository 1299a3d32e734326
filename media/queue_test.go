package media_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"paicha/media"
)

func TestHurriedPhotosComeFirstAndOnce(t *testing.T) {
	d := &media.Deriver{}
	photo := func(name string) media.SHA256 { return media.Sum([]byte(name)) }
	for _, name := range []string{"a", "b", "c"} {
		if err := d.Enqueue(photo(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"c", "major", "c"} {
		if err := d.Hurry(photo(name)); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Waiting(); n != 4 {
		t.Fatal(n, "wait")
	}
	for _, name := range []string{"c", "major", "a", "b"} {
		if h, ok := d.Next(); !ok || h != photo(name) {
			t.Fatalf("not %s", name)
		}
	}
	if _, ok := d.Next(); ok || d.Waiting() != 0 {
		t.Fatal("one is made twice")
	}
}

func TestPhotosShareTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var g media.Gate
		if err := g.Take(ctx, media.Budget-10); err != nil {
			t.Fatal(err)
		}
		if err := g.Take(ctx, 10); err != nil {
			t.Fatal(err)
		}
		passed := make(chan error, 1)
		go func() { passed <- g.Take(ctx, 11) }()
		synctest.Wait()
		g.Give(10)
		synctest.Wait()
		select {
		case err := <-passed:
			t.Fatal("passed over the budget", err)
		default:
		}
		g.Give(media.Budget - 10)
		if err := <-passed; err != nil {
			t.Fatal(err)
		}
		go func() { passed <- g.Take(ctx, media.Budget) }()
		synctest.Wait()
		cancel()
		if err := <-passed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

// TestPrintIsToldAlsoWhenThereIsNone: whoever waits for a photo's print learns that it has none.
func TestPrintIsToldAlsoWhenThereIsNone(t *testing.T) {
	s := newStudio(t)
	told := map[media.SHA256]*media.Print{}
	s.d.Printed = func(_ context.Context, h media.SHA256, p *media.Print) error { told[h] = p; return nil }
	whole := sample(t, "video-001.jpeg")
	if err := s.make(whole); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{bomb(), []byte("%PDF-1.4\n%%EOF\n")} {
		if err := s.make(b); !errors.Is(err, media.ErrNoPreview) {
			t.Fatal(err)
		}
		if p, ok := told[media.Sum(b)]; !ok || p != nil {
			t.Fatal(ok, p)
		}
	}
	if told[media.Sum(whole)] == nil {
		t.Fatal("no print")
	}
}
