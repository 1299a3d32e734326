// Command bench measures the real server as tablets meet it, beside what the machine itself can do in the same run, and
// writes the table. It asserts nothing: a number on a loaded machine is no test.
//
// It starts the binary with demonstration data in a temporary folder, plays C tablets with keep-alive connections from
// this process, and between them does by hand what the server must do at least: the same rows with the same indexes, the
// same files, the same bytes over HTTP. What is compared was measured within the same minute.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// plan is how much is measured.
type plan struct {
	binary  string
	dir     string
	only    string
	profile string
	rounds  int
	span    time.Duration // of each closed loop
	photos  int           // inspections with photos in each run
	sizes   []int         // stored documents at which pulls are measured
	first   int           // the size at which the whole is pulled
	drain   time.Duration // how long pictures are watched being made
	stocks  []int         // stored documents at which pulls by grants are measured
}

func (p *plan) wants(name string) bool {
	return p.only == "" || slices.Contains(strings.Split(p.only, ","), name)
}

func main() {
	var p plan
	quick := flag.Bool("quick", false, "a smoke run of less than a minute")
	out := flag.String("out", "docs/benchmarks.md", "file to write; - is standard output")
	echo := flag.Bool("echo", false, "be the echo server that the program starts for itself")
	flag.StringVar(&p.binary, "bin", "bin/paicha", "server to measure")
	flag.StringVar(&p.only, "only", "", "of push, echo, photos, packs, pull, fleet, stock, s3, uploads, derive, weak: only those named (comma between); of a file that exists only their sections are replaced")
	flag.StringVar(&p.profile, "profile", "", "folder for CPU profiles of the server")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds, of which the median is shown")
	million := flag.Bool("million", false, "measure pulls at a million stored documents too (some GB of disk, minutes of filling)")
	flag.Parse()
	if *echo {
		serveEcho()
		return
	}
	p.span, p.photos, p.sizes, p.first, p.drain = 3*time.Second, 300, []int{1_000, 10_000, 100_000}, 50_000, 6*time.Second
	p.stocks = []int{10_000, 100_000}
	if *million {
		p.stocks = append(p.stocks, 1_000_000)
	}
	if *quick {
		p.stocks = []int{2_000}
		p.rounds, p.span, p.photos, p.sizes, p.first, p.drain = 1, 400*time.Millisecond, 30, []int{200, 1_000}, 1_000, time.Second
	}
	if err := measure(&p, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(p *plan, out string) (err error) {
	if p.binary, err = filepath.Abs(p.binary); err != nil {
		return err
	}
	if p.dir, err = os.MkdirTemp("", "paicha-bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(p.dir) }()
	t := &table{rows: map[string]*row{}, facts: map[string]string{}}
	t.began()
	for round := range p.rounds {
		if err := p.round(t, round); err != nil {
			return err
		}
	}
	if p.wants("packs") {
		if err := p.packs(t); err != nil {
			return err
		}
	}
	if p.wants("derive") {
		if err := p.derive(t); err != nil {
			return err
		}
	}
	if p.wants("pull") {
		if err := p.pulls(t); err != nil {
			return err
		}
	}
	if p.wants("fleet") && !onMongo() {
		if err := p.fleet(t); err != nil {
			return err
		}
	}
	if p.wants("stock") && !onMongo() {
		if err := p.stock(t); err != nil {
			return err
		}
	}
	if p.wants("weak") {
		if err := p.weak(t); err != nil {
			return err
		}
	}
	t.ended()
	var b bytes.Buffer
	t.write(&b, p)
	if old, err := os.ReadFile(out); p.only != "" && err == nil {
		return os.WriteFile(out, replaceSections(old, b.Bytes(), t.alone()), 0o644)
	}
	if out == "-" {
		_, err = os.Stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// round measures everything but pulls once, each beside its raw limit.
func (p *plan) round(t *table, round int) error {
	note("round %d", round+1)
	if p.wants("push") {
		if err := p.pushes(t, round); err != nil {
			return err
		}
	}
	if p.wants("echo") {
		if err := p.echoes(t); err != nil {
			return err
		}
	}
	if p.wants("photos") {
		if err := p.pictures(t, round); err != nil {
			return err
		}
	}
	if p.wants("s3") {
		if err := p.s3(t, round); err != nil {
			return err
		}
	}
	if p.wants("uploads") {
		return p.uploads(t, round)
	}
	return nil
}

// pushes measures records, first through the server and then by hand.
func (p *plan) pushes(t *table, round int) error {
	s, err := start(p, fmt.Sprint("push", round))
	if err != nil {
		return err
	}
	defer s.stop()
	tablets, err := s.login(32)
	if err != nil {
		return err
	}
	t.peak("logins", s.resetPeak())
	for _, c := range []struct{ batch, tablets int }{{1, 1}, {1, 8}, {1, 32}, {100, 1}, {100, 8}} {
		name := fmt.Sprintf("push %d C=%d", c.batch, c.tablets)
		if err := t.loop(name, s, c.batch, func() (run, error) {
			return closed(tablets[:c.tablets], p.span, func(tb *tablet) error { return tb.push(c.batch) })
		}); err != nil {
			return err
		}
	}
	t.peak("push", s.peak())
	if onMongo() {
		t.facts["row"] = "in MongoDB, which was given; no raw rows beside it"
		return nil
	}
	copied, err := s.stored()
	if err != nil {
		return err
	}
	s.stop()
	t.facts["row"] = copied.String()
	for _, group := range []int{1, 32, 100} {
		for _, bare := range []bool{false, true} {
			if err := p.rawRows(t, copied, group, bare, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// pictures measures inspections with photos, and the raw limit of the same bytes.
func (p *plan) pictures(t *table, round int) error {
	pool := photoPool()
	t.facts["photo"] = pool.String()
	for _, c := range []int{8, 32} {
		if err := p.rawFiles(t, pool, c, round); err != nil {
			return err
		}
	}
	s, err := start(p, fmt.Sprint("photos", round))
	if err != nil {
		return err
	}
	defer s.stop()
	tablets, err := s.login(32)
	if err != nil {
		return err
	}
	s.resetPeak()
	for _, c := range []int{8, 32} {
		visits := pool.visits(p.photos, round*2+c)
		if err := t.loop(fmt.Sprintf("photos C=%d", c), s, 1, func() (run, error) {
			return counted(tablets[:c], len(visits), func(tb *tablet, i int) error { return tb.visit(pool, &visits[i]) })
		}); err != nil {
			return err
		}
	}
	t.peak("photos", s.peak())
	if err := p.watchPictures(t, s); err != nil {
		return err
	}
	t.peak("pictures", s.peak())
	return nil
}

// watchPictures counts how many pictures are made once nobody asks for anything.
func (p *plan) watchPictures(t *table, s *server) error {
	before, began, cpu := s.derived(), time.Now(), s.cpu()
	time.Sleep(p.drain)
	made, took := s.derived()-before, time.Since(began).Seconds()
	t.add("derived", sample{rate: float64(made) / took, serverCPU: 1000 * (s.cpu() - cpu) / float64(max(made, 1))})
	waiting, err := s.metric("paicha_derive_queue")
	t.facts["backlog"] = fmt.Sprintf("%.0f photos waited %.0f s after the last upload", waiting, took)
	return err
}

// pulls fills one server step by step and pulls at each size.
func (p *plan) pulls(t *table) error {
	s, err := start(p, "pull")
	if err != nil {
		return err
	}
	defer s.stop()
	tablets, err := s.login(8)
	if err != nil {
		return err
	}
	s.resetPeak()
	stored, steps := 0, p.sizes
	if p.first > 0 {
		steps = insertSorted(steps, p.first)
	}
	for _, size := range steps {
		note("filling to %d", size)
		for stored < size {
			n := min(100*len(tablets), size-stored)
			if _, err := counted(tablets, (n+99)/100, func(tb *tablet, i int) error { return tb.push(min(100, n-100*i)) }); err != nil {
				return err
			}
			stored += n
		}
		for i, tb := range tablets { // of one account one reads, and the others go on from there
			if i < 2 {
				if tb.cursor, _, _, err = tb.pullAll(tb.cursor, ""); err != nil {
					return err
				}
			} else {
				tb.cursor = tablets[i%2].cursor
			}
		}
		if size == p.first {
			if err := p.firstPulls(t, s, tablets[0]); err != nil {
				return err
			}
			continue
		}
		for range p.rounds {
			for _, c := range []int{1, 8} {
				name := fmt.Sprintf("empty pull of %d C=%d", size, c)
				if err := t.loop(name, s, 1, func() (run, error) {
					return closed(tablets[:c], p.span/2, func(tb *tablet) error { return tb.pullNothing(tb.cursor) })
				}); err != nil {
					return err
				}
			}
		}
	}
	t.peak("pull", s.peak())
	return nil
}

func (p *plan) firstPulls(t *table, s *server, tb *tablet) error {
	for range p.rounds {
		for _, encoding := range []string{"", "zstd", "gzip"} {
			name := "first pull " + encoding
			err := t.loop(strings.TrimSpace(name), s, 1, func() (run, error) {
				began := time.Now()
				_, docs, wire, err := tb.pullAll("", encoding)
				return run{took: time.Since(began), done: docs, bytes: wire}, err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
