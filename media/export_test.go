package media

import (
	"context"
	"encoding/json"

	"paicha/internal/store"
)

// What the explorer of orphans drives one by one.

func (l *Ledger) CondemnOne(ctx context.Context, h SHA256, d store.Doc) (bool, error) {
	return l.condemn(ctx, h, d)
}

func (l *Ledger) EraseOne(ctx context.Context, h SHA256, d store.Doc) (bool, error) {
	return l.erase(ctx, h, d)
}

func BlobRef(h SHA256) store.Ref { return blobRef(h) }

func StateOf(d store.Doc) BlobState {
	b, err := decodeBlob(d)
	if err != nil {
		panic(err)
	}
	return b.State
}

// Next takes the photo that would be made next.
func (d *Deriver) Next() (SHA256, bool) { return d.next() }

// CleanName is what is kept of a file's name.
func CleanName(s string) string { return cleanName(s) }

// Gate is the memory that all photos share.
type Gate struct{ g gate }

const Budget = budget

func (g *Gate) Take(ctx context.Context, n int64) error { return g.g.take(ctx, n) }
func (g *Gate) Give(n int64)                            { g.g.give(n) }

// Moves lists the table as "state event state".
func Moves() []string {
	var out []string
	for from, m := range blobMoves {
		for e, to := range m {
			out = append(out, string(from)+" "+string(e)+" "+string(to))
		}
	}
	return out
}

// PrintDoc is the document of a photo that a record shows and that is settled.
func PrintDoc(h SHA256, is Print, record string) store.Doc {
	body, err := json.Marshal(printDoc{Print: &is, Settled: true, Uses: []use{{Record: record}}})
	if err != nil {
		panic(err)
	}
	return store.Doc{Ref: printRef(h), Fields: fieldsOf(is), Body: body}
}

// Find looks a print up.
func (p *Prints) Find(ctx context.Context, h SHA256, is Print) (int, error) {
	ns, err := p.find(ctx, h, is)
	return len(ns), err
}
