package fs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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

func TestDerivatives(t *testing.T) {
	blobtest.Derivatives(t, func(t *testing.T, dir string) media.Derivatives { return openDir(t, dir).Derived() })
}

// BenchmarkReceive stores photos of 3 MB and reports its speed as a share of the raw limit: hash, write, fsync, rename,
// directory sync. The two take turns in going first, because a sync also pays for what the one before left dirty.
func BenchmarkReceive(b *testing.B) {
	ctx, dir := context.Background(), b.TempDir()
	s := openDir(b, filepath.Join(dir, "store"))
	photo := noise(rand.New(rand.NewPCG(1, 1)), 3<<20)
	var raw, ours time.Duration
	var hash media.SHA256
	timed := func(total *time.Duration, f func(i int) error, i int) {
		began := time.Now()
		if err := f(i); err != nil {
			b.Fatal(err)
		}
		*total += time.Since(began)
	}
	plain := func(int) error { return writePlainly(dir, photo) }
	receive := func(i int) error {
		id := media.UploadID(fmt.Sprint("up", i))
		if err := s.Staging().Create(ctx, id, int64(len(photo)), []byte("{}")); err != nil {
			return err
		}
		if _, err := s.Staging().Append(ctx, id, 0, bytes.NewReader(photo)); err != nil {
			return err
		}
		return s.Staging().Commit(ctx, id, hash, arrival)
	}
	b.SetBytes(int64(len(photo)))
	for i := 0; b.Loop(); i++ {
		copy(photo, fmt.Sprintf("%020d", i))
		hash = media.Sum(photo)
		if i%2 == 0 {
			timed(&raw, plain, i)
			timed(&ours, receive, i)
		} else {
			timed(&ours, receive, i)
			timed(&raw, plain, i)
		}
	}
	b.ReportMetric(raw.Seconds()/ours.Seconds(), "ratio")
}

// writePlainly is the least that keeps a photo durably under its hash.
func writePlainly(dir string, photo []byte) error {
	sum, temp := sha256.Sum256(photo), filepath.Join(dir, "temp")
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(photo)
	if err := errors.Join(err, f.Sync(), f.Close(), os.Rename(temp, filepath.Join(dir, fmt.Sprintf("%x", sum)))); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
