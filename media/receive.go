package media

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"
)

// Limits bound what Receiver accepts. All but the last two are required.
type Limits struct {
	Photo   int64         // bytes of one file
	Chunk   int64         // bytes of one Append
	Keep    time.Duration // how long an upload may stay incomplete
	Pending int           // uploads that one owner may have begun and not ended

	DayPhotos int   // uploads that one device may begin in a day of China; 0: any number
	DayBytes  int64 // bytes that one device may announce in a day of China; 0: any number
}

// DefaultLimits suit a tablet that may be a fortnight without signal.
func DefaultLimits() Limits {
	return Limits{Photo: 30 << 20, Chunk: 30 << 20, Keep: 14 * 24 * time.Hour, Pending: 500}
}

// Receiver takes photos in pieces (tus 1.0 core, creation, creation-with-upload, checksum, expiration, termination)
// without knowing HTTP. It keeps nothing but the turns of running requests: after a restart it goes on from Staging.
//
// An upload of somebody else is answered exactly as one that does not exist.
type Receiver struct {
	Staging Staging
	Now     func() time.Time
	NewID   func() string // unguessable, in the form of UploadID
	Limits  Limits

	mu    sync.Mutex
	turns map[UploadID]*turn

	counting sync.Mutex          // held while all uploads are listed: turns must not wait for that
	pending  map[UploadID]string // owner of each upload that is not complete; nil until it is first asked for
	counts   map[string]int      // of pending, by owner
	counted  time.Time           // when they were last listed
	sent     quota               // of the day, by device
}

// recount is how often uploads are listed again, where other processes end uploads too, before an owner is refused.
const recount = time.Minute

// turn is the request that works on an upload. A newer one interrupts it and waits until over is closed.
type turn struct {
	cancel    context.CancelCauseFunc
	interrupt func()
	over      chan struct{}
}

// enter makes the caller the only one that works on id, evicting whoever does: a tablet that comes back on a new
// connection must not wait for the old one to time out. The returned context ends with ErrEvicted for the evicted.
func (r *Receiver) enter(ctx context.Context, id UploadID, interrupt func()) (context.Context, func(), error) {
	mine := &turn{interrupt: interrupt, over: make(chan struct{})}
	inner, cancel := context.WithCancelCause(ctx)
	mine.cancel = cancel
	for {
		r.mu.Lock()
		if r.turns == nil {
			r.turns = map[UploadID]*turn{}
		}
		older := r.turns[id]
		if older == nil {
			r.turns[id] = mine
			r.mu.Unlock()
			return inner, func() {
				r.mu.Lock()
				delete(r.turns, id)
				r.mu.Unlock()
				cancel(nil)
				close(mine.over)
			}, nil
		}
		stop := older.interrupt
		older.interrupt = nil
		r.mu.Unlock()
		older.cancel(ErrEvicted)
		if stop != nil {
			stop()
		}
		select {
		case <-older.over:
		case <-ctx.Done():
			cancel(nil)
			return nil, nil, ErrUploadBusy.Because(ctx.Err())
		}
	}
}

