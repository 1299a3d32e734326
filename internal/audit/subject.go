package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// run is what was logged of one document at once: entries that follow each other, on leaves that follow each other.
type run struct {
	Entry int       `json:"entry"` // the first one
	Count int       `json:"count"`
	Leaf  int64     `json:"leaf"` // of the first entry
	Rev   store.Rev `json:"rev"`
	Body  string    `json:"body"`
	Sum   string    `json:"sum"` // SHA-256 of the leaves' hashes, in order
}

// subject is the document that says which leaves the entries of a document have.
type subject struct {
	Runs []run `json:"runs"`
}

func subjectRef(r store.Ref) store.Ref {
	return store.Ref{Kind: KindSubject, ID: string(r.Kind) + "/" + r.ID}
}

// logged is how many entries have leaves.
func (s subject) logged() int {
	if len(s.Runs) == 0 {
		return 0
	}
	last := s.Runs[len(s.Runs)-1]
	return last.Entry + last.Count
}

func readSubjects(ctx context.Context, docs Documents, of []store.Ref) ([]subject, []store.Doc, error) {
	refs := make([]store.Ref, len(of))
	for i, r := range of {
		refs[i] = subjectRef(r)
	}
	found, err := docs.Get(ctx, refs...)
	if err != nil {
		return nil, nil, err
	}
	out := make([]subject, len(of))
	for i, d := range found {
		if d.Rev == 0 {
			found[i] = store.Doc{Ref: refs[i]}
			continue
		}
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, nil, ErrDamaged.Because(err)
		}
	}
	return out, found, nil
}

// leaf is entry i of the run r of a document.
func (r run) leaf(of store.Ref, i int, event jsontext.Value) Leaf {
	return Leaf{Version: LeafVersion, Kind: of.Kind, ID: of.ID, Entry: r.Entry + i, Rev: r.Rev, Body: r.Body, Event: event}
}

// leaves hashes the leaves of a run with the events that are given.
func (r run) leaves(of store.Ref, events []jsontext.Value) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(events))
	for i, e := range events {
		var err error
		if out[i], err = r.leaf(of, i, e).Hash(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func sumOf(leaves []tlog.Hash) string {
	sum := sha256.New()
	for _, h := range leaves {
		sum.Write(h[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Mismatch is a history that is not what was logged. It is for people to look into: nothing is changed because of it.
type Mismatch struct {
	Ref   store.Ref
	Rev   store.Rev
	Entry int // the first entry of the run that differs
	Count int // entries of that run
	Gone  bool
}

// compare looks for runs that the history does not have any more as they were logged. Runs of a newer version than the one
// at hand, which another node has read, say nothing about it.
func (s subject) compare(d store.Doc, history []jsontext.Value) ([]Mismatch, error) {
	var out []Mismatch
	for _, r := range s.Runs {
		if r.Rev > d.Rev {
			continue
		}
		m := Mismatch{Ref: d.Ref, Rev: d.Rev, Entry: r.Entry, Count: r.Count, Gone: r.Entry+r.Count > len(history)}
		if !m.Gone {
			leaves, err := r.leaves(d.Ref, history[r.Entry:r.Entry+r.Count])
			if err != nil {
				return nil, err
			}
			if sumOf(leaves) == r.Sum {
				continue
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// enter adds the runs of a batch to the subject documents, once each.
func enter(ctx context.Context, docs Documents, of []store.Ref, runs []run) error {
	for len(of) > 0 {
		subjects, found, err := readSubjects(ctx, docs, of)
		if err != nil {
			return err
		}
		var ws []store.Write
		var againOf []store.Ref
		var againRuns []run
		for i, s := range subjects {
			if slices.Contains(s.Runs, runs[i]) {
				continue
			}
			if n := s.logged(); n != runs[i].Entry {
				return ErrDamaged.Because(fmt.Errorf("%s %s: %d entries logged, entry %d follows", of[i].Kind, of[i].ID, n, runs[i].Entry))
			}
			s.Runs = append(s.Runs, runs[i])
			body, err := json.Marshal(s)
			if err != nil {
				return err
			}
			ws = append(ws, store.Write{Old: found[i], New: store.Doc{Ref: found[i].Ref, Body: body}})
			againOf, againRuns = append(againOf, of[i]), append(againRuns, runs[i])
		}
		if len(ws) == 0 {
			return nil
		}
		outs, err := docs.Commit(ctx, ws)
		if err != nil {
			return err
		}
		of, runs = nil, nil
		for i, o := range outs {
			switch o.Status {
			case store.OK:
			case store.Stale: // another node has been here
				of, runs = append(of, againOf[i]), append(runs, againRuns[i])
			default:
				return store.ErrUnavailable
			}
		}
	}
	return nil
}

// below leaves the runs below a leaf.
func (s subject) below(first int64) subject {
	n := len(s.Runs)
	for n > 0 && s.Runs[n-1].Leaf >= first {
		n--
	}
	return subject{Runs: slices.Clone(s.Runs[:n])}
}

// tidy takes away the runs at and above the head from a page of subjects. There are some only after a restore, where the
// backup of several nodes may hold a subject and not the batch that it speaks of. The page was read before the head, so a
// run of a batch that there is lies below it, or the batch stands at it.
func (s *Sequencer) tidy(ctx context.Context, page []store.Doc) error {
	h, _, err := readHead(ctx, s.Docs)
	if err != nil {
		return err
	}
	if _, there, err := readBatch(ctx, s.Docs, h.Size); err != nil || there {
		return err // it will be completed first, and this page read again
	}
	var ws []store.Write
	for _, d := range page {
		var have subject
		if err := json.Unmarshal(d.Body, &have); err != nil {
			return ErrDamaged.Because(err)
		}
		kept := have.below(h.Size)
		if len(kept.Runs) == len(have.Runs) {
			continue
		}
		body, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		ws = append(ws, store.Write{Old: d, New: store.Doc{Ref: d.Ref, Body: body}})
	}
	outs, err := s.Docs.Commit(ctx, ws)
	for _, o := range outs {
		if err == nil && o.Status != store.OK {
			err = store.ErrUnavailable
		}
	}
	return err
}
