package media

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"paicha/internal/store"
)

// KindPrint is the document of what one photo looks like and where it is used; its id is the hash. It carries no token:
// nobody reads it.
const KindPrint store.Kind = "print"

// printFields are the names of the four quarters of a print, by which photos that look alike are found.
var printFields = [4]string{"q0", "q1", "q2", "q3"}

// The bounds of one photo's document: what is over them is counted and not named. A scene that hundreds of records show
// is a doubt about each of them already.
const (
	maxUses    = 64
	maxNear    = 64
	maxCandids = 4000 // looked at for one quarter
)

// Prints knows what photos look like and in which records they are used, so that one used twice is found, whatever was
// done to its file. All of it is in documents: it may run in several processes and needs nothing rebuilt at start.
//
// Whoever adds something writes first and then looks for others. So of two photos that look alike and come at the same
// time, at least one finds the other.
type Prints struct {
	Docs Documents
	Now  func() time.Time
}

// Sighting is another use of a photo, or of one that looks like it.
type Sighting struct {
	Photo    SHA256    `json:"photo"`
	Record   string    `json:"record"`   // inspection or hazard
	At       time.Time `json:"at"`       // when that one arrived, server time
	Distance int       `json:"distance"` // bits of 64; 0 for the same bytes and for pictures without a difference
}

// use is a record that shows a photo.
type use struct {
	Record string    `json:"record"`
	At     time.Time `json:"at"`
}

// near is a photo that looks alike.
type near struct {
	Photo    SHA256 `json:"photo"`
	Distance int    `json:"distance"`
}

// printDoc is the body of a photo's document.
type printDoc struct {
	Print   *Print `json:"print,omitempty"` // absent: not made yet, or there is none
	Settled bool   `json:"settled,omitempty"`
	Uses    []use  `json:"uses,omitempty"`
	Near    []near `json:"near,omitempty"`
}

func printRef(h SHA256) store.Ref { return store.Ref{Kind: KindPrint, ID: h.String()} }

// change applies f to photos' documents until all are written; f returns false if there is nothing to write.
func (p *Prints) change(ctx context.Context, hs []SHA256, f func(SHA256, *printDoc) bool) error {
	for range maxRounds {
		refs := make([]store.Ref, len(hs))
		for i, h := range hs {
			refs[i] = printRef(h)
		}
		docs, err := p.Docs.Get(ctx, refs...)
		if err != nil {
			return err
		}
		var writes []store.Write
		var written []SHA256
		for i, h := range hs {
			d, err := decodePrint(docs[i])
			if err != nil {
				return err
			}
			if !f(h, &d) {
				continue
			}
			n, err := d.encode(h)
			if err != nil {
				return err
			}
			writes, written = append(writes, store.Write{Old: docs[i], New: n}), append(written, h)
		}
		if len(writes) == 0 {
			return nil
		}
		outs, err := p.Docs.Commit(ctx, writes)
		if err != nil {
			return err
		}
		hs = hs[:0:0]
		for i, o := range outs {
			switch o.Status {
			case store.Unknown:
				return ErrStorage.Because(errors.New("outcome unknown"))
			case store.Stale:
				hs = append(hs, written[i])
			}
		}
		if len(hs) == 0 {
			return nil
		}
	}
	return ErrStorage.Because(errors.New("the document changes too often"))
}

// encode is the document as it is to be stored.
func (d *printDoc) encode(h SHA256) (n store.Doc, err error) {
	n = store.Doc{Ref: printRef(h), Fields: store.Fields{}}
	if n.Body, err = json.Marshal(d); err != nil {
		return n, ErrStorage.Because(err)
	}
	if d.Print != nil {
		n.Fields = fieldsOf(*d.Print)
	}
	if !d.Settled && len(d.Uses) > 0 {
		n.Fields["waiting"] = store.Time(d.Uses[0].At)
	}
	return n, nil
}

// fieldsOf are the fields by which a print is found.
func fieldsOf(is Print) store.Fields {
	fs := store.Fields{}
	for i, q := range is.bands() {
		fs[printFields[i]] = store.Num(int64(q))
	}
	return fs
}

func decodePrint(d store.Doc) (printDoc, error) {
	var b printDoc
	if d.Rev == 0 {
		return b, nil
	}
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return b, ErrStorage.Because(fmt.Errorf("print %s: %w", d.ID, err))
	}
	return b, nil
}

// Use notes that a record shows a photo, which arrived for it at that time. Again is harmless: the first time stays.
func (p *Prints) Use(ctx context.Context, h SHA256, record string, at time.Time) error {
	return p.change(ctx, []SHA256{h}, func(_ SHA256, d *printDoc) bool {
		if slices.ContainsFunc(d.Uses, func(u use) bool { return u.Record == record }) || len(d.Uses) >= maxUses {
			return false
		}
		d.Uses = append(d.Uses, use{record, at.UTC().Truncate(time.Millisecond)})
		return true
	})
}

// Enter notes what a photo looks like, and finds the photos that look like it. It may be entered again.
func (p *Prints) Enter(ctx context.Context, h SHA256, is Print) error {
	err := p.change(ctx, []SHA256{h}, func(_ SHA256, d *printDoc) bool {
		same := d.Print != nil && *d.Print == is
		d.Print = &is
		return !same
	})
	if err != nil {
		return err
	}
	found, err := p.find(ctx, h, is)
	if err != nil || len(found) == 0 {
		return err
	}
	both := make(map[SHA256][]near, len(found)+1)
	both[h] = found
	hs := []SHA256{h}
	for _, n := range found {
		both[n.Photo] = []near{{h, n.Distance}}
		hs = append(hs, n.Photo)
	}
	return p.change(ctx, hs, func(h SHA256, d *printDoc) bool { return d.meet(both[h]) })
}

