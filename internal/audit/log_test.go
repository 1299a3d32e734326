package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

// TestConsistencyBetweenAnySizes keeps the head after each growth, and has each later one proven to contain it.
func TestConsistencyBetweenAnySizes(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	l := Log{people, s.Key.Verifier}
	if _, err := l.Head(t.Context()); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	var heads []Signed
	for i := range 14 {
		check(act(t.Context(), people, store.Ref{Kind: "hazard", ID: fmt.Sprint(i)}, i*i/2+1))
		mustDrain(t, s)
		h, err := l.Head(t.Context())
		check(err)
		heads = append(heads, h)
		for _, old := range heads {
			p, err := l.Consistency(t.Context(), old.Size, 0)
			check(err)
			if p.ToRoot != h.Root || p.FromRoot != old.Root {
				t.Errorf("%d to %d: other roots", old.Size, h.Size)
			}
			if err := p.Check(old.Head, h.Head); err != nil {
				t.Errorf("%d to %d: %v", old.Size, h.Size, err)
			}
		}
	}
	size := heads[len(heads)-1].Size
	for from := int64(1); from < size; from += 13 { // sizes that no head ever had
		for to := from; to < size; to += 17 {
			p, err := l.Consistency(t.Context(), from, to)
			check(err)
			if err := tlog.CheckTree(p.Proof, to, p.ToRoot, from, p.FromRoot); err != nil {
				t.Errorf("%d to %d: %v", from, to, err)
			}
		}
	}
	for _, c := range []struct {
		from, to int64
		want     error
	}{{0, 1, ErrSizes}, {2, 1, ErrSizes}, {-1, 0, ErrSizes}, {size + 1, 0, ErrBeyond}, {1, size + 1, ErrBeyond}} {
		if _, err := l.Consistency(t.Context(), c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%d to %d: %v", c.from, c.to, err)
		}
	}
}

// TestShorterLogIsNotConsistent: after a restore of an older backup the log is another one. A head that somebody kept
// shows it, for a time by the length and then by the roots.
func TestShorterLogIsNotConsistent(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 5))
	mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
	backup := m.Clone()
	check(act(t.Context(), people, other, 3))
	mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
	kept, err := Log{people, testKey(t).Verifier}.Head(t.Context())
	check(err)
	restored := openStore(t.Context(), backup.Connect(nil))
	l := Log{restored, testKey(t).Verifier}
	if _, err := l.Consistency(t.Context(), kept.Size, 0); !errors.Is(err, ErrBeyond) {
		t.Errorf("a shorter log: %v", err)
	}
	check(act(t.Context(), restored, store.Ref{Kind: "hazard", ID: "another"}, 9))
	mustDrain(t, sequencer(t, openStore(t.Context(), backup.Connect(nil))))
	now, err := l.Head(t.Context())
	check(err)
	p, err := l.Consistency(t.Context(), kept.Size, 0)
	check(err)
	if err := p.Check(kept.Head, now.Head); !errors.Is(err, ErrForked) || p.FromRoot == kept.Root {
		t.Errorf("another history is consistent with the kept head: %v", err)
	}
	if err := p.Check(now.Head, now.Head); !errors.Is(err, ErrSizes) {
		t.Error(err)
	}
}

// TestLeftoversAboveTheHead: a backup of several nodes may hold tiles and subjects of a batch that it does not hold.
func TestLeftoversAboveTheHead(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 5))
	mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
	head := m.Doc(headRef)
	check(act(t.Context(), people, hazard, 2))
	check(act(t.Context(), people, other, 1))
	mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
	m.Replace(headRef, head)
	m.Replace(batchRef(5), store.Doc{})
	check(act(t.Context(), people, store.Ref{Kind: "hazard", ID: "h0"}, 1)) // another leaf comes first
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	check(s.walk(t.Context())) // as in every new epoch
	mustDrain(t, s)
	if err := settled(t.Context(), testKey(t), m.Docs(), people); err != nil {
		t.Error(err)
	}
}

// TestAnotherKeyStopsTheSequencer: a node with a key of its own appends nothing; a change of the key is said explicitly.
func TestAnotherKeyStopsTheSequencer(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 5))
	mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
	check(act(t.Context(), people, hazard, 1))
	secret, err := NewKey(rand.Reader)
	check(err)
	stranger := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	stranger.Key, err = ParseKey(secret)
	check(err)
	before := m.Docs()
	if _, err := stranger.Step(t.Context()); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if len(m.Docs()) != len(before) {
		t.Error("something was written")
	}
	if _, err := (Log{people, stranger.Key.Verifier}).Head(t.Context()); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	h, err := stranger.Resign(t.Context())
	if err != nil || h.Size != 5 {
		t.Error(h, err)
	}
	mustDrain(t, stranger)
	if err := settled(t.Context(), stranger.Key, m.Docs(), people); err != nil {
		t.Error(err)
	}
}

