package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Tablet is one device of one person. Server, Dir, Now and NewID are needed; set all fields before Open. Its methods may
// be called concurrently.
type Tablet struct {
	Server string       // base URL, "https://paicha.example"
	HTTP   *http.Client // http.DefaultClient if nil
	Dir    string       // the tablet's own directory: outbox, replica, photos, key, session
	Disk   Disk         // the operating system's if nil
	Name   string       // of the device, for people
	App    string       // version of the app
	Now    func() time.Time
	NewID  func() uuid.UUID // UUIDv7

	// Wait is called before attempt 1, 2 … of a step that failed for a reason that may pass; it sleeps as long as the
	// app sees fit, AskedWait at least, and returns an error to give up. Nil: every step is tried once.
	Wait     func(ctx context.Context, attempt int) error
	Attempts int // most attempts of one step without progress; 5 if 0

	outbox  *Outbox
	replica *Replica

	authMu  sync.Mutex // guards session, and lets one refresh at a time out
	session session
	key     *ecdsa.PrivateKey

	dialect dialect

	syncMu  sync.Mutex // one Sync at a time; guards what follows
	handing string     // the token for handing in, while that is all that the tablet may do
	wiping  bool       // the server said with it that the tablet is wiped after that
	hello   fieldsync.HelloResponse
	batch   int                           // mutations of the next push
	chunk   stride                        // bytes of the next PATCH
	pages   stride                        // documents of the next page
	page    *torn                         // that has come in part
	calm    map[fieldsync.MutationID]bool // those in the queue that raise no major hazard; nil if none does
	asked   int                           // where the next hello's list of inspections begins
	known   uint64                        // the server knows every number of the chain up to this one
	gaps    []uint64                      // numbers that the last answer missed
}

// Command is a mutation to be made. BaseRev is the rev that the person saw, 0 for a new document.
type Command struct {
	Name      string
	Doc       fieldsync.DocRef
	BaseRev   uint64
	Args      any            // marshalled as JSON; jsontext.Value is taken as it is
	Place     jsontext.Value // where it was made; may be nil
	Signature jsontext.Value // may be nil
}

// NewPhoto describes a photo to be queued.
type NewPhoto struct {
	Inspection string         // id of the inspection that names it
	Name       string         // file name for people; may be empty
	Type       string         // media type, "image/jpeg"
	Capture    jsontext.Value // the capture manifest; may be nil
}

// Open opens the tablet's directory, making it at first. ErrDamaged leaves everything as it is.
func (t *Tablet) Open() error {
	if t.Disk == nil {
		t.Disk = osDisk{}
	}
	if t.HTTP == nil {
		t.HTTP = http.DefaultClient
	}
	t.Server = strings.TrimSuffix(t.Server, "/")
	if err := t.Disk.MkdirAll(filepath.Join(t.Dir, "photos")); err != nil {
		return ErrNotSaved.Because(err)
	}
	if err := t.loadSession(); err != nil {
		return err
	}
	o, err := openOutbox(t.Disk, filepath.Join(t.Dir, "outbox.journal"))
	if err != nil {
		return err
	}
	r, err := openReplica(t.Disk, filepath.Join(t.Dir, "replica.journal"))
	if err != nil {
		return errors.Join(err, o.close())
	}
	t.outbox, t.replica = o, r
	if err := t.sweep(); err != nil {
		return errors.Join(err, t.Close())
	}
	return nil
}

// Close closes the files. Whatever was queued is safe already.
func (t *Tablet) Close() error {
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	if t.outbox == nil {
		return nil
	}
	return errors.Join(t.outbox.close(), t.replica.close())
}

// Outbox is what waits on the tablet; nil before Open.
func (t *Tablet) Outbox() *Outbox { return t.outbox }

// Replica is the documents on the tablet; nil before Open.
func (t *Tablet) Replica() *Replica { return t.replica }

// Hello returns the last answer to a hello since Open.
func (t *Tablet) Hello() fieldsync.HelloResponse {
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	return t.hello
}

// Do queues a command. It is saved durably when Do returns its id; ErrArgs and ErrNotSaved mean that it is not.
func (t *Tablet) Do(c Command) (fieldsync.MutationID, error) {
	if t.outbox == nil {
		return "", ErrClosed
	}
	args, err := json.Marshal(c.Args)
	if err != nil {
		return "", ErrArgs.Because(err)
	}
	epoch := t.replica.epochOf(c.Doc)
	return t.outbox.add(func(n uint64, prev fieldsync.MutationID) (Queued, error) {
		m := fieldsync.Mutation{
			ID: fieldsync.MutationID(t.NewID().String()), N: n, Prev: prev, Name: c.Name, Doc: c.Doc,
			Args: args, At: t.Now().UTC().Truncate(time.Millisecond), Place: c.Place, Signature: c.Signature,
		}
		setRev(&m.BaseRev, c.BaseRev)
		raw, err := json.Marshal(m)
		if err != nil {
			return Queued{}, ErrArgs.Because(err)
		}
		return Queued{ID: m.ID, N: n, Name: m.Name, Doc: m.Doc, Raw: raw, Epoch: epoch, At: m.At}, nil
	})
}

