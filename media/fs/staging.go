package fs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"paicha/media"
)

// Staging keeps unfinished uploads: staging/<id>.part has the bytes, staging/<id>.log is its journal.
//
// A partial append costs two syncs (bytes, then journal). An upload that comes in one piece is never journaled: its
// Commit syncs the bytes once, renames them and syncs the directory, as plain writing would.
type Staging struct {
	store   *Store
	mu      sync.Mutex
	uploads map[media.UploadID]*upload
}

var _ media.Staging = (*Staging)(nil)

// upload is the state of one upload in memory. turn is held while something is done to it, mutex-like but giving up
// with the context.
type upload struct {
	turn    chan struct{}
	length  int64
	meta    []byte
	logSize int64
	named   bool // the directory entries are durable

	durable int64 // what the journal says
	offset  int64 // what is in the file: more than durable only when complete and not yet committed
	sum     hash.Hash
	summed  int64 // bytes that sum has seen

	done    media.SHA256
	at      time.Time // of done
	removed bool

	shown sync.Mutex // guards public
	// public is the state when the turn was last given back: who only asks must not wait for a line that is dead.
	public struct {
		offset    int64
		committed bool
		at        time.Time
	}
}

func partName(id media.UploadID) string { return stagingDir + "/" + string(id) + ".part" }
func logName(id media.UploadID) string  { return stagingDir + "/" + string(id) + ".log" }

// load reads the journals, cuts what was not made durable and removes what has no journal or no bytes.
func (s *Staging) load() error {
	s.uploads = map[media.UploadID]*upload{}
	names, err := s.store.disk.List(stagingDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		base, isLog := strings.CutSuffix(name, ".log")
		if !isLog {
			continue
		}
		id, err := media.ParseUploadID(base)
		if err != nil {
			continue // not ours; it is removed below
		}
		u, err := s.recover(id)
		if err != nil {
			return err
		}
		if u != nil {
			u.show()
			s.uploads[id] = u
		}
	}
	for _, name := range names {
		base, isLog := strings.CutSuffix(name, ".log")
		u := s.uploads[media.UploadID(strings.TrimSuffix(base, ".part"))]
		if u != nil && (isLog || u.done.IsZero()) {
			continue
		}
		if err := ignoreMissing(s.store.disk.Remove(stagingDir + "/" + name)); err != nil {
			return err
		}
	}
	return nil
}

// recover returns the upload as the disk has it, or nil if nothing of it is worth keeping.
func (s *Staging) recover(id media.UploadID) (*upload, error) {
	log, err := s.store.disk.Open(logName(id), true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // synced when it mattered
	b, err := io.ReadAll(log)
	if err != nil {
		return nil, err
	}
	j, ok := parseJournal(b)
	if !ok {
		return nil, nil
	}
	if err := log.Truncate(j.size); err != nil {
		return nil, err
	}
	u := &upload{turn: make(chan struct{}, 1), length: j.Length, meta: j.Meta, logSize: j.size, done: j.done, at: j.at}
	if !j.done.IsZero() {
		u.offset, u.durable = j.Length, j.Length
		return u, nil
	}
	part, err := s.store.disk.Open(partName(id), true)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = part.Close() }()
	size, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	u.durable = min(j.offset, size)
	u.offset = u.durable
	return u, part.Truncate(u.durable)
}

// take returns the upload with its turn held; the caller gives it back with release.
func (s *Staging) take(ctx context.Context, id media.UploadID) (*upload, error) {
	s.mu.Lock()
	u := s.uploads[id]
	s.mu.Unlock()
	if u == nil {
		return nil, media.ErrUploadNotFound
	}
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if u.removed {
		u.release()
		return nil, media.ErrUploadNotFound
	}
	if err := ctx.Err(); err != nil {
		u.release()
		return nil, err
	}
	return u, nil
}

func (u *upload) release() {
	u.show()
	<-u.turn
}

