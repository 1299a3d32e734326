package media_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	docstore "paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
)

// printsAt opens the prints of a folder, as a node does when it starts.
func printsAt(t testing.TB, dir string) (*media.Prints, *docstore.Store, func()) {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "paicha.db"), Indexes: media.Indexes})
	if err != nil {
		t.Fatal(err)
	}
	n, now := 0, time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	s, err := docstore.Open(t.Context(), engine, docstore.Options{
		Now: func() time.Time { return now }, Elapsed: func() time.Duration { return 0 },
		NewID: func() string { n++; return fmt.Sprintf("%p-%d", engine, n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &media.Prints{Docs: s, Now: func() time.Time { return now }}, s, func() { _ = engine.Close() }
}

// flipped is p with n bits changed.
func flipped(r *rand.Rand, p media.Print, n int) media.Print {
	for _, bit := range r.Perm(64)[:n] {
		p ^= 1 << bit
	}
	return p
}

// TestEveryPrintWithinTheBoundIsFound holds the index against looking at every print.
func TestEveryPrintWithinTheBoundIsFound(t *testing.T) {
	ctx := context.Background()
	p, _, stop := printsAt(t, t.TempDir())
	defer stop()
	r := rand.New(rand.NewPCG(1, 2))
	prints := map[media.SHA256]media.Print{}
	centre := media.Print(r.Uint64())
	at := time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)
	for i := range 150 {
		h := media.Sum([]byte{byte(i), byte(i >> 8)})
		prints[h] = flipped(r, centre, r.IntN(media.Alike*2))
		if err := p.Use(ctx, h, h.String(), at); err != nil {
			t.Fatal(err)
		}
		if err := p.Enter(ctx, h, prints[h]); err != nil {
			t.Fatal(err)
		}
	}
	h := media.Sum([]byte("asked"))
	if err := p.Enter(ctx, h, centre); err != nil {
		t.Fatal(err)
	}
	got, err := p.Sightings(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, is := range prints {
		if bits.OnesCount64(uint64(is^centre)) <= media.Alike {
			want++
		}
	}
	if want < 65 {
		t.Fatal("the sample is too thin: ", want)
	}
	// More are alike than are named: then it is the nearest that are.
	if n := len(got[h]); n != 64 {
		t.Fatal(n, "named of", want)
	}
	for _, s := range got[h] {
		if d := prints[s.Photo].Distance(centre); d != s.Distance || d > 4 {
			t.Fatal(s)
		}
	}
}

func TestPrintsSurviveARestart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	a, b := media.Sum([]byte("a")), media.Sum([]byte("b"))
	at := time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)
	p, _, stop := printsAt(t, dir)
	if err := p.Use(ctx, a, "first", at); err != nil {
		t.Fatal(err)
	}
	if err := p.Enter(ctx, a, 0xf0f0f0f0f0f0f0f0); err != nil {
		t.Fatal(err)
	}
	stop()
	p, _, stop = printsAt(t, dir)
	defer stop()
	if hs, err := p.Waiting(ctx, 10); err != nil || len(hs) != 1 || hs[0] != a {
		t.Fatal("what was not settled is not made again", hs, err)
	}
	if err := p.Use(ctx, b, "second", at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the process died after it was entered
		if err := p.Enter(ctx, b, 0xf0f0f0f0f0f0f0f3); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.Sightings(ctx, a, b)
	if err != nil || len(got[a]) != 2 || len(got[b]) != 2 || got[a][1].Record != "second" || got[b][0].Distance != 2 {
		t.Fatal(got, err)
	}
	for _, h := range []media.SHA256{a, b} {
		if err := p.Settle(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	if hs, err := p.Waiting(ctx, 10); err != nil || len(hs) != 0 {
		t.Fatal(hs, err)
	}
}

// BenchmarkAlike looks up one photo among many. PAICHA_BENCH_PRINTS is how many; a million take some minutes to enter.
func BenchmarkAlike(b *testing.B) {
	many := 20_000
	if s := os.Getenv("PAICHA_BENCH_PRINTS"); s != "" {
		var err error
		if many, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	ctx, dir := context.Background(), b.TempDir()
	p, s, stop := printsAt(b, dir)
	defer stop()
	r := rand.New(rand.NewPCG(3, 4))
	began := time.Now()
	for i := 0; i < many; {
		var ws []docstore.Write
		for ; len(ws) < 1000 && i < many; i++ {
			ws = append(ws, docstore.Write{New: media.PrintDoc(media.Sum(fmt.Append(nil, i)), balanced(r), fmt.Sprintf("018f0000-0000-7000-8000-%012d", i))})
		}
		outs, err := s.Commit(ctx, ws)
		if err != nil || outs[0].Status != docstore.OK {
			b.Fatal(outs, err)
		}
	}
	b.Logf("%d photos entered in %v", many, time.Since(began).Round(time.Second))
	runtime.GC()
	var after runtime.MemStats
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := p.Find(ctx, media.Sum([]byte("asked")), balanced(r)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc)/(1<<20), "heap-MB")
	if info, err := os.Stat(filepath.Join(dir, "paicha.db")); err == nil {
		b.ReportMetric(float64(info.Size())/float64(many), "disk-B/photo")
	}
}

// balanced is a print as pictures have them: as many ones as zeros.
func balanced(r *rand.Rand) media.Print {
	var p media.Print
	for _, bit := range r.Perm(64)[:32] {
		p |= 1 << bit
	}
	return p
}

// TestPhotosAtOnceFindEachOther enters copies of one scene at the same time, from two nodes' worth of workers.
func TestPhotosAtOnceFindEachOther(t *testing.T) {
	p, _, stop := printsAt(t, t.TempDir())
	defer stop()
	r := rand.New(rand.NewPCG(5, 6))
	centre := balanced(r)
	at := time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)
	var hs []media.SHA256
	var wg sync.WaitGroup
	for i := range 8 {
		h, is := media.Sum([]byte{byte(i)}), flipped(r, centre, i%3) // at most 4 bits from each other
		hs = append(hs, h)
		wg.Go(func() {
			if err := p.Use(t.Context(), h, h.String(), at); err != nil {
				t.Error(err)
			}
			if err := p.Enter(t.Context(), h, is); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := p.Sightings(t.Context(), hs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hs {
		if len(got[h]) != len(hs) {
			t.Errorf("%d of %d found", len(got[h]), len(hs))
		}
	}
}
