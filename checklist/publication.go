package checklist

import (
	"encoding/json"
	"time"

	"paicha/internal/store"
)

// The kinds of documents that this package keeps. A pack never changes once it is there, so that a tablet pulls it once;
// its validity, which does change, is a publication of the same id. Standards and drafts are for the console alone.
const (
	KindPack        store.Kind = "pack"
	KindPublication store.Kind = "publication"
	KindStandard    store.Kind = "standard"
	KindDraft       store.Kind = "packDraft"
)

// FieldHash is the field of a pack document by which a pull knows what a tablet holds already.
const FieldHash = "hash"

// Act is one line of the history of a publication or a standard.
type Act struct {
	At  time.Time `json:"at"` // server time
	By  string    `json:"by"` // user; "paicha" for what comes with the program
	Did string    `json:"did"`
	Day Day       `json:"day,omitempty"`
	Ref string    `json:"ref,omitempty"` // the version or standard that takes the place
}

// publication is the document of a version's validity.
type publication struct {
	Ref          PackRef  `json:"ref"`
	Title        string   `json:"title"`
	Sectors      []Sector `json:"sectors"`
	Hash         Hash     `json:"hash"`
	Bytes        int      `json:"bytes"` // of the pack's canonical JSON
	From         Day      `json:"from"`
	Until        Day      `json:"until,omitempty"`
	SupersededBy PackRef  `json:"supersededBy,omitempty"`
	History      []Act    `json:"history"`
}

// packBody is the document of a pack: the canonical bytes that the hash covers stand in it as they are.
type packBody struct {
	Ref  PackRef         `json:"ref"`
	Hash Hash            `json:"hash"`
	Pack json.RawMessage `json:"pack"`
}

// standardBody is the document of a standard. Source is the SHA-256 of the file that came with the program, "" once a
// person has changed it.
type standardBody struct {
	Standard *Standard `json:"standard"`
	Source   Hash      `json:"source,omitempty"`
	History  []Act     `json:"history"`
}

// Draft is a pack that was uploaded and not published yet.
type Draft struct {
	Hash Hash
	At   time.Time
	By   string
	From string // what was uploaded: the name of the file
	Pack *Pack
}

type draftBody struct {
	Hash Hash            `json:"hash"`
	At   time.Time       `json:"at"`
	By   string          `json:"by"`
	From string          `json:"from"`
	Ref  PackRef         `json:"ref"`
	Pack json.RawMessage `json:"pack"`
}

func packDoc(p *Pack, tokens []store.Token) (store.Doc, error) {
	body, err := raw(packBody{Ref: p.Ref(), Hash: p.Hash(), Pack: p.canonical})
	return store.Doc{
		Ref: store.Ref{Kind: KindPack, ID: string(p.Ref())}, Tokens: tokens, Body: body,
		Fields: store.Fields{FieldHash: store.Text(string(p.Hash()))},
	}, err
}

func (b *publication) doc(old store.Doc, tokens []store.Token) (store.Write, error) {
	body, err := raw(b)
	return store.Write{Old: old, New: store.Doc{
		Ref: store.Ref{Kind: KindPublication, ID: string(b.Ref)}, Tokens: tokens, Body: body,
	}}, err
}

func (b *standardBody) doc(old store.Doc) (store.Write, error) {
	body, err := raw(b)
	return store.Write{Old: old, New: store.Doc{
		Ref: store.Ref{Kind: KindStandard, ID: string(b.Standard.ID)}, Body: body,
	}}, err
}

// raw encodes without HTML escapes, so that a pack's canonical bytes stand in its document unchanged.
func raw(v any) ([]byte, error) {
	var b jsonBuffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b[:len(b)-1], nil // without the line's end
}

type jsonBuffer []byte

// Write implements io.Writer.
func (b *jsonBuffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }
