package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"paicha/internal/store"
)

// errCorrupt means that a column does not hold what this package wrote.
var errCorrupt = errors.New("column is corrupt")

// appendTokens encodes tokens: each its length (uvarint) and bytes.
func appendTokens(b []byte, ts []store.Token) []byte {
	for _, t := range ts {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	return b
}

// decodeTokens is the inverse of appendTokens; all tokens share one string, so a document costs two allocations.
func decodeTokens(raw []byte) ([]store.Token, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	s := string(raw)
	n := 0
	for i := 0; i < len(s); n++ {
		size, w := uvarint(s[i:])
		if w == 0 || size > uint64(len(s)-i-w) {
			return nil, errCorrupt
		}
		i += w + int(size)
	}
	out := make([]store.Token, 0, n)
	for i := 0; i < len(s); {
		size, w := uvarint(s[i:])
		out = append(out, store.Token(s[i+w:i+w+int(size)]))
		i += w + int(size)
	}
	return out, nil
}

// uvarint is binary.Uvarint for a string; it returns 0, 0 for a number that is cut or too long.
func uvarint(s string) (v uint64, n int) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// appendLeft encodes one left token: length and bytes, number of the writer, seq (uvarints), Unix milliseconds (varint).
func appendLeft(b []byte, l store.Left, writer int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(l.Token)))
	b = append(b, l.Token...)
	b = binary.AppendUvarint(b, uint64(writer))
	b = binary.AppendUvarint(b, uint64(l.Position.Seq))
	return binary.AppendVarint(b, l.At.UnixMilli())
}

// decodeLefts is the inverse of appendLeft over a whole column; name resolves a writer's number.
func decodeLefts(raw []byte, name func(int64) (store.WriterID, bool)) ([]store.Left, error) {
	var out []store.Left
	for len(raw) > 0 {
		size, n := binary.Uvarint(raw)
		if n <= 0 || size > uint64(len(raw)-n) {
			return nil, errCorrupt
		}
		token := store.Token(raw[n : n+int(size)])
		raw = raw[n+int(size):]
		no, n := binary.Uvarint(raw)
		if n <= 0 {
			return nil, errCorrupt
		}
		raw = raw[n:]
		seq, n := binary.Uvarint(raw)
		if n <= 0 {
			return nil, errCorrupt
		}
		raw = raw[n:]
		ms, n := binary.Varint(raw)
		if n <= 0 {
			return nil, errCorrupt
		}
		raw = raw[n:]
		w, ok := name(int64(no))
		if !ok {
			return nil, errCorrupt
		}
		out = append(out, store.Left{
			Token:    token,
			Position: store.Position{Writer: w, Seq: store.Seq(seq)},
			At:       time.UnixMilli(ms).UTC(),
		})
	}
	return out, nil
}

// appendFields encodes fields as a JSON object (RFC 8259) with sorted names. Text must be UTF-8: json_extract compares
// what it decodes, and a replaced byte would make two values equal.
func appendFields(b []byte, fs store.Fields) ([]byte, error) {
	names := make([]string, 0, len(fs))
	for n := range fs {
		names = append(names, n)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, n := range names {
		if i > 0 {
			b = append(b, ',')
		}
		v := fs[n]
		if !utf8.ValidString(n) || !utf8.ValidString(v.Text) {
			return nil, fmt.Errorf("field %q is not UTF-8", n)
		}
		b = appendString(b, n)
		b = append(b, ':')
		if v.IsNum {
			b = strconv.AppendInt(b, v.Num, 10)
		} else {
			b = appendString(b, v.Text)
		}
	}
	return append(b, '}'), nil
}

// appendString writes a JSON string; only what JSON forbids is escaped, so Chinese text stays legible.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// decodeFields reads what appendFields wrote. Names and values without escapes share one string.
func decodeFields(raw []byte) (store.Fields, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	s := string(raw)
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, errCorrupt
	}
	fs := make(store.Fields, strings.Count(s, `":`))
	if s == "{}" {
		return fs, nil
	}
	for s = s[1:]; ; s = s[1:] {
		name, rest, err := cutString(s)
		if err != nil || rest == "" || rest[0] != ':' {
			return nil, errCorrupt
		}
		rest = rest[1:]
		var v store.Value
		if rest != "" && rest[0] == '"' {
			if v.Text, rest, err = cutString(rest); err != nil {
				return nil, errCorrupt
			}
		} else {
			end := strings.IndexAny(rest, ",}")
			if end < 0 {
				return nil, errCorrupt
			}
			v.IsNum = true
			if v.Num, err = strconv.ParseInt(rest[:end], 10, 64); err != nil {
				return nil, errCorrupt
			}
			rest = rest[end:]
		}
		fs[name] = v
		switch {
		case rest == "}":
			return fs, nil
		case rest == "" || rest[0] != ',':
			return nil, errCorrupt
		}
		s = rest
	}
}

// cutString takes one JSON string off the front of s.
func cutString(s string) (val, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", errCorrupt
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[1:i], s[i+1:], nil
		case '\\':
			return cutEscaped(s)
		}
	}
	return "", "", errCorrupt
}

func cutEscaped(s string) (val, rest string, err error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			err = json.Unmarshal([]byte(s[:i+1]), &val)
			return val, s[i+1:], err
		}
	}
	return "", "", errCorrupt
}
