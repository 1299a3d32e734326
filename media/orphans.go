package media

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"paicha/internal/store"
)

// KindBlob is the document of one photo's bytes; its id is the hash. It carries no token: nobody reads it.
const KindBlob store.Kind = "blob"

// Indexes are what the ledger and the prints find by. A photo that belongs to a record is in none of the ledger's.
var Indexes = []store.Index{
	{Kind: KindBlob, Fields: []string{"state", "since"}},
	{Kind: KindPrint, Fields: []string{"waiting"}}, // sparse
	{Kind: KindPrint, Fields: []string{printFields[0]}},
	{Kind: KindPrint, Fields: []string{printFields[1]}},
	{Kind: KindPrint, Fields: []string{printFields[2]}},
	{Kind: KindPrint, Fields: []string{printFields[3]}},
}

// BlobState says whether a photo's bytes are needed. In Uploaded, Attached, Condemned and Expired they are there; they
// are removed in Erasing and in no other state.
type BlobState string

// The states. A photo without a document is Unrecorded; nothing is ever removed of it.
const (
	Unrecorded BlobState = ""
	Uploaded   BlobState = "uploaded"  // no record names it yet
	Attached   BlobState = "attached"  // a record's evidence names it
	Condemned  BlobState = "condemned" // no record named it for a long time
	Expired    BlobState = "expired"   // the period of all records that name it is over; see Keeping
	Erasing    BlobState = "erasing"   // its bytes are being removed
	Erased     BlobState = "erased"    // they are gone
)

// blobEvent is what happens to a photo's bytes.
type blobEvent string

const (
	upload  blobEvent = "upload"  // somebody sent the bytes, again or for the first time
	attach  blobEvent = "attach"  // a record names it
	condemn blobEvent = "condemn" // nobody came
	erase   blobEvent = "erase"   // the grace is over, or whoever was erasing died
	gone    blobEvent = "gone"    // the bytes are removed
	retain  blobEvent = "retain"  // the store refused to remove them
	expire  blobEvent = "expire"  // the period of all records that name it is over
	spare   blobEvent = "spare"   // it is not, after all: somebody holds it, or the store does
)

// blobMoves is all that can happen. Every move is a compare-and-set on the photo's document, so of attach and condemn
// at the same time one is refused.
var blobMoves = map[BlobState]map[blobEvent]BlobState{
	Unrecorded: {upload: Uploaded, attach: Attached},
	Uploaded:   {upload: Uploaded, attach: Attached, condemn: Condemned},
	Attached:   {upload: Attached, attach: Attached, expire: Expired},
	Condemned:  {upload: Uploaded, erase: Erasing},
	Expired:    {upload: Attached, attach: Attached, erase: Erasing},
	Erasing:    {erase: Erasing, gone: Erased, retain: Condemned, spare: Attached},
	Erased:     {upload: Uploaded},
}

// Documents is what the ledger needs of the document store; *store.Store is one.
type Documents interface {
	Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error)
	Commit(ctx context.Context, ws []store.Write) ([]store.Outcome, error)
	Find(ctx context.Context, q store.Query) (store.Page, error)
}

// Ledger knows which photos are needed and removes the bytes of those that are not: bytes that nobody's record named
// for at least Keep, after a further Grace in which uploading them again saves them, and those whose period is over
// (see Keeping), after the same grace. It may run in several processes.
//
// A removal cannot be taken back and may arrive late, so one that was begun has eraseFor to be done, and for Lease
// nobody else touches that photo: neither another eraser nor an upload, which is told to come again.
type Ledger struct {
	Docs    Documents
	Blobs   Blobs
	Derived Derivatives // may be nil
	Now     func() time.Time
	Keep    time.Duration // no less than leastKeep
	Grace   time.Duration
	Lease   time.Duration

	// Claim is asked before a photo is condemned that waits for a record: whether the record has come after all and
	// the photo is its. It attaches the photo then. Nil claims nothing.
	Claim func(ctx context.Context, h SHA256, record string) (bool, error)

	// Keeping decides about photos that records name. Nil: they are kept for ever.
	Keeping Keeping
}

const (
	leastKeep = 90 * 24 * time.Hour
	eraseFor  = 10 * time.Minute // far less than Lease
	maxRounds = 8                // losses of a compare-and-set in a row
	sweepPage = 100
	maxWaits  = 16 // records that one photo waits for
	maxNamed  = 64 // records that name one photo; one that more name is kept for ever
)

// NewLedger returns a ledger with the times that evidence is kept by: 90 days, a week of grace, a day for a removal.
func NewLedger(docs Documents, blobs Blobs, now func() time.Time) *Ledger {
	return &Ledger{Docs: docs, Blobs: blobs, Now: now, Keep: leastKeep, Grace: 7 * 24 * time.Hour, Lease: 24 * time.Hour}
}

