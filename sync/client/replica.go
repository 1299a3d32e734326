package client

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"paicha/internal/store"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Doc is one document as the tablet holds it. Body and Restricted are the server's bytes.
type Doc struct {
	fieldsync.PullChange        // Via is empty only for what has left the person's scope while work on it waits
	Epoch                string `json:"epoch"` // of the server when it was received: its Rev counts in this epoch alone
	Generation           uint64 `json:"generation"`
}

// Ref names the document.
func (d Doc) Ref() fieldsync.DocRef { return fieldsync.DocRef{Kind: d.Kind, ID: d.ID} }

// replicaState is the replica but for its documents. Generation counts the snapshots that were begun: what a snapshot
// in progress has not named yet is of an older generation.
type replicaState struct {
	Epoch        string    `json:"epoch"`
	Cursor       string    `json:"cursor"`
	Generation   uint64    `json:"generation"`
	Snapshotting bool      `json:"snapshotting"`
	Checked      time.Time `json:"checked,omitzero"` // when the sums were last found equal, by the tablet's clock
	Lease        lease     `json:"lease,omitzero"`
}

// page is one answer to a pull as the journal keeps it: data and cursor in one record, so that a cursor is never ahead
// of its data.
type page struct {
	Epoch    string             `json:"epoch"`
	Fresh    bool               `json:"fresh,omitzero"` // it was asked for without a cursor
	Keep     []fieldsync.DocRef `json:"keep,omitempty"` // work on these waits in the outbox: they are not dropped
	Response jsontext.Value     `json:"response"`       // a fieldsync.PullResponse
}

type replicaRecord struct {
	Page  *page         `json:"page,omitzero"`
	Doc   *Doc          `json:"doc,omitzero"`
	State *replicaState `json:"state,omitzero"`
}

// Replica is the tablet's copy of the documents that its person may see. It is safe for concurrent use.
type Replica struct {
	mu    sync.Mutex
	j     *journal
	state replicaState
	docs  map[fieldsync.DocRef]Doc
	live  int64 // bytes of the documents held, for deciding when to compact
}

// openReplica reads the replica of a journal.
func openReplica(disk Disk, path string) (*Replica, error) {
	r := &Replica{docs: map[fieldsync.DocRef]Doc{}}
	j, err := openJournal(disk, path, func(payload []byte) error {
		var rec replicaRecord
		if err := json.Unmarshal(payload, &rec); err != nil {
			return err
		}
		switch {
		case rec.Page != nil:
			return r.turn(*rec.Page)
		case rec.Doc != nil:
			r.put(*rec.Doc)
		case rec.State != nil:
			r.state = *rec.State
		}
		return nil
	})
	r.j = j
	return r, err
}

// apply makes one page durable and then true. Response is the server's answer, byte for byte.
func (r *Replica) apply(p page) (fieldsync.PullResponse, error) {
	var resp fieldsync.PullResponse
	if err := json.Unmarshal(p.Response, &resp); err != nil {
		return resp, ErrAnswer.Because(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Keep = slices.DeleteFunc(p.Keep, func(ref fieldsync.DocRef) bool { _, held := r.docs[ref]; return !held })
	if p.idle(resp, r.state) && !r.letsGo(p.Keep) {
		return resp, nil // nothing new: not worth a write to the tablet's flash
	}
	payload, err := json.Marshal(replicaRecord{Page: &p})
	if err != nil {
		return resp, ErrAnswer.Because(err)
	}
	if err := r.j.append(payload); err != nil {
		return resp, err
	}
	if err := r.turn(p); err != nil {
		return resp, err
	}
	if r.j.size > 2*r.live+4<<20 {
		return resp, r.j.rewrite(r.records())
	}
	return resp, nil
}

// idle reports whether a page changes nothing at all.
func (p page) idle(resp fieldsync.PullResponse, s replicaState) bool {
	return len(resp.Changes)+len(resp.Forget)+len(resp.SnapshotDone) == 0 && !resp.Reset && !p.Fresh &&
		!s.Snapshotting && resp.Cursor == s.Cursor && p.Epoch == s.Epoch
}

// letsGo reports whether a document is held for nothing but work that has ended meanwhile.
func (r *Replica) letsGo(keep []fieldsync.DocRef) bool {
	for ref, d := range r.docs {
		if len(d.Via) == 0 && !slices.Contains(keep, ref) {
			return true
		}
	}
	return false
}

// turn makes the page true in memory; called for a page just written, and for each at opening.
func (r *Replica) turn(p page) error {
	var resp fieldsync.PullResponse
	if err := json.Unmarshal(p.Response, &resp); err != nil {
		return err
	}
	if resp.Reset || p.Fresh {
		r.state.Generation++
		r.state.Snapshotting = true
	}
	r.state.Epoch, r.state.Cursor = p.Epoch, resp.Cursor
	for _, c := range resp.Changes {
		r.change(c)
	}
	r.leave(nameSet(resp.Forget), false)
	r.leave(nameSet(resp.SnapshotDone), true)
	if r.state.Snapshotting && !resp.More {
		// The snapshot was of the whole scope and is complete. What it did not name is gone, also what was held through
		// a grant that ended before the reset, which no forget and no snapshotDone will ever name.
		for ref, d := range r.docs {
			if d.Generation < r.state.Generation {
				d.Via = nil
				r.docs[ref] = d
			}
		}
		r.state.Snapshotting = false
	}
	for ref, d := range r.docs {
		if len(d.Via) == 0 && !slices.Contains(p.Keep, ref) {
			r.drop(ref)
		}
	}
	return nil
}

// change takes one change. Revs are compared within a generation only: a server restored from a backup counts from
// lower ones again, and begins with a reset.
func (r *Replica) change(c fieldsync.PullChange) {
	ref := fieldsync.DocRef{Kind: c.Kind, ID: c.ID}
	held, ok := r.docs[ref]
	if ok && held.Generation == r.state.Generation && c.Rev < held.Rev {
		return
	}
	if c.Removed != "" || len(c.Via) == 0 {
		if ok { // what was read stays as long as work on it waits: turn drops it otherwise
			held.Via = nil
			r.docs[ref] = held
		}
		return
	}
	if c.Held { // we said that we have it, and a pack never changes
		c.Body, c.Restricted, c.Held = held.Body, held.Restricted, false
	}
	r.put(Doc{PullChange: c, Epoch: r.state.Epoch, Generation: r.state.Generation})
}

// leave takes tokens from what is held through them: from everything, or from what the snapshot did not name.
func (r *Replica) leave(tokens map[string]bool, unnamed bool) {
	if len(tokens) == 0 {
		return
	}
	for ref, d := range r.docs {
		if unnamed && d.Generation == r.state.Generation {
			continue
		}
		kept := d.Via[:0:0]
		for _, t := range d.Via {
			if !tokens[string(t)] {
				kept = append(kept, t)
			}
		}
		d.Via = kept
		r.docs[ref] = d
	}
}

func nameSet[T ~string](names []T) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[string(n)] = true
	}
	return set
}

