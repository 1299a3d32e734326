package mongo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"paicha/internal/store"
)

// The fields of a document as it stands in the collection.
const (
	fieldID         = "_id"     // kind and id, "hazard/0190…": the shard key, and the one unique value
	fieldKind       = "kind"    // for people and for decoding
	fieldLive       = "live"    // the kind again while the document lives, else absent: declared indexes begin with it
	fieldRev        = "rev"     //
	fieldWriter     = "writer"  // the position; absent of the store's own documents
	fieldSeq        = "seq"     //
	fieldTokens     = "tokens"  // present ones as they are, those it left with "-" before them
	fieldLeft       = "left"    // token, writer, seq, at
	fieldRemoved    = "removed" // "deleted", "archived"; absent while it lives
	fieldFields     = "fields"  // searchable values: text, or 64-bit integers
	fieldBody       = "body"    // text where it is UTF-8, so that people can read it, else binary; exact in both
	fieldRestricted = "restricted"
	fieldMemory     = "memory" // binary
)

// maxDocument is what a server takes at most of one document.
const maxDocument = 16 << 20

var (
	errCorrupt  = errors.New("document is not as this package writes it")
	errTooLarge = errors.New("document is over the 16 MB that the server takes")
	errKind     = errors.New("a kind may not contain a slash")
)

// key names a document in the collection. A kind has no slash, so no two references come to the same key.
func key(r store.Ref) string { return string(r.Kind) + "/" + r.ID }

// present and departed write a token into the indexed array. A token that itself begins with a sign gets a plus.
func present(t store.Token) string {
	if t != "" && (t[0] == '-' || t[0] == '+') {
		return "+" + string(t)
	}
	return string(t)
}

func departed(t store.Token) string { return "-" + string(t) }