// blobDoc is the body of a photo's document.
type blobDoc struct {
	State BlobState `json:"state"`
	Since time.Time `json:"since"`         // server time
	For   []string  `json:"for,omitempty"` // records that it was uploaded for and that had not come
	By    []string  `json:"by,omitempty"`  // all records that name it; none, though it is attached: not known
	Many  bool      `json:"many,omitempty"`
	Class Class     `json:"class,omitempty"` // by whose period it expired
}

func blobRef(h SHA256) store.Ref { return store.Ref{Kind: KindBlob, ID: h.String()} }

func decodeBlob(d store.Doc) (blobDoc, error) {
	var b blobDoc
	if d.Rev == 0 {
		return b, nil
	}
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return b, ErrStorage.Because(fmt.Errorf("blob %s: %w", d.ID, err))
	}
	return b, nil
}

// put writes one move; false if the document is past old.
func (l *Ledger) put(ctx context.Context, h SHA256, old store.Doc, b blobDoc) (bool, error) {
	b.Since = l.Now().UTC().Truncate(time.Millisecond)
	body, err := json.Marshal(b)
	if err != nil {
		return false, ErrStorage.Because(err)
	}
	n := store.Doc{Ref: blobRef(h), Body: body}
	if b.State != Attached && b.State != Erased {
		n.Fields = store.Fields{"state": store.Text(string(b.State)), "since": store.Time(b.Since)}
	}
	outs, err := l.Docs.Commit(ctx, []store.Write{{Old: old, New: n}})
	if err != nil {
		return false, err
	}
	if outs[0].Status == store.Unknown {
		return false, ErrStorage.Because(errors.New("outcome unknown"))
	}
	return outs[0].Status == store.OK, nil
}

// Arrive notes bytes that are durable and that no record names yet; record is the one that they were sent for, or
// empty. ErrErasing if they are just being removed and ErrCondemned if they are gone: they have to be sent again.
func (l *Ledger) Arrive(ctx context.Context, h SHA256, record string) error {
	return l.note(ctx, h, record, upload)
}

// Enter notes bytes that are durable and that this record names; errors as Arrive has. It comes before the record's
// evidence says so: a photo that is attached for nothing costs room, one that is named and removed costs evidence.
func (l *Ledger) Enter(ctx context.Context, h SHA256, record string) error {
	return l.note(ctx, h, record, upload, attach)
}

// Attach notes that this record names a photo that arrived before. ErrCondemned if it came too late: the photo has to be
// sent again.
func (l *Ledger) Attach(ctx context.Context, h SHA256, record string) error {
	return l.note(ctx, h, record, attach)
}

func (l *Ledger) note(ctx context.Context, h SHA256, record string, events ...blobEvent) error {
	for range maxRounds {
		d, was, err := l.read(ctx, h)
		if err != nil {
			return err
		}
		now := was
		for _, e := range events {
			to, may := blobMoves[now.State][e]
			if !may {
				return refusal(now.State)
			}
			now.State = to
		}
		if was.State == Erased || was.State == Unrecorded && events[0] == attach {
			// The upload may have found the bytes there, and left them as they were, just before they went; or nobody
			// ever sent them.
			if _, err := l.Blobs.Stat(ctx, h); errors.Is(err, ErrNotFound) {
				return ErrCondemned
			} else if err != nil {
				return err
			}
		}
		if slices.Contains(events, attach) {
			now = now.named(was.State, record, events[0] == upload)
		} else {
			now = now.awaited(record)
		}
		if was.State == Attached && !now.differs(was) {
			return nil
		}
		if ok, err := l.put(ctx, h, d, now); ok || err != nil {
			return err
		}
	}
	return ErrStorage.Because(errors.New("the document changes too often"))
}

// read returns a photo's document, as it is stored and as it reads.
func (l *Ledger) read(ctx context.Context, h SHA256) (store.Doc, blobDoc, error) {
	docs, err := l.Docs.Get(ctx, blobRef(h))
	if err != nil {
		return store.Doc{}, blobDoc{}, err
	}
	b, err := decodeBlob(docs[0])
	return docs[0], b, err
}

// named enters a record that names the photo. The list must have all that do, or none: of bytes that were there before
// anybody kept one, and of a photo that was attached then, it is not begun.
func (b blobDoc) named(was BlobState, record string, sent bool) blobDoc {
	b.For, b.Class = nil, ""
	switch {
	case was == Attached && len(b.By) == 0, was == Unrecorded && !sent, slices.Contains(b.By, record):
	case len(b.By) >= maxNamed:
		b.Many = true
	default:
		b.By = append(slices.Clone(b.By), record)
	}
	return b
}

// awaited enters a record that the photo was sent for and that has not come. Of one that other records name it is noted
// only where it saves the photo.
func (b blobDoc) awaited(record string) blobDoc {
	b.Class = ""
	if record != "" && !slices.Contains(b.For, record) {
		b.For = append(slices.Clone(b.For), record)
		b.For = b.For[max(0, len(b.For)-maxWaits):]
	}
	return b
}

// differs reports whether an attached photo came to be named by somebody else.
func (b blobDoc) differs(was blobDoc) bool { return len(b.By) != len(was.By) || b.Many != was.Many }

