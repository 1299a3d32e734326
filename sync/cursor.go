package sync

import (
	"encoding/base64"
	"slices"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// Cursor is a tablet's place in the feed; opaque to it. The server keeps no state of pulls: all that a later answer
// depends on is here. It gives nobody a right: grants are read afresh, the cursor only tells what the tablet was given.
type Cursor struct {
	Mark   store.Mark `json:"m"`
	Issued time.Time  `json:"t"`
	// Held are the scopes that the tablet was last told of, by token, with the audiences that it was shown them as.
	Held map[store.Token][]directory.Role `json:"g,omitempty"`
	// Fills are the snapshots under way, of the first sync or of new grants.
	Fills []fill `json:"f,omitempty"`
}

// fill is one snapshot by token under way.
type fill struct {
	Tokens []store.Token `json:"k"`
	After  store.ScanKey `json:"a,omitempty"`
}

const (
	cursorVersion  = "1."
	maxCursorBytes = 64 << 10
	maxFills       = 16
)

// Encode writes the cursor for the wire.
func (c Cursor) Encode() (string, error) {
	b, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	return cursorVersion + base64.RawURLEncoding.EncodeToString(b), nil
}

// ParseCursor reads a cursor from the wire; ErrCursor if it is none of ours.
func ParseCursor(s string) (Cursor, error) {
	var c Cursor
	if len(s) > maxCursorBytes || len(s) < len(cursorVersion) || s[:len(cursorVersion)] != cursorVersion {
		return c, ErrCursor
	}
	b, err := base64.RawURLEncoding.DecodeString(s[len(cursorVersion):])
	if err != nil {
		return c, ErrCursor.Because(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, ErrCursor.Because(err)
	}
	if len(c.Fills) > maxFills {
		return c, ErrCursor
	}
	for _, f := range c.Fills {
		if !slices.IsSorted(f.Tokens) {
			return c, ErrCursor
		}
	}
	return c, nil
}
