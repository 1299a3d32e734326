package fs

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"

	"paicha/media"
)

// Blobs keeps photos in blobs/ab/<hash>, where ab are the first two digits of the hash.
type Blobs struct{ store *Store }

var _ media.Blobs = (*Blobs)(nil)

// buffers are large enough that system calls cost little beside hashing, and small because a thousand may wait for slow
// lines at once.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// Put implements media.Blobs: temporary file, fsync, rename, fsync of the directory.
func (b *Blobs) Put(ctx context.Context, hash media.SHA256, size int64, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := b.store.tempName()
	f, err := b.store.disk.Create(name)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	err = fill(ctx, f, hash, size, r)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = media.ErrStorage.Because(cerr)
	}
	if err == nil {
		err = b.store.adopt(name, hash, size)
	}
	if err != nil {
		// Whether the removal works or not, the next start clears the directory.
		return errors.Join(err, ignoreMissing(b.store.disk.Remove(name)))
	}
	return nil
}

// fill writes r to f, verifies it and syncs f.
func fill(ctx context.Context, f file, hash media.SHA256, size int64, r io.Reader) error {
	sum := sha256.New()
	n, err := pour(ctx, f, 0, size, r, sum)
	switch {
	case errors.Is(err, media.ErrTooLong):
		return media.ErrSizeMismatch.Because(err)
	case err != nil:
		return err
	case n != size:
		return media.ErrSizeMismatch.Because(io.ErrUnexpectedEOF)
	case media.SHA256(sum.Sum(nil)) != hash:
		return media.ErrHashMismatch
	}
	if err := f.Sync(); err != nil {
		return media.ErrStorage.Because(err)
	}
	return nil
}

// pour copies r to f at offset and to sum, at most room bytes, until r ends. It returns what was written; a byte too
// many is a Discard of media.ErrTooLong, a failing f is media.ErrStorage, and the error of r is returned as it is.
func pour(ctx context.Context, f io.WriterAt, offset, room int64, r io.Reader, sum io.Writer) (int64, error) {
	buf, _ := buffers.Get().(*[64 << 10]byte) // the pool holds nothing else
	defer buffers.Put(buf)
	var total int64
	for {
		n, rerr := readUp(ctx, r, buf[:])
		if int64(n) > room-total {
			return total, &media.Discard{Err: media.ErrTooLong}
		}
		if n > 0 {
			if _, err := f.WriteAt(buf[:n], offset+total); err != nil {
				return total, media.ErrStorage.Because(err)
			}
			_, _ = sum.Write(buf[:n]) // a hash never fails
			total += int64(n)
		}
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

// readUp fills buf as far as r gives bytes, so that small packets do not become small writes.
func readUp(ctx context.Context, r io.Reader, buf []byte) (n int, err error) {
	for idle := 0; n < len(buf) && err == nil; {
		if err = ctx.Err(); err != nil {
			return n, err
		}
		var k int
		k, err = r.Read(buf[n:])
		if k == 0 && err == nil {
			if idle++; idle > 100 {
				return n, io.ErrNoProgress
			}
		} else {
			idle = 0
		}
		n += k
	}
	return n, err
}

// Open implements media.Blobs.
func (b *Blobs) Open(ctx context.Context, hash media.SHA256) (io.ReadSeekCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	f, err := b.store.disk.Open(blobName(hash), false)
	return opened(f, err, media.ErrNotFound)
}

// opened gives an open file with its length; a missing one is the fault absent.
func opened(f file, err, absent error) (io.ReadSeekCloser, int64, error) {
	if missing(err) {
		return nil, 0, absent
	}
	if err != nil {
		return nil, 0, media.ErrStorage.Because(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, media.ErrStorage.Because(errors.Join(err, f.Close()))
	}
	return f, size, nil
}

// Stat implements media.Blobs.
func (b *Blobs) Stat(ctx context.Context, hash media.SHA256) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	size, err := b.store.disk.Size(blobName(hash))
	if missing(err) {
		return 0, media.ErrNotFound
	}
	if err != nil {
		return 0, media.ErrStorage.Because(err)
	}
	return size, nil
}

// Delete implements media.Blobs.
func (b *Blobs) Delete(ctx context.Context, hash media.SHA256) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &b.store.shards[hash[0]]
	m.Lock()
	defer m.Unlock()
	if err := ignoreMissing(b.store.disk.Remove(blobName(hash))); err != nil {
		return media.ErrStorage.Because(err)
	}
	if err := b.store.disk.SyncDir(shardOf(hash)); err != nil {
		return media.ErrStorage.Because(err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}
