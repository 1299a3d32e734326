package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"paicha/internal/audit"
	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

func newKey(t testing.TB) *audit.Key {
	t.Helper()
	secret, err := audit.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// logbook is a log with an inspection of two entries, a third that is not logged yet, and a hazard.
type logbook struct {
	t     testing.TB
	store *store.Store
	key   *audit.Key
}

func newLogbook(t testing.TB) *logbook {
	t.Helper()
	n := 0
	s, err := store.Open(t.Context(), storetest.NewModel().Connect(nil), store.Options{
		Now: func() time.Time { return at }, Elapsed: func() time.Duration { return 0 }, NewID: func() string { n++; return fmt.Sprint("w", n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &logbook{t, s, newKey(t)}
}

func (l *logbook) put(kind store.Kind, id, body string) Doc {
	l.t.Helper()
	ref := store.Ref{Kind: kind, ID: id}
	old, err := l.store.Get(l.t.Context(), ref)
	if err != nil {
		l.t.Fatal(err)
	}
	outs, err := l.store.Commit(l.t.Context(), []store.Write{{Old: old[0], New: store.Doc{
		Ref: ref, Body: []byte(body), Fields: store.Fields{"of": store.Text("inspection")}, // as evidence of a record has
	}}})
	if err != nil || outs[0].Status != store.OK {
		l.t.Fatal(outs, err)
	}
	return Doc{Kind: string(kind), ID: id, Rev: uint64(outs[0].Rev), Body: []byte(body)}
}

func (l *logbook) sequence() {
	l.t.Helper()
	s := audit.Sequencer{Docs: l.store, Key: l.key, Now: func() time.Time { return at }}
	for {
		more, err := s.Step(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

func (l *logbook) proof(records ...Doc) audit.File {
	l.t.Helper()
	var rs []audit.Record
	for _, d := range records {
		rs = append(rs, audit.Record{Ref: store.Ref{Kind: store.Kind(d.Kind), ID: d.ID}, Rev: store.Rev(d.Rev), Body: d.Body})
	}
	f, err := audit.Log{Docs: l.store, Verifier: l.key.Verifier}.Prove(l.t.Context(), rs, audit.Window{})
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

const (
	inspectionBody = `{"id":"insp-1","history":[{"by":"王","command":"inspection.save"},{"by":"王","command":"inspection.submit"}]}`
	hazardBody     = `{"id":"haz-1","class":"major","history":[{"by":"王","command":"hazard.derive"}]}`
)

// logged is a bundle of an inspection and a hazard with their log.
func logged(t testing.TB) (Contents, shelf, *logbook) {
	t.Helper()
	c, s := sample(t, 2)
	l := newLogbook(t)
	c.Records = []Doc{
		l.put("inspection", "insp-1", inspectionBody), l.put("hazard", "haz-1", hazardBody), l.put("evidence", "insp-1", string(c.Records[1].Body)),
	}
	l.sequence()
	c.Key = l.key
	c.Further = []Extra{l.extra(l.proof(c.Records...))}
	return c, s, l
}

func (l *logbook) extra(f audit.File) Extra {
	return Extra{Name: LogName, Write: func(w io.Writer) error { return json.NewEncoder(w).Encode(f) }}
}

func verify(t testing.TB, b []byte, key string) Report {
	t.Helper()
	r, err := VerifyWith(bytes.NewReader(b), int64(len(b)), key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states are the states of a report's facts of one code, joined.
func (r Report) states(code string) string {
	var out []string
	for _, f := range r.Facts {
		if f.Code == code {
			out = append(out, string(f.State))
		}
	}
	return strings.Join(out, " ")
}

func TestLoggedBundleHolds(t *testing.T) {
	c, s, l := logged(t)
	b := pack(t, c, s)
	r := verify(t, b, l.key.Verifier)
	if !r.Whole || r.Log == nil || !r.Log.Pinned || r.Log.Entries != 5 || r.Log.Pending != 0 || r.Log.Size != 5 ||
		r.states("log_record") != "ok ok ok" || r.states("log_body") != "ok ok ok" || r.states("log_key") != "ok" || r.states("manifest_signature") != "ok" {
		t.Errorf("%+v %+v", r.Log, r.Facts)
	}
	r = verify(t, b, "")
	if !r.Whole || r.Log.Pinned || r.states("log_key") != "doubt" {
		t.Errorf("%+v", r.Facts)
	}
	if r := verify(t, b, newKey(t).Verifier); r.Whole || !r.has("log_head") || !r.has("manifest_signature") {
		t.Errorf("another key: %+v", r.Facts)
	}
	if r := verify(t, b, "nonsense"); r.Whole || !r.has("log_key") {
		t.Errorf("no key: %+v", r.Facts)
	}
}

// TestEntriesThatWaitAreSaidToBePending exports between the act and the sequencer.
func TestEntriesThatWaitAreSaidToBePending(t *testing.T) {
	c, s, l := logged(t)
	c.Records[1] = l.put("hazard", "haz-1", strings.Replace(hazardBody, `}]}`, `},{"by":"李","command":"hazard.confirm"}]}`, 1))
	c.Further = []Extra{l.extra(l.proof(c.Records...))}
	r := verify(t, pack(t, c, s), l.key.Verifier)
	if !r.Whole || r.Log.Entries != 5 || r.Log.Pending != 1 || r.states("log_pending") != "doubt" {
		t.Errorf("%+v %+v", r.Log, r.Facts)
	}
}

// TestChangeWithoutHistoryIsTold: the body went on without a line, as a photo's mark does.
func TestChangeWithoutHistoryIsTold(t *testing.T) {
	c, s, l := logged(t)
	c.Records[1] = l.put("hazard", "haz-1", strings.Replace(hazardBody, "major", "key", 1))
	r := verify(t, pack(t, c, s), l.key.Verifier)
	if !r.Whole || r.states("log_body") != "ok told ok" {
		t.Errorf("%+v", r.Facts)
	}
}

func TestBundleWithoutLogVerifiesAsBefore(t *testing.T) {
	c, s := sample(t, 2)
	if r := check(t, pack(t, c, s)); !r.Whole || r.Log != nil || r.states("log_key")+r.states("log")+r.states("manifest_signature") != "" {
		t.Errorf("%+v", r.Facts)
	}
	if r := verify(t, pack(t, c, s), newKey(t).Verifier); r.Whole || !r.has("manifest_signature") {
		t.Errorf("a key was given: %+v", r.Facts)
	}
	c.Key = newKey(t) // what somebody exports who is no supervisor
	if r := verify(t, pack(t, c, s), c.Key.Verifier); !r.Whole || r.states("log") != "told" || r.states("manifest_signature") != "ok" {
		t.Errorf("%+v", r.Facts)
	}
}

// TestTamperingWithTheLog changes one thing at a time, and writes the manifest anew as a forger would, but cannot sign it.
func TestTamperingWithTheLog(t *testing.T) {
	c, s, l := logged(t)
	forger := newKey(t)
	// forged packs the bundle with a forger's manifest: not signed, or signed by a key of the forger's own.
	forged := func(change func(c *Contents, f *audit.File), key *audit.Key) []byte {
		d := c
		d.Records = append([]Doc(nil), c.Records...)
		f := l.proof(c.Records...)
		change(&d, &f)
		d.Further, d.Key = []Extra{l.extra(f)}, key
		return pack(t, d, s)
	}
	other := newLogbook(t) // a log of the forger's own
	other.key = forger
	for _, x := range []struct {
		name   string
		change func(c *Contents, f *audit.File)
		code   string
	}{
		{"EntryChanged", func(c *Contents, _ *audit.File) {
			c.Records[0].Body = bytes.Replace(c.Records[0].Body, []byte("王"), []byte("李"), 1)
		}, "log_entry"},
		{"EntryDropped", func(c *Contents, _ *audit.File) {
			c.Records[0].Body = []byte(`{"id":"insp-1","history":[{"by":"王","command":"inspection.save"}]}`)
		}, "log_entry"},
		{"EntryAdded", func(c *Contents, _ *audit.File) {
			c.Records[1].Body = []byte(strings.Replace(hazardBody, `}]}`, `},{"by":"李","command":"hazard.accept"}]}`, 1))
		}, "log_entry"},
		{"EntriesSwapped", func(c *Contents, _ *audit.File) {
			c.Records[0].Body = []byte(`{"id":"insp-1","history":[{"by":"王","command":"inspection.submit"},{"by":"王","command":"inspection.save"}]}`)
		}, "log_entry"},
		{"BodyChanged", func(c *Contents, _ *audit.File) {
			c.Records[1].Body = bytes.Replace(c.Records[1].Body, []byte("major"), []byte("general"), 1)
		}, "log_body"},
		{"OtherDocument", func(c *Contents, f *audit.File) {
			c.Records[1].ID, f.Records[1].ID = "haz-2", "haz-2"
		}, "log_entry"},
		{"RecordLeftOut", func(_ *Contents, f *audit.File) { f.Records = f.Records[1:] }, "log_record"},
		{"LeafNumber", func(_ *Contents, f *audit.File) { f.Records[0].Entries[0].Leaf++ }, "log_entry"},
		{"LeafBeyond", func(_ *Contents, f *audit.File) { f.Records[0].Entries[0].Leaf = 1 << 40 }, "log_entry"},
		{"LeafNegative", func(_ *Contents, f *audit.File) { f.Records[0].Entries[0].Leaf = -1 }, "log_entry"},
		{"OtherRev", func(_ *Contents, f *audit.File) { f.Records[1].Entries[0].Rev = 7 }, "log_entry"},
		{"PathChanged", func(_ *Contents, f *audit.File) { f.Hashes[0][0] ^= 1 }, "log_entry"},
		{"PathCut", func(_ *Contents, f *audit.File) {
			f.Records[0].Entries[0].Path = f.Records[0].Entries[0].Path[1:]
		}, "log_entry"},
		{"PathOutside", func(_ *Contents, f *audit.File) { f.Records[0].Entries[0].Path[0] = 1000 }, "log_head"},
		{"RecordTwice", func(_ *Contents, f *audit.File) { f.Records = append(f.Records, f.Records[0]) }, "log_head"},
		{"HeadChanged", func(_ *Contents, f *audit.File) { f.Head = strings.Replace(f.Head, "\n5\n", "\n6\n", 1) }, "log_head"},
		{"HeadIsManifest", func(_ *Contents, f *audit.File) {
			b, err := l.key.Sign("paicha evidence bundle\nsha256 00\n")
			if err != nil {
				t.Fatal(err)
			}
			f.Head = string(b)
		}, "log_head"},
		{"OwnLog", func(c *Contents, f *audit.File) {
			for i, d := range c.Records {
				c.Records[i] = other.put(store.Kind(d.Kind), d.ID, string(d.Body))
			}
			other.sequence()
			*f = other.proof(c.Records...)
		}, "log_head"},
		{"NoFile", func(_ *Contents, f *audit.File) { f.Format = "zip" }, "log_head"},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, key := range []*audit.Key{nil, forger} {
				r := verify(t, forged(x.change, key), l.key.Verifier)
				if r.Whole || !r.has(x.code) || !r.has("manifest_signature") {
					t.Errorf("want %s: %+v", x.code, r.Facts)
				}
			}
			if x.name == "OwnLog" {
				return // what a forger signs with a key of his own holds until somebody gives the right one
			}
			if r := verify(t, forged(x.change, forger), ""); r.Whole || !r.has(x.code) {
				t.Errorf("without a key, want %s: %+v", x.code, r.Facts)
			}
		})
	}
}

// TestTamperingWithTheManifest changes files of a signed bundle.
func TestTamperingWithTheManifest(t *testing.T) {
	c, s, l := logged(t)
	good := pack(t, c, s)
	drop := func(name string) func(*zip.FileHeader, []byte) []byte {
		return func(h *zip.FileHeader, b []byte) []byte {
			if h.Name == name {
				return nil
			}
			return b
		}
	}
	edit := func(name, old, with string) func(*zip.FileHeader, []byte) []byte {
		return func(h *zip.FileHeader, b []byte) []byte {
			if h.Name != name {
				return b
			}
			out := bytes.Replace(b, []byte(old), []byte(with), 1)
			if bytes.Equal(out, b) {
				t.Fatalf("no %s in %s", old, b)
			}
			return out
		}
	}
	for _, x := range []struct {
		name string
		b    []byte
		code string
	}{
		{"ManifestChanged", again(t, good, edit(ManifestName, "chief", "thief")), "manifest_signature"},
		{"SignatureGone", again(t, good, drop(SignatureName)), "manifest_signature"},
		{"SignatureOfAnother", again(t, good, edit(SignatureName, "sha256 ", "sha256 0")), "manifest_signature"},
		{"SignatureNoNote", again(t, good, edit(SignatureName, "— ", "- ")), "manifest_signature"},
		{"LogGone", again(t, good, drop(LogName)), "file"},
		{"LogChanged", again(t, good, edit(LogName, `"leaf"`, `"lief"`)), "file"},
		{"PhotoHidden", again(t, good, dropListed), "manifest_signature"},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, key := range []string{"", l.key.Verifier} {
				if r := verify(t, x.b, key); r.Whole || !r.has(x.code) {
					t.Errorf("want %s: %+v", x.code, r.Facts)
				}
			}
		})
	}
}
