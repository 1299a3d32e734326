package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// batch is what is added to the log at once. Everything that follows from it is the same for whoever completes it.
type batch struct {
	First  int64      `json:"first"` // leaf
	At     time.Time  `json:"at"`
	Cursor cursor     `json:"cursor"` // where the feed goes on once it is logged
	Parts  []batchRun `json:"parts"`
}

// batchRun is the part of one document.
type batchRun struct {
	Kind   store.Kind       `json:"kind"`
	ID     string           `json:"id"`
	Entry  int              `json:"entry"`
	Rev    store.Rev        `json:"rev"`
	Body   string           `json:"body"`
	Events []jsontext.Value `json:"events"` // canonical
}

func batchRef(first int64) store.Ref {
	return store.Ref{Kind: KindBatch, ID: fmt.Sprintf("%020d", first)}
}

func readBatch(ctx context.Context, docs Documents, first int64) (b batch, there bool, err error) {
	found, err := docs.Get(ctx, batchRef(first))
	if err != nil || found[0].Rev == 0 {
		return batch{}, false, err
	}
	if err := json.Unmarshal(found[0].Body, &b); err != nil {
		return batch{}, false, ErrDamaged.Because(err)
	}
	return b, true, nil
}

// leaves are the hashes of all leaves, and of each part its document and its run.
func (b batch) leaves() (hashes []tlog.Hash, of []store.Ref, runs []run, err error) {
	for _, p := range b.Parts {
		ref := store.Ref{Kind: p.Kind, ID: p.ID}
		r := run{Entry: p.Entry, Count: len(p.Events), Leaf: b.First + int64(len(hashes)), Rev: p.Rev, Body: p.Body}
		leaves, err := r.leaves(ref, p.Events)
		if err != nil {
			return nil, nil, nil, err
		}
		r.Sum = sumOf(leaves)
		hashes = append(hashes, leaves...)
		of, runs = append(of, ref), append(runs, r)
	}
	return hashes, of, runs, nil
}

// complete does what follows from a batch at the head: tiles, subjects, head. Again, and by several nodes at once, is
// harmless.
func (s *Sequencer) complete(ctx context.Context, h headBody, old store.Doc, b batch) error {
	hashes, of, runs, err := b.leaves()
	if err != nil {
		return err
	}
	g, err := grow(h.tree(), newTiles(ctx, s.Docs).hashes(h.tree()), hashes)
	if err != nil {
		return err
	}
	tileDocs, err := g.writes()
	if err != nil {
		return err
	}
	if err := putTiles(ctx, s.Docs, tileDocs); err != nil {
		return err
	}
	if err := enter(ctx, s.Docs, of, runs); err != nil {
		return err
	}
	root, err := g.root()
	if err != nil {
		return err
	}
	next := headBody{Size: g.size, Root: root, At: b.At, Cursor: b.Cursor}
	return s.putHead(ctx, old, next)
}

// putHead signs a head and replaces the one that was read. Another node may have been quicker; that is no error.
func (s *Sequencer) putHead(ctx context.Context, old store.Doc, next headBody) error {
	if next.Size > 0 {
		var err error
		if next.Note, err = next.head().sign(s.Key); err != nil {
			return err
		}
	}
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	outs, err := s.Docs.Commit(ctx, []store.Write{{Old: old, New: store.Doc{Ref: headRef, Body: body}}})
	if err != nil {
		return err
	}
	if outs[0].Status == store.Unknown {
		return store.ErrUnavailable
	}
	return nil
}
