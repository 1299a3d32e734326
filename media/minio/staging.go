package minio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"paicha/media"
)

// Staging keeps unfinished uploads in the working bucket. What it remembers itself can be lost at any time without
// harm: heads, which never change, and whole uploads that wait for their Commit, which nobody was told of yet.
type Staging struct {
	store *Store

	mu    sync.Mutex
	heads map[media.UploadID]knownHead
	held  map[media.UploadID]*held
}

var _ media.Shared = (*Staging)(nil)

const (
	openFolder = "open"
	doneFolder = "done"
	headName   = "head"
	mimeState  = "application/json"
	maxState   = 1 << 20 // far more than an upload's metadata may have
)

// suggested makes a photo of a tablet in one to three pieces: each costs a write of its own and listings, whatever its size.
const suggested = 1 << 20

var _ media.Paced = (*Staging)(nil)

// Piece implements media.Paced.
func (s *Staging) Piece() int64 { return suggested }

// declared is the head of an upload.
type declared struct {
	Length int64  `json:"length"`
	Meta   []byte `json:"meta,omitempty"`
}

// finished is what an upload became.
type finished struct {
	declared
	SHA256 media.SHA256 `json:"sha256"`
	At     int64        `json:"at"` // milliseconds since 1970
}

type knownHead struct {
	etag string
	declared
}

// holdFor is how long a complete upload waits here. Its Commit follows at once, unless that failed and nobody came back.
const holdFor = 10 * time.Minute

// piece is what one Append kept.
type piece struct {
	key      string
	at, size int64
}

// state is where an upload stands, as the store has it.
type state struct {
	declared
	pieces []piece
	offset int64     // where the pieces end
	done   *finished // nil: not committed
	names  []string  // of all objects of an open upload, the head first
}

func (s *Staging) folder(id media.UploadID) string { return openFolder + "/" + string(id) }

func (s *Staging) headKey(id media.UploadID) string { return s.store.name(s.folder(id), headName) }

func (s *Staging) doneKey(id media.UploadID) string { return s.store.name(doneFolder, string(id)) }

// pieceKey names a piece so that pieces are listed in their order.
func (s *Staging) pieceKey(id media.UploadID, at int64) string {
	return s.store.name(s.folder(id), fmt.Sprintf("%019d", at))
}

// read finds out where an upload stands.
func (s *Staging) read(ctx context.Context, id media.UploadID) (state, error) {
	if _, err := media.ParseUploadID(string(id)); err != nil {
		return state{}, media.ErrUploadNotFound
	}
	for {
		var objects []listed
		if err := s.store.list(ctx, s.folder(id), func(o listed) { objects = append(objects, o) }); err != nil {
			return state{}, storage(ctx, err)
		}
		st, tag, open := s.assemble(id, objects)
		if !open {
			return s.readDone(ctx, id)
		}
		head, err := s.head(ctx, id, tag)
		if absent(err) {
			continue // removed or committed since it was listed
		}
		st.declared = head
		return st, storage(ctx, err)
	}
}

// assemble puts together what was listed of an upload; open tells whether it has a head, and tag is the head's.
func (s *Staging) assemble(id media.UploadID, objects []listed) (st state, tag string, open bool) {
	for _, o := range objects {
		key := s.store.name(s.folder(id), o.name)
		if o.name == headName {
			st.names, tag, open = slices.Insert(st.names, 0, key), o.etag, true
			continue
		}
		st.names = append(st.names, key)
		if at, err := strconv.ParseInt(o.name, 10, 64); err == nil && at == st.offset {
			st.pieces = append(st.pieces, piece{key: key, at: at, size: o.size})
			st.offset += o.size
		}
	}
	return st, tag, open
}

