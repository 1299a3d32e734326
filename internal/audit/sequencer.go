package audit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paicha/internal/fault"
	"paicha/internal/store"
)

// The bounds of one step.
const (
	pageDocs  = 100      // documents of the feed read at once
	pageBytes = 4 << 20  // of them
	walkDocs  = 20       // documents of a walk, whose pages have no bound in bytes
	maxLeaves = 1000     // of a batch
	maxEvents = 2 << 20  // bytes of a batch's events; one that is larger is alone
	keepAfter = 2000     // documents without anything to log after which the cursor is kept nevertheless
	maxEvent  = 12 << 20 // bytes of an event that a batch's document can hold
)

// Sequencer appends to the log what the feed brings. Any number of nodes may run one each; one value is for one goroutine.
type Sequencer struct {
	Docs Documents
	Key  *Key
	Now  func() time.Time
	// Differs is told of each history that is not what was logged, whenever its document comes by; may be nil.
	Differs func(Mismatch)
	// Unreadable is told of a document whose history cannot be read: it waits for its next change. May be nil.
	Unreadable func(store.Ref, error)

	at     *cursor // what this process has read since: everything below it is logged
	unkept int     // documents read since a cursor was kept
	caught time.Time
}

// Caught is when this sequencer last knew that everything was logged that the feed showed; zero before the first time.
func (s *Sequencer) Caught() time.Time { return s.caught }

// Size is how many leaves the log has.
func (s *Sequencer) Size(ctx context.Context) (int64, error) {
	h, _, err := readHead(ctx, s.Docs)
	return h.Size, err
}

// Step does one bounded piece of work; more tells that there may be more to do at once. ErrKey if the head is signed by
// another key, ErrDamaged if the log's documents do not fit each other: nothing is appended then. After any error the
// step may be tried again.
func (s *Sequencer) Step(ctx context.Context) (more bool, err error) {
	h, old, err := readHead(ctx, s.Docs)
	if err != nil {
		return false, err
	}
	if h.Size > 0 {
		if said, err := OpenHead([]byte(h.Note), s.Key.Verifier); err != nil {
			return false, err
		} else if said.Size != h.Size || said.Root != h.Root {
			return false, ErrDamaged.Because(errors.New("the head is not what was signed"))
		}
	}
	b, there, err := readBatch(ctx, s.Docs, h.Size)
	if err != nil {
		return false, err
	}
	if there {
		return true, s.complete(ctx, h, old, b)
	}
	began := s.Now()
	from := s.from(h)
	docs, next, more, err := s.read(ctx, from)
	if errors.Is(err, store.ErrReset) {
		return true, s.walk(ctx)
	}
	if err != nil {
		return false, err
	}
	if from.Kind == KindSubject {
		if err := s.tidy(ctx, docs); err != nil {
			return false, err
		}
	}
	parts, whole, err := s.news(ctx, docs)
	if err != nil {
		return false, err
	}
	if !whole {
		next, more = from, true
	}
	if len(parts) == 0 {
		s.at = &next
		if s.unkept += len(docs); s.unkept >= keepAfter {
			kept := h
			kept.Cursor = next
			if err := s.putHead(ctx, old, kept); err != nil {
				return false, err
			}
			s.unkept = 0
		}
		if !more {
			s.caught = began
		}
		return more, nil
	}
	b = batch{First: h.Size, At: s.Now().UTC().Truncate(time.Millisecond), Cursor: next, Parts: parts}
	if b.At.Before(h.At) {
		b.At = h.At // another node's clock is ahead: heads do not go back in time
	}
	won, err := s.propose(ctx, &b)
	if err != nil {
		return false, err
	}
	if err := s.complete(ctx, h, old, b); err != nil {
		return false, err
	}
	if won {
		s.at, s.unkept = &next, 0
	}
	return true, nil
}

// from is where to read on: what this process has read, with what the head says if others have come further.
func (s *Sequencer) from(h headBody) cursor {
	switch {
	case s.at == nil:
		return h.Cursor
	case s.at.Kind != "" || h.Cursor.Kind != "" || s.at.Mark.Epoch != h.Cursor.Mark.Epoch:
		return *s.at
	}
	return cursor{Mark: s.at.Mark.Join(h.Cursor.Mark)}
}

// walk begins a walk over all documents, for a cursor that is no good any more, or none.
func (s *Sequencer) walk(ctx context.Context) error {
	m, err := s.Docs.Now(ctx)
	if err != nil {
		return err
	}
	s.at = &cursor{Mark: m, Kind: walked()[0]}
	return nil
}

