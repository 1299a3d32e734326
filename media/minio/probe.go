package minio

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// probe tries the store with small objects and returns media.ErrStoreUnfit with everything that it lacks. A promise of
// a manual is not enough: a store that ignores a condition it does not know answers just as one that keeps it.
func (s *Store) probe(ctx context.Context) error {
	for _, bucket := range s.buckets() {
		if err := s.ensure(ctx, bucket, bucket == s.opt.Bucket && s.opt.Retain > 0); err != nil {
			return reach(ctx, bucket, err)
		}
	}
	var lacks []string
	for _, try := range []func(context.Context) ([]string, error){s.tryConditions, s.trySums, s.tryListing, s.tryRange, s.tryVersions, s.tryLock} {
		missing, err := try(ctx)
		if err != nil && len(lacks) > 0 {
			break // what is missing may be why
		}
		if err != nil {
			return reach(ctx, s.opt.Bucket, err)
		}
		lacks = append(lacks, missing...)
	}
	if len(lacks) > 0 {
		return media.ErrStoreUnfit.Saying("照片存储缺少必要的功能：%s", strings.Join(lacks, "；"))
	}
	var err error
	if s.locked, err = s.canLock(ctx); err != nil {
		return reach(ctx, s.opt.Bucket, err)
	}
	return nil
}

func (s *Store) buckets() []string {
	if s.opt.Working == s.opt.Bucket {
		return []string{s.opt.Bucket}
	}
	return []string{s.opt.Bucket, s.opt.Working}
}

// reach says what stands between us and the store.
func reach(ctx context.Context, bucket string, err error) error {
	if e := ctx.Err(); e != nil {
		return e
	}
	var r s3.ErrorResponse
	if errors.As(err, &r) && r.StatusCode == http.StatusForbidden {
		return media.ErrStorage.Saying("照片存储拒绝访问存储桶 %s，请检查密钥和权限（%s）", bucket, r.Code).Because(err)
	}
	return media.ErrStorage.Saying("照片存储无法使用，请检查地址、存储桶 %s 和网络", bucket).Because(err)
}

// ensure makes a bucket if it is missing.
func (s *Store) ensure(ctx context.Context, bucket string, lock bool) error {
	return s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		there, err := s.client.BucketExists(ctx, bucket)
		if err != nil || there {
			return err
		}
		err = s.client.MakeBucket(ctx, bucket, s3.MakeBucketOptions{Region: s.opt.Region, ObjectLocking: lock})
		var r s3.ErrorResponse
		if errors.As(err, &r) && (r.Code == s3.BucketAlreadyOwnedByYou || r.Code == s3.BucketAlreadyExists) {
			return nil // another process was quicker
		}
		return err
	})
}

// The probes. The one of the bucket of originals keeps its name, so that a lock on all objects makes no litter.
const (
	probeName  = "probe"
	lockedName = "probe-retained"
)

// tryConditions creates one object twice: the second time must be refused.
func (s *Store) tryConditions(ctx context.Context) ([]string, error) {
	for _, bucket := range s.buckets() {
		for _, again := range []bool{false, true} {
			err := s.create(ctx, bucket, s.name(probeName), small([]byte("paicha"), "text/plain"), 0)
			switch {
			case errors.Is(err, errTaken):
			case status(err) == http.StatusNotImplemented || status(err) == http.StatusBadRequest || err == nil && again:
				return []string{"条件写入（If-None-Match: *），否则两台服务器会互相覆盖"}, nil
			case err != nil:
				return nil, err
			}
		}
	}
	return nil, nil
}

