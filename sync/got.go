package sync

import (
	"crypto/sha256"
	"encoding/hex"
)

// Got names the beginning of an answer that the line broke in, so that the same request need not be answered from its
// first byte again. The answer is made afresh, with the rights of that moment, and kept by nobody in between: only where it
// still begins with the same bytes is the beginning left out, so what the client puts together is what it would be sent
// whole.
type Got struct {
	Bytes  int64  `json:"bytes"`  // of the body as it was encoded
	SHA256 string `json:"sha256"` // of these bytes, in hexadecimal
}

// Skip returns how many bytes of an encoded answer the client has already; 0: it is to be sent whole.
func (g Got) Skip(encoded []byte) int {
	if g.Bytes <= 0 || g.Bytes >= int64(len(encoded)) {
		return 0
	}
	sum := sha256.Sum256(encoded[:g.Bytes])
	if hex.EncodeToString(sum[:]) != g.SHA256 {
		return 0
	}
	return int(g.Bytes)
}
