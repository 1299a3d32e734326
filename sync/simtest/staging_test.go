package simtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"paicha/media"
)

// depot is the store of photos that all nodes share: what it says is kept survives every node.
type depot struct {
	uploads map[media.UploadID]*staged
	blobs   map[media.SHA256][]byte
	// commit, if set, stands in for a Commit that lies: a seeded defect.
	commit func(hash media.SHA256, data []byte) bool
}

type staged struct {
	media.Staged
	data []byte
	hash media.SHA256
}

var _ media.Staging = (*depot)(nil)

func newDepot() *depot {
	return &depot{uploads: map[media.UploadID]*staged{}, blobs: map[media.SHA256][]byte{}}
}

func (d *depot) Create(_ context.Context, id media.UploadID, length int64, meta []byte) error {
	if d.uploads[id] != nil {
		return media.ErrUploadExists
	}
	d.uploads[id] = &staged{Staged: media.Staged{ID: id, Length: length, Meta: slices.Clone(meta)}}
	return nil
}

func (d *depot) Append(_ context.Context, id media.UploadID, offset int64, r io.Reader) (int64, error) {
	u := d.uploads[id]
	switch {
	case u == nil:
		return 0, media.ErrUploadNotFound
	case u.Offset != offset:
		return 0, media.ErrOffset
	}
	b, err := io.ReadAll(r)
	var discard *media.Discard
	if errors.As(err, &discard) {
		return 0, err
	}
	if offset+int64(len(b)) > u.Length {
		return 0, media.ErrTooLong
	}
	u.data = append(u.data, b...)
	u.Offset = int64(len(u.data))
	return int64(len(b)), err
}

func (d *depot) Stat(_ context.Context, id media.UploadID) (media.Staged, error) {
	if u := d.uploads[id]; u != nil {
		return u.Staged, nil
	}
	return media.Staged{}, media.ErrUploadNotFound
}

type openBytes struct{ *bytes.Reader }

func (openBytes) Close() error { return nil }

func (d *depot) Open(_ context.Context, id media.UploadID) (io.ReadSeekCloser, int64, error) {
	u := d.uploads[id]
	if u == nil {
		return nil, 0, media.ErrUploadNotFound
	}
	data := u.data
	if u.Committed {
		if data = d.blobs[u.hash]; data == nil {
			return nil, 0, media.ErrNotFound
		}
	}
	return openBytes{bytes.NewReader(data)}, int64(len(data)), nil
}

func (d *depot) Commit(_ context.Context, id media.UploadID, hash media.SHA256, at time.Time) error {
	u := d.uploads[id]
	switch {
	case u == nil:
		return media.ErrUploadNotFound
	case u.Committed:
		return nil
	case u.Offset < u.Length:
		return media.ErrIncomplete
	}
	if sum, err := media.SumReader(bytes.NewReader(u.data)); err != nil || sum != hash {
		return media.ErrHashMismatch
	}
	u.Committed, u.hash, u.Arrived = true, hash, at
	if d.commit == nil || d.commit(hash, u.data) {
		d.blobs[hash] = u.data
	}
	return nil
}

func (d *depot) Remove(_ context.Context, id media.UploadID) error {
	delete(d.uploads, id)
	return nil
}

func (d *depot) List(context.Context) ([]media.Staged, error) {
	out := make([]media.Staged, 0, len(d.uploads))
	for _, u := range d.uploads {
		out = append(out, u.Staged)
	}
	slices.SortFunc(out, func(a, b media.Staged) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}
