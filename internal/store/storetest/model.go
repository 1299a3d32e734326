package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"paicha/internal/store"
)

// Model is an engine in memory whose every command is a step that a Scheduler places, and whose writes may be answered
// falsely: lost after they happened, or late, happening at any later time or never. It shares no code with the engines.
type Model struct {
	docs map[store.Ref]store.Doc
	late []store.Put
	// Stored, if set, is told of every version that a write has made.
	Stored func(store.Doc)
}

// NewModel returns an empty model.
func NewModel() *Model { return &Model{docs: map[store.Ref]store.Doc{}} }

// Connect returns an engine over the model. Each of its commands asks step first, which returns one of the variants:
// 0 is done and answered; of a write 1 is done with its answer lost, 2 is late: Deliver lets it happen, or nothing does.
// A nil step runs everything at once.
func (m *Model) Connect(step func(what string, variants int, faults bool) int) store.Engine {
	return &handle{m: m, step: step}
}

// Late is how many writes are on their way.
func (m *Model) Late() int { return len(m.late) }

// Deliver lets the i-th late write arrive.
func (m *Model) Deliver(i int) {
	p := m.late[i]
	m.late = slices.Delete(slices.Clone(m.late), i, i+1)
	m.put(p)
}

// Clone returns a copy of what is stored; writes on their way are left behind.
func (m *Model) Clone() *Model { return &Model{docs: maps.Clone(m.docs)} }

// ErrLost is what a caller sees of a write whose answer was lost.
var ErrLost = errors.New("answer lost")

func (m *Model) put(p store.Put) store.Status {
	if m.docs[p.Doc.Ref].Rev != p.Base {
		return store.Stale
	}
	m.docs[p.Doc.Ref] = p.Doc
	if m.Stored != nil {
		m.Stored(p.Doc)
	}
	return store.OK
}

// Doc returns one document as it is stored; Rev 0 if it is not.
func (m *Model) Doc(r store.Ref) store.Doc { return m.docs[r] }

// Replace puts a document back to what it was, or takes it away (Rev 0), as a disk does that lost a write.
func (m *Model) Replace(r store.Ref, d store.Doc) {
	if d.Rev == 0 {
		delete(m.docs, r)
		return
	}
	m.docs[r] = d
}

// Docs returns every document that is not the store's own, by reference.
func (m *Model) Docs() map[store.Ref]store.Doc {
	out := map[store.Ref]store.Doc{}
	for r, d := range m.docs {
		if !strings.HasPrefix(string(r.Kind), "_") {
			out[r] = d
		}
	}
	return out
}

// state writes down all that decides the future of the model.
func (m *Model) state(b *strings.Builder) {
	keys := make([]store.Ref, 0, len(m.docs))
	for r := range m.docs {
		keys = append(keys, r)
	}
	slices.SortFunc(keys, func(x, y store.Ref) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ID, y.ID))
	})
	for _, r := range keys {
		describe(b, m.docs[r])
	}
	for _, p := range m.late {
		b.WriteString("late ")
		describe(b, p.Doc)
	}
}

// describe writes down a document by hand: it is most of the explorer's work.
func describe(b *strings.Builder, d store.Doc) {
	b.WriteString(string(d.Kind))
	b.WriteByte('/')
	b.WriteString(d.ID)
	b.WriteByte(' ')
	b.WriteString(strconv.FormatUint(uint64(d.Rev), 10))
	b.WriteByte(' ')
	b.WriteString(string(d.Position.Writer))
	b.WriteByte(':')
	b.WriteString(strconv.FormatUint(uint64(d.Position.Seq), 10))
	b.WriteByte(' ')
	b.Write(d.Body)
	for _, t := range d.Tokens {
		b.WriteString(string(t))
	}
	if len(d.Left) > 0 {
		fmt.Fprint(b, d.Left)
	}
	b.WriteByte(';')
}

// step is how an engine hands itself to the scheduler: it returns the variant that the scheduler chose.
type step func(what string, variants int, faults bool) int

// handle is one actor's connection to the model. A nil step runs at once, without faults.
type handle struct {
	m    *Model
	step step
	see  func(string) // notes what the actor learns, for telling states apart
}

var (
	_ store.Engine   = (*handle)(nil)
	_ store.Portable = (*handle)(nil)
)

func (h *handle) at(what string, variants int) int {
	if h.step == nil {
		return 0
	}
	return h.step(what, variants, variants > 1)
}

func (h *handle) saw(docs ...store.Doc) {
	if h.see == nil {
		return
	}
	var b strings.Builder
	for _, d := range docs {
		describe(&b, d)
	}
	h.see(b.String())
}

func (h *handle) Get(_ context.Context, refs []store.Ref) ([]store.Doc, error) {
	h.at("get", 1)
	out := make([]store.Doc, len(refs))
	for i, r := range refs {
		out[i] = h.m.docs[r]
	}
	h.saw(out...)
	return out, nil
}

// The variants of a write.
const (
	answered = iota
	happenedButLost
	lateOrNever
	variantsOfPut
)

func (h *handle) Put(_ context.Context, puts []store.Put) ([]store.Status, error) {
	out := make([]store.Status, len(puts))
	var lost bool
	for i, p := range puts { // each document is a command of its own
		switch h.at("put "+p.Doc.ID, variantsOfPut) {
		case answered:
			out[i] = h.m.put(p)
		case happenedButLost:
			h.m.put(p)
			lost = true
		case lateOrNever:
			h.m.late = append(h.m.late, p)
			lost = true
		}
	}
	if h.see != nil {
		h.see(fmt.Sprintf("put %v %v", out, lost))
	}
	if lost {
		return nil, ErrLost
	}
	return out, nil
}

