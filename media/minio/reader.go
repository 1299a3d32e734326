package minio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// ahead is how much of the beginning of a photo is kept while it is open: what a photo says of itself stands there, and
// is read in many small steps back and forth.
const ahead = 128 << 10

// reader reads an object that never changes. After a line that broke it goes on where it was.
type reader struct {
	store  *Store
	ctx    context.Context
	cancel context.CancelFunc
	bucket string
	key    string
	size   int64
	head   []byte // the first bytes

	at     int64         // where the next Read reads
	body   io.ReadCloser // nil, or an answer that stands at bodyAt
	bodyAt int64
	closed bool
}

// open begins to read an object. What is read later is not bound to ctx, which ends with the
// request that asked; each wait has its own end, and Close ends all.
func (s *Store) open(ctx context.Context, bucket, key string) (*reader, error) {
	r := &reader{store: s, bucket: bucket, key: key, size: -1}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, r.cancel) // until it is open
	err := s.attempt(ctx, ahead, func(context.Context, bool) error { return r.begin() })
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// begin asks for the whole object and reads its beginning.
func (r *reader) begin() error {
	if err := r.ask(0); err != nil {
		return err
	}
	r.head = make([]byte, min(r.size, ahead))
	n, err := io.ReadFull(r.body, r.head)
	r.bodyAt = int64(n)
	if err == nil && r.bodyAt == r.size {
		return r.drop()
	}
	return err
}

// ask has body stand at that byte.
func (r *reader) ask(at int64) error {
	if err := r.drop(); err != nil {
		return err
	}
	opt := s3.GetObjectOptions{}
	if at > 0 {
		if err := opt.SetRange(at, 0); err != nil {
			return err
		}
	}
	body, info, _, err := r.store.client.GetObject(r.ctx, r.bucket, r.key, opt)
	if err != nil {
		return err
	}
	r.body, r.bodyAt = body, at
	switch {
	case r.size < 0:
		r.size = info.Size
	case info.Size != r.size-at:
		return fmt.Errorf("%s from byte %d has %d bytes, want %d", r.key, at, info.Size, r.size-at)
	}
	return nil
}

func (r *reader) drop() error {
	if r.body == nil {
		return nil
	}
	_ = r.body.Close() // what was not read is not missed
	r.body = nil
	return nil
}

// Read implements io.Reader. Its errors are media.ErrNotFound if the photo was deleted, and media.ErrStorage.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, media.ErrStorage.Because(errors.New("read after close"))
	case r.at >= r.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	case r.at < int64(len(r.head)):
		n := copy(p, r.head[r.at:])
		r.at += int64(n)
		return n, nil
	}
	n := 0
	err := r.store.attempt(r.ctx, int64(len(p)), func(context.Context, bool) error {
		if r.body == nil || r.bodyAt != r.at {
			if err := r.ask(r.at); err != nil {
				return err
			}
		}
		var err error
		n, err = r.body.Read(p[:min(int64(len(p)), r.size-r.at)])
		if n > 0 {
			return nil // an error comes again
		}
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return errors.Join(err, r.drop())
	})
	r.at += int64(n)
	r.bodyAt = r.at
	if absent(err) {
		return n, media.ErrNotFound.Because(err)
	}
	return n, storage(r.ctx, err)
}

// Seek implements io.Seeker; nothing is asked of the store.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("negative position")
	}
	r.at = offset
	return offset, nil
}

// Close ends all that is still on its way.
func (r *reader) Close() error {
	r.closed = true
	err := r.drop()
	r.cancel()
	return err
}
