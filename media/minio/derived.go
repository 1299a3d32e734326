package minio

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"paicha/media"
)

// Derived keeps pictures in derived/ab/<hash>-<size>.jpg of the working bucket. They are read into memory whole: they
// are small, and whoever reads one keeps it when it is replaced.
type Derived struct{ store *Store }

var _ media.Derivatives = (*Derived)(nil)

// maxDerived is far more than a picture of 1280 pixels comes to.
const maxDerived = 8 << 20

func (d *Derived) name(h media.SHA256, size media.SizeName) (string, error) {
	if !size.Valid() {
		return "", media.ErrNotFound.Because(fmt.Errorf("no size %q", size))
	}
	return d.store.name("derived", fmt.Sprintf("%02x", h[0]), fmt.Sprintf("%s-%s.jpg", h, size)), nil
}

// PutDerived implements media.Derivatives.
func (d *Derived) PutDerived(ctx context.Context, h media.SHA256, size media.SizeName, jpeg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := d.name(h, size)
	if err != nil {
		return err
	}
	return storage(ctx, d.store.replace(ctx, d.store.opt.Working, key, small(jpeg, string(media.JPEG))))
}

// OpenDerived implements media.Derivatives.
func (d *Derived) OpenDerived(ctx context.Context, h media.SHA256, size media.SizeName) (io.ReadSeekCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	key, err := d.name(h, size)
	if err != nil {
		return nil, 0, err
	}
	b, _, err := d.store.load(ctx, d.store.opt.Working, key, maxDerived)
	if absent(err) {
		return nil, 0, media.ErrNotFound
	}
	if err != nil {
		return nil, 0, storage(ctx, err)
	}
	return inMemory{bytes.NewReader(b)}, int64(len(b)), nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// DeleteDerived implements media.Derivatives.
func (d *Derived) DeleteDerived(ctx context.Context, h media.SHA256) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, size := range media.SizeNames() {
		key, err := d.name(h, size)
		if err != nil {
			return err
		}
		if err := d.store.remove(ctx, d.store.opt.Working, key, ""); err != nil {
			return storage(ctx, err)
		}
	}
	return nil
}