// trySums announces other bytes than it sends: that must be refused. Then it finds out whether sums are kept.
func (s *Store) trySums(ctx context.Context) ([]string, error) {
	key := s.name(probeName + "-" + rand.Text())
	wrong := small([]byte("paicha"), "text/plain")
	wrong.sum = media.Sum([]byte("other"))
	switch err := s.replace(ctx, s.opt.Working, key, wrong); {
	case err == nil:
		return []string{"写入时核对内容指纹（x-amz-content-sha256）"}, s.remove(ctx, s.opt.Working, key, "")
	case status(err) < 400 || status(err) >= 500:
		return nil, err
	}
	s.sums = true
	err := s.replace(ctx, s.opt.Working, key, small([]byte("paicha"), "text/plain"))
	s.sums = err == nil
	if status(err) >= 500 && status(err) != http.StatusNotImplemented {
		return nil, err
	}
	return nil, s.remove(ctx, s.opt.Working, key, "")
}

// tryListing looks for an object just written in a listing, and for one just removed.
func (s *Store) tryListing(ctx context.Context) ([]string, error) {
	folder := probeName + "-" + rand.Text()
	seen := func() (n int, err error) {
		err = s.list(ctx, folder, func(listed) { n++ })
		return n, err
	}
	for i, step := range []func() error{
		func() error {
			return s.create(ctx, s.opt.Working, s.name(folder, "x"), small([]byte("x"), "text/plain"), 0)
		},
		func() error { return s.remove(ctx, s.opt.Working, s.name(folder, "x"), "") },
	} {
		if err := step(); err != nil {
			return nil, err
		}
		n, err := seen()
		if err != nil {
			return nil, err
		}
		if n != 1-i {
			return []string{"写入或删除后立即反映在对象列表中"}, nil
		}
	}
	return nil, nil
}

// tryRange reads from the middle of an object.
func (s *Store) tryRange(ctx context.Context) ([]string, error) {
	var got []byte
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) error {
		opt := s3.GetObjectOptions{}
		if err := opt.SetRange(2, 0); err != nil {
			return err
		}
		body, _, _, err := s.client.GetObject(ctx, s.opt.Bucket, s.name(probeName), opt)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read
		got, err = io.ReadAll(io.LimitReader(body, page))
		return err
	})
	if err == nil && !bytes.Equal(got, []byte("icha")) {
		return []string{"按字节范围读取（Range）"}, nil
	}
	return nil, err
}

// tryVersions makes sure that what is removed from the working bucket is gone. A store that cannot be asked has none.
func (s *Store) tryVersions(ctx context.Context) ([]string, error) {
	var v s3.BucketVersioningConfiguration
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) (err error) {
		v, err = s.client.GetBucketVersioning(ctx, s.opt.Working)
		return err
	})
	if err == nil && v.Enabled() {
		return []string{"工作存储桶不能开启版本控制，否则删除的临时数据会一直占用空间，请为它另设一个存储桶"}, nil
	}
	return nil, nil
}

// tryLock makes sure that the lock which Retain asks for holds.
func (s *Store) tryLock(ctx context.Context) ([]string, error) {
	if s.opt.Retain == 0 {
		return nil, nil
	}
	lacks := []string{"对象锁定（保留期），存储桶必须在创建时开启"}
	var on string
	err := s.attempt(ctx, 0, func(ctx context.Context, _ bool) (err error) {
		on, _, _, _, err = s.client.GetObjectLockConfig(ctx, s.opt.Bucket)
		return err
	})
	switch code := status(err); {
	case code == http.StatusNotFound || code == http.StatusBadRequest || code == http.StatusNotImplemented || err == nil && on != "Enabled":
		return lacks, nil
	case err != nil:
		return nil, err
	}
	key := s.name(lockedName)
	err = s.create(ctx, s.opt.Bucket, key, small([]byte("paicha"), "text/plain"), time.Hour)
	if errors.Is(err, errTaken) {
		return nil, nil // it was tried when this object was made
	}
	if err != nil {
		return nil, err
	}
	info, err := s.stat(ctx, s.opt.Bucket, key)
	if err != nil {
		return nil, err
	}
	if !s.retained(ctx, s.opt.Bucket, key, info.VersionID) || s.remove(ctx, s.opt.Bucket, key, info.VersionID) == nil {
		return lacks, nil
	}
	return nil, nil
}