// TestDamageStopsTheSequencer takes parts of the log away, or changes them.
func TestDamageStopsTheSequencer(t *testing.T) {
	for name, spoil := range map[string]func(m *storetest.Model){
		"TileGone": func(m *storetest.Model) { m.Replace(store.Ref{Kind: KindTile, ID: "tile/6/1/000.p/1"}, store.Doc{}) },
		"TileChanged": func(m *storetest.Model) {
			d := m.Doc(store.Ref{Kind: KindTile, ID: "tile/6/1/000.p/1"})
			d.Body = []byte(`{"hashes":"` + strings.Repeat("A", 43) + `="}`)
			m.Replace(d.Ref, d)
		},
		"HeadChanged": func(m *storetest.Model) {
			d := m.Doc(headRef)
			d.Body = []byte(strings.Replace(string(d.Body), `"size":64`, `"size":63`, 1))
			m.Replace(d.Ref, d)
		},
		"HeadNoJSON": func(m *storetest.Model) {
			d := m.Doc(headRef)
			d.Body = []byte(`{`)
			m.Replace(d.Ref, d)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := storetest.NewModel()
			people := openStore(t.Context(), m.Connect(nil))
			check(act(t.Context(), people, hazard, 64))
			mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
			check(act(t.Context(), people, hazard, 1))
			spoil(m)
			if err := drain(t.Context(), sequencer(t, openStore(t.Context(), m.Connect(nil)))); !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
		})
	}
}

// TestKeyFiles reads what was made, and nothing else.
func TestKeyFiles(t *testing.T) {
	secret, err := NewKey(rand.Reader)
	check(err)
	k, err := ParseKey(secret + "\n")
	check(err)
	if strings.Contains(secret, k.Verifier) || !strings.HasPrefix(k.Verifier, k.Name+"+") {
		t.Error(k.Verifier)
	}
	if again, err := ParseKey(secret); err != nil || again.Verifier != k.Verifier {
		t.Error("another key each time", err)
	}
	for _, bad := range []string{"", "x", k.Verifier, secret[:len(secret)-2], secret + "00", strings.Repeat("g", 64)} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrKeyFile) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	signed, err := k.Sign("text\n")
	check(err)
	if _, err := OpenNote(signed, secret); !errors.Is(err, ErrKeyFile) {
		t.Error(err)
	}
	if _, err := OpenHead(signed, k.Verifier); !errors.Is(err, ErrFile) {
		t.Error(err)
	}
}

func FuzzReadFile(f *testing.F) {
	m := storetest.NewModel()
	people := openStore(f.Context(), m.Connect(nil))
	check(act(f.Context(), people, hazard, 3))
	s := sequencer(f, openStore(f.Context(), m.Connect(nil)))
	mustDrain(f, s)
	d, err := people.One(f.Context(), hazard)
	check(err)
	file, err := Log{people, s.Key.Verifier}.Prove(f.Context(), []Record{{hazard, d.Rev, d.Body}}, Window{})
	check(err)
	h, err := OpenHead([]byte(file.Head), s.Key.Verifier)
	check(err)
	b, err := json.Marshal(file)
	check(err)
	f.Add(b, d.Body)
	f.Add([]byte(`{"format":"paicha-log-proof","version":1}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, b, body []byte) {
		file, err := ReadFile(b)
		if err != nil {
			return
		}
		got, ok, err := file.Check(h, Record{hazard, d.Rev, body})
		if err != nil || !ok || !got.Holds() {
			return
		}
		// What holds is what was logged.
		want, err := History("hazard", d.Body)
		check(err)
		have, err := History("hazard", body)
		check(err)
		for i := range got.Logged {
			if string(have[i]) != string(want[i]) {
				t.Errorf("entry %d holds and was not logged: %s", i, have[i])
			}
		}
	})
}

// TestEvidenceIsLoggedOnceItIsARecords: before its record has come it may lose what strangers sent, which is no mismatch.
func TestEvidenceIsLoggedOnceItIsARecords(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	l := Log{people, s.Key.Verifier}
	old := store.Doc{}
	put := func(fields store.Fields, arrivals ...string) {
		t.Helper()
		body := `{"inspection":"i","received":[`
		for i, a := range arrivals {
			body += strings.Repeat(",", min(i, 1)) + fmt.Sprintf(`{"sha256":%q,"size":7,"at":"2023-06-05T08:00:00Z","by":"wang","photo":{}}`, a)
		}
		next := store.Doc{Ref: store.Ref{Kind: "evidence", ID: "i"}, Body: []byte(body + "]}"), Fields: fields}
		outs, err := people.Commit(t.Context(), []store.Write{{Old: old, New: next}})
		check(err)
		next.Rev, next.Position = outs[0].Rev, outs[0].Position
		old = next
		mustDrain(t, s)
	}
	put(nil, "a", "b")
	if _, err := l.Head(t.Context()); !errors.Is(err, ErrEmpty) {
		t.Errorf("logged before it is a record's: %v", err)
	}
	of := store.Fields{"of": store.Text("inspection")}
	put(of, "b")
	put(of, "b", "c")
	h, err := l.Head(t.Context())
	check(err)
	if h.Size != 2 {
		t.Errorf("%d leaves", h.Size)
	}
}
