package minio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"paicha/media"
)

// Blobs keeps photos in blobs/ab/<hash> of the bucket of originals.
type Blobs struct{ store *Store }

var _ media.Blobs = (*Blobs)(nil)

func (s *Store) blobName(h media.SHA256) string {
	return s.name("blobs", fmt.Sprintf("%02x", h[0]), h.String())
}

// Put implements media.Blobs. Nothing is sent before everything was read and found right.
func (b *Blobs) Put(ctx context.Context, hash media.SHA256, size int64, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := b.store.spools.make()
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	defer func() { _ = f.release() }() // it was only a copy
	n, err := f.fill(ctx, r, size)
	switch {
	case errors.Is(err, media.ErrTooLong):
		return media.ErrSizeMismatch.Because(err)
	case err != nil:
		return err
	case n != size:
		return media.ErrSizeMismatch.Because(io.ErrUnexpectedEOF)
	case f.hash() != hash:
		return media.ErrHashMismatch
	}
	return b.keep(ctx, f)
}

// keep makes a file that is known to be right a photo. One that is there already stays.
func (b *Blobs) keep(ctx context.Context, f *spool) error {
	c := f.content()
	err := b.store.create(ctx, b.store.opt.Bucket, b.store.blobName(c.sum), c, b.store.opt.Retain)
	if !errors.Is(err, errTaken) {
		return storage(ctx, err)
	}
	have, err := b.Stat(ctx, c.sum)
	if err == nil && have != c.size {
		err = media.ErrDamaged.Because(fmt.Errorf("%s has %d bytes, want %d", c.sum, have, c.size))
	}
	if errors.Is(err, media.ErrNotFound) { // deleted in between: the next try stores it
		err = media.ErrStorage.Because(err)
	}
	return err
}

// Open implements media.Blobs.
func (b *Blobs) Open(ctx context.Context, hash media.SHA256) (io.ReadSeekCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	r, err := b.store.open(ctx, b.store.opt.Bucket, b.store.blobName(hash))
	if absent(err) {
		return nil, 0, media.ErrNotFound
	}
	if err != nil {
		return nil, 0, storage(ctx, err)
	}
	return r, r.size, nil
}

// Stat implements media.Blobs.
func (b *Blobs) Stat(ctx context.Context, hash media.SHA256) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	info, err := b.store.stat(ctx, b.store.opt.Bucket, b.store.blobName(hash))
	if absent(err) {
		return 0, media.ErrNotFound
	}
	return info.Size, storage(ctx, err)
}

// Delete implements media.Blobs. In a bucket that keeps versions it removes the version, so that the bytes are gone and
// not only hidden; ErrRetained if the store's lock does not let it.
func (b *Blobs) Delete(ctx context.Context, hash media.SHA256) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	bucket, key := b.store.opt.Bucket, b.store.blobName(hash)
	info, err := b.store.stat(ctx, bucket, key)
	if absent(err) {
		return nil
	}
	if err != nil {
		return storage(ctx, err)
	}
	if err := b.store.remove(ctx, bucket, key, info.VersionID); err != nil {
		if b.store.retained(ctx, bucket, key, info.VersionID) {
			return media.ErrRetained.Because(err)
		}
		return storage(ctx, err)
	}
	return nil
}
