package checklist

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"paicha/internal/store"
)

// Shelf is the library of a running server: its versions, their validity and the standards are documents of the store,
// so that every node has the same and a new one needs no release. Reading goes to a Library in memory, which Refresh
// replaces as a whole; packs are compiled at their first use.
type Shelf struct {
	Store  *store.Store
	Now    func() time.Time
	Tokens func([]Sector) []store.Token // which tablets pull a pack of these sectors

	library  atomic.Pointer[Library]
	mu       sync.Mutex // one refresh at a time
	contents map[Hash]func() (*Pack, error)
	set      atomic.Pointer[Standards]
}

// maxTries bounds how often a change is tried again after somebody else's.
const maxTries = 8

// Library is what is published now. It is empty before the first Refresh.
func (s *Shelf) Library() *Library {
	if l := s.library.Load(); l != nil {
		return l
	}
	return NewLibrary()
}

// Standards are those that a new pack may cite now.
func (s *Shelf) Standards() *Standards {
	if set := s.set.Load(); set != nil {
		return set
	}
	none, _ := NewStandards(nil) //nolint:errcheck // of none no two clash
	return none
}

// Get finds a version; ErrPackUnknown when it was not published, or not here yet.
func (s *Shelf) Get(ref PackRef) (*Pack, error) { return s.Library().Get(ref) }

// Judge judges by the library as it is now.
func (s *Shelf) Judge(ref PackRef, day Day, answers []Answer, facts Facts) (Judgement, error) {
	return s.Library().Judge(ref, day, answers, facts)
}

// Entries lists everything published, by ref.
func (s *Shelf) Entries() []Published { return s.Library().Entries() }

// Refresh reads what is published. Call it at start, and now and then where other nodes publish too.
func (s *Shelf) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := NewLibrary()
	var known []*Standard
	err := s.each(ctx, KindStandard, func(d store.Doc) error {
		var b standardBody
		if err := json.Unmarshal(d.Body, &b); err != nil {
			return ErrStandard.Because(err)
		}
		l.Know(b.Standard)
		known = append(known, b.Standard)
		return nil
	})
	if err != nil {
		return err
	}
	set, err := NewStandards(known)
	if err != nil {
		return err
	}
	err = s.each(ctx, KindPublication, func(d store.Doc) error {
		var b publication
		if err := json.Unmarshal(d.Body, &b); err != nil {
			return ErrPack.Because(err)
		}
		content, err := s.content(ctx, &b)
		if err != nil {
			return err
		}
		return l.enter(Published{
			Ref: b.Ref, Title: b.Title, Sectors: b.Sectors, Hash: b.Hash, Bytes: b.Bytes, From: b.From, Until: b.Until,
			SupersededBy: b.SupersededBy, pack: content,
		})
	})
	if err != nil {
		return err
	}
	s.library.Store(l)
	s.set.Store(set)
	return nil
}

// content finds the bytes of a version once, and compiles them when they are first wanted.
func (s *Shelf) content(ctx context.Context, b *publication) (func() (*Pack, error), error) {
	if f := s.contents[b.Hash]; f != nil {
		return f, nil
	}
	d, err := s.Store.One(ctx, store.Ref{Kind: KindPack, ID: string(b.Ref)})
	if err != nil {
		return nil, err
	}
	var body packBody
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return nil, ErrPackJSON.Because(err)
	}
	hash := b.Hash
	f := sync.OnceValues(func() (*Pack, error) { return DecodePack(body.Pack, hash) })
	if s.contents == nil {
		s.contents = map[Hash]func() (*Pack, error){}
	}
	s.contents[hash] = f
	return f, nil
}

// each reads every document of a kind.
func (s *Shelf) each(ctx context.Context, kind store.Kind, f func(store.Doc) error) error {
	var after store.PageKey
	for {
		page, err := s.Store.Find(ctx, store.Query{Kind: kind, After: after, Limit: 100})
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			if err := f(d); err != nil {
				return err
			}
		}
		if after = page.Next; after == (store.PageKey{}) {
			return nil
		}
	}
}

