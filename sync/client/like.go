package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	fieldsync "paicha/sync"

	"github.com/klauspost/compress/zstd"
)

// alike is the capability of a server that compresses a page against a document that the tablet has (docs/adr/0047).
const alike = "like"

// Bounds of a body that is named for that, in bytes: what is shorter has little to be like.
const (
	leastLike = 4 << 10
	mostLike  = 128 << 10
)

// dczMagic begins a dictionary-compressed body; the dictionary's SHA-256 follows (RFC 9842, 5).
var dczMagic = []byte{0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0}

// likeliest is the document that what comes may be like, and its body: the longest one, since what is short costs little
// anyway, but for packs, which never come twice.
func (r *Replica) likeliest() (fieldsync.Like, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best Doc
	for ref, d := range r.docs {
		longer := len(d.Body) > len(best.Body) || len(d.Body) == len(best.Body) && ref.ID < best.ID
		if longer && ref.Kind != kindPack && len(d.Body) <= mostLike && len(d.Via) > 0 {
			best = d
		}
	}
	if len(best.Body) < leastLike {
		return fieldsync.Like{}, nil
	}
	sum := sha256.Sum256(best.Body)
	return fieldsync.Like{Kind: best.Kind, ID: best.ID, SHA256: hex.EncodeToString(sum[:])}, best.Body
}

// inflate reads a page that is whole.
func (p *torn) inflate() ([]byte, error) {
	if p.encoding != "dcz" {
		return inflate(p.encoding, bytes.NewReader(p.body), maxAnswer)
	}
	sum := sha256.Sum256(p.like)
	frame, ours := bytes.CutPrefix(p.body, slices.Concat(dczMagic, sum[:]))
	if p.like == nil || !ours {
		return nil, errors.New("compressed against another document")
	}
	z, err := zstd.NewReader(bytes.NewReader(frame), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxAnswer), zstd.WithDecoderDictRaw(0, p.like))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	b, err := io.ReadAll(io.LimitReader(z, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = errors.New("answer too large")
	}
	return b, err
}