func (r *Replica) put(d Doc) {
	r.drop(d.Ref())
	r.docs[d.Ref()] = d
	r.live += d.size()
}

func (r *Replica) drop(ref fieldsync.DocRef) {
	if d, ok := r.docs[ref]; ok {
		r.live -= d.size()
		delete(r.docs, ref)
	}
}

func (d Doc) size() int64 { return int64(len(d.Body)+len(d.Restricted)) + 256 }

// records are the replica as a compacted journal has it.
func (r *Replica) records() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		emit := func(rec replicaRecord) bool {
			b, err := json.Marshal(rec)
			return yield(b, err)
		}
		for _, d := range r.docs {
			if !emit(replicaRecord{Doc: &d}) {
				return
			}
		}
		emit(replicaRecord{State: &r.state})
	}
}

// Get returns a document; false if it is not held.
func (r *Replica) Get(ref fieldsync.DocRef) (Doc, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.docs[ref]
	return d, ok
}

// Docs returns all documents held, by kind and id.
func (r *Replica) Docs() []Doc {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.docs), func(a, b Doc) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
}

// packs lists the hashes of the packs held, so that they need not be sent again.
func (r *Replica) packs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var hashes []string
	for ref, d := range r.docs {
		var body struct {
			Hash string `json:"hash"`
		}
		if ref.Kind == kindPack && json.Unmarshal(d.Body, &body) == nil && body.Hash != "" {
			hashes = append(hashes, body.Hash)
		}
	}
	slices.Sort(hashes)
	return hashes
}

// kindPack is the kind of checklists, the only documents that never change.
const kindPack = "pack"

// Cursor returns where the replica stands; empty before the first page.
func (r *Replica) Cursor() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Cursor
}

// sums are those of everything held, by token.
func (r *Replica) sums() []fieldsync.TokenSum {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := map[store.Token]*fieldsync.Sum{}
	for _, d := range r.docs {
		for _, t := range d.Via {
			if by[t] == nil {
				by[t] = &fieldsync.Sum{}
			}
			by[t].Add(d.Kind, d.ID, d.Rev)
		}
	}
	out := make([]fieldsync.TokenSum, 0, len(by))
	for _, t := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[t].Of(t))
	}
	return out
}

// repair begins the snapshots anew that a cursor from a check has in it: what they do not name is not to be held through
// their tokens.
func (r *Replica) repair(cursor string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Cursor = cursor
	s.Generation++
	return r.become(s)
}

// checked notes that the sums were equal.
func (r *Replica) checked(at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Checked = at
	return r.become(s)
}

// become makes another state durable and then true. The caller holds the lock.
func (r *Replica) become(s replicaState) error {
	payload, err := json.Marshal(replicaRecord{State: &s})
	if err != nil {
		return ErrArgs.Because(err)
	}
	if err := r.j.append(payload); err != nil {
		return err
	}
	r.state = s
	return nil
}

// lastChecked is when the sums were last found equal; zero for never.
func (r *Replica) lastChecked() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Checked
}

// epochOf returns the epoch that a rev of the document counts in.
func (r *Replica) epochOf(ref fieldsync.DocRef) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d, ok := r.docs[ref]; ok {
		return d.Epoch
	}
	return r.state.Epoch
}

func (r *Replica) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.j == nil {
		return nil
	}
	return r.j.close()
}
