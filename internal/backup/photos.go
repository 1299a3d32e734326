package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"paicha/media"
)

// Photo is a photo that a document says has arrived.
type Photo struct {
	SHA256 media.SHA256 `json:"sha256"`
	Size   int64        `json:"bytes"`
}

// album is the photos of a backup folder.
type album struct {
	dir   string
	dirty map[string]bool // directories with names that are not durable yet
}

func newAlbum(folder string) *album {
	return &album{dir: filepath.Join(folder, blobsName), dirty: map[string]bool{}}
}

// blobName is where a photo is in the folder, with slashes, as it is told to people.
func blobName(h media.SHA256) string { return fmt.Sprintf("%s/%02x/%s", blobsName, h[0], h) }

func (a *album) path(h media.SHA256) string {
	return filepath.Join(a.dir, fmt.Sprintf("%02x", h[0]), h.String())
}

// has reports whether a photo is there with its length. Whether its bytes are right is for Verify to say.
func (a *album) has(p Photo) bool {
	i, err := os.Stat(a.path(p.SHA256))
	return err == nil && i.Size() == p.Size
}

// put keeps a photo, verified; it is durable after sync.
func (a *album) put(p Photo, r io.Reader) error {
	name := a.path(p.SHA256)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return ErrMedium.Because(err)
	}
	f, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return ErrMedium.Because(err)
	}
	err = pour(f, p, r)
	if err == nil {
		err = medium(f.Sync())
	}
	if err = errors.Join(err, medium(f.Close())); err == nil {
		err = medium(os.Rename(name+".tmp", name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(name+".tmp"))
	}
	a.dirty[filepath.Dir(name)] = true
	return nil
}

func medium(err error) error {
	if err == nil {
		return nil
	}
	return ErrMedium.Because(err)
}

// pour copies a photo and verifies it: media.ErrHashMismatch or media.ErrSizeMismatch.
func pour(w io.Writer, p Photo, r io.Reader) error {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, p.Size+1))
	switch {
	case err != nil:
		return err
	case n != p.Size:
		return media.ErrSizeMismatch
	case media.SHA256(h.Sum(nil)) != p.SHA256:
		return media.ErrHashMismatch
	}
	return nil
}

// sync makes what was put durable.
func (a *album) sync() error {
	for dir := range a.dirty {
		if err := syncDir(dir); err != nil {
			return ErrMedium.Because(err)
		}
		delete(a.dirty, dir)
	}
	if err := errors.Join(syncDir(a.dir), syncDir(filepath.Dir(a.dir))); err != nil {
		return ErrMedium.Because(err)
	}
	return nil
}

// open opens a photo of the folder.
func (a *album) open(h media.SHA256) (*os.File, error) {
	f, err := os.Open(a.path(h))
	if err != nil {
		return nil, damaged(blobName(h), err)
	}
	return f, nil
}

// verify reads a photo of the folder.
func (a *album) verify(p Photo) error {
	f, err := a.open(p.SHA256)
	if err != nil {
		return err
	}
	err = pour(io.Discard, p, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return damaged(blobName(p.SHA256), err)
	}
	return nil
}

// fetch copies a photo from b to dst.
func fetch(ctx context.Context, b media.Blobs, p Photo, dst func(io.Reader) error) error {
	r, size, err := b.Open(ctx, p.SHA256)
	if err != nil {
		return err
	}
	if size != p.Size {
		err = media.ErrSizeMismatch
	} else {
		err = dst(r)
	}
	return errors.Join(err, r.Close())
}

// absent reports whether err says that the source has not the photo, or not as it was.
func absent(err error) bool {
	return errors.Is(err, media.ErrNotFound) || errors.Is(err, media.ErrSizeMismatch) || errors.Is(err, media.ErrHashMismatch)
}
