package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// TestScrubCommand: a photo that rotted on disk is told, and comes back from a backup's folder.
func TestScrubCommand(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	documents, album := embedded(dir)
	e, err := openEngine(t.Context(), documents, engineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), e, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	photo := []byte("现场照片")
	h := media.Sum(photo)
	evidence := media.Evidence{Inspection: "i1"}
	evidence, _ = evidence.Receive(media.Arrived{SHA256: h, Size: int64(len(photo)), Photo: media.Photo{Type: media.JPEG}})
	body, err := json.Marshal(evidence)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: store.Ref{Kind: fieldsync.KindEvidence, ID: "i1"}, Body: body}}}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{album, "file://" + other} {
		p, err := openPhotos(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Put(t.Context(), h, int64(len(photo)), bytes.NewReader(photo)); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "photos", "blobs", h.String()[:2], h.String())
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("rotten"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(want int, words string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := scrub(t.Context(), append(args, "--data", dir), &out, &errs); code != want || !strings.Contains(out.String(), words) {
			t.Errorf("%d, want %d with %s:\n%s%s", code, want, words, &out, &errs)
		}
	}
	said(1, "损坏 1，丢失 0，已恢复 0")
	said(0, "损坏 1，丢失 0，已恢复 1", "--second", other)
	said(0, "完好 1，损坏 0")
}