// change reads a document, lets f make its successor, and writes that; again where somebody else was faster. f returns
// ok false where nothing is to be done.
func (s *Shelf) change(ctx context.Context, ref store.Ref, f func(old store.Doc) (w store.Write, ok bool, err error)) error {
	for range maxTries {
		docs, err := s.Store.Get(ctx, ref)
		if err != nil {
			return err
		}
		w, ok, err := f(docs[0])
		if err != nil || !ok {
			return err
		}
		outs, err := s.Store.Commit(ctx, []store.Write{w})
		if err != nil {
			return err
		}
		if outs[0].Status == store.OK {
			return nil
		}
	}
	return ErrBusy
}

// Publish makes a version valid from a day on, and ends the one that was valid then: by says who. Where a later version
// is there already, the new one ends on its first day. The same again does nothing; other content under the same ref is
// ErrImmutable, a day that leaves another version none is ErrValidity.
func (s *Shelf) Publish(ctx context.Context, p *Pack, from, until Day, by string) error {
	if err := s.Refresh(ctx); err != nil { // what other nodes published counts
		return err
	}
	l := s.Library()
	entry := publication{
		Ref: p.Ref(), Title: p.Title, Sectors: p.Sectors, Hash: p.Hash(), Bytes: len(p.canonical), From: from, Until: until,
		History: []Act{{At: s.at(), By: by, Did: "publish", Day: from}},
	}
	var earlier PackRef
	if old, there := l.Entry(p.Ref()); there {
		if old.Hash != p.Hash() {
			return ErrImmutable.Saying("检查清单 %s 已经发布，内容不能更改，请发布新版本", p.Ref())
		}
		// A publication that was cut short is completed below.
		entry.From, entry.Until, entry.SupersededBy = old.From, old.Until, old.SupersededBy
	} else if later := l.after(p.ID, from); later != nil && (until == "" || until > later.From) {
		entry.Until, entry.SupersededBy = later.From, later.Ref
	}
	if entry.Until != "" && entry.Until <= entry.From {
		return ErrValidity
	}
	for _, o := range l.Entries() {
		if o.Ref.ID() == p.ID && o.Ref != p.Ref() && o.validOn(entry.From) {
			if o.From == entry.From {
				return ErrValidity.Saying("版本 %s 也从 %s 起启用，请另定启用日期", o.Ref, o.From)
			}
			earlier = o.Ref
		}
	}
	if err := s.insert(ctx, p, &entry); err != nil {
		return err
	}
	if earlier != "" {
		if err := s.supersede(ctx, earlier, p.Ref(), entry.From, by); err != nil {
			return err
		}
	}
	return s.Refresh(ctx)
}

// after is the version of an id that begins next after a day.
func (l *Library) after(id string, day Day) *Published {
	var next *Published
	for _, p := range l.byRef {
		if p.Ref.ID() == id && p.From > day && (next == nil || p.From < next.From) {
			next = p
		}
	}
	return next
}

// insert writes the content first: a publication without it could not be judged by.
func (s *Shelf) insert(ctx context.Context, p *Pack, entry *publication) error {
	tokens := s.Tokens(p.Sectors)
	content, err := packDoc(p, tokens)
	if err != nil {
		return err
	}
	err = s.change(ctx, content.Ref, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev > 0 && old.Fields[FieldHash] != content.Fields[FieldHash] {
			var b packBody
			if err := json.Unmarshal(old.Body, &b); err != nil || b.Hash != p.Hash() {
				return store.Write{}, false, ErrImmutable.Saying("检查清单 %s 已经发布，内容不能更改，请发布新版本", p.Ref())
			}
		} else if old.Rev > 0 {
			return store.Write{}, false, nil
		}
		return store.Write{Old: old, New: content}, true, nil
	})
	if err != nil {
		return err
	}
	return s.change(ctx, store.Ref{Kind: KindPublication, ID: string(p.Ref())}, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev > 0 {
			return store.Write{}, false, nil
		}
		w, err := entry.doc(old, tokens)
		return w, true, err
	})
}

// supersede ends a version on the day on which the next takes its place.
func (s *Shelf) supersede(ctx context.Context, ref, next PackRef, day Day, by string) error {
	return s.revise(ctx, ref, func(b *publication) (bool, error) {
		if b.SupersededBy == next && b.Until == day {
			return false, nil
		}
		b.Until, b.SupersededBy = day, next
		b.History = append(b.History, Act{At: s.at(), By: by, Did: "supersede", Day: day, Ref: string(next)})
		return true, nil
	})
}

