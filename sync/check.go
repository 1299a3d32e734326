package sync

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"paicha/internal/store"
)

// CheckRequest compares what a device holds with what the server has, token by token (protocol 6.2).
type CheckRequest struct {
	Cursor string     `json:"cursor"`
	Sums   []TokenSum `json:"sums"`
}

// TokenSum is how many documents are held through a token, and the sum of their DocSums modulo 2^64 in 16 hexadecimal
// digits.
type TokenSum struct {
	Token store.Token `json:"token"`
	Count int         `json:"count"`
	Sum   string      `json:"sum"`
}

// CheckState is what a comparison came to.
type CheckState string

// The states of a comparison.
const (
	SumsEqual  CheckState = "equal"
	SumsMoved  CheckState = "moved"   // there is something to pull first
	SumsDiffer CheckState = "differs" // the answer's cursor repairs
)

// CheckResponse answers a CheckRequest. With Cursor the snapshots of the tokens in Differs begin anew.
type CheckResponse struct {
	State   CheckState    `json:"state"`
	Differs []store.Token `json:"differs,omitempty"`
	Cursor  string        `json:"cursor,omitzero"`
}

// maxSums bounds the tokens of one check.
const maxSums = 1000

// DocSum is what one version of a document adds to the sum of each token that it is held through.
func DocSum(kind store.Kind, id string, rev store.Rev) uint64 {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", kind, id, rev))
	return binary.BigEndian.Uint64(h[:])
}

// Sum is the sum of some documents being made; the zero value is that of none.
type Sum struct {
	Count int
	total uint64
}

// Add adds one document.
func (s *Sum) Add(kind store.Kind, id string, rev store.Rev) {
	s.Count++
	s.total += DocSum(kind, id, rev)
}

// Of is the sum as it is sent, for a token.
func (s Sum) Of(t store.Token) TokenSum {
	return TokenSum{Token: t, Count: s.Count, Sum: fmt.Sprintf("%016x", s.total)}
}

// Check compares a device's sums with the documents that its person may see now. It answers SumsMoved where the device
// has something to pull, or got it while this was counting: two sides that read at different moments prove nothing.
func (s *Service) Check(ctx context.Context, sess Session, r CheckRequest) (CheckResponse, error) {
	now := s.Now()
	at, err := s.settled(ctx, sess, r.Cursor, now)
	if err != nil || at == nil {
		return CheckResponse{State: SumsMoved}, err
	}
	tokens := slices.Sorted(maps.Keys(at.cursor.Held))
	sums := make(map[store.Token]*Sum, len(tokens))
	for _, t := range tokens {
		sums[t] = &Sum{}
	}
	for after := store.ScanKey(""); len(tokens) > 0; {
		changes, next, err := s.Store.Scan(ctx, tokens, after, store.Limit{Docs: s.Limits.PullDocs, Bytes: s.Limits.PullBytes})
		if err != nil {
			return CheckResponse{}, err
		}
		for _, c := range changes {
			via, _ := at.told.covers(c.Doc.Kind, c.Doc.Tokens)
			for _, t := range via {
				sums[t].Add(c.Doc.Kind, c.Doc.ID, c.Doc.Rev)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	if ahead, err := s.Store.Unpublished(ctx, tokens); err != nil || ahead {
		return CheckResponse{State: SumsMoved}, err
	}
	again, err := s.settled(ctx, sess, r.Cursor, now)
	if err != nil || again == nil {
		return CheckResponse{State: SumsMoved}, err
	}
	held := make(map[store.Token]TokenSum, len(r.Sums))
	for _, one := range r.Sums {
		held[one.Token] = one
	}
	out := CheckResponse{State: SumsEqual}
	for _, t := range tokens {
		mine, theirs := sums[t].Of(t), held[t]
		if theirs.Count == 0 && theirs.Sum == "" {
			theirs = Sum{}.Of(t)
		}
		if mine != theirs {
			out.Differs = append(out.Differs, t)
		}
	}
	if len(out.Differs) == 0 {
		return out, nil
	}
	out.State = SumsDiffer
	at.cursor.Fills = append(at.cursor.Fills, fill{Tokens: out.Differs})
	at.cursor.Issued = issuedAt(now)
	out.Cursor, err = s.sealCursor(at.cursor)
	return out, err
}

// settled takes up a cursor behind which nothing waits for this reader: no change, no snapshot, no scope that came or
// went. Where there is something it returns nil.
func (s *Service) settled(ctx context.Context, sess Session, cursor string, now time.Time) (*pull, error) {
	p := pull{Service: s, scope: scopeOf(sess.User, now), now: now, limit: store.Limit{Docs: 1, Bytes: s.Limits.PullBytes}}
	fresh, again, err := p.resume(cursor)
	if err != nil {
		return nil, err
	}
	if again || len(fresh)+len(p.forget)+len(p.cursor.Fills) > 0 {
		return nil, nil //nolint:nilnil // "not settled" is an answer
	}
	if err := p.page(ctx, nil); err != nil {
		return nil, err
	}
	if p.count > 0 || p.more || p.reset {
		return nil, nil //nolint:nilnil // as above
	}
	return &p, nil
}