func setRev[T ~uint64](to *T, rev uint64) { *to = T(rev) }

// Save queues a command on a document as the tablet holds it: its base is the rev in the replica, 0 if there is none.
func (t *Tablet) Save(name string, doc fieldsync.DocRef, args any) (fieldsync.MutationID, error) {
	if t.replica == nil {
		return "", ErrClosed
	}
	held, _ := t.replica.Get(doc)
	return t.Do(Command{Name: name, Doc: doc, BaseRev: uint64(held.Rev), Args: args})
}

// Dismiss takes a mutation from Outbox().Asking: a person has seen it. Again is no error.
func (t *Tablet) Dismiss(id fieldsync.MutationID) error {
	if t.outbox == nil {
		return ErrClosed
	}
	return t.outbox.dismiss(id)
}

// SetAside takes a mutation that waits for another out of the queue, because a person says that nothing will come of it:
// the record that it adds to was dismissed, or went with a server's backup. It is in Outbox().Asking then.
func (t *Tablet) SetAside(id fieldsync.MutationID) error {
	if t.outbox == nil {
		return ErrClosed
	}
	for _, m := range t.outbox.Waiting() {
		if m.ID == id && m.Result != nil && m.Result.Status == fieldsync.Blocked {
			r := *m.Result
			r.Status, r.Next = untaken, fieldsync.AskPerson
			return t.outbox.judge([]fieldsync.Result{r})
		}
	}
	return nil
}

// AddPhoto keeps a copy of a photo's bytes, queues it and returns its SHA-256, by which records name it. Both are durable
// when it returns. The same photo again is no error.
func (t *Tablet) AddPhoto(p NewPhoto, data []byte) (string, error) {
	if t.outbox == nil {
		return "", ErrClosed
	}
	if len(data) == 0 || p.Inspection == "" {
		return "", ErrPhoto
	}
	if p.Capture != nil && !p.Capture.IsValid() {
		return "", ErrArgs
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	if err := writeFile(t.Disk, t.photoPath(hash), data); err != nil { // the bytes before the record that names them
		return "", err
	}
	return hash, t.outbox.addPhoto(Photo{
		Inspection: p.Inspection, SHA256: hash, Size: int64(len(data)), Name: p.Name, Type: p.Type, Capture: p.Capture,
		At: t.Now().UTC().Truncate(time.Millisecond),
	})
}

func (t *Tablet) photoPath(hash string) string { return filepath.Join(t.Dir, "photos", hash) }

// sweep deletes photo files that no record names: of a photo that was dropped, or whose record was never written, so
// that the app was not told that it is saved. Only at opening, when no AddPhoto is between file and record.
func (t *Tablet) sweep() error {
	named := map[string]bool{}
	for _, p := range t.outbox.Photos() {
		named[p.SHA256] = true
	}
	files, err := t.Disk.ReadDir(filepath.Join(t.Dir, "photos"))
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	for _, f := range files {
		if !named[f] {
			if err := t.Disk.Remove(t.photoPath(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return ErrNotSaved.Because(err)
			}
		}
	}
	return nil
}

// wipe removes what the tablet holds and closes it; the key goes last, since it proves who hands in.
func (t *Tablet) wipe() error {
	err := errors.Join(t.outbox.close(), t.replica.close())
	t.page = nil
	for _, name := range []string{"replica.journal", "outbox.journal", "photos", "session.json", "device.pem"} {
		err = errors.Join(err, t.Disk.RemoveAll(filepath.Join(t.Dir, name)))
	}
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	return ErrWiped
}

// retry does a step until it succeeds, fails for good, or Wait or the attempts give out. The step reports progress, which
// begins the count anew: a slow line that moves is not a dead one.
func (t *Tablet) retry(ctx context.Context, step func() (progress bool, err error)) error {
	for attempt := 1; ; attempt++ {
		progress, err := step()
		if err == nil || !temporary(err) {
			return err
		}
		if progress {
			attempt = 1
		}
		most := t.Attempts
		if most == 0 {
			most = 5
		}
		if t.Wait == nil || attempt >= most {
			return err
		}
		if werr := t.Wait(withAsked(ctx, err), attempt); werr != nil {
			return errors.Join(werr, err)
		}
	}
}
