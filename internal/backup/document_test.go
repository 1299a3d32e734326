package backup

import (
	"bytes"
	"testing"
	"time"

	"paicha/internal/store"

	"pgregory.net/rapid"
)

// anyDoc draws a document with every part in every form that a store keeps.
func anyDoc(t *rapid.T) store.Doc {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	blob := func(name string) []byte {
		switch rapid.IntRange(0, 3).Draw(t, name) {
		case 0:
			return nil
		case 1:
			return []byte(text(name))
		default:
			return rapid.SliceOf(rapid.Byte()).Draw(t, name)
		}
	}
	d := store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: "x" + text("id")}, Rev: store.Rev(rapid.Uint64Range(1, 1<<62).Draw(t, "rev")),
		Position: store.Position{Writer: store.WriterID(text("writer")), Seq: store.Seq(rapid.Uint64().Draw(t, "seq"))},
		Removed:  rapid.SampledFrom([]store.Removal{store.Live, store.Deleted, store.Archived}).Draw(t, "removed"),
		Body:     blob("body"), Restricted: blob("restricted"), Memory: blob("memory"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "tokens") {
		d.Tokens = append(d.Tokens, store.Token(text("token")))
	}
	for range rapid.IntRange(0, 2).Draw(t, "lefts") {
		d.Left = append(d.Left, store.Left{
			Token: store.Token(text("token")), Position: d.Position,
			At: time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "at")).UTC(),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		if d.Fields == nil {
			d.Fields = store.Fields{}
		}
		v := store.Text(text("text"))
		if rapid.Bool().Draw(t, "number") {
			v = store.Num(rapid.Int64().Draw(t, "num"))
		}
		d.Fields[text("field")] = v
	}
	return d
}

func TestLinesKeepDocumentsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDoc(t)
		text, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, '\n') >= 0 {
			t.Fatalf("a line feed within a line: %q", text)
		}
		got, err := decode(text)
		if err != nil || !store.Same(got, d) {
			t.Fatalf("%q came back as %+v, %v, want %+v", text, got, err, d)
		}
	})
}

// FuzzDecode: a backup comes from outside. What decodes is encoded to what decodes the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"kind":"hazard","id":"a","rev":1,"writer":"w","seq":3,"tokens":["5325"],"fields":{"due":-5,"s":"汉"},"body":"{}","memory":{"base64":"AP8="}}`))
	f.Add([]byte(`{"kind":"hazard","id":"a","rev":1,"left":[{"token":"x","writer":"w","seq":1,"at":"2023-06-05T08:00:00.123Z"}],"removed":"deleted"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decode(b)
		if err != nil {
			return
		}
		text, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(text)
		if err != nil || !store.Same(d, again) {
			t.Fatalf("%q: %+v, %v, then %+v", b, d, err, again)
		}
	})
}
