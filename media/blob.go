package media

import (
	"context"
	"io"
	"time"
)

// Blobs keeps bytes under their SHA-256. What is stored never changes and is never overwritten. blobtest.Blobs is its
// definition by test. Every method returns ctx's error, unchanged in its chain, when ctx ends first; after that nothing
// half-done is visible. A failure of the medium is ErrStorage with its cause.
type Blobs interface {
	// Put reads r to its end and stores it under hash. The bytes are verified while they stream and are durable when
	// Put returns nil: they survive a power cut the next instant. Again is harmless: the bytes are verified, the
	// stored ones stay. Too short or too long is ErrSizeMismatch (never more than size+1 bytes are read), other bytes are ErrHashMismatch, a
	// failing r is r's error; nothing is stored then.
	Put(ctx context.Context, hash SHA256, size int64, r io.Reader) error

	// Open returns the bytes and their number, or ErrNotFound. The caller closes.
	Open(ctx context.Context, hash SHA256) (io.ReadSeekCloser, int64, error)

	// Stat returns the number of bytes, or ErrNotFound.
	Stat(ctx context.Context, hash SHA256) (int64, error)

	// Delete removes the bytes. Removing what is missing is no error. Whether something may be removed is decided by
	// retention, never here, though a store that keeps originals under a lock may refuse with ErrRetained. Who has it
	// open reads on or gets an error, never other bytes.
	Delete(ctx context.Context, hash SHA256) error
}

// Linker is the further ability of a store that clients can reach themselves: a photo is then read past this server.
type Linker interface {
	// Link returns an address at which anybody who has it can read the photo for that time and no longer, shown as a
	// file of type t. It does not look whether the photo is there. Whoever asks has decided before who may see it.
	Link(ctx context.Context, hash SHA256, t Type, life time.Duration) (string, error)
}

// Paced is the further ability of a Staging that has to say how large a piece should be.
type Paced interface {
	// Piece is how many bytes one Append should bring where the line allows it.
	Piece() int64
}

// Staging keeps the bytes of uploads that are not complete. blobtest.Staging is its definition by test. Calls for one
// upload may come at the same time: each works on the state that the one before left.
type Staging interface {
	// Create begins an upload of length bytes and keeps meta with it. It may become durable only with the first
	// Append that does: nothing is lost by forgetting an upload without bytes. ErrUploadExists if the id is taken.
	Create(ctx context.Context, id UploadID, length int64, meta []byte) error

	// Append adds what r gives at offset and returns how many bytes are kept. offset must be the present offset, else
	// ErrOffset and nothing is read. What is kept is durable before Append returns, with one exception: when it
	// completes the upload, Commit makes it durable and must follow before anything is said to anybody.
	// If r fails, what came before is kept and the error returned beside its count, unless the error is a Discard:
	// then nothing of this call is kept. More bytes than length leaves room for is ErrTooLong and nothing is kept.
	Append(ctx context.Context, id UploadID, offset int64, r io.Reader) (int64, error)

	// Stat tells where the upload stands; ErrUploadNotFound if there is none. It does not wait for an Append that is
	// running, of which it tells nothing yet; nor does List. After a crash Offset is the durable
	// truth: never less than what an Append returned before, and never counting a byte that was not made durable.
	Stat(ctx context.Context, id UploadID) (Staged, error)

	// Open reads the bytes staged so far; of a committed upload, those of the blob that it became, or ErrNotFound if
	// that was deleted. ErrUploadNotFound if there is no such upload.
	Open(ctx context.Context, id UploadID) (io.ReadSeekCloser, int64, error)

	// Commit makes the complete upload the blob hash, without copying, durably. Bytes of another hash are
	// ErrHashMismatch and stay staged; missing bytes are ErrIncomplete. If the blob exists, it stays and the staged
	// bytes go. Afterwards the upload is remembered as committed at the time given until Remove; Commit again with the
	// same hash is harmless and the first time stays. That memory is not durable: whoever lost an answer to a power cut uploads again, which is harmless too.
	Commit(ctx context.Context, id UploadID, hash SHA256, at time.Time) error

	// Remove forgets the upload and its bytes; a committed blob stays. Removing what is missing is no error.
	Remove(ctx context.Context, id UploadID) error

	// List returns all uploads, committed ones too, in order of id, for the sweep of what expired.
	List(ctx context.Context) ([]Staged, error)
}

// Shared is the further ability of a Staging that several processes work on at once and that holds more than may be
// listed every hour. blobtest.Shared is its definition by test: any process continues an upload that another one began,
// and of two that append at one offset one gets ErrOffset, though it may have read its bytes by then.
type Shared interface {
	Staging

	// Pending returns the uploads that are not committed, in order of id.
	Pending(ctx context.Context) ([]Staged, error)

	// Expire removes all uploads that were begun before that time, committed ones too, and returns their ids in order.
	// It also removes what a crash left of uploads that are forgotten already. Time is by the clock of the store.
	Expire(ctx context.Context, before time.Time) ([]UploadID, error)
}

// Staged is the state of one upload.
type Staged struct {
	ID        UploadID
	Length    int64 // bytes declared
	Offset    int64 // bytes durably received; equal to Length when committed
	Committed bool
	Arrived   time.Time // as given to Commit, UTC, in milliseconds; zero before
	Meta      []byte    // as given to Create
}

// Discard marks an error of a reader that makes the bytes before it worthless: a chunk whose checksum is wrong.
type Discard struct{ Err error }

func (d *Discard) Error() string { return d.Err.Error() }

// Unwrap returns the reason.
func (d *Discard) Unwrap() error { return d.Err }

// UploadID names one upload: 1 to 64 letters, digits, "-" or "_". Whoever makes ids makes them unguessable.
type UploadID string

// ParseUploadID reads an id that came from outside. It returns ErrUploadIDForm for what is no id: a path, for example.
func ParseUploadID(s string) (UploadID, error) {
	if len(s) == 0 || len(s) > 64 {
		return "", ErrUploadIDForm
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return "", ErrUploadIDForm
		}
	}
	return UploadID(s), nil
}
