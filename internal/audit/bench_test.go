package audit

import (
	"fmt"
	"path/filepath"
	"testing"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
)

// BenchmarkAppend logs 1,000 entries of 1,000 hazards on SQLite, at a log of some thousands; and proves one entry.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1000, 100, 10, 1} {
		b.Run(fmt.Sprint("BatchesOf", batch), func(b *testing.B) {
			e, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "paicha.db")})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = e.Close() })
			s := openStore(b.Context(), e)
			q := sequencer(b, s)
			logged := 0
			for b.Loop() {
				for n := 0; n < 1000; n += batch {
					b.StopTimer()
					var ws []store.Write
					for range batch {
						ref := store.Ref{Kind: "hazard", ID: fmt.Sprint("h", logged)}
						body := fmt.Sprintf(`{"id":%q,"text":"回风流甲烷浓度超限，已撤人断电","history":[{"at":"2023-06-05T08:00:00.123Z","by":"wang","as":"inspector","device":"dev-wang","n":%d,"place":{"lat":23.36,"lon":103.41,"system":"WGS-84"},"mutation":"0190a5f0-0000-7000-8000-%012d","command":"hazard.confirm","from":"reported","to":"confirmed"}]}`, ref.ID, logged, logged)
						ws = append(ws, store.Write{New: store.Doc{Ref: ref, Body: []byte(body)}})
						logged++
					}
					if _, err := s.Commit(b.Context(), ws); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					mustDrain(b, q)
				}
			}
			if n, err := q.Size(b.Context()); err != nil || n != int64(logged) {
				b.Fatal(n, err)
			}
			b.ReportMetric(float64(logged)/b.Elapsed().Seconds(), "entries/s")
			d, err := s.One(b.Context(), store.Ref{Kind: "hazard", ID: "h77"})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := (Log{s, q.Key.Verifier}).Prove(b.Context(), []Record{{d.Ref, d.Rev, d.Body}}, Window{}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
