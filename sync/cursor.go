package sync

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// Cursor is a tablet's place in the feed; opaque to it. The server keeps no state of pulls: all that a later answer
// depends on is here. It gives nobody a right: grants are read afresh, the cursor only tells what the tablet was given.
type Cursor struct {
	Mark   store.Mark `json:"m"`
	Issued time.Time  `json:"t"` // see issuedAt
	// Held are the scopes that the tablet was last told of, by token, with the audiences that it was shown them as.
	Held map[store.Token][]directory.Role `json:"g,omitempty"`
	// Fills are the snapshots under way, of the first sync or of new grants.
	Fills []fill `json:"f,omitempty"`
	// Ahead is how many pages the snapshots have had since the feed was read last.
	Ahead int `json:"a,omitempty"`
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

// errForeign is a cursor of our form that another server sealed, or this one under another key.
var errForeign = errors.New("cursor of another server")

// CursorSeal closes cursors. They are encrypted because they hold write numbers of the whole server, from which a
// reader could count what others write; and so that equal cursors are equal bytes, the nonce is made of the content.
type CursorSeal struct {
	aead  cipher.AEAD
	nonce []byte // key of the nonces
}

// NewCursorSeal derives a seal from the server's secret.
func NewCursorSeal(secret []byte) (*CursorSeal, error) {
	key := sha256.Sum256(append([]byte("paicha cursor key "), secret...))
	nonce := sha256.Sum256(append([]byte("paicha cursor nonce "), secret...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &CursorSeal{aead: aead, nonce: nonce[:]}, err
}

// issuedAt is the day: a cursor that told the second would make each answer another one, and a broken one could not go on
// (Got).
func issuedAt(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }

// sealCursor writes the cursor for the wire.
func (s *Service) sealCursor(c Cursor) (string, error) {
	b, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, s.Cursors.nonce)
	mac.Write(b)
	nonce := mac.Sum(nil)[:s.Cursors.aead.NonceSize()]
	return cursorVersion + base64.RawURLEncoding.EncodeToString(s.Cursors.aead.Seal(nonce, nonce, b, nil)), nil
}

// openCursor reads a cursor from the wire: ErrCursor if it is none, errForeign if it is not of this server's making.
func (s *Service) openCursor(text string) (Cursor, error) {
	var c Cursor
	rest, ok := strings.CutPrefix(text, cursorVersion)
	if !ok || len(text) > maxCursorBytes {
		return c, ErrCursor
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil || len(b) < s.Cursors.aead.NonceSize() {
		return c, ErrCursor.Because(err)
	}
	n := s.Cursors.aead.NonceSize()
	plain, err := s.Cursors.aead.Open(nil, b[:n], b[n:], nil)
	if err != nil {
		return c, errForeign
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, ErrCursor.Because(err)
	}
	if c.Held == nil {
		c.Held = map[store.Token][]directory.Role{}
	}
	return c, nil
}