// refusal is what is told to whoever may not go on.
func refusal(s BlobState) error {
	if s == Erasing {
		return ErrErasing
	}
	return ErrCondemned
}

// Swept is what a sweep did.
type Swept struct {
	Condemned int
	Erased    int // that nobody named, or whose eraser died
	Expired   int // erased after their period
}

// Sweep condemns what nobody named and removes what was condemned, or has expired. Call it now and then; it is safe at any time. A photo
// at which it fails stops no other; the first failure is returned in the end.
func (l *Ledger) Sweep(ctx context.Context) (Swept, error) {
	var out Swept
	var first error
	for _, step := range []struct {
		state BlobState
		age   time.Duration
		do    func(context.Context, SHA256, store.Doc) (bool, error)
		count *int
	}{
		{Uploaded, max(l.Keep, leastKeep), l.condemn, &out.Condemned},
		{Condemned, l.Grace, l.erase, &out.Erased},
		{Expired, l.Grace, l.erase, &out.Expired},
		{Erasing, l.Lease, l.erase, &out.Erased},
	} {
		before := l.Now().Add(-step.age)
		var after store.PageKey
		for {
			page, err := l.Docs.Find(ctx, store.Query{
				Kind: KindBlob, Order: "since", After: after, Limit: sweepPage,
				Where: []store.Cond{store.Where("state", store.Eq, store.Text(string(step.state))), store.Where("since", store.Lt, store.Time(before))},
			})
			if err != nil {
				return out, err
			}
			for _, d := range page.Docs {
				h, err := ParseSHA256(d.ID)
				var done bool
				if err == nil {
					done, err = step.do(ctx, h, d)
				}
				if done {
					*step.count++
				}
				if e := ctx.Err(); e != nil {
					return out, e
				}
				first = cmp.Or(first, err)
			}
			if after = page.Next; after == (store.PageKey{}) {
				break
			}
		}
	}
	return out, first
}

// condemn moves a photo that nobody named; false if somebody did after all.
func (l *Ledger) condemn(ctx context.Context, h SHA256, d store.Doc) (bool, error) {
	b, err := decodeBlob(d)
	if err != nil {
		return false, err
	}
	to, may := blobMoves[b.State][condemn]
	if !may {
		return false, nil
	}
	for _, record := range b.For {
		if l.Claim == nil {
			break
		}
		if claimed, err := l.Claim(ctx, h, record); claimed || err != nil {
			return false, err
		}
	}
	b.State = to
	return l.put(ctx, h, d, b)
}

// erase removes the bytes of a condemned or expired photo, once nobody can attach it any more; false if somebody else is
// at it, the store refuses, or its period is not over after all. Of a failure nothing is known, so the photo stays in
// Erasing until the lease is over.
//
// Whether the period is over is asked after the photo is in Erasing: a hold that was durable before is seen, and wins.
func (l *Ledger) erase(ctx context.Context, h SHA256, d store.Doc) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, eraseFor)
	defer cancel()
	b, err := decodeBlob(d)
	if err != nil {
		return false, err
	}
	to, may := blobMoves[b.State][erase]
	if !may || b.State == Erasing && l.Now().Sub(b.Since) < l.Lease {
		return false, nil
	}
	resumed := b.State == Erasing
	b.State, b.For = to, nil
	if ok, err := l.put(ctx, h, d, b); !ok {
		return false, err
	}
	event := gone
	if b.Class != "" {
		switch over, err := l.over(ctx, h, b, resumed); {
		case err != nil:
			return false, err
		case !over:
			_, err := l.end(ctx, h, d.Rev+1, spare)
			return false, err
		}
	}
	err = l.Blobs.Delete(ctx, h)
	switch {
	case errors.Is(err, ErrRetained) && b.Class != "":
		event = spare
	case errors.Is(err, ErrRetained):
		event = retain
	case err != nil:
		return false, err
	default:
		if err := l.cleared(ctx, h, b); err != nil {
			return false, err
		}
	}
	ok, err := l.end(ctx, h, d.Rev+1, event)
	return ok && event == gone, err
}

// cleared does what belongs to the removal of an original: its pictures go, and the records that named it say so.
func (l *Ledger) cleared(ctx context.Context, h SHA256, b blobDoc) error {
	if l.Derived != nil {
		if err := l.Derived.DeleteDerived(ctx, h); err != nil {
			return err
		}
	}
	if b.Class == "" || l.Keeping == nil {
		return nil
	}
	return l.Keeping.Erased(ctx, h, b.By, b.Class)
}

// end moves a photo out of Erasing as the eraser that put it there; false if the lease was over and another took it up.
func (l *Ledger) end(ctx context.Context, h SHA256, rev store.Rev, event blobEvent) (bool, error) {
	d, now, err := l.read(ctx, h)
	if err != nil || d.Rev != rev {
		return false, err
	}
	now.State = blobMoves[now.State][event]
	now.Class = ""
	if event == gone {
		now.By, now.Many = nil, false
	}
	return l.put(ctx, h, d, now)
}
