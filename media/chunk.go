package media

import (
	"crypto/sha1" //nolint:gosec // tus 1.0 requires sha1 for chunks; the photo itself is verified by SHA-256
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"io"
	"strings"
)

// Checksum is the digest of one chunk (tus 1.0, Upload-Checksum). The zero value asks for no check.
type Checksum struct {
	algorithm string
	digest    []byte
}

// ChecksumAlgorithms are the algorithms that ParseChecksum knows, for Tus-Checksum-Algorithm.
func ChecksumAlgorithms() []string { return []string{"sha256", "sha1"} }

// ParseChecksum reads "sha256 <base64>" or "sha1 <base64>"; empty text is the zero value. Anything else is
// ErrChecksumForm.
func ParseChecksum(s string) (Checksum, error) {
	if s == "" {
		return Checksum{}, nil
	}
	algorithm, encoded, _ := strings.Cut(s, " ")
	c := Checksum{algorithm: algorithm}
	h := c.hash()
	if h == nil {
		return Checksum{}, ErrChecksumForm
	}
	digest, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(digest) != h.Size() {
		return Checksum{}, ErrChecksumForm.Because(err)
	}
	c.digest = digest
	return c, nil
}

func (c Checksum) hash() hash.Hash {
	switch c.algorithm {
	case "sha256":
		return sha256.New()
	case "sha1":
		return sha1.New() //nolint:gosec // see the import
	}
	return nil
}

// Chunk is one PATCH.
type Chunk struct {
	Offset   int64 // where the sender believes the upload stands
	Checksum Checksum
	Body     io.Reader

	// Interrupt makes a Read of Body that waits for a dead line return. It is called from another goroutine, at most
	// once, when a newer request for the same upload arrives. Nil means that Body cannot be interrupted: then the newer
	// request waits for it.
	Interrupt func()
}

// verified reads a chunk and, at its end, refuses it if it is too large or its digest is wrong. With a checksum, a
// chunk that broke off is refused too: what cannot be verified is not kept. Without one, what arrived is kept.
type verified struct {
	body   io.Reader
	room   int64 // bytes allowed
	sum    hash.Hash
	digest []byte
}

func verify(c Chunk, room int64) io.Reader {
	return &verified{body: c.Body, room: room, sum: c.Checksum.hash(), digest: c.Checksum.digest}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.body.Read(p)
	if v.room -= int64(n); v.room < 0 {
		return n, &Discard{ErrChunkTooLarge}
	}
	if v.sum == nil {
		return n, err
	}
	v.sum.Write(p[:n]) // a hash never fails
	switch {
	case err == io.EOF:
		if subtle.ConstantTimeCompare(v.sum.Sum(nil), v.digest) != 1 {
			return n, &Discard{ErrChecksum}
		}
	case err != nil:
		return n, &Discard{err}
	}
	return n, err
}