func (h *handle) Range(_ context.Context, r store.Range) ([]store.Doc, bool, error) {
	h.at("range "+string(r.Writer), 1)
	var out []store.Doc
	for _, d := range h.m.docs {
		if d.Position.Writer != r.Writer || d.Position.Seq <= r.After || r.UpTo > 0 && d.Position.Seq > r.UpTo {
			continue
		}
		if r.Tokens == nil || covered(d, r.Tokens) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b store.Doc) int { return cmp.Compare(a.Position.Seq, b.Position.Seq) })
	more := r.Limit.Docs > 0 && len(out) > r.Limit.Docs
	if more {
		out = out[:r.Limit.Docs]
	}
	h.saw(out...)
	return out, more, nil
}

func (h *handle) Last(_ context.Context, w store.WriterID, upTo store.Seq, tokens []store.Token) (store.Seq, error) {
	h.at("last "+string(w), 1)
	var last store.Seq
	for _, d := range h.m.docs {
		if d.Position.Writer == w && d.Position.Seq <= upTo && covered(d, tokens) {
			last = max(last, d.Position.Seq)
		}
	}
	if h.see != nil {
		h.see("last " + strconv.FormatUint(uint64(last), 10))
	}
	return last, nil
}

func covered(d store.Doc, tokens []store.Token) bool {
	for _, t := range tokens {
		if slices.Contains(d.Tokens, t) || slices.ContainsFunc(d.Left, func(l store.Left) bool { return l.Token == t }) {
			return true
		}
	}
	return false
}

func (h *handle) Scan(_ context.Context, s store.Scan) ([]store.Doc, store.ScanKey, error) {
	h.at("scan", 1)
	key := func(d store.Doc) string { return d.ID + "/" + string(d.Kind) } // documents of two kinds may share an id
	var out []store.Doc
	for _, d := range h.m.docs {
		if d.Removed == store.Live && len(store.Intersect(d.Tokens, s.Tokens)) > 0 && key(d) > string(s.After) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b store.Doc) int { return cmp.Compare(key(a), key(b)) })
	var next store.ScanKey
	if s.Limit.Docs > 0 && len(out) > s.Limit.Docs {
		out = out[:s.Limit.Docs]
		next = store.ScanKey(key(out[len(out)-1]))
	}
	h.saw(out...)
	return out, next, nil
}

// Find looks at every document: the model has no indexes to miss.
func (h *handle) Find(_ context.Context, q store.Query) (store.Page, error) {
	h.at("find "+string(q.Kind), 1)
	var out []store.Doc
	for _, d := range h.m.docs {
		if d.Kind == q.Kind && d.Removed == store.Live && (len(q.Tokens) == 0 || len(store.Intersect(d.Tokens, q.Tokens)) > 0) &&
			(len(q.Also) == 0 || len(store.Intersect(d.Tokens, q.Also)) > 0) &&
			!slices.ContainsFunc(q.Where, func(c store.Cond) bool { return !holds(d.Fields, c) }) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b store.Doc) int {
		return cmp.Or(compareValues(a.Fields[q.Order], b.Fields[q.Order]), cmp.Compare(a.ID, b.ID))
	})
	if q.Desc {
		slices.Reverse(out)
	}
	h.saw(out...)
	return store.Page{Docs: out}, nil
}

func holds(f store.Fields, c store.Cond) bool {
	v, ok := f[c.Field]
	return ok && slices.ContainsFunc(c.Values, func(w store.Value) bool {
		n := compareValues(v, w)
		return c.Op == store.Lt && n < 0 || c.Op == store.Ge && n >= 0 || (c.Op == store.Eq || c.Op == store.In) && n == 0
	})
}

func compareValues(a, b store.Value) int {
	return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Text, b.Text))
}

func (h *handle) Group(context.Context, store.Grouping) ([]store.Bucket, error) {
	return nil, store.ErrNoIndex
}

// Walk implements store.Portable.
func (h *handle) Walk(_ context.Context, after store.ScanKey, limit store.Limit) ([]store.Doc, store.ScanKey, error) {
	h.at("walk "+string(after), 1)
	key := func(d store.Doc) string { return string(d.Kind) + "/" + d.ID }
	var out []store.Doc
	for _, d := range h.m.docs {
		if key(d) > string(after) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b store.Doc) int { return cmp.Compare(key(a), key(b)) })
	var next store.ScanKey
	bytes := 0
	for i, d := range out {
		bytes += len(d.Body) + len(d.Restricted)
		if i > 0 && (limit.Docs > 0 && i >= limit.Docs || limit.Bytes > 0 && bytes > limit.Bytes) {
			out = out[:i]
			next = store.ScanKey(key(out[i-1]))
			break
		}
	}
	h.saw(out...)
	return out, next, nil
}

// Load implements store.Portable.
func (h *handle) Load(_ context.Context, docs []store.Doc) error {
	h.at("load", 1)
	for _, d := range docs {
		switch have := h.m.docs[d.Ref]; {
		case have.Rev < d.Rev:
			h.m.docs[d.Ref] = d
			if h.m.Stored != nil {
				h.m.Stored(d)
			}
		case have.Rev == d.Rev && !reflect.DeepEqual(have, d):
			return store.ErrLoadDiffers
		}
	}
	return nil
}