// encode writes a document for the collection.
func encode(d *store.Doc) (bson.Raw, error) {
	if strings.Contains(string(d.Kind), "/") {
		return nil, fmt.Errorf("%q: %w", d.Kind, errKind)
	}
	out := make(bson.D, 0, 13)
	add := func(name string, v any) { out = append(out, bson.E{Key: name, Value: v}) }
	add(fieldID, key(d.Ref))
	add(fieldKind, string(d.Kind))
	if d.Removed == store.Live {
		add(fieldLive, string(d.Kind))
	} else {
		add(fieldRemoved, string(d.Removed))
	}
	add(fieldRev, int64(d.Rev))
	if d.Position != (store.Position{}) {
		add(fieldWriter, string(d.Position.Writer))
		add(fieldSeq, int64(d.Position.Seq))
	}
	if len(d.Tokens)+len(d.Left) > 0 {
		tokens := make(bson.A, 0, len(d.Tokens)+len(d.Left))
		for _, t := range d.Tokens {
			tokens = append(tokens, present(t))
		}
		for _, l := range d.Left {
			tokens = append(tokens, departed(l.Token))
		}
		add(fieldTokens, tokens)
	}
	if len(d.Left) > 0 {
		left := make(bson.A, len(d.Left))
		for i, l := range d.Left {
			left[i] = bson.D{
				{Key: "token", Value: string(l.Token)},
				{Key: "writer", Value: string(l.Position.Writer)},
				{Key: "seq", Value: int64(l.Position.Seq)},
				{Key: "at", Value: bson.NewDateTimeFromTime(l.At)},
			}
		}
		add(fieldLeft, left)
	}
	if d.Fields != nil {
		names := make([]string, 0, len(d.Fields))
		for n := range d.Fields {
			names = append(names, n)
		}
		slices.Sort(names)
		fields := make(bson.D, len(names))
		for i, n := range names {
			fields[i] = bson.E{Key: n, Value: scalar(d.Fields[n])}
		}
		add(fieldFields, fields)
	}
	if d.Body != nil {
		add(fieldBody, readable(d.Body))
	}
	if d.Restricted != nil {
		add(fieldRestricted, readable(d.Restricted))
	}
	if d.Memory != nil {
		add(fieldMemory, bson.Binary{Data: d.Memory})
	}
	raw, err := bson.Marshal(out)
	if err == nil && len(raw) > maxDocument {
		err = errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	return raw, nil
}

// scalar is a searchable value in BSON. Numbers are always of 64 bits: no query depends on which sort was stored.
func scalar(v store.Value) any {
	if v.IsNum {
		return v.Num
	}
	return v.Text
}

// readable keeps bytes as text where they are text.
func readable(b []byte) any {
	if utf8.Valid(b) {
		return string(b)
	}
	return bson.Binary{Data: b}
}

// decode reads what encode wrote. Nothing of raw is shared: a cursor uses its buffer again.
func decode(raw bson.Raw) (d store.Doc, err error) {
	elements, err := raw.Elements()
	if err != nil {
		return d, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	var id string
	ok := true
	for _, e := range elements {
		v := e.Value()
		good := true
		var n int64
		var s string
		switch e.Key() {
		case fieldID:
			id, good = v.StringValueOK()
		case fieldKind:
			s, good = v.StringValueOK()
			d.Kind = store.Kind(s)
		case fieldRev:
			n, good = v.AsInt64OK()
			d.Rev = store.Rev(n)
		case fieldWriter:
			s, good = v.StringValueOK()
			d.Position.Writer = store.WriterID(s)
		case fieldSeq:
			n, good = v.AsInt64OK()
			d.Position.Seq = store.Seq(n)
		case fieldTokens:
			d.Tokens, good = decodeTokens(v)
		case fieldLeft:
			d.Left, good = decodeLeft(v)
		case fieldRemoved:
			s, good = v.StringValueOK()
			d.Removed = store.Removal(s)
		case fieldFields:
			d.Fields, good = decodeFields(v)
		case fieldBody:
			d.Body, good = decodeBytes(v)
		case fieldRestricted:
			d.Restricted, good = decodeBytes(v)
		case fieldMemory:
			d.Memory, good = decodeBytes(v)
		}
		ok = ok && good
	}
	prefix := string(d.Kind) + "/"
	if !ok || d.Rev == 0 || !strings.HasPrefix(id, prefix) {
		return d, fmt.Errorf("%q: %w", id, errCorrupt)
	}
	d.ID = id[len(prefix):]
	return d, nil
}

func decodeTokens(v bson.RawValue) ([]store.Token, bool) {
	a, ok := v.ArrayOK()
	if !ok {
		return nil, false
	}
	values, err := a.Values()
	if err != nil {
		return nil, false
	}
	var out []store.Token
	for _, v := range values {
		s, ok := v.StringValueOK()
		if !ok {
			return nil, false
		}
		if strings.HasPrefix(s, "-") {
			continue // it left this one: see fieldLeft
		}
		out = append(out, store.Token(strings.TrimPrefix(s, "+")))
	}
	return out, true
}

func decodeLeft(v bson.RawValue) ([]store.Left, bool) {
	a, ok := v.ArrayOK()
	if !ok {
		return nil, false
	}
	values, err := a.Values()
	if err != nil {
		return nil, false
	}
	out := make([]store.Left, 0, len(values))
	for _, v := range values {
		l, ok := v.DocumentOK()
		if !ok {
			return nil, false
		}
		token, ok1 := l.Lookup("token").StringValueOK()
		writer, ok2 := l.Lookup("writer").StringValueOK()
		seq, ok3 := l.Lookup("seq").AsInt64OK()
		at, ok4 := l.Lookup("at").DateTimeOK()
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return nil, false
		}
		out = append(out, store.Left{
			Token:    store.Token(token),
			Position: store.Position{Writer: store.WriterID(writer), Seq: store.Seq(seq)},
			At:       time.UnixMilli(at).UTC(),
		})
	}
	return out, true
}

func decodeFields(v bson.RawValue) (store.Fields, bool) {
	doc, ok := v.DocumentOK()
	if !ok {
		return nil, false
	}
	elements, err := doc.Elements()
	if err != nil {
		return nil, false
	}
	out := make(store.Fields, len(elements))
	for _, e := range elements {
		x, ok := value(e.Value())
		if !ok {
			return nil, false
		}
		out[e.Key()] = x
	}
	return out, true
}

// value is the inverse of scalar.
func value(v bson.RawValue) (store.Value, bool) {
	if s, ok := v.StringValueOK(); ok {
		return store.Text(s), true
	}
	n, ok := v.AsInt64OK()
	return store.Num(n), ok
}

func decodeBytes(v bson.RawValue) ([]byte, bool) {
	if s, ok := v.StringValueOK(); ok {
		return []byte(s), true
	}
	_, b, ok := v.BinaryOK()
	return append([]byte{}, b...), ok
}
