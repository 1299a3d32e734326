package fs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"paicha/media"
	"paicha/media/blobtest"
)

func openDir(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestBlobs(t *testing.T) {
	blobtest.Blobs(t, func(t *testing.T) media.Blobs { return openDir(t, t.TempDir()).Blobs() })
}

func TestStaging(t *testing.T) {
	blobtest.Staging(t, func(t *testing.T, dir string) (media.Staging, media.Blobs) {
		s := openDir(t, dir)
		return s.Staging(), s.Blobs()
	})
}

// BenchmarkReceive stores photos of 3 MB and reports its speed as a share of hash, write, fsync, rename, directory sync.
func BenchmarkReceive(b *testing.B) {
	ctx, dir := context.Background(), b.TempDir()
	s := openDir(b, filepath.Join(dir, "store"))
	photo := noise(rand.New(rand.NewPCG(1, 1)), 3<<20)
	var raw, ours time.Duration
	b.SetBytes(int64(len(photo)))
	for i := 0; b.Loop(); i++ {
		copy(photo, fmt.Sprintf("%020d", i))
		h := media.Sum(photo)
		began := time.Now()
		sum := sha256.Sum256(photo)
		temp := filepath.Join(dir, "temp")
		f, err := os.Create(temp)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(photo); err != nil {
			b.Fatal(err)
		}
		f.Sync()
		f.Close()
		os.Rename(temp, filepath.Join(dir, fmt.Sprintf("%x", sum)))
		d, err := os.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		d.Sync()
		d.Close()
		raw += time.Since(began)
		began = time.Now()
		id := media.UploadID(fmt.Sprint("up", i))
		if err := s.Staging().Create(ctx, id, int64(len(photo)), []byte("{}")); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Staging().Append(ctx, id, 0, bytes.NewReader(photo)); err != nil {
			b.Fatal(err)
		}
		if err := s.Staging().Commit(ctx, id, h); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(raw.Seconds()/ours.Seconds(), "ratio")
}