func (u *upload) show() {
	u.shown.Lock()
	defer u.shown.Unlock()
	u.public.offset, u.public.committed, u.public.at = u.offset, !u.done.IsZero(), u.at
}

// Create implements media.Staging.
func (s *Staging) Create(ctx context.Context, id media.UploadID, length int64, meta []byte) error {
	if _, err := media.ParseUploadID(string(id)); err != nil {
		return err
	}
	if length < 0 {
		return media.ErrLength
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	head, err := headLine(declared{length, meta})
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	u := &upload{turn: make(chan struct{}, 1), length: length, meta: slices.Clone(meta), logSize: int64(len(head))}
	u.turn <- struct{}{}
	defer u.release()
	s.mu.Lock()
	if s.uploads[id] != nil {
		s.mu.Unlock()
		return media.ErrUploadExists
	}
	s.uploads[id] = u
	s.mu.Unlock()
	if err := s.write(id, head); err != nil {
		u.removed = true
		s.forget(id)
		return media.ErrStorage.Because(errors.Join(err, s.unlink(id)))
	}
	return nil
}

func (s *Staging) write(id media.UploadID, head []byte) error {
	for _, f := range []struct {
		name    string
		content []byte
	}{{partName(id), nil}, {logName(id), head}} {
		made, err := s.store.disk.Create(f.name)
		if err != nil {
			return err
		}
		if len(f.content) > 0 {
			_, err = made.WriteAt(f.content, 0)
		}
		if err := errors.Join(err, made.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Staging) forget(id media.UploadID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
}

func (s *Staging) unlink(id media.UploadID) error {
	return errors.Join(ignoreMissing(s.store.disk.Remove(partName(id))), ignoreMissing(s.store.disk.Remove(logName(id))))
}

// Append implements media.Staging.
func (s *Staging) Append(ctx context.Context, id media.UploadID, offset int64, r io.Reader) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	if !u.done.IsZero() || offset != u.offset {
		return 0, media.ErrOffset
	}
	part, err := s.store.disk.Open(partName(id), true)
	if err != nil {
		return 0, media.ErrStorage.Because(err)
	}
	defer func() { _ = part.Close() }() // synced when it mattered
	if err := u.sumUpTo(part, offset); err != nil {
		return 0, err
	}
	n, rerr := pour(ctx, part, offset, u.length-offset, r, u.sum)
	u.summed += n
	if discard := (*media.Discard)(nil); errors.As(rerr, &discard) {
		return 0, cmp.Or(u.cut(part), discard.Err)
	}
	if errors.Is(rerr, media.ErrStorage) {
		return 0, cmp.Or(u.cut(part), rerr)
	}
	if u.offset += n; rerr == nil && u.offset == u.length {
		return n, nil // Commit makes it durable
	}
	if n > 0 {
		if err := s.record(id, u, part); err != nil {
			// A page that failed to be written is not tried again by a later sync: the bytes are not to be trusted.
			return 0, cmp.Or(u.cut(part), err)
		}
	}
	return n, rerr
}

// sumUpTo has u.sum cover the first n bytes, reading them again if it does not.
func (u *upload) sumUpTo(part io.ReaderAt, n int64) error {
	if u.sum != nil && u.summed == n {
		return nil
	}
	u.sum, u.summed = sha256.New(), n
	got, err := io.Copy(u.sum, io.NewSectionReader(part, 0, n))
	if err == nil && got != n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		u.sum = nil
		return media.ErrStorage.Because(err)
	}
	return nil
}

// cut goes back to the durable bytes.
func (u *upload) cut(part file) error {
	u.offset, u.sum = u.durable, nil
	if err := part.Truncate(u.durable); err != nil {
		return media.ErrStorage.Because(err)
	}
	return nil
}

// record makes the bytes of part durable, and then says so in the journal.
func (s *Staging) record(id media.UploadID, u *upload, part file) error {
	if err := part.Sync(); err != nil {
		return media.ErrStorage.Because(err)
	}
	log, err := s.store.disk.Open(logName(id), true)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	l := offsetLine(u.offset)
	_, err = log.WriteAt(l, u.logSize)
	if err == nil {
		err = log.Sync()
	}
	if err := errors.Join(err, log.Close()); err != nil {
		return media.ErrStorage.Because(err)
	}
	if !u.named {
		if err := s.store.disk.SyncDir(stagingDir); err != nil {
			return media.ErrStorage.Because(err)
		}
		u.named = true
	}
	u.logSize += int64(len(l))
	u.durable = u.offset
	return nil
}

// Stat implements media.Staging.
func (s *Staging) Stat(ctx context.Context, id media.UploadID) (media.Staged, error) {
	if err := ctx.Err(); err != nil {
		return media.Staged{}, err
	}
	s.mu.Lock()
	u := s.uploads[id]
	s.mu.Unlock()
	if u == nil {
		return media.Staged{}, media.ErrUploadNotFound
	}
	u.shown.Lock()
	defer u.shown.Unlock()
	return media.Staged{
		ID: id, Length: u.length, Offset: u.public.offset, Committed: u.public.committed, Arrived: u.public.at, Meta: slices.Clone(u.meta),
	}, nil
}

// Open implements media.Staging.
func (s *Staging) Open(ctx context.Context, id media.UploadID) (io.ReadSeekCloser, int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	defer u.release()
	if !u.done.IsZero() {
		return s.store.blobs.Open(ctx, u.done)
	}
	f, err := s.store.disk.Open(partName(id), false)
	return opened(f, err, media.ErrUploadNotFound)
}

// Commit implements media.Staging.
func (s *Staging) Commit(ctx context.Context, id media.UploadID, h media.SHA256, at time.Time) error {
	u, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	defer u.release()
	switch {
	case u.done == h && !h.IsZero():
		return nil
	case !u.done.IsZero():
		return media.ErrHashMismatch
	case u.offset != u.length:
		return media.ErrIncomplete
	}
	part, err := s.store.disk.Open(partName(id), true)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	defer func() { _ = part.Close() }() // synced here
	if err := u.sumUpTo(part, u.length); err != nil {
		return err
	}
	if media.SHA256(u.sum.Sum(nil)) != h {
		if u.durable == u.length {
			return media.ErrHashMismatch
		}
		return errors.Join(media.ErrHashMismatch, s.record(id, u, part))
	}
	if err := part.Sync(); err != nil {
		return cmp.Or(u.cut(part), error(media.ErrStorage.Because(err)))
	}
	if err := s.store.adopt(partName(id), h, u.length); err != nil {
		return err
	}
	u.done, u.at, u.durable, u.sum = h, at.UTC().Truncate(time.Millisecond), u.length, nil
	// The blob is durable: failing to remember whose upload it was costs at most a second upload.
	if log, err := s.store.disk.Open(logName(id), true); err == nil {
		l := doneLine(h, u.at)
		if _, err := log.WriteAt(l, u.logSize); err == nil {
			u.logSize += int64(len(l))
		}
		_ = log.Close()
	}
	return nil
}

// Remove implements media.Staging.
func (s *Staging) Remove(ctx context.Context, id media.UploadID) error {
	u, err := s.take(ctx, id)
	if errors.Is(err, media.ErrUploadNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer u.release()
	if err := s.unlink(id); err != nil {
		return media.ErrStorage.Because(err)
	}
	u.removed = true
	s.forget(id)
	return nil
}

// List implements media.Staging.
func (s *Staging) List(ctx context.Context) ([]media.Staged, error) {
	s.mu.Lock()
	ids := make([]media.UploadID, 0, len(s.uploads))
	for id := range s.uploads {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	slices.Sort(ids)
	all := make([]media.Staged, 0, len(ids))
	for _, id := range ids {
		st, err := s.Stat(ctx, id)
		if errors.Is(err, media.ErrUploadNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}
