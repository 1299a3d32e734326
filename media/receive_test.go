package media_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"testing"
	"time"

	"paicha/media"
	"paicha/media/fs"
)

func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func store(t testing.TB, dir string) *fs.Store {
	t.Helper()
	s, err := fs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func receiver(s *fs.Store) (*media.Receiver, *time.Time) {
	now, n := time.Date(2023, 6, 1, 8, 0, 0, 0, time.UTC), 0
	return &media.Receiver{
		Staging: s.Staging(), Now: func() time.Time { return now }, Limits: media.DefaultLimits(),
		NewID: func() string { n++; return fmt.Sprintf("id-%d-%d", n, now.UnixNano()) },
	}, &now
}

func begin(t *testing.T, r *media.Receiver, b []byte, h media.SHA256) media.Upload {
	t.Helper()
	u, err := r.Create(context.Background(), media.NewUpload{Owner: "a", Device: "d", Length: int64(len(b)), Metadata: media.Metadata{SHA256: h}})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestReceivesInPiecesOverRestart(t *testing.T) {
	ctx, dir, b := context.Background(), t.TempDir(), picture(t, 60, 40)
	r, _ := receiver(store(t, dir))
	u := begin(t, r, b, media.Sum(b))
	if u, err := r.Append(ctx, u.ID, "a", media.Chunk{Body: bytes.NewReader(b[:100])}); err != nil || u.Offset != 100 || u.Done {
		t.Fatal(u, err)
	}
	s := store(t, dir)
	r, _ = receiver(s)
	got, err := r.Append(ctx, u.ID, "a", media.Chunk{Offset: 100, Body: bytes.NewReader(b[100:])})
	if err != nil || !got.Done || got.Received.Photo.Type != media.JPEG || got.Received.Photo.Width != 60 {
		t.Fatalf("%+v %v", got, err)
	}
	if n, err := s.Blobs().Stat(ctx, media.Sum(b)); err != nil || n != int64(len(b)) {
		t.Fatal(n, err)
	}
	if got, err := r.Info(ctx, u.ID, "a"); err != nil || !got.Done || got.Offset != got.Length {
		t.Fatalf("the lost answer cannot be asked again: %+v %v", got, err)
	}
}

func TestAppendFaults(t *testing.T) {
	ctx, b := context.Background(), picture(t, 60, 40)
	wrong := sha1.Sum([]byte("other"))
	check, err := media.ParseChecksum("sha1 " + base64.StdEncoding.EncodeToString(wrong[:]))
	if err != nil {
		t.Fatal(err)
	}
	zip := append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), make([]byte, 100)...)
	for name, c := range map[string]struct {
		content []byte
		hash    media.SHA256
		owner   string
		chunk   media.Chunk
		want    error
		gone    bool
	}{
		"WrongOffset":  {b, media.Sum(b), "a", media.Chunk{Offset: 5, Body: bytes.NewReader(b)}, media.ErrOffset, false},
		"OverLength":   {b, media.Sum(b), "a", media.Chunk{Body: io.MultiReader(bytes.NewReader(b), bytes.NewReader(b))}, media.ErrTooLong, false},
		"BadChecksum":  {b, media.Sum(b), "a", media.Chunk{Body: bytes.NewReader(b), Checksum: check}, media.ErrChecksum, false},
		"OtherOwner":   {b, media.Sum(b), "b", media.Chunk{Body: bytes.NewReader(b)}, media.ErrUploadNotFound, false},
		"HashMismatch": {b, media.Sum(nil), "a", media.Chunk{Body: bytes.NewReader(b)}, media.ErrHashMismatch, true},
		"ZipNamedJPEG": {zip, media.Sum(zip), "a", media.Chunk{Body: bytes.NewReader(zip)}, media.ErrTypeUnsupported, true},
		"ZipOtherHash": {zip, media.Sum(nil), "a", media.Chunk{Body: bytes.NewReader(zip)}, media.ErrHashMismatch, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t, t.TempDir())
			r, _ := receiver(s)
			u := begin(t, r, c.content, c.hash)
			if _, err := r.Append(ctx, u.ID, c.owner, c.chunk); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			info, err := r.Info(ctx, u.ID, "a")
			if c.gone != errors.Is(err, media.ErrUploadNotFound) || info.Offset != 0 {
				t.Fatal(info, err)
			}
		})
	}
}

func TestTruncatedPhotoIsKeptAndMarked(t *testing.T) {
	b := picture(t, 600, 400)
	b = b[:len(b)/2]
	r, _ := receiver(store(t, t.TempDir()))
	u := begin(t, r, b, media.Sum(b))
	u, err := r.Append(context.Background(), u.ID, "a", media.Chunk{Body: bytes.NewReader(b)})
	if err != nil || !u.Done || !u.Received.Photo.Truncated {
		t.Fatal(u, err)
	}
}

func TestNewerRequestEvictsDeadOne(t *testing.T) {
	ctx, b := context.Background(), picture(t, 60, 40)
	r, _ := receiver(store(t, t.TempDir()))
	u := begin(t, r, b, media.Sum(b))
	line, sender := io.Pipe()
	ended := make(chan error)
	go func() {
		_, err := r.Append(ctx, u.ID, "a", media.Chunk{Body: line, Interrupt: func() { line.CloseWithError(io.ErrUnexpectedEOF) }})
		ended <- err
	}()
	if _, err := sender.Write(b[:50]); err != nil {
		t.Fatal(err)
	}
	got, err := r.Info(ctx, u.ID, "a")
	if err != nil || got.Offset != 50 {
		t.Fatal(got, err)
	}
	if err := <-ended; !errors.Is(err, media.ErrEvicted) {
		t.Fatal(err)
	}
	if got, err := r.Append(ctx, u.ID, "a", media.Chunk{Offset: 50, Body: bytes.NewReader(b[50:])}); err != nil || !got.Done {
		t.Fatal(got, err)
	}
}

func TestExpiredIsSwept(t *testing.T) {
	ctx, b := context.Background(), picture(t, 60, 40)
	r, now := receiver(store(t, t.TempDir()))
	u := begin(t, r, b, media.Sum(b))
	*now = now.Add(r.Limits.Keep + time.Second)
	if _, err := r.Info(ctx, u.ID, "a"); !errors.Is(err, media.ErrUploadExpired) {
		t.Fatal(err)
	}
	if n, err := r.Sweep(ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if _, err := r.Info(ctx, u.ID, "a"); !errors.Is(err, media.ErrUploadNotFound) {
		t.Fatal(err)
	}
}

func FuzzUploadMetadata(f *testing.F) {
	f.Add("sha256 " + base64.StdEncoding.EncodeToString([]byte(media.Sum(nil).String())) + ",filename eA==")
	f.Add(",")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := media.ParseMetadata(s)
		if err == nil && (m.SHA256.IsZero() || len([]rune(m.Name)) > 120) {
			t.Fatal(m)
		}
	})
}
