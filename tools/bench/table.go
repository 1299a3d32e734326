package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// sample is one run of one row.
type sample struct {
	rate          float64 // records, inspections, requests or documents a second
	p50, p95, p99 float64 // of one call, ms
	serverCPU     float64 // seconds per 1000 of what rate counts
	clientCPU     float64
	otherCPU      float64 // share of the machine that went to neither, 0 to 1
	commits       float64 // commits for each of what rate counts; below 0: not known
	mb            float64 // MB a second on the wire
}

type row struct{ samples []sample }

// table gathers samples by the name of their row.
type table struct {
	rows  map[string]*row
	order []string
	peaks map[string]float64
	facts map[string]string
	packs *packFigures
	weak  *weakFigures
	fleet *fleetFigures

	underWay *underWayFigures
	derive   []derived
	load     [2]string
}

func (t *table) add(name string, s sample) {
	r := t.rows[name]
	if r == nil {
		r = &row{}
		t.rows[name] = r
		t.order = append(t.order, name)
	}
	r.samples = append(r.samples, s)
	note("%-28s %9.1f/s  p50 %.2f  p95 %.2f  p99 %.2f ms  server %.2f client %.2f s/1000  other %.0f%%  commits %.3f  %.1f MB/s",
		name, s.rate, s.p50, s.p95, s.p99, s.serverCPU, s.clientCPU, 100*s.otherCPU, s.commits, s.mb)
}

// peak keeps the largest memory of a phase, in MB.
func (t *table) peak(phase string, mb float64) {
	if t.peaks == nil {
		t.peaks = map[string]float64{}
	}
	t.peaks[phase] = max(t.peaks[phase], mb)
	note("%-28s %9.1f MB peak", phase, mb)
}

// loop does one run and books it: each call counts batch.
func (t *table) loop(name string, s *server, batch int, do func() (run, error)) error {
	commits := -1.0
	count := func() float64 { return -1 }
	var cpu func() float64
	if s != nil {
		cpu = s.cpu
		count = func() float64 {
			n, err := s.metric("paicha_store_commits_total")
			if err != nil {
				return -1
			}
			return n
		}
	} else {
		cpu = func() float64 { return 0 }
	}
	before := count()
	machine, own, server, began := machineCPU(), ownCPU(), cpu(), time.Now()
	r, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	wall := time.Since(began).Seconds()
	machine, own, server = machineCPU()-machine, ownCPU()-own, cpu()-server
	n := float64(r.done * batch)
	if before >= 0 {
		commits = (count() - before) / max(n, 1)
	}
	slices.Sort(r.each)
	at := func(q float64) float64 {
		if len(r.each) == 0 {
			return 0
		}
		return float64(r.each[int(q*float64(len(r.each)-1))].Microseconds()) / 1000
	}
	t.add(name, sample{
		rate: n / r.took.Seconds(), p50: at(0.5), p95: at(0.95), p99: at(0.99),
		serverCPU: 1000 * server / max(n, 1), clientCPU: 1000 * own / max(n, 1),
		otherCPU: max(machine-own-server, 0) / wall / float64(runtime.NumCPU()), commits: commits,
		mb: float64(r.bytes) / r.took.Seconds() / 1e6,
	})
	return nil
}

func (t *table) began() { t.load[0] = loadAverage() }
func (t *table) ended() { t.load[1] = loadAverage() }

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// of returns the median and the bounds of one figure of a row.
func (t *table) of(name string, what func(sample) float64) (median, least, most float64) {
	r := t.rows[name]
	if r == nil {
		return 0, 0, 0
	}
	var v []float64
	for _, s := range r.samples {
		v = append(v, what(s))
	}
	slices.Sort(v)
	return v[len(v)/2], v[0], v[len(v)-1]
}

func rate(s sample) float64 { return s.rate }

// ratio is the median of the quotients of the same round, with its bounds.
func (t *table) ratio(name, limit string) string {
	a, b := t.rows[name], t.rows[limit]
	if a == nil || b == nil || len(a.samples) != len(b.samples) {
		return "-"
	}
	var v []float64
	for i := range a.samples {
		v = append(v, a.samples[i].rate/b.samples[i].rate)
	}
	slices.Sort(v)
	return fmt.Sprintf("**%.2f** (%.2f–%.2f)", v[len(v)/2], v[0], v[len(v)-1])
}

// show prints a figure with three digits that count.
func show(v float64) string {
	switch {
	case v >= 1000:
		s := fmt.Sprintf("%.0f", v)
		return s[:len(s)-3] + "," + s[len(s)-3:]
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (t *table) spread(name string, what func(sample) float64) string {
	m, least, most := t.of(name, what)
	return fmt.Sprintf("**%s** (%s–%s)", show(m), show(least), show(most))
}

func (t *table) median(name string, what func(sample) float64) string {
	m, _, _ := t.of(name, what)
	if m < 0 {
		return "-"
	}
	return show(m)
}

// machine says what it was measured on.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	kernel, _ := exec.Command("uname", "-r").Output()
	return fmt.Sprintf("%d CPUs (%s), Linux %s, %s/%s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.GOOS, runtime.GOARCH)
}

// versions names the libraries that matter for the figures.
func versions() string {
	out := []string{runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out[0]
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp", "github.com/ncruces/go-sqlite3", "github.com/disintegration/imaging":
			out = append(out, d.Path[strings.Index(d.Path, "/")+1:]+" "+d.Version)
		}
	}
	return strings.Join(out, ", ")
}

func (t *table) line(w io.Writer, cells ...string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}
