package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// remarks are what a person makes of the figures; they stand in the document below the tables, and are rewritten by hand
// when the figures change their meaning.
//
//go:embed remarks.md
var remarks string

func (t *table) write(w io.Writer, p *plan) {
	fmt.Fprintf(w, "# Benchmarks\n\nWritten by `make bench` (tools/bench); the remarks at the end are kept in tools/bench/remarks.md.\n\n")
	t.line(w, "", "")
	t.line(w, "---", "---")
	t.line(w, "machine", machine())
	t.line(w, "versions", versions())
	t.line(w, "measured", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	t.line(w, "load average at beginning and end (1, 5, 15 minutes)", t.load[0]+"; "+t.load[1])
	t.line(w, "rounds", fmt.Sprint(p.rounds))
	t.line(w, "a stored record", t.facts["row"])
	t.line(w, "a photo", t.facts["photo"])
	fmt.Fprintf(w, `
Bold is the median of the rounds, in brackets the least and the most; other figures are medians. The server is the real
binary in a process of its own; the tablets, one keep-alive connection each, share the processors with it, so a figure is
what the pair can do. "Other CPU" is the share of the machine that went to neither: what else ran. Raw limits are
measured in the same round, and every ratio is the median of ratios within a round. CPU is in seconds for 1000 of what
the row counts. A commit is one group made durable with one fsync of the log.
`)
	t.pushTable(w)
	t.photoTable(w)
	t.s3Table(w)
	t.uploadTable(w)
	t.deriveTable(w)
	t.pullTable(w)
	t.stockTable(w)
	t.packTable(w)
	t.fleetTable(w)
	t.weakTable(w)
	t.memoryTable(w)
	fmt.Fprintf(w, "\n%s", remarks)
}

func p50(s sample) float64       { return s.p50 }
func p95(s sample) float64       { return s.p95 }
func p99(s sample) float64       { return s.p99 }
func serverCPU(s sample) float64 { return s.serverCPU }
func clientCPU(s sample) float64 { return s.clientCPU }
func otherCPU(s sample) float64  { return 100 * s.otherCPU }
func commits(s sample) float64   { return s.commits }
func wireMB(s sample) float64    { return s.mb }

func (t *table) head(w io.Writer, title string, cells ...string) {
	fmt.Fprintf(w, "\n## %s\n\n", title)
	t.line(w, cells...)
	t.line(w, strings.Split(strings.Repeat("---,", len(cells)-1)+"---", ",")...)
}

func (t *table) pushTable(w io.Writer) {
	if t.rows["push 1 C=1"] == nil {
		return
	}
	t.head(w, "Pushes of records (6.4 KB each; latency is of the whole push)", "push", "C", "records/s", "p50 ms", "p95 ms", "p99 ms",
		"raw rows/s, groups of", "ratio to raw", "ratio to bare table", "HTTP echo, records/s", "commits a record", "server CPU", "client CPU", "other CPU %")
	for _, c := range []struct{ batch, tablets, group int }{{1, 1, 1}, {1, 8, 1}, {1, 32, 32}, {100, 1, 100}, {100, 8, 100}} {
		name, raw := fmt.Sprintf("push %d C=%d", c.batch, c.tablets), fmt.Sprintf("rows by %d", c.group)
		limit, against, bare := t.spread(raw, rate)+fmt.Sprintf(", %d", c.group), t.ratio(name, raw), t.ratio(name, "bare "+raw)
		if c.batch == 1 && c.tablets == 8 { // its groups are of no one size
			limit, against, bare = "-", "-", "-"
		}
		t.line(w, fmt.Sprintf("of %d", c.batch), fmt.Sprint(c.tablets), t.spread(name, rate), t.median(name, p50), t.median(name, p95), t.median(name, p99),
			limit, against, bare, t.median(fmt.Sprintf("echo of %d C=%d", c.batch, c.tablets), rate),
			t.median(name, commits), t.median(name, serverCPU), t.median(name, clientCPU), t.median(name, otherCPU))
	}
	fmt.Fprintf(w, "\nBare table (body and unique key, nothing else), rows/s: groups of 1 %s, of 32 %s, of 100 %s.\n",
		t.spread("bare rows by 1", rate), t.spread("bare rows by 32", rate), t.spread("bare rows by 100", rate))
}

func (t *table) photoTable(w io.Writer) {
	if t.rows["photos C=8"] == nil {
		return
	}
	t.head(w, "Inspections with three photos", "C", "inspections/s", "MB/s", "p50 ms", "p95 ms", "p99 ms", "files by hand, inspections/s", "ratio",
		"commits an inspection", "server CPU", "client CPU", "other CPU %")
	mb := func(s sample) float64 { return s.rate * 3 * photoBytes / 1e6 }
	for _, c := range []int{8, 32} {
		name, raw := fmt.Sprintf("photos C=%d", c), fmt.Sprintf("files C=%d", c)
		t.line(w, fmt.Sprint(c), t.spread(name, rate), t.median(name, mb), t.median(name, p50), t.median(name, p95), t.median(name, p99),
			t.spread(raw, rate), t.ratio(name, raw), t.median(name, commits), t.median(name, serverCPU), t.median(name, clientCPU), t.median(name, otherCPU))
	}
	fmt.Fprintf(w, "\nThe record and its evidence are durable too before the answer; the files by hand are not. Thumbnails and previews are made afterwards, while no photo comes in: %s photos/s, %s s of CPU a photo. In the last round %s.\n",
		t.spread("derived", rate), t.median("derived", func(s sample) float64 { return s.serverCPU / 1000 }), t.facts["backlog"])
	fmt.Fprintf(w, "HTTP echo of a photo at C=8: %s/s.\n", t.spread("echo of a photo C=8", rate))
}

func (t *table) pullTable(w io.Writer) {
	mine := func(name string) bool { return strings.Contains(name, "pull") && !strings.HasPrefix(name, "fleet") }
	if !slices.ContainsFunc(t.order, mine) {
		return
	}
	t.head(w, "Pulls", "pull", "requests or documents/s", "p50 ms", "p95 ms", "p99 ms", "MB/s on the wire", "server CPU", "client CPU", "other CPU %")
	for _, name := range t.order {
		if mine(name) {
			t.line(w, name, t.spread(name, rate), t.spread(name, p50), t.median(name, p95), t.median(name, p99), t.median(name, wireMB),
				t.median(name, serverCPU), t.median(name, clientCPU), t.median(name, otherCPU))
		}
	}
}

func (t *table) memoryTable(w io.Writer) {
	t.head(w, "Most memory of the server (VmHWM), MB", "phase", "MB")
	for _, phase := range []string{"logins", "push", "photos", "pictures", "pull", "stock"} {
		if mb, ok := t.peaks[phase]; ok {
			t.line(w, phase, show(mb))
		}
	}
}
