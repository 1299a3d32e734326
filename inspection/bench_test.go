package inspection

import (
	"fmt"
	"testing"
)

// fortyAnswers is a day's work on one enterprise: forty answers with notes and photos, about 6.4 KB as JSON.
func fortyAnswers() []Answer {
	out := make([]Answer, 40)
	for i := range out {
		n := float64(i) / 10
		out[i] = Answer{
			Item: ItemID(fmt.Sprintf("station.item-%02d", i)), Result: Conform, Number: &n, Unit: "MPa", At: noon,
			Note: "现场核对",
		}
		if i%4 == 0 {
			out[i].Photos = []Hash{photo(byte(i + 1))}
		}
	}
	return out
}

func BenchmarkSaveAndEncode(b *testing.B) {
	h, answers := header(), fortyAnswers()
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		in, err := Save(nil, testID, SaveArgs{Header: h, Answers: answers}, 0, 1, by("u1", 1))
		if err != nil {
			b.Fatal(err)
		}
		body, _, err := Encode(&in)
		if err != nil {
			b.Fatal(err)
		}
		size = len(body)
	}
	b.ReportMetric(float64(size), "body-B")
}

func BenchmarkDecodeSaveEncode(b *testing.B) {
	in := begun(b, fortyAnswers()...)
	body, rest, err := Encode(&in)
	if err != nil {
		b.Fatal(err)
	}
	change := SaveArgs{Answers: []Answer{bad("station.item-07"), bad("station.item-21")}}
	b.ReportAllocs()
	for b.Loop() {
		old, err := Decode(body, rest)
		if err != nil {
			b.Fatal(err)
		}
		next, err := Save(&old, testID, change, 1, 2, by("u1", 2))
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := Encode(&next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSubmitSigned verifies a signature, writes the record's own content and compares: 400 answers.
func BenchmarkSubmitSigned(b *testing.B) {
	k := newKey(b)
	answers := make([]Answer, 400)
	for i := range answers {
		answers[i] = Answer{Item: ItemID(fmt.Sprintf("section.item-%03d", i)), Result: Nonconform, Note: "现场核对，未见相关记录", At: noon}
	}
	draft := begun(b, answers...)
	args := SubmitArgs{At: noon}
	content, err := Prepare(draft, args, nil, 1, by("u1", 2))
	if err != nil {
		b.Fatal(err)
	}
	args.Signed = k.seal(content)
	b.ReportMetric(float64(len(content)), "content-bytes")
	for b.Loop() {
		if _, err := Submit(draft, args, 1, 2, k.on(by("u1", 2))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(content)), "content-bytes")
}
