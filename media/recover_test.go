package media_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"paicha/media"
)

// panicking is a converter with a defect.
type panicking struct{}

func (panicking) JPEG(context.Context, io.Reader) ([]byte, error) { panic("index out of range") }

// waiting is a converter that ends with its context alone.
type waiting struct{ begun chan struct{} }

func (w waiting) JPEG(ctx context.Context, _ io.Reader) ([]byte, error) {
	close(w.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestWorkersOutliveADefect: a panic costs the photo its pictures, gives back the memory, and stops nobody.
func TestWorkersOutliveADefect(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s := newStudio(t)
	made := make(chan error, 1)
	s.d.HEIC, s.d.Report = panicking{}, func(_ media.SHA256, err error) { made <- err }
	ended := make(chan struct{})
	go func() { s.d.Run(ctx); close(ended) }()
	for i := range 5 { // more than there are workers
		b := append(corpusFile(t, "ipad.heic"), byte(i))
		if err := s.d.Enqueue(s.put(b)); err != nil {
			t.Fatal(err)
		}
		if err := <-made; !errors.Is(err, media.ErrNoPreview) {
			t.Fatal(err)
		}
		if err := s.d.Enqueue(media.Sum(b)); !errors.Is(err, media.ErrNoPreview) {
			t.Fatal("it is tried again and again: ", err)
		}
	}
	if err := s.d.Enqueue(s.put(stored(t, 64, 32, 1))); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
}

func TestConverterEndsWithTheServer(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s, w := newStudio(t), waiting{make(chan struct{})}
	s.d.HEIC = w
	h := s.put(corpusFile(t, "ipad.heic"))
	made := make(chan error, 1)
	go func() { made <- s.d.Make(ctx, h) }()
	<-w.begun
	stop()
	if err := <-made; !errors.Is(err, context.Canceled) || errors.Is(err, media.ErrNoPreview) {
		t.Fatal("the photo is blamed: ", err)
	}
}
