package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
)

// The bounds of a content.
const (
	MaxContent = 1 << 20 // bytes
	maxDepth   = 64      // levels of nesting
)

// Hash is the SHA-256 of a content in 64 lower-case hexadecimal digits.
type Hash string

// Sum hashes a content.
func Sum(content string) Hash {
	sum := sha256.Sum256([]byte(content))
	return Hash(hex.EncodeToString(sum[:]))
}

// Canonicalize rewrites JSON in the canonical form of RFC 8785; ErrNotCanonical for what has none: no JSON, invalid
// UTF-8, doubled members, nesting beyond 64 levels, a number that no double holds.
func Canonicalize(raw []byte) (string, error) {
	if err := readable(raw); err != nil {
		return "", ErrNotCanonical.Because(err)
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return "", ErrNotCanonical.Because(err)
	}
	return string(out), nil
}

// canonical refuses a text that is not the canonical form of itself: two writings of one content would have two hashes.
func canonical(text string) error {
	if len(text) > MaxContent {
		return ErrNotCanonical.Saying("签名内容有%d字节，最多%d字节", len(text), MaxContent)
	}
	again, err := Canonicalize([]byte(text))
	if err != nil {
		return err
	}
	if again != text {
		return ErrNotCanonical
	}
	return nil
}

// readable walks through JSON once: the canonicaliser itself bounds no nesting.
func readable(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	values := 0
	for {
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) && values == 1 {
			return nil
		} else if err != nil {
			return err
		}
		if d.StackDepth() == 0 {
			values++
		}
		if d.StackDepth() > maxDepth || values > 1 {
			return errors.New("nested too deeply, or more than one value")
		}
	}
}

// Less orders strings as RFC 8785 orders names and JavaScript's < does: by UTF-16 code units.
func Less(a, b string) bool { return Compare(a, b) < 0 }

// Compare orders as Less. Code units and runes differ only where one side is beyond the Basic Multilingual Plane: its
// surrogates stand before U+E000.
func Compare(a, b string) int {
	x, y := []rune(a), []rune(b)
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		high, higher := x[i] > 0xFFFF, y[i] > 0xFFFF
		if high != higher {
			if high == (min(x[i], y[i]) < 0xE000) {
				return 1
			}
			return -1
		}
		if x[i] < y[i] {
			return -1
		}
		return 1
	}
	return len(x) - len(y)
}

// visible is a text from a stranger as it may be shown on a terminal: on one line, without control and direction
// characters, and not long.
func visible(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > most {
			return -1
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff {
			return '\uFFFD'
		}
		return r
	}, s)
}