// head returns what was declared; it never changes, so it is read once.
func (s *Staging) head(ctx context.Context, id media.UploadID, tag string) (declared, error) {
	s.mu.Lock()
	known, ok := s.heads[id]
	s.mu.Unlock()
	if ok && known.etag == tag {
		return known.declared, nil
	}
	b, info, err := s.store.load(ctx, s.store.opt.Working, s.headKey(id), maxState)
	if err != nil {
		return declared{}, err
	}
	var d declared
	if err := json.Unmarshal(b, &d); err != nil {
		return declared{}, fmt.Errorf("upload %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heads) >= 4096 {
		clear(s.heads)
	}
	s.heads[id] = knownHead{etag: info.ETag, declared: d}
	return d, nil
}

// readDone returns the state of a committed upload, or ErrUploadNotFound.
func (s *Staging) readDone(ctx context.Context, id media.UploadID) (state, error) {
	b, _, err := s.store.load(ctx, s.store.opt.Working, s.doneKey(id), maxState)
	if absent(err) {
		return state{}, media.ErrUploadNotFound
	}
	if err != nil {
		return state{}, storage(ctx, err)
	}
	var f finished
	if err := json.Unmarshal(b, &f); err != nil {
		return state{}, media.ErrStorage.Because(fmt.Errorf("upload %s: %w", id, err))
	}
	return state{declared: f.declared, offset: f.Length, done: &f}, nil
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
	_, err := s.store.stat(ctx, s.store.opt.Working, s.doneKey(id))
	switch {
	case err == nil:
		return media.ErrUploadExists
	case !absent(err):
		return storage(ctx, err)
	}
	b, err := json.Marshal(declared{length, meta})
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	err = s.store.create(ctx, s.store.opt.Working, s.headKey(id), small(b, mimeState), 0)
	if errors.Is(err, errTaken) {
		return media.ErrUploadExists
	}
	return storage(ctx, err)
}

// Append implements media.Staging. Of Appends to one upload at the same time, here or elsewhere, the first whose bytes
// are all here goes on; the others get ErrOffset, having read theirs.
func (s *Staging) Append(ctx context.Context, id media.UploadID, offset int64, r io.Reader) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	st, err := s.read(ctx, id)
	if err != nil {
		return 0, err
	}
	if st.done != nil || offset != s.standing(id, st) {
		return 0, media.ErrOffset
	}
	f, err := s.store.spools.make()
	if err != nil {
		return 0, media.ErrStorage.Because(err)
	}
	n, rerr := f.fill(ctx, r, st.Length-offset)
	if discard := (*media.Discard)(nil); errors.As(rerr, &discard) {
		return 0, cmp.Or(discard.Err, f.release())
	}
	if errors.Is(rerr, media.ErrStorage) {
		return 0, cmp.Or(rerr, f.release())
	}
	if rerr == nil && offset+n == st.Length {
		if !s.hold(id, &held{file: f, base: offset, st: st, since: time.Now()}) {
			return 0, cmp.Or(error(media.ErrOffset), f.release())
		}
		return n, nil // Commit makes it durable
	}
	defer func() { _ = f.release() }() // it was only a copy
	if n == 0 {
		return 0, rerr
	}
	// What came is kept though the line or the request is over.
	keep := context.WithoutCancel(ctx)
	err = s.store.create(keep, s.store.opt.Working, s.pieceKey(id, offset), f.content(), 0)
	switch {
	case errors.Is(err, errTaken):
		return 0, media.ErrOffset
	case err != nil:
		return 0, storage(keep, err)
	}
	return n, rerr
}

// standing is the present offset, with what waits here for its Commit. It forgets what waits in vain: another process
// went on from where it began.
func (s *Staging) standing(id media.UploadID, st state) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[id]
	switch {
	case h == nil:
		return st.offset
	case h.st.offset == st.offset && st.done == nil:
		return st.Length
	}
	s.dropLocked(id)
	return st.offset
}

// Stat implements media.Staging.
func (s *Staging) Stat(ctx context.Context, id media.UploadID) (media.Staged, error) {
	if err := ctx.Err(); err != nil {
		return media.Staged{}, err
	}
	st, err := s.read(ctx, id)
	if err != nil {
		return media.Staged{}, err
	}
	return s.staged(id, st), nil
}

func (s *Staging) staged(id media.UploadID, st state) media.Staged {
	out := media.Staged{ID: id, Length: st.Length, Offset: s.standing(id, st), Meta: slices.Clone(st.Meta)}
	if st.done != nil {
		out.Committed, out.Arrived = true, time.UnixMilli(st.done.At).UTC()
	}
	return out
}

