package minio

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paicha/media"
)

// BenchmarkReceive takes photos in and reports its speed as a share of the raw limit of the same run: one PUT a photo,
// signed over its SHA-256, on the same connection pool. The two take turns in going first. Receiving adds to the PUT
// what makes an upload resumable: its head, three looks at where it stands, what it became, and the end of its head.
func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name             string
		size             int
		pieces, together int
	}{
		{"300KB", 300 << 10, 1, 1},
		{"300KB/8together", 300 << 10, 1, 8},
		{"3MB", 3 << 20, 1, 1},
		{"3MB/8together", 3 << 20, 1, 8},
		{"3MB/12pieces", 3 << 20, 12, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := openNamed(b, b.TempDir())
			photos := make([][]byte, c.together)
			for i := range photos {
				photos[i] = photo(uint64(i), c.size)
			}
			raw := func(p []byte, name string) error {
				return s.replace(ctx, s.opt.Bucket, s.name("raw", name), small(p, ""))
			}
			receive := func(p []byte, name string) error {
				st, id, hash := s.Staging(), media.UploadID(name), media.Sum(p)
				if err := st.Create(ctx, id, int64(len(p)), []byte("{}")); err != nil {
					return err
				}
				for at, n := 0, len(p)/c.pieces; at < len(p); at += n {
					for range 2 { // as the receiver asks
						if _, err := st.Stat(ctx, id); err != nil {
							return err
						}
					}
					if _, err := st.Append(ctx, id, int64(at), bytes.NewReader(p[at:at+n])); err != nil {
						return err
					}
				}
				return st.Commit(ctx, id, hash, arrival)
			}
			var seq atomic.Int64
			timed := func(f func([]byte, string) error) time.Duration {
				began := time.Now()
				var wg sync.WaitGroup
				for i := range photos {
					wg.Go(func() {
						name := fmt.Sprint("up", seq.Add(1))
						copy(photos[i], name)
						if err := f(photos[i], name); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
				return time.Since(began)
			}
			var plain, ours time.Duration
			n := 0
			for i := 0; b.Loop(); i++ {
				if i%2 == 0 {
					plain += timed(raw)
				}
				ours += timed(receive)
				if i%2 == 1 {
					plain += timed(raw)
				}
				n += c.together
			}
			b.ReportMetric(float64(n)/ours.Seconds(), "photos/s")
			b.ReportMetric(float64(n)/plain.Seconds(), "raw-photos/s")
			b.ReportMetric(plain.Seconds()/ours.Seconds(), "ratio")
		})
	}
}
