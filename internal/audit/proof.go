package audit

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// Log reads what was appended. Verifier is the key that heads must be signed by.
type Log struct {
	Docs     Documents
	Verifier string
}

// Signed is a head with its signature.
type Signed struct {
	Head
	Note string // the signed note
}

// Head returns the present head: ErrEmpty before the first leaf, ErrKey if another key has signed it.
func (l Log) Head(ctx context.Context) (Signed, error) {
	h, _, err := readHead(ctx, l.Docs)
	if err != nil {
		return Signed{}, err
	}
	if h.Size == 0 {
		return Signed{}, ErrEmpty
	}
	head, err := OpenHead([]byte(h.Note), l.Verifier)
	if err != nil {
		return Signed{}, err
	}
	return Signed{Head: head, Note: h.Note}, nil
}

func prove(ctx context.Context, docs Documents, h headBody) error {
	root, err := tlog.TreeHash(h.Size, newTiles(ctx, docs).hashes(h.tree()))
	if err == nil && root != h.Root {
		err = ErrDamaged
	}
	return err
}

// Consistency is the proof that the first From leaves are still there in the first To (RFC 6962, section 2.1.2).
type Consistency struct {
	From     int64       `json:"from"`
	To       int64       `json:"to"`
	FromRoot tlog.Hash   `json:"fromRoot"`
	ToRoot   tlog.Hash   `json:"toRoot"`
	Proof    []tlog.Hash `json:"proof"`
}

// Consistency proves that a log of size to begins with the log of size from; to 0 is the present size. ErrSizes for sizes
// that are none, ErrBeyond for a log that is not that long.
func (l Log) Consistency(ctx context.Context, from, to int64) (Consistency, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return Consistency{}, err
	}
	if to == 0 {
		to = max(h.Size, from)
	}
	switch {
	case from < 1 || to < from:
		return Consistency{}, ErrSizes
	case to > h.Size:
		return Consistency{}, ErrBeyond
	}
	r := newTiles(ctx, l.Docs).hashes(tlog.Tree{N: h.Size, Hash: h.Root})
	out := Consistency{From: from, To: to}
	if out.FromRoot, err = tlog.TreeHash(from, r); err != nil {
		return Consistency{}, err
	}
	if out.ToRoot, err = tlog.TreeHash(to, r); err != nil {
		return Consistency{}, err
	}
	out.Proof, err = tlog.ProveTree(to, from, r)
	if out.Proof == nil {
		out.Proof = []tlog.Hash{}
	}
	return out, err
}

// Check compares two heads that somebody keeps by a proof that they lie in one history; ErrForked if they do not.
func (c Consistency) Check(old, recent Head) error {
	if c.From != old.Size || c.To != recent.Size {
		return ErrSizes
	}
	if old.Size > recent.Size || tlog.CheckTree(c.Proof, recent.Size, recent.Root, old.Size, old.Root) != nil {
		return ErrForked
	}
	return nil
}

// Record is a document whose history is to be proven, or was handed over with its proof.
type Record struct {
	Ref  store.Ref
	Rev  store.Rev
	Body []byte
}

// Window bounds the entries of each document that are proven; Most 0 is all of them.
type Window struct{ From, Most int }

func (w Window) has(entry int) bool {
	return entry >= w.From && (w.Most == 0 || entry-w.From < w.Most)
}

// Prove collects the head and the inclusion proofs of the entries that the records have, as far as they are logged;
// kinds without a history are left out. ErrEmpty while nothing is logged.
func (l Log) Prove(ctx context.Context, records []Record, w Window) (File, error) {
	f := File{Format: FileFormat, Version: FileVersion, Key: l.Verifier, Hashes: []tlog.Hash{}, Records: []Proven{}}
	var of []store.Ref
	var lengths []int
	for _, r := range records {
		if !Logged(r.Ref.Kind) {
			continue
		}
		history, err := History(r.Ref.Kind, r.Body)
		if err != nil {
			return File{}, err
		}
		of, lengths = append(of, r.Ref), append(lengths, len(history))
	}
	subjects, _, err := readSubjects(ctx, l.Docs, of) // before the head: what it has below the head is in the tree
	if err != nil {
		return File{}, err
	}
	head, err := l.Head(ctx)
	if err != nil {
		return File{}, err
	}
	f.Head = head.Note
	p := paths{size: head.Size, from: newTiles(ctx, l.Docs).hashes(tlog.Tree{N: head.Size, Hash: head.Root}), at: map[tlog.Hash]int{}, file: &f}
	for i, s := range subjects {
		proven := Proven{Kind: of[i].Kind, ID: of[i].ID, Entries: []Entry{}, Pending: lengths[i]}
		for _, r := range s.Runs {
			for j := range r.Count {
				leaf := r.Leaf + int64(j)
				if r.Entry+j >= lengths[i] || leaf >= head.Size {
					continue
				}
				if proven.Pending--; !w.has(r.Entry + j) {
					continue
				}
				e := Entry{Entry: r.Entry + j, Leaf: leaf, Rev: r.Rev, Body: r.Body}
				if e.Path, err = p.path(leaf); err != nil {
					return File{}, err
				}
				proven.Entries = append(proven.Entries, e)
			}
		}
		f.Records = append(f.Records, proven)
	}
	return f, nil
}

// paths makes audit paths that share their hashes.
type paths struct {
	size int64
	from tlog.HashReader
	at   map[tlog.Hash]int
	file *File
}

func (p *paths) path(leaf int64) ([]int, error) {
	proof, err := tlog.ProveRecord(p.size, leaf, p.from)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(proof))
	for i, h := range proof {
		at, known := p.at[h]
		if !known {
			at = len(p.file.Hashes)
			p.at[h] = at
			p.file.Hashes = append(p.file.Hashes, h)
		}
		out[i] = at
	}
	return out, nil
}
