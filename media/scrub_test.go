package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	docstore "paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	"paicha/media/fs"
)

// scrubbed is an evidence document with photos that are there, in a real store, and a scrubber of them.
type scrubbed struct {
	*testing.T
	store *docstore.Store
	dir   string
	scrub media.Scrubber
	names []media.SHA256
}

func newScrubbed(t *testing.T, contents ...string) *scrubbed {
	t.Helper()
	dir := t.TempDir()
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "paicha.db"), Indexes: media.Indexes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	n := 0
	st, err := docstore.Open(t.Context(), engine, docstore.Options{
		Now: time.Now, Elapsed: func() time.Duration { return 0 }, NewID: func() string { n++; return string(rune('a' + n)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Open(filepath.Join(dir, "photos"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	s := &scrubbed{T: t, store: st, dir: dir}
	now := time.Date(2023, 6, 5, 18, 0, 0, 0, time.UTC)
	s.scrub = media.Scrubber{
		Docs: st, Kind: "evidence", Blobs: files.Blobs(), Derived: files.Derived(), Now: func() time.Time { return now },
		Again: func(media.SHA256) error { return nil },
	}
	e := media.Evidence{Inspection: "insp-1"}
	for _, c := range contents {
		h := media.Sum([]byte(c))
		s.names = append(s.names, h)
		e, _ = e.Receive(media.Arrived{SHA256: h, Size: int64(len(c)), Photo: media.Photo{Type: media.JPEG}})
		put(t, s.scrub.Blobs, c)
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Commit(t.Context(), []docstore.Write{{New: docstore.Doc{Ref: docstore.Ref{Kind: "evidence", ID: "insp-1"}, Body: body}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, b media.Blobs, content string) {
	t.Helper()
	if err := b.Put(context.Background(), media.Sum([]byte(content)), int64(len(content)), bytes.NewReader([]byte(content))); err != nil {
		t.Fatal(err)
	}
}

// rot changes one bit of a stored photo, as a disk does.
func (s *scrubbed) rot(h media.SHA256) {
	s.Helper()
	name := filepath.Join(s.dir, "photos", "blobs", h.String()[:2], h.String())
	b, err := os.ReadFile(name)
	if err == nil {
		b[0] ^= 1
		if err = os.Chmod(name, 0o600); err == nil {
			err = os.WriteFile(name, b, 0o600)
		}
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scrubbed) run() media.ScrubReport {
	s.Helper()
	r, err := s.scrub.Scrub(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// TestScrubFindsAndNames: what is damaged or lost is told with where it belongs, and nothing is removed.
func TestScrubFindsAndNames(t *testing.T) {
	s := newScrubbed(t, "good", "damaged", "lost")
	s.rot(s.names[1])
	if err := s.scrub.Blobs.Delete(t.Context(), s.names[2]); err != nil {
		t.Fatal(err)
	}
	r := s.run()
	if r.Photos != 3 || r.Good != 1 || r.Damaged != 1 || r.Lost != 1 || r.Repaired != 0 || r.Pictures != 1 || len(r.Damages) != 2 || r.Ended.IsZero() {
		t.Fatalf("%+v", r)
	}
	for i, want := range []media.Found{media.FoundDamaged, media.FoundLost} {
		if d := r.Damages[i]; d.Found != want || d.Subject != "insp-1" || d.SHA256 != s.names[i+1] || d.Repaired || d.Why == "" {
			t.Errorf("%+v", d)
		}
	}
	if _, err := s.scrub.Blobs.Stat(t.Context(), s.names[1]); err != nil {
		t.Error("the damaged photo was removed")
	}
}

// TestScrubPutsBack: from a second source that has good bytes; one that is damaged too is no source.
func TestScrubPutsBack(t *testing.T) {
	s := newScrubbed(t, "good", "damaged", "lost", "twice damaged")
	second, err := fs.Open(filepath.Join(s.dir, "second"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	for _, c := range []string{"damaged", "lost", "twice damaged"} {
		put(t, second.Blobs(), c)
	}
	s.rot(s.names[1])
	s.rot(s.names[3])
	if err := s.scrub.Blobs.Delete(t.Context(), s.names[2]); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(s.dir, "second", "blobs", s.names[3].String()[:2], s.names[3].String())
	if err := os.Chmod(bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("twice damagee"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.scrub.Second = second.Blobs()
	if r := s.run(); r.Damaged != 2 || r.Lost != 1 || r.Repaired != 2 || r.Damages[2].Repaired {
		t.Fatalf("%+v", r)
	}
	if r := s.run(); r.Good != 3 || r.Damaged != 1 || r.Lost != 0 {
		t.Fatalf("again: %+v", r)
	}
}

// TestScrubIsDoneOnceADay: of two processes one does it, and its report is kept.
func TestScrubIsDoneOnceADay(t *testing.T) {
	s := newScrubbed(t, "good")
	if r, done, err := s.scrub.Nightly(t.Context()); err != nil || !done || r.Good != 1 {
		t.Fatal(r, done, err)
	}
	if _, done, err := s.scrub.Nightly(t.Context()); err != nil || done {
		t.Fatal(done, err)
	}
	d, err := s.store.One(t.Context(), docstore.Ref{Kind: media.KindScrub, ID: "2023-06-05"})
	if err != nil {
		t.Fatal(err)
	}
	var kept media.ScrubReport
	if err := json.Unmarshal(d.Body, &kept); err != nil || kept.Good != 1 || kept.Ended.IsZero() || len(d.Tokens) != 0 {
		t.Errorf("%s %v", d.Body, err)
	}
}

// TestScrubStopsWithItsContext: a server that ends waits for no pace.
func TestScrubStopsWithItsContext(t *testing.T) {
	s := newScrubbed(t, "good")
	s.scrub.Rate = 1
	ctx, cancel := context.WithCancel(t.Context())
	s.scrub.Again = func(media.SHA256) error { cancel(); return nil }
	if _, err := s.scrub.Scrub(ctx); err == nil {
		t.Error("no error")
	}
}
