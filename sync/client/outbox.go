package client

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Queued is one mutation in the outbox.
type Queued struct {
	ID     fieldsync.MutationID `json:"id"`
	N      uint64               `json:"n"`
	Name   string               `json:"name"`
	Doc    fieldsync.DocRef     `json:"doc"`
	Raw    []byte               `json:"raw"`   // as it is sent, each time the same
	Epoch  string               `json:"epoch"` // that its baseRev counts in
	At     time.Time            `json:"at"`
	Result *fieldsync.Result    `json:"result,omitzero"` // the last answer; nil before the first
	Fate
}

// Photo is one photo in the outbox. Its bytes are a file of the tablet, named by the hash.
type Photo struct {
	Inspection string             `json:"inspection"`
	SHA256     string             `json:"sha256"` // 64 lower-case hexadecimal digits
	Size       int64              `json:"size"`   // bytes
	Name       string             `json:"name"`   // file name for people
	Type       string             `json:"type"`   // media type as the camera said it
	Capture    jsontext.Value     `json:"capture,omitzero"`
	At         time.Time          `json:"at"`
	Location   string             `json:"location,omitzero"` // path of the upload that was begun
	Problem    *fieldsync.Problem `json:"problem,omitzero"`
	Fate
}

// Fate is what became of something that was queued.
type Fate struct {
	Done      bool      `json:"done,omitzero"`      // the server needs it no more, unless it loses what it has
	Asking    bool      `json:"asking,omitzero"`    // a person has to look at it
	Confirmed time.Time `json:"confirmed,omitzero"` // a server time after it was done; zero: not known yet
}

// photoKey tells a photo of one inspection from the same photo of another.
type photoKey struct{ inspection, sha256 string }

func (p Photo) key() photoKey { return photoKey{p.Inspection, p.SHA256} }

// chain is the device's numbering of its mutations.
type chain struct {
	N    uint64               `json:"n"`
	Prev fieldsync.MutationID `json:"prev"`
}

// contact is what a hello told about the safety of what was sent.
type contact struct {
	Epoch     string                   `json:"epoch"`
	Time      time.Time                `json:"time"` // the server's
	KeptUntil time.Time                `json:"keptUntil,omitzero"`
	Missing   []fieldsync.MissingMedia `json:"missing,omitempty"`
}

// outboxRecord is one line of the outbox's journal; exactly one member is set.
type outboxRecord struct {
	Mutation  *Queued              `json:"mutation,omitzero"`
	Photo     *Photo               `json:"photo,omitzero"` // replaces the one of the same key
	Verdicts  []fieldsync.Result   `json:"verdicts,omitempty"`
	Contact   *contact             `json:"contact,omitzero"`
	Dismissed fieldsync.MutationID `json:"dismissed,omitzero"`
	Chain     *chain               `json:"chain,omitzero"`
	Epoch     string               `json:"epoch,omitzero"`
}

// Outbox is what waits on the tablet: mutations and photos, and what the server said of them. What a method took
// without an error survives power loss. It is safe for concurrent use.
type Outbox struct {
	mu     sync.Mutex
	j      *journal
	chain  chain
	epoch  string // of the last contact
	queue  []*Queued
	byID   map[fieldsync.MutationID]*Queued
	photos map[photoKey]*Photo
}

func openOutbox(disk Disk, path string) (*Outbox, error) {
	o := newOutbox()
	j, err := openJournal(disk, path, o.read)
	o.j = j
	return o, err
}

func newOutbox() *Outbox {
	return &Outbox{byID: map[fieldsync.MutationID]*Queued{}, photos: map[photoKey]*Photo{}}
}

// read applies one record of the journal.
func (o *Outbox) read(payload []byte) error {
	var rec outboxRecord
	if err := json.Unmarshal(payload, &rec); err != nil {
		return err
	}
	return o.turn(rec)
}

// turn makes a record true in memory.
func (o *Outbox) turn(rec outboxRecord) error {
	switch {
	case rec.Mutation != nil:
		m := *rec.Mutation
		if m.ID == "" || o.byID[m.ID] != nil {
			return fmt.Errorf("mutation %q twice or without id", m.ID)
		}
		o.queue = append(o.queue, &m)
		o.byID[m.ID] = &m
		if m.N > o.chain.N {
			o.chain = chain{N: m.N, Prev: m.ID}
		}
	case rec.Photo != nil:
		p := *rec.Photo
		o.photos[p.key()] = &p
	case rec.Verdicts != nil:
		for _, v := range rec.Verdicts {
			if m := o.byID[v.ID]; m != nil {
				m.judge(v)
			}
		}
	case rec.Contact != nil:
		o.meet(*rec.Contact)
	case rec.Dismissed != "":
		if m := o.byID[rec.Dismissed]; m != nil {
			m.Asking = false
		}
	case rec.Chain != nil:
		o.chain = *rec.Chain
	case rec.Epoch != "":
		o.epoch = rec.Epoch
	}
	return nil
}