// meet enters photos that look like this one; false if all are known.
func (d *printDoc) meet(ns []near) bool {
	before := len(d.Near)
	for _, n := range ns {
		known := slices.ContainsFunc(d.Near, func(o near) bool { return o.Photo == n.Photo })
		if !known && len(d.Near) < maxNear {
			d.Near = append(d.Near, n)
		}
	}
	return len(d.Near) > before
}

// find looks up the photos whose print differs in at most Alike bits, nearest first. One of their quarters differs in
// one bit at most, so each quarter is asked for with all its neighbours.
func (p *Prints) find(ctx context.Context, h SHA256, is Print) ([]near, error) {
	var found []near
	seen := map[string]bool{h.String(): true}
	for i, q := range is.bands() {
		values := make([]store.Value, 0, 17)
		values = append(values, store.Num(int64(q)))
		for bit := range 16 {
			values = append(values, store.Num(int64(q^1<<bit)))
		}
		page, err := p.Docs.Find(ctx, store.Query{
			Kind: KindPrint, Where: []store.Cond{store.Where(printFields[i], store.In, values...)}, Limit: maxCandids,
		})
		if err != nil {
			return nil, err
		}
		for _, d := range page.Docs {
			if seen[d.ID] {
				continue
			}
			seen[d.ID] = true
			n, ok := distance(is, d.Fields)
			if !ok || n > Alike {
				continue
			}
			other, err := ParseSHA256(d.ID)
			if err != nil {
				return nil, ErrStorage.Because(err)
			}
			found = append(found, near{other, n})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Compare(a.Distance, b.Distance) })
	return found[:min(len(found), maxNear)], nil
}

// distance compares a print with one in a document's fields, which are there without decoding its body.
func distance(is Print, fs store.Fields) (int, bool) {
	n := 0
	for i, q := range is.bands() {
		v, ok := fs[printFields[i]]
		if !ok {
			return 0, false
		}
		n += bits.OnesCount16(q ^ uint16(v.Num))
	}
	return n, true
}

// Settle notes that all was done that a photo's print is for, or that it has none: it is in Waiting no more.
func (p *Prints) Settle(ctx context.Context, h SHA256) error {
	return p.change(ctx, []SHA256{h}, func(_ SHA256, d *printDoc) bool {
		was := d.Settled
		d.Settled = true
		return !was
	})
}

// Settled reports whether all was done that a photo's print is for.
func (p *Prints) Settled(ctx context.Context, h SHA256) (bool, error) {
	docs, err := p.get(ctx, []SHA256{h})
	return docs[h].Settled, err
}

// Waiting returns photos that a record shows and of which nobody has said yet what they look like, those that have
// waited longest first.
func (p *Prints) Waiting(ctx context.Context, limit int) ([]SHA256, error) {
	page, err := p.Docs.Find(ctx, store.Query{Kind: KindPrint, Order: "waiting", Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]SHA256, 0, len(page.Docs))
	for _, d := range page.Docs {
		h, err := ParseSHA256(d.ID)
		if err != nil {
			return nil, ErrStorage.Because(err)
		}
		out = append(out, h)
	}
	return out, nil
}

// Sightings returns for each photo all its uses and those of photos that look alike, by time; also the use that the
// caller knows of. A photo that nobody has entered has none.
func (p *Prints) Sightings(ctx context.Context, hs ...SHA256) (map[SHA256][]Sighting, error) {
	if len(hs) == 0 {
		return nil, nil
	}
	own, err := p.get(ctx, hs)
	if err != nil {
		return nil, err
	}
	var others []SHA256
	for _, d := range own {
		for _, n := range d.Near {
			others = append(others, n.Photo)
		}
	}
	slices.SortFunc(others, func(a, b SHA256) int { return slices.Compare(a[:], b[:]) })
	others = slices.Compact(others)
	near, err := p.get(ctx, others)
	if err != nil {
		return nil, err
	}
	out := make(map[SHA256][]Sighting, len(hs))
	for h, d := range own {
		var all []Sighting
		for _, u := range d.Uses {
			all = append(all, Sighting{Photo: h, Record: u.Record, At: u.At})
		}
		for _, n := range d.Near {
			for _, u := range near[n.Photo].Uses {
				all = append(all, Sighting{Photo: n.Photo, Record: u.Record, At: u.At, Distance: n.Distance})
			}
		}
		slices.SortStableFunc(all, func(a, b Sighting) int { return a.At.Compare(b.At) })
		out[h] = all
	}
	return out, nil
}

func (p *Prints) get(ctx context.Context, hs []SHA256) (map[SHA256]printDoc, error) {
	if len(hs) == 0 {
		return nil, nil
	}
	refs := make([]store.Ref, len(hs))
	for i, h := range hs {
		refs[i] = printRef(h)
	}
	docs, err := p.Docs.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	out := make(map[SHA256]printDoc, len(hs))
	for i, d := range docs {
		if out[hs[i]], err = decodePrint(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}
