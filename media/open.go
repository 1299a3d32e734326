package media

import (
	"context"
	"errors"
	"io"
	"time"
)

// Viewer opens photos by hash for people whose right to see them was decided before, by the documents they may see.
type Viewer struct {
	Blobs   Blobs
	Derived Derivatives
	Deriver *Deriver
	Links   Linker  // nil where clients cannot reach the store
	Ledger  *Ledger // tells what is just being removed from what is lost; may be nil
}

// linkLife is how long an address of a photo is good: enough to begin reading on a slow line, too short to be passed on.
const linkLife = 5 * time.Minute

// Link returns an address at which a client reads the original past this server, and for how long, or "" where the store
// offers none.
func (v Viewer) Link(ctx context.Context, h SHA256, t Type) (string, time.Duration, error) {
	if v.Links == nil {
		return "", 0, nil
	}
	url, err := v.Links.Link(ctx, h, t, linkLife)
	return url, linkLife, err
}

// Original returns a photo's bytes and their number, ErrNotFound, or ErrExpired if it is just being removed after its
// period. The caller closes.
func (v Viewer) Original(ctx context.Context, h SHA256) (io.ReadSeekCloser, int64, error) {
	r, n, err := v.Blobs.Open(ctx, h)
	return r, n, v.Ledger.Gone(ctx, h, err)
}

// Picture returns a thumbnail or preview as JPEG. If it was not made yet, it is asked for and ErrNotReady returned;
// ErrNotFound and ErrExpired as Original has, and ErrNoPreview or ErrQueueFull as Hurry says. The caller closes.
func (v Viewer) Picture(ctx context.Context, h SHA256, size SizeName) (io.ReadSeekCloser, int64, error) {
	r, n, err := v.Derived.OpenDerived(ctx, h, size)
	if !errors.Is(err, ErrNotFound) || !size.Valid() {
		return r, n, err
	}
	if _, err := v.Blobs.Stat(ctx, h); err != nil {
		return nil, 0, v.Ledger.Gone(ctx, h, err)
	}
	if err := v.Deriver.Hurry(h); err != nil {
		return nil, 0, err
	}
	return nil, 0, ErrNotReady
}