// End lets nobody begin with a version from a day on. What was begun stays judged by it. ErrPackUnknown, or ErrValidity
// for a day not after its first or for a version whose end is settled.
func (s *Shelf) End(ctx context.Context, ref PackRef, day Day, by string) error {
	err := s.revise(ctx, ref, func(b *publication) (bool, error) {
		switch {
		case b.Until == day:
			return false, nil
		case day <= b.From:
			return false, ErrValidity
		case b.SupersededBy != "" && day > b.Until:
			return false, ErrValidity.Saying("检查清单 %s 自 %s 起已由 %s 取代", ref, b.Until, b.SupersededBy)
		}
		b.Until = day
		b.History = append(b.History, Act{At: s.at(), By: by, Did: "end", Day: day})
		return true, nil
	})
	if err != nil {
		return err
	}
	return s.Refresh(ctx)
}

func (s *Shelf) revise(ctx context.Context, ref PackRef, f func(*publication) (bool, error)) error {
	return s.change(ctx, store.Ref{Kind: KindPublication, ID: string(ref)}, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev == 0 {
			return store.Write{}, false, ErrPackUnknown.Saying("没有检查清单 %s", clip(string(ref)))
		}
		var b publication
		if err := json.Unmarshal(old.Body, &b); err != nil {
			return store.Write{}, false, ErrPack.Because(err)
		}
		ok, err := f(&b)
		if err != nil || !ok {
			return store.Write{}, false, err
		}
		w, err := b.doc(old, old.Tokens)
		return w, true, err
	})
}

func (s *Shelf) at() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// PutStandard adds a standard or replaces what is known of it; packs keep the clauses as they cited them.
func (s *Shelf) PutStandard(ctx context.Context, std *Standard, by string) error {
	err := s.change(ctx, store.Ref{Kind: KindStandard, ID: string(std.ID)}, func(old store.Doc) (store.Write, bool, error) {
		b := standardBody{Standard: std}
		if old.Rev > 0 {
			if err := json.Unmarshal(old.Body, &b); err != nil {
				return store.Write{}, false, ErrStandard.Because(err)
			}
			b.Standard, b.Source = std, ""
		}
		b.History = append(b.History, Act{At: s.at(), By: by, Did: "put"})
		w, err := b.doc(old)
		return w, true, err
	})
	if err != nil {
		return err
	}
	return s.Refresh(ctx)
}

// EndStandard says from which day on a standard is no longer in force, and what took its place ("" if nothing did).
// Inspections from that day on by a pack that rests on it get a second verdict. ErrStandardUnknown, or ErrValidity.
func (s *Shelf) EndStandard(ctx context.Context, id StandardID, day Day, next StandardID, by string) error {
	err := s.change(ctx, store.Ref{Kind: KindStandard, ID: string(id)}, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev == 0 {
			return store.Write{}, false, ErrStandardUnknown
		}
		var b standardBody
		if err := json.Unmarshal(old.Body, &b); err != nil {
			return store.Write{}, false, ErrStandard.Because(err)
		}
		if day <= b.Standard.Effective {
			return store.Write{}, false, ErrValidity
		}
		if b.Standard.Ended == day {
			return store.Write{}, false, nil
		}
		b.Standard.Ended, b.Source = day, ""
		b.History = append(b.History, Act{At: s.at(), By: by, Did: "end", Day: day, Ref: string(next)})
		w, err := b.doc(old)
		return w, true, err
	})
	if err != nil {
		return err
	}
	return s.Refresh(ctx)
}

// SaveDraft keeps an uploaded pack until somebody publishes or drops it. The same content again is the same draft;
// more than maxDrafts are ErrDrafts.
func (s *Shelf) SaveDraft(ctx context.Context, p *Pack, from, by string) error {
	page, err := s.Store.Find(ctx, store.Query{Kind: KindDraft, Limit: maxDrafts})
	if err != nil {
		return err
	}
	if len(page.Docs) == maxDrafts {
		return ErrDrafts
	}
	return s.change(ctx, store.Ref{Kind: KindDraft, ID: string(p.Hash())}, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev > 0 && old.Removed == store.Live {
			return store.Write{}, false, nil
		}
		body, err := raw(draftBody{Hash: p.Hash(), At: s.at(), By: by, From: clip(from), Ref: p.Ref(), Pack: p.canonical})
		return store.Write{Old: old, New: store.Doc{Ref: store.Ref{Kind: KindDraft, ID: string(p.Hash())}, Body: body}}, true, err
	})
}

