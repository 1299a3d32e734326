package audit

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
)

// LeafVersion is the form of the leaves that this version writes. docs/vectors/audit holds it still.
const LeafVersion = 1

// Leaf is one history entry as it is logged.
type Leaf struct {
	Version int            `json:"version"`
	Kind    store.Kind     `json:"kind"`
	ID      string         `json:"id"`
	Entry   int            `json:"entry"` // its place in the document's history, from 0
	Rev     store.Rev      `json:"rev"`   // of the document that it was taken from
	Body    string         `json:"body"`  // SHA-256 of that document's body, 64 lower-case hexadecimal digits
	Event   jsontext.Value `json:"event"` // the entry, canonical
}

// Bytes is what is hashed: the canonical JSON (RFC 8785) of the leaf. ErrEntries if the event has none.
func (l Leaf) Bytes() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, ErrEntries.Because(err)
	}
	return canonical(b)
}

// Hash is the leaf's hash in the tree: SHA-256 of a zero byte and the leaf (RFC 6962, section 2.1).
func (l Leaf) Hash() (tlog.Hash, error) {
	b, err := l.Bytes()
	if err != nil {
		return tlog.Hash{}, err
	}
	return tlog.RecordHash(b), nil
}

// canonical brings JSON into the form of RFC 8785. Whole numbers beyond 2⁵³ lose digits in it, as that form says.
func canonical(b []byte) (jsontext.Value, error) {
	v := jsontext.Value(b).Clone()
	if err := v.Canonicalize(); err != nil {
		return nil, ErrEntries.Because(err)
	}
	return v, nil
}

// bodyHash is the Body of a leaf.
func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