// judge takes the server's answer. What this app does not know is kept and sent again: a newer server loses nothing.
func (m *Queued) judge(v fieldsync.Result) {
	m.Result = &v
	switch v.Status {
	case fieldsync.Applied, fieldsync.Duplicate, fieldsync.Conflict, fieldsync.Rejected, fieldsync.Quarantined, untaken:
	default:
		return
	}
	if v.Next == fieldsync.Keep {
		return
	}
	m.Done, m.Confirmed = true, time.Time{}
	asks := v.Next == fieldsync.AskPerson
	if v.Next != fieldsync.Remove && !asks { // no word on it: a person sees what did not simply succeed
		asks = v.Status != fieldsync.Applied && v.Status != fieldsync.Duplicate
	}
	m.Asking = asks
}

// meet takes what a hello told. A new epoch is a server restored from a backup: everything that no backup was known to
// cover is sent again, harmlessly. What was done before this contact is stamped with its time, which is later than
// when it was done and so never too early for keptUntil; what a backup covers is dropped.
func (o *Outbox) meet(c contact) {
	restored := o.epoch != "" && c.Epoch != o.epoch
	o.epoch = c.Epoch
	missing := map[photoKey]bool{}
	for _, m := range c.Missing {
		for _, h := range m.SHA256 {
			missing[photoKey{m.Inspection, h}] = true
		}
	}
	renew := func(f *Fate, again bool) (drop bool) {
		switch {
		case !f.Done:
		case again:
			f.Done, f.Confirmed = false, time.Time{}
		case f.Confirmed.IsZero():
			f.Confirmed = c.Time
		case f.Confirmed.Before(c.KeptUntil) && !f.Asking:
			return true
		}
		return false
	}
	o.queue = slices.DeleteFunc(o.queue, func(m *Queued) bool {
		drop := renew(&m.Fate, restored)
		if drop {
			delete(o.byID, m.ID)
		}
		return drop
	})
	for k, p := range o.photos {
		again := restored || p.Done && missing[k]
		if again {
			p.Location, p.Problem = "", nil // the upload it names is of another time
		}
		if renew(&p.Fate, again) {
			delete(o.photos, k)
		}
	}
}

// write makes a record durable and then true. The caller holds the lock.
func (o *Outbox) write(rec outboxRecord) error {
	payload, err := json.Marshal(rec)
	if err != nil {
		return ErrArgs.Because(err)
	}
	if err := o.j.append(payload); err != nil {
		return err
	}
	return o.turn(rec)
}

// add queues the mutation that build makes of the device's next place in the chain. It is durable when add returns.
func (o *Outbox) add(build func(n uint64, prev fieldsync.MutationID) (Queued, error)) (fieldsync.MutationID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, err := build(o.chain.N+1, o.chain.Prev)
	if err != nil {
		return "", err
	}
	if o.byID[m.ID] != nil {
		return "", ErrArgs.Because(errors.New("id used twice"))
	}
	return m.ID, o.write(outboxRecord{Mutation: &m})
}

// addPhoto queues a photo. One that waits already, or has arrived, stays as it is; one that was refused is tried anew.
func (o *Outbox) addPhoto(p Photo) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if held := o.photos[p.key()]; held != nil && held.Problem == nil {
		return nil
	}
	return o.write(outboxRecord{Photo: &p})
}

// setPhoto tells how far a photo has come. One that was dropped meanwhile stays dropped.
func (o *Outbox) setPhoto(p Photo) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.photos[p.key()] == nil {
		return nil
	}
	return o.write(outboxRecord{Photo: &p})
}

// judge takes the answers of a push, in one durable record.
func (o *Outbox) judge(vs []fieldsync.Result) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	vs = slices.DeleteFunc(slices.Clone(vs), func(v fieldsync.Result) bool {
		m := o.byID[v.ID]
		return m == nil || m.Done
	})
	if len(vs) == 0 {
		return nil
	}
	if err := o.write(outboxRecord{Verdicts: vs}); err != nil {
		return err
	}
	if left := o.orphans(); len(left) > 0 {
		return o.write(outboxRecord{Verdicts: left})
	}
	return nil
}

// ended is the verdict, of a duplicate the first one.
func (m *Queued) ended() fieldsync.Status {
	switch {
	case m.Result == nil:
		return ""
	case m.Result.Status == fieldsync.Duplicate:
		return m.Result.First
	}
	return m.Result.Status
}

// begins reports whether the mutation begins its document.
func (m *Queued) begins() bool {
	var raw struct {
		BaseRev uint64 `json:"baseRev"`
		Args    struct {
			Header jsontext.Value `json:"header"`
		} `json:"args"`
	}
	return m.Name == "inspection.save" && json.Unmarshal(m.Raw, &raw) == nil && raw.BaseRev == 0 && len(raw.Args.Header) > 0
}

