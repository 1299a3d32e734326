package backup_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"paicha/internal/backup"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	photofs "paicha/media/fs"
)

// BenchmarkCopies measures a deployment of 10,000 documents of 6.4 KB and 200 photos of 300 KB, by documents a second.
func BenchmarkCopies(b *testing.B) {
	const docs, photos = 10_000, 200
	place := func(b *testing.B) (*sqlite.Engine, *photofs.Store) {
		dir := b.TempDir()
		e, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(dir, "paicha.db")})
		if err != nil {
			b.Fatal(err)
		}
		p, err := photofs.Open(filepath.Join(dir, "photos"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _, _ = p.Close(), e.Close() })
		return e, p
	}
	e, p := place(b)
	s, err := store.Open(b.Context(), e, options())
	if err != nil {
		b.Fatal(err)
	}
	noise := rand.New(rand.NewPCG(1, 1))
	data := make([]byte, 300<<10)
	var ws []store.Write
	for i := range docs {
		d := store.Doc{Ref: store.Ref{Kind: "evidence", ID: fmt.Sprint(i)}, Tokens: []store.Token{"5325", "532504", "ent:1"}}
		var body bytes.Buffer
		for body.Len() < 6400 {
			fmt.Fprintf(&body, `{"item":"gas.methane-return","number":%d,"note":"回风流甲烷浓度"},`, noise.Uint32())
		}
		d.Body = body.Bytes()
		if i < photos {
			for j := range data {
				data[j] = byte(noise.Uint32())
			}
			h := media.Sum(data)
			if err := p.Blobs().Put(b.Context(), h, int64(len(data)), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
			d.Body = fmt.Appendf(nil, "photo %s %d", h, len(data))
		}
		if ws = append(ws, store.Write{New: d}); len(ws) == 500 {
			if _, err := s.Commit(b.Context(), ws); err != nil {
				b.Fatal(err)
			}
			ws = ws[:0]
		}
	}
	o, err := s.Origin()
	if err != nil {
		b.Fatal(err)
	}
	src := backup.Source{Documents: o, Photos: p.Blobs(), Named: named}
	folder := b.TempDir()
	rate := func(b *testing.B) {
		b.ReportMetric(docs*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
	}
	b.Run("First", func(b *testing.B) {
		for b.Loop() {
			if _, err := backup.Take(b.Context(), src, taking(b.TempDir())); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	last, err := backup.Take(b.Context(), src, taking(folder))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("NoNewPhotos", func(b *testing.B) {
		for b.Loop() {
			if _, err := backup.Take(b.Context(), src, taking(folder)); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	b.Run("Verify", func(b *testing.B) {
		for b.Loop() {
			if err := last.Verify(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	b.Run("Restore", func(b *testing.B) {
		for b.Loop() {
			e, p := place(b)
			if _, err := last.Restore(b.Context(), backup.Target{Engine: e, Photos: p.Blobs(), Options: options()}); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	b.Run("Move", func(b *testing.B) {
		for b.Loop() {
			e, p := place(b)
			if _, err := backup.Move(b.Context(), src, backup.Target{Engine: e, Photos: p.Blobs(), Options: options()}); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	total := int64(0)
	for _, f := range last.Documents.Segments {
		total += f.Bytes
	}
	b.Logf("segments %d bytes in %d files, taken in %v", total, len(last.Documents.Segments), last.Ended.Sub(last.Begun).Round(time.Millisecond))
}