// Create begins an upload. ErrLength for nothing, ErrTooLarge over the limit, ErrTooMany when the owner has too many
// pending, ErrQuota when the device has begun too much today. Whether the server has the photo already makes no difference: that is told to nobody.
func (r *Receiver) Create(ctx context.Context, n NewUpload) (Upload, error) {
	switch {
	case n.SHA256.IsZero():
		return Upload{}, ErrHashForm
	case n.Length <= 0:
		return Upload{}, ErrLength
	case n.Length > r.Limits.Photo:
		return Upload{}, ErrTooLarge.Saying("文件有 %.1f MB，超过上限 %.1f MB，请压缩后再上传", megabytes(n.Length), megabytes(r.Limits.Photo))
	}
	id, err := ParseUploadID(r.NewID())
	if err != nil {
		return Upload{}, err
	}
	now := r.Now().UTC().Truncate(time.Millisecond)
	u := Upload{
		ID: id, Owner: n.Owner, Device: n.Device, SHA256: n.SHA256, Length: n.Length, Name: n.Name,
		Inspection: n.Inspection, Created: now, Expires: now.Add(r.Limits.Keep),
	}
	meta, err := u.encode()
	if err != nil {
		return Upload{}, ErrMetadata.Because(err)
	}
	if err := r.reserve(ctx, id, n); err != nil {
		return Upload{}, err
	}
	if err := r.Staging.Create(ctx, id, n.Length, meta); err != nil {
		r.over(id)
		return Upload{}, err
	}
	return u, nil
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

// reserve counts an upload as pending before it is created, or returns ErrTooMany: of requests at the same time, no more
// pass than the limit has room for. What is pending is read from Staging once and counted from then on: staged uploads
// stay for days after they are complete, and there are many. Of a Shared one it is read again before anybody is
// refused, because what other processes ended is not known here; they count apart, so several allow a little more.
func (r *Receiver) reserve(ctx context.Context, id UploadID, n NewUpload) error {
	owner := n.Owner
	r.counting.Lock()
	defer r.counting.Unlock()
	if r.pending == nil {
		if err := r.count(ctx); err != nil {
			return err
		}
	}
	if _, shared := r.Staging.(Shared); shared && r.counts[owner] >= r.Limits.Pending && r.Now().Sub(r.counted) >= recount {
		if err := r.count(ctx); err != nil {
			return err
		}
	}
	if r.counts[owner] >= r.Limits.Pending {
		return ErrTooMany
	}
	if _, taken := r.pending[id]; taken {
		return ErrUploadExists
	}
	if err := r.sent.take(n.Device, n.Length, r.Limits, r.Now()); err != nil {
		return err
	}
	r.pending[id] = owner
	r.counts[owner]++
	return nil
}

// count reads what is pending; counting is held.
func (r *Receiver) count(ctx context.Context) error {
	list := r.Staging.List
	if s, shared := r.Staging.(Shared); shared {
		list = s.Pending
	}
	all, err := list(ctx)
	if err != nil {
		return err
	}
	r.pending, r.counts, r.counted = map[UploadID]string{}, map[string]int{}, r.Now()
	for _, st := range all {
		if u, err := decodeUpload(st); err == nil && !u.Done {
			r.pending[u.ID] = u.Owner
			r.counts[u.Owner]++
		}
	}
	return nil
}

// over counts an upload no longer as pending; again is harmless.
func (r *Receiver) over(id UploadID) {
	r.counting.Lock()
	defer r.counting.Unlock()
	owner, pending := r.pending[id]
	if !pending {
		return
	}
	delete(r.pending, id)
	if r.counts[owner]--; r.counts[owner] == 0 {
		delete(r.counts, owner)
	}
}

// find returns the upload if owner may see it: ErrUploadNotFound if not, ErrUploadExpired if it is too late.
func (r *Receiver) find(ctx context.Context, id UploadID, owner string) (Upload, error) {
	st, err := r.Staging.Stat(ctx, id)
	if err != nil {
		return Upload{}, err
	}
	u, err := decodeUpload(st)
	if err != nil {
		return Upload{}, err
	}
	if u.Owner != owner {
		return Upload{}, ErrUploadNotFound
	}
	if r.Now().After(u.Expires) {
		return Upload{}, ErrUploadExpired
	}
	return u, nil
}

// Append adds a chunk and returns where the upload stands; with an error too, so that the sender learns the offset.
// ErrOffset, ErrTooLong, ErrChunkTooLarge and ErrChecksum leave the offset as it was; a line that breaks keeps what
// came. The chunk that completes the photo has it verified and stored: Upload.Done is then true and Upload.Received
// set. A photo of another hash than declared is ErrHashMismatch, a file of a type we do not take is
// ErrTypeUnsupported; both discard the upload.
func (r *Receiver) Append(ctx context.Context, id UploadID, owner string, c Chunk) (Upload, error) {
	if _, err := r.find(ctx, id, owner); err != nil { // before entering: a stranger evicts nobody
		return Upload{}, err
	}
	inner, leave, err := r.enter(ctx, id, c.Interrupt)
	if err != nil {
		return Upload{}, err
	}
	defer leave()
	u, err := r.find(inner, id, owner)
	switch {
	case err != nil:
		return Upload{}, evicted(inner, err)
	case u.Done:
		u.Received, err = r.received(ctx, u)
		return u, errors.Join(ErrUploadDone, err)
	case c.Offset != u.Offset:
		return u, ErrOffset
	}
	n, err := r.Staging.Append(inner, id, c.Offset, verify(c, r.Limits.Chunk))
	u.Offset += n
	if err != nil {
		return u, evicted(inner, err)
	}
	if u.Offset < u.Length {
		return u, nil
	}
	return r.finish(ctx, u)
}

// evicted tells eviction from any other failure.
func evicted(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrEvicted) {
		return ErrEvicted.Because(err)
	}
	return err
}

