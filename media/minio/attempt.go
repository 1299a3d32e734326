package minio

import (
	"context"
	"errors"
	"net/http"
	"time"

	"paicha/media"

	s3 "github.com/minio/minio-go/v7"
)

// slowest is the rate in bytes a second below which a store is not waited for.
const slowest = 64 << 10

// pause is how long after a failure a request is made again; it doubles each time. The library adds a little of its own.
var pause = 100 * time.Millisecond

// attempt makes a request, again after a pause if its failure may pass. size is what it carries. lost tells whether an
// earlier try ended without an answer: then it may have been done, or may still be.
func (s *Store) attempt(ctx context.Context, size int64, request func(ctx context.Context, lost bool) error) error {
	limit := s.opt.Timeout + time.Duration(size/slowest)*time.Second
	lost := false
	for n := 0; ; n++ {
		try, cancel := context.WithTimeout(ctx, limit)
		err := request(try, lost)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err) || n+1 >= s.opt.Attempts:
			return err
		}
		lost = true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause << n):
		}
	}
}

// passing reports whether the same request may go through later.
func passing(err error) bool {
	var r s3.ErrorResponse
	if !errors.As(err, &r) {
		return !errors.Is(err, errLocal) // the line, or a time-out
	}
	switch r.StatusCode {
	case http.StatusConflict:
		return r.Code == "ConditionalRequestConflict" || r.Code == "OperationAborted"
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// errLocal marks a failure on this side, which no repetition mends.
var errLocal = errors.New("local failure")

func status(err error) int {
	var r s3.ErrorResponse
	if errors.As(err, &r) {
		return r.StatusCode
	}
	return 0
}

// absent reports whether the store says that there is no such object; a missing bucket is another matter.
func absent(err error) bool {
	var r s3.ErrorResponse
	return errors.As(err, &r) && r.StatusCode == http.StatusNotFound && r.Code != s3.NoSuchBucket
}

// storage is what a caller is told of a failure of the store: the end of ctx as it is, anything else as a fault.
func storage(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e := ctx.Err(); e != nil {
		return e
	}
	return media.ErrStorage.Because(err)
}
