package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// SHA256 is the SHA-256 digest (FIPS 180-4) of a photo's bytes, and the photo's name. The zero value names nothing.
type SHA256 [sha256.Size]byte

// ParseSHA256 reads 64 lower-case hexadecimal digits. Upper case is refused: a name has one spelling, because records
// that are signed contain it. It returns ErrHashForm for anything else.
func ParseSHA256(s string) (SHA256, error) {
	var h SHA256
	if len(s) != hex.EncodedLen(len(h)) {
		return SHA256{}, ErrHashForm.Because(fmt.Errorf("%d characters", len(s)))
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return SHA256{}, ErrHashForm.Because(fmt.Errorf("character %d is not a lower-case hexadecimal digit", i))
		}
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return SHA256{}, ErrHashForm.Because(err)
	}
	return h, nil
}

// Sum returns the SHA-256 of b.
func Sum(b []byte) SHA256 { return sha256.Sum256(b) }

// String returns 64 lower-case hexadecimal digits.
func (h SHA256) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is the zero value, which is the name of no photo.
func (h SHA256) IsZero() bool { return h == SHA256{} }

// MarshalText writes the form of String.
func (h SHA256) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the form of ParseSHA256 and returns its error.
func (h *SHA256) UnmarshalText(text []byte) error {
	p, err := ParseSHA256(string(text))
	if err != nil {
		return err
	}
	*h = p
	return nil
}