// Info returns where the upload stands. It evicts a running Append, whose bytes so far are kept: a tablet asks because
// its line is dead. If all bytes are there and the photo was not stored yet, it is stored now.
func (r *Receiver) Info(ctx context.Context, id UploadID, owner string) (Upload, error) {
	if _, err := r.find(ctx, id, owner); err != nil {
		return Upload{}, err
	}
	inner, leave, err := r.enter(ctx, id, nil)
	if err != nil {
		return Upload{}, err
	}
	defer leave()
	u, err := r.find(inner, id, owner)
	switch {
	case err != nil:
		return Upload{}, evicted(inner, err)
	case u.Done:
		u.Received, err = r.received(ctx, u)
		return u, err
	case u.Offset == u.Length:
		return r.finish(ctx, u)
	}
	return u, nil
}

// finish looks at the complete bytes and makes them a blob.
func (r *Receiver) finish(ctx context.Context, u Upload) (Upload, error) {
	ctx = context.WithoutCancel(ctx) // the bytes are here: a line that breaks now need not undo it
	rec, err := r.received(ctx, u)
	if err == nil {
		err = r.Staging.Commit(ctx, u.ID, u.SHA256, rec.At)
	}
	if errors.Is(err, ErrTypeUnsupported) || errors.Is(err, ErrHashMismatch) {
		// A wrong hash is the graver news: the type of other bytes says nothing about this photo.
		if errors.Is(err, ErrTypeUnsupported) && errors.Is(r.check(ctx, u), ErrHashMismatch) {
			err = ErrHashMismatch
		}
		if rerr := r.Staging.Remove(ctx, u.ID); rerr != nil {
			return Upload{}, rerr
		}
		r.over(u.ID)
		return Upload{}, err
	}
	if err != nil {
		return u, err
	}
	r.over(u.ID)
	u.Done, u.Received = true, rec
	return u, nil
}

// check compares the staged bytes with the declared hash.
func (r *Receiver) check(ctx context.Context, u Upload) error {
	f, _, err := r.Staging.Open(ctx, u.ID)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	sum, err := SumReader(f)
	if err == nil && sum != u.SHA256 {
		err = ErrHashMismatch
	}
	return err
}

// received describes the photo of a complete upload: staged, and arriving now, or committed before. ErrNotFound if it
// was deleted since.
func (r *Receiver) received(ctx context.Context, u Upload) (Received, error) {
	rec := Received{
		SHA256: u.SHA256, Size: u.Length, Name: u.Name, Inspection: u.Inspection, Owner: u.Owner, Device: u.Device,
		At: u.arrived,
	}
	if !u.Done {
		rec.At = r.Now().UTC().Truncate(time.Millisecond)
	}
	f, size, err := r.Staging.Open(ctx, u.ID)
	if err != nil {
		return Received{}, err
	}
	defer func() { _ = f.Close() }() // only read
	rec.Photo, err = Look(f, size)
	return rec, err
}

// Terminate forgets an upload at its owner's wish. A photo that was stored stays.
func (r *Receiver) Terminate(ctx context.Context, id UploadID, owner string) error {
	if _, err := r.find(ctx, id, owner); err != nil && !errors.Is(err, ErrUploadExpired) {
		return err
	}
	_, leave, err := r.enter(ctx, id, nil)
	if err != nil {
		return err
	}
	defer leave()
	err = r.Staging.Remove(ctx, id)
	if err == nil {
		r.over(id)
	}
	return err
}

// Sweep forgets the uploads that expired and returns how many. Call it now and then; it is safe at any time, and in
// several processes.
func (r *Receiver) Sweep(ctx context.Context) (int, error) {
	if s, shared := r.Staging.(Shared); shared {
		ids, err := s.Expire(ctx, r.Now().Add(-r.Limits.Keep))
		for _, id := range ids {
			r.over(id)
		}
		return len(ids), err
	}
	all, err := r.Staging.List(ctx)
	if err != nil {
		return 0, err
	}
	swept := 0
	for _, st := range all {
		u, err := decodeUpload(st)
		if err == nil && !r.Now().After(u.Expires) {
			continue
		}
		_, leave, err := r.enter(ctx, st.ID, nil)
		if err != nil {
			return swept, err
		}
		err = r.Staging.Remove(ctx, st.ID)
		leave()
		if err != nil {
			return swept, err
		}
		r.over(st.ID)
		swept++
	}
	return swept, nil
}

// SumReader returns the SHA-256 of all that r gives, or r's error.
func SumReader(r io.Reader) (SHA256, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return SHA256{}, err
	}
	return SHA256(h.Sum(nil)), nil
}