// Draft finds a draft; ErrDraftUnknown when it is not there.
func (s *Shelf) Draft(ctx context.Context, hash Hash) (Draft, error) {
	docs, err := s.Store.Get(ctx, store.Ref{Kind: KindDraft, ID: string(hash)})
	if err != nil {
		return Draft{}, err
	}
	if d := docs[0]; d.Rev > 0 && d.Removed == store.Live {
		return readDraft(d)
	}
	return Draft{}, ErrDraftUnknown
}

func readDraft(d store.Doc) (Draft, error) {
	var b draftBody
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return Draft{}, ErrPackJSON.Because(err)
	}
	p, err := DecodePack(b.Pack, b.Hash)
	return Draft{Hash: b.Hash, At: b.At, By: b.By, From: b.From, Pack: p}, err
}

// maxDrafts bounds how many drafts are kept and listed.
const maxDrafts = 100

// Drafts lists the drafts, the latest first.
func (s *Shelf) Drafts(ctx context.Context) ([]Draft, error) {
	page, err := s.Store.Find(ctx, store.Query{Kind: KindDraft, Limit: maxDrafts})
	if err != nil {
		return nil, err
	}
	var all []Draft
	for _, d := range page.Docs {
		one, err := readDraft(d)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Draft) int { return b.At.Compare(a.At) })
	return all, nil
}

// DropDraft forgets a draft; one that is not there is ErrDraftUnknown.
func (s *Shelf) DropDraft(ctx context.Context, hash Hash) error {
	return s.change(ctx, store.Ref{Kind: KindDraft, ID: string(hash)}, func(old store.Doc) (store.Write, bool, error) {
		if old.Rev == 0 || old.Removed != store.Live {
			return store.Write{}, false, ErrDraftUnknown
		}
		return store.Write{Old: old, New: store.Doc{Ref: old.Ref, Removed: store.Deleted, Body: []byte("{}")}}, true, nil
	})
}

// Seed puts what comes with the program on the shelf: standards that nobody has changed here are brought up to date,
// versions that are not here are published. Nothing is compiled that is here already.
func (s *Shelf) Seed(ctx context.Context, c *Catalogue) error {
	for _, f := range c.standards {
		if err := s.seedStandard(ctx, f); err != nil {
			return err
		}
	}
	var standards *Standards
	for _, e := range c.publications {
		docs, err := s.Store.Get(ctx, store.Ref{Kind: KindPack, ID: string(e.Ref)}, store.Ref{Kind: KindPublication, ID: string(e.Ref)})
		if err != nil {
			return err
		}
		if docs[0].Rev > 0 && docs[1].Rev > 0 && docs[0].Fields[FieldHash].Text == string(e.Hash) {
			continue
		}
		if standards == nil {
			if standards, err = c.Standards(); err != nil {
				return err
			}
		}
		p, err := c.pack(e, standards)
		if err != nil {
			return err
		}
		entry := publication{
			Ref: e.Ref, Title: p.Title, Sectors: p.Sectors, Hash: p.Hash(), Bytes: len(p.canonical), From: e.From, Until: e.Until,
			SupersededBy: e.SupersededBy, History: []Act{{At: s.at(), By: program, Did: "publish", Day: e.From}},
		}
		if err := s.insert(ctx, p, &entry); err != nil {
			return fmt.Errorf("%s: %w", e.Ref, err)
		}
	}
	return s.Refresh(ctx)
}

// program is who did what comes with the program.
const program = "paicha"

func (s *Shelf) seedStandard(ctx context.Context, f sourceFile) error {
	return s.change(ctx, store.Ref{Kind: KindStandard, ID: string(f.standardID())}, func(old store.Doc) (store.Write, bool, error) {
		b := standardBody{Source: f.hash, History: []Act{{At: s.at(), By: program, Did: "put"}}}
		if old.Rev > 0 {
			var there standardBody
			if err := json.Unmarshal(old.Body, &there); err != nil {
				return store.Write{}, false, ErrStandard.Because(err)
			}
			if there.Source == "" || there.Source == f.hash {
				return store.Write{}, false, nil
			}
			b.History = append(there.History, b.History...)
		}
		std, err := LoadStandard(f.name, f.data)
		if err != nil {
			return store.Write{}, false, err
		}
		b.Standard = std
		w, err := b.doc(old)
		return w, true, err
	})
}
