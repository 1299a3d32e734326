package fs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"paicha/media"
)

// Derived keeps previews in derived/ab/<hash>-<size>.jpg. They can be made again from the photo, so they are synced
// only enough never to be read half-written.
type Derived struct{ store *Store }

var _ media.Derivatives = (*Derived)(nil)

func derivedName(h media.SHA256, size media.SizeName) (string, error) {
	if !size.Valid() {
		return "", media.ErrNotFound.Because(fmt.Errorf("no size %q", size))
	}
	return fmt.Sprintf("%s/%02x/%s-%s.jpg", derivedDir, h[0], h, size), nil
}

// PutDerived implements media.Derivatives.
func (d *Derived) PutDerived(ctx context.Context, h media.SHA256, size media.SizeName, jpeg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name, err := derivedName(h, size)
	if err != nil {
		return err
	}
	temp := d.store.tempName()
	f, err := d.store.disk.Create(temp)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	_, err = f.WriteAt(jpeg, 0)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.store.disk.Rename(temp, name)
	}
	if err != nil {
		return media.ErrStorage.Because(errors.Join(err, ignoreMissing(d.store.disk.Remove(temp))))
	}
	return nil
}

// OpenDerived implements media.Derivatives.
func (d *Derived) OpenDerived(ctx context.Context, h media.SHA256, size media.SizeName) (io.ReadSeekCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	name, err := derivedName(h, size)
	if err != nil {
		return nil, 0, err
	}
	f, err := d.store.disk.Open(name, false)
	return opened(f, err, media.ErrNotFound)
}

// DeleteDerived implements media.Derivatives.
func (d *Derived) DeleteDerived(ctx context.Context, h media.SHA256) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, size := range media.SizeNames() {
		name, err := derivedName(h, size)
		if err != nil {
			return err
		}
		if err := ignoreMissing(d.store.disk.Remove(name)); err != nil {
			return media.ErrStorage.Because(err)
		}
	}
	return nil
}
