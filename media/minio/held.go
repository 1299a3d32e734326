package minio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"paicha/media"
)

// held is a complete upload that waits for its Commit, or the end of one.
type held struct {
	file  *spool
	base  int64 // where in the upload the file begins
	st    state // as it was found; the staged pieces end at its offset
	since time.Time
}

// hold keeps a complete upload for its Commit; false if one waits already that began at the same place.
func (s *Staging) hold(id media.UploadID, h *held) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, o := range s.held {
		if h.since.Sub(o.since) > holdFor {
			s.dropLocked(other)
		}
	}
	if o := s.held[id]; o != nil {
		if o.st.offset == h.st.offset {
			return false
		}
		s.dropLocked(id)
	}
	s.held[id] = h
	return true
}

// dropLocked forgets what waits; mu is held.
func (s *Staging) dropLocked(id media.UploadID) {
	if h := s.held[id]; h != nil {
		_ = h.file.release() // it was only a copy
		delete(s.held, id)
	}
}

func (s *Staging) drop(id media.UploadID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(id)
	delete(s.heads, id)
}

func (s *Staging) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.held {
		s.dropLocked(id)
	}
}

// complete returns an upload of which this process has all bytes in one file, without asking the store: what waits for
// its Commit was complete a moment ago, and whatever others did since, the hash decides. The caller releases the file.
func (s *Staging) complete(id media.UploadID) (*spool, state, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[id]
	if h == nil || h.base > 0 {
		return nil, state{}, false
	}
	return h.file.share(), h.st, true
}

// whole returns a file with all bytes that are staged, and, if they are complete, keeps it for the Commit that follows.
// The caller releases it.
func (s *Staging) whole(ctx context.Context, id media.UploadID, st state) (*spool, error) {
	s.mu.Lock()
	h := s.held[id]
	if h != nil && h.st.offset != st.offset {
		h = nil
	}
	if h != nil {
		if h.base == 0 {
			defer s.mu.Unlock()
			return h.file.share(), nil
		}
		h.file.share()
		defer func() { _ = h.file.release() }() // it was only a copy
	}
	s.mu.Unlock()
	f, err := s.gather(ctx, st, h)
	if err != nil || f.size < st.Length {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[id] == h {
		s.dropLocked(id)
		s.held[id] = &held{file: f.share(), st: st, since: time.Now()}
	}
	return f, nil
}

// gather copies the staged pieces, and what is held after them, to one file.
func (s *Staging) gather(ctx context.Context, st state, h *held) (_ *spool, err error) {
	f, err := s.store.spools.make()
	if err != nil {
		return nil, media.ErrStorage.Because(err)
	}
	defer func() {
		if err != nil {
			_ = f.release() // it was only a copy
		}
	}()
	for _, p := range st.pieces {
		r, err := s.store.open(ctx, s.store.opt.Working, p.key)
		if err != nil {
			return nil, storage(ctx, err)
		}
		n, err := f.fill(ctx, r, p.size)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, storage(ctx, err)
		}
		if n != p.size {
			return nil, media.ErrStorage.Because(fmt.Errorf("%s has %d bytes, want %d", p.key, n, p.size))
		}
	}
	if h != nil {
		end := io.NewSectionReader(h.file.f, 0, h.file.size)
		if _, err := f.fill(ctx, end, end.Size()); err != nil {
			return nil, err
		}
	}
	return f, nil
}
