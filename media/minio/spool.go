package minio

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"paicha/media"
)

// spools makes files for what is on its way. They have no name once they are open, so that they end with the process,
// however it ends.
type spools struct{ dir string }

const spoolPattern = "paicha-spool-*"

// openSpools prepares the folder. Where an open file cannot be removed (not on Unix), it removes what was left instead.
func openSpools(dir string) (spools, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return spools{}, err
	}
	s := spools{dir: dir}
	left, err := filepath.Glob(filepath.Join(dir, spoolPattern))
	if err != nil {
		return spools{}, err
	}
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(name) // another process may have been quicker
		}
	}
	f, err := s.make()
	if err != nil {
		return spools{}, err
	}
	return s, f.release()
}

func (s spools) make() (*spool, error) {
	f, err := os.CreateTemp(s.dir, spoolPattern)
	if err != nil {
		return nil, err
	}
	sp := &spool{f: f, sum: sha256.New()}
	sp.refs.Store(1)
	if os.Remove(f.Name()) != nil {
		sp.name = f.Name() // it is removed when it is closed
	}
	return sp, nil
}

// spool is a file that is written once from its beginning and then read, by several at once. The last one closes it.
type spool struct {
	f    *os.File
	name string // empty: removed already
	size int64
	sum  hash.Hash // of all that was written
	refs atomic.Int64
}

func (s *spool) share() *spool {
	s.refs.Add(1)
	return s
}

func (s *spool) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	err := s.f.Close()
	if s.name != "" {
		err = errors.Join(err, os.Remove(s.name))
	}
	return err
}

// buffers carry bytes from a line to a file; what lies in memory of an upload is one of them.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// fill appends what r gives, at most room bytes, and returns how many. A byte too many is a Discard of
// media.ErrTooLong, a failing disk is media.ErrStorage, and the error of r is returned as it is.
func (s *spool) fill(ctx context.Context, r io.Reader, room int64) (int64, error) {
	buf, _ := buffers.Get().(*[64 << 10]byte) // the pool holds nothing else
	defer buffers.Put(buf)
	var total int64
	for idle := 0; ; {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, rerr := r.Read(buf[:])
		if int64(n) > room-total {
			return total, &media.Discard{Err: media.ErrTooLong}
		}
		if n > 0 {
			if _, err := s.f.WriteAt(buf[:n], s.size); err != nil {
				return total, media.ErrStorage.Because(err)
			}
			_, _ = s.sum.Write(buf[:n]) // a hash never fails
			s.size += int64(n)
			total += int64(n)
			idle = 0
		} else if idle++; rerr == nil && idle > 100 {
			return total, io.ErrNoProgress
		}
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

// hash returns the SHA-256 of the whole file.
func (s *spool) hash() media.SHA256 { return media.SHA256(s.sum.Sum(nil)) }

// content is the file as an object.
func (s *spool) content() content { return content{body: s.f, size: s.size, sum: s.hash()} }

// tail is the file from that byte on as an object.
func (s *spool) tail(from int64) (content, error) {
	if from == 0 {
		return s.content(), nil
	}
	part := io.NewSectionReader(s.f, from, s.size-from)
	sum, err := media.SumReader(part)
	return content{body: part, size: s.size - from, sum: sum}, err
}

// reader reads the file from its beginning and shares it until it is closed.
func (s *spool) reader() io.ReadSeekCloser {
	return &spoolReader{SectionReader: io.NewSectionReader(s.f, 0, s.size), spool: s.share()}
}

type spoolReader struct {
	*io.SectionReader
	spool *spool
	once  sync.Once
}

func (r *spoolReader) Close() (err error) {
	r.once.Do(func() { err = r.spool.release() })
	return err
}