// read gives the next documents from a cursor and where the one after them is.
func (s *Sequencer) read(ctx context.Context, from cursor) (docs []store.Doc, next cursor, more bool, err error) {
	if from.Kind == "" {
		if from.Mark.Epoch == "" { // nothing was read yet
			return nil, from, false, store.ErrReset
		}
		f, err := s.Docs.Everything(ctx, from.Mark, store.Limit{Docs: pageDocs, Bytes: pageBytes})
		if err != nil {
			return nil, from, false, err
		}
		for _, c := range f.Changes {
			docs = append(docs, c.Doc)
		}
		if f.More {
			return docs, cursor{Mark: f.Next}, true, nil
		}
		return docs, cursor{Mark: f.Seen}, false, nil
	}
	next = from
	for bytes := 0; next.Kind == from.Kind && len(docs) < pageDocs && bytes < pageBytes; {
		page, err := s.Docs.Find(ctx, store.Query{Kind: next.Kind, After: store.PageKey{ID: next.After}, Limit: walkDocs})
		if err != nil {
			return nil, from, false, err
		}
		for _, d := range page.Docs {
			bytes += len(d.Body)
		}
		docs = append(docs, page.Docs...)
		if next.After = page.Next.ID; next.After == "" {
			next.Kind = after(next.Kind)
		}
	}
	return docs, next, true, nil
}

// walked are the kinds that a walk goes through: the log's own subjects before anything is appended.
func walked() []store.Kind { return append([]store.Kind{KindSubject}, Kinds()...) }

// after is the kind that a walk comes to next; "" at its end.
func after(k store.Kind) store.Kind {
	all := walked()
	if i := slices.Index(all, k); i >= 0 && i+1 < len(all) {
		return all[i+1]
	}
	return ""
}

// news are the entries of documents that are not logged yet; whole tells that these are all of them.
func (s *Sequencer) news(ctx context.Context, docs []store.Doc) (parts []batchRun, whole bool, err error) {
	docs = newest(docs)
	if len(docs) == 0 {
		return nil, true, nil
	}
	refs := make([]store.Ref, len(docs))
	for i, d := range docs {
		refs[i] = d.Ref
	}
	subjects, _, err := readSubjects(ctx, s.Docs, refs)
	if err != nil {
		return nil, false, err
	}
	leaves, bytes := 0, 0
	for i, d := range docs {
		history, err := History(d.Kind, d.Body)
		if err == nil {
			err = s.differs(subjects[i], d, history)
		}
		if err != nil {
			s.unreadable(d.Ref, err)
			continue
		}
		n := subjects[i].logged()
		p := batchRun{Kind: d.Kind, ID: d.ID, Entry: n, Rev: d.Rev, Body: bodyHash(d.Body)}
		for _, e := range history[min(n, len(history)):] {
			if len(e) > maxEvent {
				s.unreadable(d.Ref, ErrEntries.Because(errors.New("too large")))
				break
			}
			if leaves == maxLeaves || leaves > 0 && bytes+len(e) > maxEvents {
				return with(parts, p), false, nil
			}
			p.Events = append(p.Events, e)
			leaves, bytes = leaves+1, bytes+len(e)
		}
		parts = with(parts, p)
	}
	return parts, true, nil
}

func with(parts []batchRun, p batchRun) []batchRun {
	if len(p.Events) == 0 {
		return parts
	}
	return append(parts, p)
}

func (s *Sequencer) differs(sub subject, d store.Doc, history []jsontext.Value) error {
	ms, err := sub.compare(d, history)
	if s.Differs != nil {
		for _, m := range ms {
			s.Differs(m)
		}
	}
	return err
}

func (s *Sequencer) unreadable(r store.Ref, err error) {
	if s.Unreadable != nil {
		s.Unreadable(r, err)
	}
}

// newest leaves the documents with a history, each once: a page may name one twice.
func newest(docs []store.Doc) []store.Doc {
	at := map[store.Ref]int{}
	var out []store.Doc
	for _, d := range docs {
		if !Logged(d.Kind) || !lasting(d) || d.Removed != store.Live || len(d.Body) == 0 {
			continue
		}
		i, again := at[d.Ref]
		switch {
		case !again:
			at[d.Ref] = len(out)
			out = append(out, d)
		case out[i].Rev < d.Rev:
			out[i] = d
		}
	}
	return out
}

// propose inserts a batch. If another node's is there, b becomes that one.
func (s *Sequencer) propose(ctx context.Context, b *batch) (won bool, err error) {
	body, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	outs, err := s.Docs.Commit(ctx, []store.Write{{New: store.Doc{Ref: batchRef(b.First), Body: body}}})
	if err != nil {
		return false, err
	}
	switch outs[0].Status {
	case store.OK:
		return true, nil
	case store.Stale:
		theirs, there, err := readBatch(ctx, s.Docs, b.First)
		if err == nil && !there {
			err = ErrDamaged.Because(errors.New("a batch is gone"))
		}
		*b = theirs
		return false, err
	}
	return false, store.ErrUnavailable
}

// Resign signs the head anew with this sequencer's key, after a change of the key. It proves the head by the tiles first.
func (s *Sequencer) Resign(ctx context.Context) (Head, error) {
	h, old, err := readHead(ctx, s.Docs)
	if err != nil {
		return Head{}, err
	}
	if h.Size == 0 {
		return Head{}, ErrEmpty
	}
	if err := prove(ctx, s.Docs, h); err != nil {
		return Head{}, err
	}
	return h.head(), s.putHead(ctx, old, h)
}

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