// Open implements media.Staging.
func (s *Staging) Open(ctx context.Context, id media.UploadID) (io.ReadSeekCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	f, _, ready := s.complete(id)
	if !ready {
		st, err := s.read(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		if st.done != nil {
			return s.store.blobs.Open(ctx, st.done.SHA256)
		}
		if f, err = s.whole(ctx, id, st); err != nil {
			return nil, 0, err
		}
	}
	r := f.reader()
	return r, f.size, f.release()
}

// Commit implements media.Staging: the photo, then what the upload became, then the head goes, then the pieces. Until
// the head is gone the upload can be committed again, and nothing is said before.
func (s *Staging) Commit(ctx context.Context, id media.UploadID, h media.SHA256, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, st, ready := s.complete(id)
	if !ready {
		var err error
		if st, err = s.read(ctx, id); err != nil {
			return err
		}
		if st.done != nil {
			return same(st.done, h)
		}
		if s.standing(id, st) != st.Length {
			return s.unlessDone(ctx, id, h, media.ErrIncomplete)
		}
		if f, err = s.whole(ctx, id, st); err != nil {
			return s.unlessDone(ctx, id, h, err)
		}
	}
	defer func() { _ = f.release() }() // it was only a copy
	if err := s.keep(ctx, id, st, f, h, at); err != nil {
		return err
	}
	return s.tidy(ctx, id, st)
}

// unlessDone is what a Commit says that found nothing to commit: another may have done it since it began, and removed
// what this one looked for.
func (s *Staging) unlessDone(ctx context.Context, id media.UploadID, h media.SHA256, failure error) error {
	st, err := s.readDone(ctx, id)
	if err != nil {
		return failure
	}
	if err := same(st.done, h); err != nil {
		return err
	}
	return s.tidy(ctx, id, state{})
}

// keep makes a complete upload a photo and writes down what it became.
func (s *Staging) keep(ctx context.Context, id media.UploadID, st state, f *spool, h media.SHA256, at time.Time) error {
	if f.hash() != h {
		return errors.Join(media.ErrHashMismatch, s.stage(ctx, id, st, f))
	}
	if err := s.store.blobs.keep(ctx, f); err != nil {
		return err
	}
	return s.finish(ctx, id, finished{declared: st.declared, SHA256: h, At: at.UnixMilli()})
}

// tidy removes the head of a committed upload, and its pieces as far as it can: they cost room and nothing else, and
// Expire finds what is left.
func (s *Staging) tidy(ctx context.Context, id media.UploadID, st state) error {
	if err := s.store.remove(ctx, s.store.opt.Working, s.headKey(id), ""); err != nil {
		return storage(ctx, err)
	}
	s.drop(id)
	_ = s.removeAll(ctx, st.names[min(1, len(st.names)):])
	return nil
}

// stage makes the end of an upload durable that only waits here.
func (s *Staging) stage(ctx context.Context, id media.UploadID, st state, f *spool) error {
	if st.offset == st.Length {
		return nil
	}
	end, err := f.tail(st.offset)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	err = s.store.create(ctx, s.store.opt.Working, s.pieceKey(id, st.offset), end, 0)
	if errors.Is(err, errTaken) {
		err = nil // another process went on from there
	}
	s.drop(id)
	return storage(ctx, err)
}

// finish writes down what the upload became. If that was done before, the first time stays.
func (s *Staging) finish(ctx context.Context, id media.UploadID, f finished) error {
	b, err := json.Marshal(f)
	if err != nil {
		return media.ErrStorage.Because(err)
	}
	err = s.store.create(ctx, s.store.opt.Working, s.doneKey(id), small(b, mimeState), 0)
	if !errors.Is(err, errTaken) {
		return storage(ctx, err)
	}
	before, err := s.readDone(ctx, id)
	if err != nil {
		return err
	}
	return same(before.done, f.SHA256)
}

func same(f *finished, h media.SHA256) error {
	if f.SHA256 != h {
		return media.ErrHashMismatch
	}
	return nil
}

// clear removes objects, the first before all others: without a head there is no upload.
func (s *Staging) clear(ctx context.Context, keys []string) error {
	if err := s.removeAll(ctx, keys[:min(1, len(keys))]); err != nil {
		return err
	}
	return s.removeAll(ctx, keys[min(1, len(keys)):])
}

func (s *Staging) removeAll(ctx context.Context, keys []string) error {
	return each(ctx, keys, func(ctx context.Context, key string) error {
		return s.store.remove(ctx, s.store.opt.Working, key, "")
	})
}

// Remove implements media.Staging.
func (s *Staging) Remove(ctx context.Context, id media.UploadID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := media.ParseUploadID(string(id)); err != nil {
		return nil
	}
	keys := []string{s.headKey(id), s.doneKey(id)}
	err := s.store.list(ctx, s.folder(id), func(o listed) {
		if o.name != headName {
			keys = append(keys, s.store.name(s.folder(id), o.name))
		}
	})
	if err != nil {
		return storage(ctx, err)
	}
	if err := s.clear(ctx, keys); err != nil {
		return storage(ctx, err)
	}
	s.drop(id)
	return nil
}

// List implements media.Staging.
func (s *Staging) List(ctx context.Context) ([]media.Staged, error) {
	all, err := s.Pending(ctx)
	if err != nil {
		return nil, err
	}
	var ids []media.UploadID
	err = s.store.list(ctx, doneFolder, func(o listed) { ids = append(ids, media.UploadID(o.name)) })
	if err != nil {
		return nil, storage(ctx, err)
	}
	more, err := s.statAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	all = append(all, more...)
	slices.SortFunc(all, func(a, b media.Staged) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return slices.CompactFunc(all, func(a, b media.Staged) bool { return a.ID == b.ID }), nil
}

// statAll returns the states of the uploads that are still there.
func (s *Staging) statAll(ctx context.Context, ids []media.UploadID) ([]media.Staged, error) {
	var mu sync.Mutex
	var all []media.Staged
	err := each(ctx, ids, func(ctx context.Context, id media.UploadID) error {
		st, err := s.Stat(ctx, id)
		if errors.Is(err, media.ErrUploadNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, st)
		return nil
	})
	return all, err
}