// orphans are the mutations that wait for a document whose beginning was rejected: nothing else will ever come, so they
// go aside with it, under the same problem.
func (o *Outbox) orphans() (out []fieldsync.Result) {
	type fate struct{ refused, there *fieldsync.Result }
	of := map[fieldsync.DocRef]fate{}
	for _, m := range o.queue {
		f := of[m.Doc]
		switch ended := m.ended(); {
		case m.Result == nil:
		case m.Done && ended == fieldsync.Rejected:
			if f.refused == nil && m.begins() {
				f.refused = m.Result
			}
		case m.Done && ended != untaken:
			f.there = m.Result
		case m.Result.Status == fieldsync.Blocked && m.Result.Problem != nil && m.Result.Problem.Code == fieldsync.ErrBlocked.Code &&
			f.refused != nil && f.there == nil:
			out = append(out, fieldsync.Result{ID: m.ID, Status: untaken, Problem: f.refused.Problem, Next: fieldsync.AskPerson})
		}
		of[m.Doc] = f
	}
	return out
}

// met takes a hello's news and compacts when enough has been dropped.
func (o *Outbox) met(c contact) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	done := slices.ContainsFunc(o.queue, func(m *Queued) bool { return m.Done })
	for _, p := range o.photos {
		done = done || p.Done
	}
	if !done && c.Epoch == o.epoch {
		return nil
	}
	before := len(o.queue) + len(o.photos)
	if err := o.write(outboxRecord{Contact: &c}); err != nil {
		return err
	}
	if len(o.queue)+len(o.photos) == before && o.j.size < o.bytes()*4+1<<20 {
		return nil
	}
	return o.j.rewrite(o.records())
}

func (o *Outbox) bytes() int64 {
	n := int64(0)
	for _, m := range o.queue {
		n += int64(len(m.Raw))*4/3 + 256
	}
	return n + int64(len(o.photos))*1024
}

// records are the outbox as a compacted journal has it. The chain comes last: it stays when all mutations are gone.
func (o *Outbox) records() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		emit := func(rec outboxRecord) bool {
			b, err := json.Marshal(rec)
			return yield(b, err)
		}
		for _, m := range o.queue {
			if !emit(outboxRecord{Mutation: m}) {
				return
			}
		}
		for _, p := range o.photos {
			if !emit(outboxRecord{Photo: p}) {
				return
			}
		}
		if o.epoch != "" && !emit(outboxRecord{Epoch: o.epoch}) {
			return
		}
		emit(outboxRecord{Chain: &o.chain})
	}
}

// dismiss takes a mutation from the list of those that a person has to look at.
func (o *Outbox) dismiss(id fieldsync.MutationID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m := o.byID[id]; m == nil || !m.Asking {
		return nil
	}
	return o.write(outboxRecord{Dismissed: id})
}

// Waiting returns the mutations that the server has not settled, in the order of their making.
func (o *Outbox) Waiting() []Queued { return o.choose(func(m *Queued) bool { return !m.Done }) }

// Asking returns the mutations that a person has to look at; Result has the problem.
func (o *Outbox) Asking() []Queued { return o.choose(func(m *Queued) bool { return m.Asking }) }

// All returns every mutation held, also those that are settled and wait only for a backup to cover them.
func (o *Outbox) All() []Queued { return o.choose(func(*Queued) bool { return true }) }

func (o *Outbox) choose(want func(*Queued) bool) []Queued {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []Queued
	for _, m := range o.queue {
		if want(m) {
			c := *m
			c.Raw = bytes.Clone(m.Raw)
			out = append(out, c)
		}
	}
	return out
}

// Photos returns every photo held, by the time of its queueing; Done tells which the server has.
func (o *Outbox) Photos() []Photo {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]Photo, 0, len(o.photos))
	for _, p := range o.photos {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Photo) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Inspection, b.Inspection), cmp.Compare(a.SHA256, b.SHA256))
	})
	return out
}

// State is what a hello tells of the outbox, and the inspections whose photos the tablet still holds.
func (o *Outbox) State() (fieldsync.OutboxState, []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var s fieldsync.OutboxState
	oldest := func(at time.Time) {
		if s.Oldest.IsZero() || at.Before(s.Oldest) {
			s.Oldest = at
		}
	}
	for _, m := range o.queue {
		if !m.Done {
			s.Mutations++
			s.Bytes += int64(len(m.Raw))
			oldest(m.At)
		}
	}
	inspections := map[string]bool{}
	for k, p := range o.photos {
		inspections[k.inspection] = true
		if !p.Done && p.Problem == nil {
			s.Photos++
			s.Bytes += p.Size
			oldest(p.At)
		}
	}
	return s, slices.Sorted(maps.Keys(inspections))
}

// empty reports whether nothing waits for the server, or for a person, any more.
func (o *Outbox) empty() bool {
	s, _ := o.State()
	return s.Mutations == 0 && s.Photos == 0
}

func (o *Outbox) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.j == nil {
		return nil
	}
	return o.j.close()
}
