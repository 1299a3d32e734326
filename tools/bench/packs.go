package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"paicha/checklist"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packFigures are the checklists' part: how big they are on the wire, and what loading and judging cost.
type packFigures struct {
	rows         []packRow
	load, decode time.Duration // all versions: from YAML, linted; from their published JSON
	largest      string
	judge        testing.BenchmarkResult
	first, again int // bytes of a first sync of one tablet, and of another one by a tablet that holds the packs; zstd
	docs         int
	start        time.Duration // of the server with an empty folder
}

type packRow struct {
	ref                      checklist.PackRef
	items, core, rules       int
	compiled, zstded, gziped int // bytes
}

// packs measures checklists in this process, and their delivery over HTTP by the real server.
func (p *plan) packs(t *table) error {
	note("packs")
	f := &packFigures{}
	began := time.Now()
	bundle, err := checklist.Embedded()
	if err != nil {
		return err
	}
	f.load = time.Since(began)
	var published [][]byte
	var largest *checklist.Pack
	for _, pack := range bundle.Packs {
		b, err := pack.MarshalJSON()
		if err != nil {
			return err
		}
		published = append(published, b)
		row := packRow{ref: pack.Ref(), items: len(pack.Items()), rules: len(pack.Rules), compiled: len(b)}
		for _, it := range pack.Items() {
			if it.Core {
				row.core++
			}
		}
		if row.zstded, row.gziped, err = squeezed(b); err != nil {
			return err
		}
		f.rows = append(f.rows, row)
		if largest == nil || len(pack.Rules) > len(largest.Rules) {
			largest = pack
		}
	}
	slices.SortFunc(f.rows, func(a, b packRow) int { return b.compiled - a.compiled })
	began = time.Now()
	for i, b := range published {
		if _, err := checklist.DecodePack(b, bundle.Packs[i].Hash()); err != nil {
			return err
		}
	}
	f.decode = time.Since(began)
	f.largest = string(largest.Ref())
	answers := everyAnswer(largest)
	f.judge = testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			largest.Judge("2023-06-15", answers, nil)
		}
	})
	t.packs = f
	return p.delivery(f)
}

// embeddedPacks is the checklists that the server has, compiled once.
var embeddedPacks = sync.OnceValues(checklist.Embedded)

// everyAnswer answers every item of a pack, so that every rule has what it reads.
func everyAnswer(p *checklist.Pack) []checklist.Answer {
	one, count := 1.0, int64(1)
	var out []checklist.Answer
	for _, it := range p.Items() {
		a := checklist.Answer{Item: it.Code}
		switch it.Kind {
		case checklist.Conform:
			a.Result = checklist.ResultNonconform
		case checklist.Number:
			a.Number, a.Unit = &one, it.Unit
		case checklist.Count:
			a.Count = &count
		case checklist.Choice:
			a.Choice = it.Choices[0]
		case checklist.Date:
			a.Date = "2022-01-01"
		default:
			a.Text = "现场核对"
		}
		out = append(out, a)
	}
	return out
}

// squeezed is how many bytes travel: as the server compresses.
func squeezed(b []byte) (zstded, gziped int, err error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	if err != nil {
		return 0, 0, err
	}
	zstded = len(z.EncodeAll(b, nil))
	var out bytes.Buffer
	g, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return 0, 0, err
	}
	if _, err := g.Write(b); err != nil {
		return 0, 0, err
	}
	err = g.Close()
	return zstded, out.Len(), err
}

// delivery pulls as a tablet with nothing, and as one that begins anew and holds its packs.
func (p *plan) delivery(f *packFigures) error {
	began := time.Now()
	s, err := start(p, "packs")
	if err != nil {
		return err
	}
	f.start = time.Since(began)
	defer func() { s.stop() }()
	tablets, err := s.login(1)
	if err != nil {
		return err
	}
	tb := tablets[0]
	if _, f.docs, f.first, err = tb.pullAll("", "zstd"); err != nil {
		return err
	}
	for _, pack := range f.rows {
		hash, err := hashOf(pack.ref)
		if err != nil {
			return err
		}
		tb.have = append(tb.have, hash)
	}
	_, _, f.again, err = tb.pullAll("", "zstd")
	return err
}

func hashOf(ref checklist.PackRef) (string, error) {
	bundle, err := checklist.Embedded()
	if err != nil {
		return "", err
	}
	for _, p := range bundle.Packs {
		if p.Ref() == ref {
			return string(p.Hash()), nil
		}
	}
	return "", fmt.Errorf("no pack %s", ref)
}

func (t *table) packTable(w io.Writer) {
	f := t.packs
	if f == nil {
		return
	}
	t.head(w, "Checklists", "version", "items", "core", "rules", "canonical JSON, bytes", "zstd, bytes", "gzip, bytes")
	total := packRow{}
	for _, r := range f.rows {
		t.line(w, string(r.ref), fmt.Sprint(r.items), fmt.Sprint(r.core), fmt.Sprint(r.rules), fmt.Sprint(r.compiled), fmt.Sprint(r.zstded), fmt.Sprint(r.gziped))
		total.items, total.rules, total.compiled = total.items+r.items, total.rules+r.rules, total.compiled+r.compiled
		total.zstded, total.gziped = total.zstded+r.zstded, total.gziped+r.gziped
	}
	t.line(w, "all", fmt.Sprint(total.items), "", fmt.Sprint(total.rules), fmt.Sprint(total.compiled), fmt.Sprint(total.zstded), fmt.Sprint(total.gziped))
	fmt.Fprintf(w, `
A tablet pulls a version once. A first sync of one inspector of the demonstration (%d documents, its sectors' checklists among them) takes
**%d** bytes with zstd; the same by a tablet that begins anew and names the checklists that it holds, **%d**. Judging %s with every
item answered, one core: **%.3f ms** (%d allocations, %d bytes). All versions from YAML, linted and compiled: %d ms; from their published JSON: %d ms.
A server does the first only for what its store does not have yet (start with an empty folder, demonstration data included: %d ms) and the second one by one, when a
version is first used.
`, f.docs, f.first, f.again, f.largest, float64(f.judge.NsPerOp())/1e6, f.judge.AllocsPerOp(), f.judge.AllocedBytesPerOp(),
		f.load.Milliseconds(), f.decode.Milliseconds(), f.start.Milliseconds())
}
