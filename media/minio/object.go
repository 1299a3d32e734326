package minio

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// content is what an object is made of; it can be read again for another try.
type content struct {
	body io.ReaderAt
	size int64
	sum  media.SHA256
	mime string
}

// small is the content of an object that fits in memory.
func small(b []byte, mime string) content {
	return content{body: bytes.NewReader(b), size: int64(len(b)), sum: media.Sum(b), mime: mime}
}

// errTaken is what create returns for a name that somebody else's object has.
var errTaken = errors.New("the name is taken")

// create makes an object that does not exist yet, whole or not at all; errTaken if it exists. Two that create one
// object at the same time, here or elsewhere, get one nil and one errTaken: also if the store did what it was asked and
// the answer was lost, because the object says who made it.
func (s *Store) create(ctx context.Context, bucket, key string, c content, retain time.Duration) error {
	by := rand.Text()
	return s.attempt(ctx, c.size, func(ctx context.Context, lost bool) error {
		opt := s3.PutObjectOptions{UserMetadata: map[string]string{"by": by}}
		opt.SetMatchETagExcept("*")
		if retain > 0 {
			opt.Mode, opt.RetainUntilDate = s3.Compliance, s.opt.Now().Add(retain)
		}
		err := s.send(ctx, bucket, key, c, opt)
		if status(err) != http.StatusPreconditionFailed {
			return err
		}
		if lost {
			info, err := s.client.StatObject(ctx, bucket, key, s3.StatObjectOptions{})
			if err != nil && !absent(err) {
				return err
			}
			if info.UserMetadata["By"] == by {
				return nil
			}
		}
		return errors.Join(errTaken, errLocal)
	})
}

// replace makes an object or puts another in its place.
func (s *Store) replace(ctx context.Context, bucket, key string, c content) error {
	return s.attempt(ctx, c.size, func(ctx context.Context, _ bool) error {
		return s.send(ctx, bucket, key, c, s3.PutObjectOptions{})
	})
}

// send is one PUT. The request is signed over the sum of its body, so a store that speaks the protocol refuses other
// bytes; one that keeps sums is told to keep it.
func (s *Store) send(ctx context.Context, bucket, key string, c content, opt s3.PutObjectOptions) error {
	opt.ContentType = c.mime
	opt.DisableContentSha256 = true // means: no sums of chunks, which would take the place of the one of the whole
	if s.sums {
		if opt.UserMetadata == nil {
			opt.UserMetadata = map[string]string{}
		}
		opt.UserMetadata[sumHeader] = base64.StdEncoding.EncodeToString(c.sum[:])
	}
	_, err := s.client.PutObject(ctx, bucket, key, io.NewSectionReader(c.body, 0, c.size), c.size, "", c.sum.String(), opt)
	return err
}

// sumHeader has the store verify and keep the SHA-256 of the whole object.
const sumHeader = "x-amz-checksum-sha256"

// load reads an object of at most limit bytes into memory.
func (s *Store) load(ctx context.Context, bucket, key string, limit int64) ([]byte, s3.ObjectInfo, error) {
	var b []byte
	var info s3.ObjectInfo
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		body, i, _, err := s.client.GetObject(ctx, bucket, key, s3.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read
		if i.Size > limit {
			return errors.Join(fmt.Errorf("%s has %d bytes, want at most %d", key, i.Size, limit), errLocal)
		}
		b, info = make([]byte, i.Size), i
		_, err = io.ReadFull(body, b)
		return err
	})
	return b, info, err
}

// stat returns what the store knows of an object.
func (s *Store) stat(ctx context.Context, bucket, key string) (s3.ObjectInfo, error) {
	var info s3.ObjectInfo
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) (err error) {
		info, err = s.client.StatObject(ctx, bucket, key, s3.StatObjectOptions{})
		return err
	})
	return info, err
}

// remove deletes an object, or one version of it; what is missing is removed.
func (s *Store) remove(ctx context.Context, bucket, key, version string) error {
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		return s.client.RemoveObject(ctx, bucket, key, s3.RemoveObjectOptions{VersionID: version})
	})
	if absent(err) {
		return nil
	}
	return err
}

// listed is one object as a listing has it.
type listed struct {
	name     string // key without the prefix of all and the prefix of the listing
	size     int64
	etag     string
	modified time.Time
}

// page is how many objects a store lists at once.
const page = 1000

// list calls f for every object below a folder of the working bucket, in order of name.
func (s *Store) list(ctx context.Context, folder string, f func(listed)) error {
	prefix, after := s.name(folder)+"/", ""
	for {
		n := 0
		err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
			no := false
			for o := range s.client.ListObjectsIter(ctx, s.opt.Working, s3.ListObjectsOptions{
				Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: page, FetchOwner: &no,
			}) {
				if o.Err != nil {
					return o.Err
				}
				f(listed{name: strings.TrimPrefix(o.Key, prefix), size: o.Size, etag: strings.Trim(o.ETag, `"`), modified: o.LastModified})
				after = o.Key
				if n++; n == page {
					break
				}
			}
			return ctx.Err() // a listing that was cut short by the end of ctx may end without an error
		})
		if err != nil {
			return err
		}
		if n < page {
			return nil
		}
	}
}

// each calls f for every item, some at the same time, and returns the first error; others are not begun then.
func each[T any](ctx context.Context, items []T, f func(context.Context, T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const workers = 16
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	next := make(chan T)
	for range min(workers, len(items)) {
		wg.Go(func() {
			for item := range next {
				if err := f(ctx, item); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	for _, item := range items {
		select {
		case next <- item:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	wg.Wait()
	if first == nil {
		return ctx.Err()
	}
	return first
}
