package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"paicha/internal/store"
)

// Like names a document that the device holds and expects the answer to be like: the answer may be compressed against its
// body (RFC 9842), since a record is mostly what the last one was.
type Like struct {
	Kind   store.Kind `json:"kind"`
	ID     string     `json:"id"`
	SHA256 string     `json:"sha256"` // of the body that it holds, byte for byte, in hexadecimal
}

// Likeness returns that body; nil if the document has changed, or is not one that the reader may see now. Who has the right
// bytes is told nothing by it, and who has not gets an ordinary answer.
func (s *Service) Likeness(ctx context.Context, sess Session, l Like) ([]byte, error) {
	if l.ID == "" || l.SHA256 == "" {
		return nil, nil
	}
	docs, err := s.Store.Get(ctx, store.Ref{Kind: l.Kind, ID: l.ID})
	if err != nil {
		return nil, err
	}
	d := docs[0]
	if via, _ := scopeOf(sess.User, s.Now()).covers(d.Kind, d.Tokens); len(via) == 0 || d.Removed != store.Live {
		return nil, nil
	}
	if sum := sha256.Sum256(d.Body); hex.EncodeToString(sum[:]) != l.SHA256 {
		return nil, nil
	}
	return d.Body, nil
}
