package audit

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// The format of a proof file; Version rises when old programs would misread it.
const (
	FileFormat  = "paicha-log-proof"
	FileVersion = 1
)

// File proves the histories of documents with nothing else at hand: a signed head, and for each entry its leaf's number
// and audit path.
type File struct {
	Format  string      `json:"format"`
	Version int         `json:"version"`
	Key     string      `json:"key"`    // the verifier key of the log; whoever pins another one believes that one
	Head    string      `json:"head"`   // the signed note
	Hashes  []tlog.Hash `json:"hashes"` // base64, shared by the paths
	Records []Proven    `json:"records"`

	at map[store.Ref]int // of Records; only of a file that was read
}

// Proven is one document.
type Proven struct {
	Kind    store.Kind `json:"kind"`
	ID      string     `json:"id"`
	Entries []Entry    `json:"entries"` // in the order of the history, without holes
	Pending int        `json:"pending"` // entries after those that were not logged yet
}

// Entry is one entry of a history. With the entry itself its members make the leaf.
type Entry struct {
	Entry int       `json:"entry"`
	Leaf  int64     `json:"leaf"`
	Rev   store.Rev `json:"rev"`
	Body  string    `json:"body"`
	Path  []int     `json:"path"` // places in Hashes, from the leaf to the root (RFC 6962, section 2.1.1)
}

// maxPath is more than any tree of leaves that an int64 counts.
const maxPath = 64

// ReadFile reads a proof file from a stranger's hands; ErrFile if it is none.
func ReadFile(b []byte) (File, error) {
	var f File
	if err := json.Unmarshal(b, &f); err != nil {
		return File{}, ErrFile.Because(err)
	}
	if f.Format != FileFormat || f.Version != FileVersion {
		return File{}, ErrFile
	}
	f.at = make(map[store.Ref]int, len(f.Records))
	for i, r := range f.Records {
		ref := store.Ref{Kind: r.Kind, ID: r.ID}
		if _, twice := f.at[ref]; twice {
			return File{}, ErrFile
		}
		f.at[ref] = i
		for _, e := range r.Entries {
			if len(e.Path) > maxPath {
				return File{}, ErrFile
			}
			for _, at := range e.Path {
				if at < 0 || at >= len(f.Hashes) {
					return File{}, ErrFile
				}
			}
		}
	}
	return f, nil
}

// Bound says what the log tells about the body of a record beyond its history.
type Bound int

// How a body is bound.
const (
	Unbound Bound = iota // no entry is logged, or the record changed later without a line of history
	Same                 // the body is the one that the newest leaf was taken from
	Other                // the leaf was taken from the same revision, but from another body
)

// Finding is what the file proves about one record.
type Finding struct {
	Logged  int // entries that are in the log as they stand in the record
	Pending int // entries that the file says were not logged yet
	Wrong   []int
	Bound   Bound
}

// Holds reports whether nothing contradicts the log.
func (f Finding) Holds() bool { return len(f.Wrong) == 0 && f.Bound != Other }

// Check compares one record with the log of a head that was opened. ok is false if the file, which ReadFile gave, does not
// speak of it. An
// entry that differs from its leaf, whose proof does not hold, that is missing from the record or from the file is Wrong.
func (f File) Check(h Head, r Record) (found Finding, ok bool, err error) {
	i, ok := f.at[r.Ref]
	if !ok {
		return Finding{}, false, nil
	}
	p := f.Records[i]
	history, err := History(r.Ref.Kind, r.Body)
	if err != nil {
		return Finding{}, true, err
	}
	found.Pending = max(len(history)-len(p.Entries), 0)
	body := bodyHash(r.Body)
	for i, e := range p.Entries {
		if e.Entry != i || i >= len(history) || !f.holds(h, r.Ref, e, history[i]) {
			found.Wrong = append(found.Wrong, i)
			continue
		}
		found.Logged++
		if e.Rev == r.Rev && e.Body != body {
			found.Bound = Other
		}
	}
	if found.Bound != Other && found.Pending == 0 && len(p.Entries) > 0 && p.Entries[len(p.Entries)-1].Body == body {
		found.Bound = Same
	}
	if found.Pending != max(p.Pending, 0) {
		found.Wrong = append(found.Wrong, len(p.Entries))
	}
	return found, true, nil
}

func (f File) holds(h Head, r store.Ref, e Entry, event jsontext.Value) bool {
	leaf := Leaf{Version: LeafVersion, Kind: r.Kind, ID: r.ID, Entry: e.Entry, Rev: e.Rev, Body: e.Body, Event: event}
	hash, err := leaf.Hash()
	if err != nil || e.Leaf < 0 || e.Leaf >= h.Size {
		return false
	}
	proof := make(tlog.RecordProof, len(e.Path))
	for i, at := range e.Path {
		proof[i] = f.Hashes[at]
	}
	return tlog.CheckRecord(proof, h.Size, h.Root, e.Leaf, hash) == nil
}
