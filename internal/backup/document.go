package backup

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"time"
	"unicode/utf8"

	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// line is one version of a document as it stands in a segment.
type line struct {
	Kind       store.Kind       `json:"kind"`
	ID         string           `json:"id"`
	Rev        store.Rev        `json:"rev"`
	Writer     store.WriterID   `json:"writer,omitzero"`
	Seq        store.Seq        `json:"seq,omitzero"`
	Removed    store.Removal    `json:"removed,omitzero"`
	Tokens     []store.Token    `json:"tokens,omitempty"`
	Left       []left           `json:"left,omitempty"`
	Fields     map[string]value `json:"fields,omitempty"`
	Body       *content         `json:"body,omitzero"`
	Restricted *content         `json:"restricted,omitzero"`
	Memory     *content         `json:"memory,omitzero"`
}

type left struct {
	Token  store.Token    `json:"token"`
	Writer store.WriterID `json:"writer"`
	Seq    store.Seq      `json:"seq"`
	At     time.Time      `json:"at"`
}

// value is a searchable value: a JSON string or a whole number.
type value store.Value

func (v value) MarshalJSONTo(e *jsontext.Encoder) error {
	if v.IsNum {
		return e.WriteToken(jsontext.Int(v.Num))
	}
	return e.WriteToken(jsontext.String(v.Text))
}

func (v *value) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '0' {
		v.IsNum = true
		return json.UnmarshalDecode(d, &v.Num)
	}
	return json.UnmarshalDecode(d, &v.Text)
}

// content is bytes kept exactly: a JSON string where they are UTF-8, so that people can read them, else an object with
// base64.
type content []byte

type encoded struct {
	Base64 []byte `json:"base64"`
}

func (c content) MarshalJSONTo(e *jsontext.Encoder) error {
	if utf8.Valid(c) {
		return e.WriteToken(jsontext.String(string(c)))
	}
	return json.MarshalEncode(e, encoded{Base64: c})
}

func (c *content) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '{' {
		var in struct {
			Base64 string `json:"base64"`
		}
		if err := json.UnmarshalDecode(d, &in, json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		b, err := base64.StdEncoding.DecodeString(in.Base64)
		*c = b
		return err
	}
	var s string
	err := json.UnmarshalDecode(d, &s)
	*c = []byte(s)
	return err
}

func contentOf(b []byte) *content {
	if b == nil {
		return nil
	}
	c := content(b)
	return &c
}

func (c *content) bytes() []byte {
	if c == nil {
		return nil
	}
	return *c
}

// encode writes a document as a line, without its end. The same document gives the same bytes.
func encode(d store.Doc) ([]byte, error) {
	l := line{
		Kind: d.Kind, ID: d.ID, Rev: d.Rev, Writer: d.Position.Writer, Seq: d.Position.Seq, Removed: d.Removed, Tokens: d.Tokens,
		Body: contentOf(d.Body), Restricted: contentOf(d.Restricted), Memory: contentOf(d.Memory),
	}
	for _, x := range d.Left {
		l.Left = append(l.Left, left{Token: x.Token, Writer: x.Position.Writer, Seq: x.Position.Seq, At: x.At.UTC()})
	}
	if len(d.Fields) > 0 {
		l.Fields = make(map[string]value, len(d.Fields))
		for name, v := range maps.All(d.Fields) {
			l.Fields[name] = value(v)
		}
	}
	return json.Marshal(l, json.Deterministic(true))
}

// decode is the inverse of encode.
func decode(b []byte) (store.Doc, error) {
	var l line
	if err := json.Unmarshal(b, &l, json.RejectUnknownMembers(true)); err != nil {
		return store.Doc{}, err
	}
	if l.Kind == "" || l.Kind[0] == '_' || l.ID == "" || l.Rev == 0 {
		return store.Doc{}, errors.New("a document without kind, id or rev, or of the store's own")
	}
	d := store.Doc{
		Ref: store.Ref{Kind: l.Kind, ID: l.ID}, Rev: l.Rev, Position: store.Position{Writer: l.Writer, Seq: l.Seq},
		Removed: l.Removed, Tokens: l.Tokens, Body: l.Body.bytes(), Restricted: l.Restricted.bytes(), Memory: l.Memory.bytes(),
	}
	for _, x := range l.Left {
		d.Left = append(d.Left, store.Left{Token: x.Token, Position: store.Position{Writer: x.Writer, Seq: x.Seq}, At: x.At})
	}
	if l.Fields != nil {
		d.Fields = make(store.Fields, len(l.Fields))
		for name, v := range l.Fields {
			d.Fields[name] = store.Value(v)
		}
	}
	return d, nil
}

// short is the first half of a SHA-256: enough to tell millions of documents apart at half the memory.
type short [16]byte

func sum(parts ...string) short {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return short(h.Sum(nil))
}

// tally keeps of each document its newest version's rev and sum, and counts documents by kind.
type tally struct {
	newest map[short]version
	kinds  map[store.Kind]int
}

type version struct {
	rev store.Rev
	sum short
}

func newTally() *tally {
	return &tally{newest: map[short]version{}, kinds: map[store.Kind]int{}}
}

// add takes one version, with its encoding. Another content under one rev is store.ErrLoadDiffers.
func (t *tally) add(d store.Doc, text []byte) error {
	k, v := sum(string(d.Kind), d.ID), version{d.Rev, sum(string(text))}
	have, again := t.newest[k]
	switch {
	case !again:
		t.kinds[d.Kind]++
	case have.rev == v.rev && have != v:
		return store.ErrLoadDiffers.At("/" + string(d.Kind) + "/" + d.ID)
	case have.rev >= v.rev:
		return nil
	}
	t.newest[k] = v
	return nil
}
