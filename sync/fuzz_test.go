package sync

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/google/uuid"
)

// FuzzDecodePush feeds any bytes: nothing panics, each mutation is judged by itself, and the bytes that are hashed are
// those that came.
func FuzzDecodePush(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `[]`, `{"mutations":null}`, `{"mutations":[NaN]}`, `{"mutations":[17,"x",null,[],{}]}`,
		`{"epoch":"e","device":"d","deviceTime":"2023-06-05T08:00:00Z","mutations":[{"id":"018f0000-0000-7000-8000-000000000001","n":1,"name":"inspection.save","doc":{"kind":"inspection","id":"018f0000-0000-7000-8000-000000000002"},"at":"2023-06-05T08:00:00Z","args":{}}]}`,
		`{"mutations":[{"id":"018f0000-0000-7000-8000-000000000001","id":"018f0000-0000-7000-8000-000000000002"}]}`,
		`{"mutations":[{"id":"018f0000-0000-7000-8000-000000000001","name":"` + "\xff" + `"}]}`,
		`{"mutations":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`,
		`{"mutations":[{"id":"018f0000-0000-7000-8000-000000000001","n":-1,"at":"yesterday","place":{"lat":1e999}}]}`,
	} {
		f.Add([]byte(s))
	}
	limits := DefaultLimits
	limits.PushMutations, limits.MutationBytes = 20, 2000
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodePush(body, limits)
		if err != nil {
			return
		}
		if len(r.Mutations) > limits.PushMutations {
			t.Fatalf("%d mutations let through", len(r.Mutations))
		}
		for _, raw := range r.Mutations {
			if !bytes.Contains(body, raw) {
				t.Fatalf("mutation is not as it was sent: %q", raw)
			}
			m := decodeMutation(raw, limits)
			if m.hash != hashOf(raw) {
				t.Fatal("hash of other bytes")
			}
			if m.fault == nil && (!m.named() || m.uuid.String() != string(m.ID) || m.Doc.ID == "" || tooDeep(raw)) {
				t.Fatalf("a mutation without fault that is none: %q", raw)
			}
			if m.named() && m.result.ID != m.ID {
				t.Fatalf("result under %q for %q", m.result.ID, m.ID)
			}
			m.place()
		}
	})
}

// FuzzParseCursor opens any text as a cursor: only what this server sealed is taken, and that comes back as it was.
func FuzzParseCursor(f *testing.F) {
	seal, err := NewCursorSeal([]byte("a secret of this test"))
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{Cursors: seal}
	good, err := s.sealCursor(Cursor{
		Mark: store.Mark{Epoch: "e", Seqs: map[store.WriterID]store.Seq{"w": 7}},
		Held: map[store.Token][]directory.Role{"5325": {directory.RoleSupervisor}}, Fills: []fill{{Tokens: []store.Token{"5325"}, After: "a"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", "1.", "1.AAAA", "2." + good[2:], good, good[:len(good)-2], good + "A", "1." + strings.Repeat("A", 70_000),
		"1." + base64.RawURLEncoding.EncodeToString([]byte(`{"m":{}}`)),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := s.openCursor(text)
		if err != nil {
			return
		}
		again, err := s.sealCursor(c)
		if err != nil || again != text {
			t.Fatalf("taken: %q; sealed again: %q, %v", text, again, err)
		}
	})
}

// FuzzMemory walks any bytes as a document's memory, and builds one from the same bytes: every mutation in it is found
// with its verdict, however many have lost their wording.
func FuzzMemory(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{memoryVersion})
	f.Add(remember(nil, verdict{id: uuid.UUID{1}, status: Rejected, rev: 300, code: "sync.reused", detail: "同一编号"}))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Add(append([]byte{memoryVersion}, bytes.Repeat([]byte{0xff}, 64)...))
	f.Add(slices.Repeat([]byte("0123456789"), 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 1
		walk(b, func(v verdict, raw []byte) bool {
			if size += len(raw); size > len(b) {
				t.Fatal("more was walked than there is")
			}
			if got := remember(nil, v); v.status.Final() && len(got) != len(raw)+1 && !laxVarint(raw) {
				t.Fatalf("%x written again as %x", raw, got[1:])
			}
			return true
		})
		recall(b, uuid.UUID{1})

		var memory []byte
		var all []verdict
		for i := 0; i+4 <= len(b) && len(all) < 200; i += 4 {
			v := verdict{
				id: uuid.UUID{byte(i >> 8), byte(i), 1}, hash: hash{b[i]}, status: statusCodes[int(b[i+1])%len(statusCodes)],
				rev: store.Rev(b[i+2]) << (b[i] % 40),
			}
			if b[i+3]%2 == 1 {
				v.code, v.detail = "a.code", strings.Repeat("句", int(b[i+3]))
			}
			was := string(memory)
			next := remember(memory, v)
			if string(memory) != was {
				t.Fatal("the old memory was changed")
			}
			memory, all = next, append(all, v)
		}
		withWords := 0
		for _, v := range slices.Backward(all) {
			got, ok := recall(memory, v.id)
			if v.detail != "" {
				if withWords++; withWords > worded {
					v.detail = ""
				}
			}
			if !ok || got != v {
				t.Fatalf("remembered %+v, recalled %+v, %v", v, got, ok)
			}
			if r := got.again(v.hash); r.Status != Duplicate || r.First != v.status {
				t.Fatalf("the same again: %+v", r)
			}
			if r := got.again(hash{^v.hash[0]}); r.Problem == nil || r.Problem.Code != ErrReused.Code {
				t.Fatalf("another under the same id: %+v", r)
			}
		}
	})
}

// laxVarint reports whether an entry spells a number longer than needed, as only foreign bytes do.
func laxVarint(raw []byte) bool {
	return bytes.Contains(raw[29:], []byte{0x80, 0x00}) || slices.ContainsFunc(raw[29:], func(c byte) bool { return c >= 0x80 })
}
