package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"paicha/checklist"
	"paicha/internal/directory"
	fieldsync "paicha/sync"
	"paicha/sync/client"
)

// A day of work, as it is published.
const (
	dayInspections = 8
	dayPhotos      = 40
	daySaves       = 5 // of an inspection, with eight answers each, before it is submitted
	firstRecords   = 200
	firstSyncs     = 8
)

// weakFigures are what a day and a first sync cost on weak lines.
type weakFigures struct {
	rows []weakRow
	docs int // of the first sync
}

type weakRow struct {
	what          string
	line          weakLine
	content       float64 // bytes: photos, and the JSON compressed once
	photos, plain float64 // bytes of it: photos; the JSON before compression
	t             traffic
}

// weak plays the reference client against the real server over lines that are counted and cut.
func (p *plan) weak(t *table) error {
	s, err := start(p, "weak")
	if err != nil {
		return err
	}
	defer s.stop()
	f := &weakFigures{}
	for _, l := range weakLines {
		for _, photos := range []int{dayPhotos, 0} {
			row, err := p.day(s, l, photos)
			if err != nil {
				return fmt.Errorf("a day at %s: %w", l.name, err)
			}
			f.rows = append(f.rows, row)
		}
	}
	if err := p.fillCounty(s); err != nil {
		return err
	}
	for _, l := range weakLines {
		row, docs, err := p.firstSync(s, l)
		if err != nil {
			return fmt.Errorf("a first sync at %s: %w", l.name, err)
		}
		f.rows, f.docs = append(f.rows, row), docs
	}
	t.weak = f
	return nil
}

// weakTablet is the reference client, logged in over a good line, and then on the weak one.
func (p *plan) weakTablet(s *server, l weakLine, seed uint64) (*client.Tablet, *weakProxy, error) {
	proxy, err := newWeakProxy(s.at, l, seed)
	if err != nil {
		return nil, nil, err
	}
	tb := &client.Tablet{
		Server: "http://" + s.at, HTTP: &http.Client{Transport: proxy}, Dir: filepath.Join(p.dir, "tablet-"+uuid.NewString()), Name: "weak",
		Now: time.Now, NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Wait: func(ctx context.Context, _ int) error { return ctx.Err() }, Attempts: 8, // time is computed, not spent
	}
	if err := tb.Open(); err != nil {
		return nil, nil, err
	}
	return tb, proxy, tb.Login(context.Background(), "inspector1", directory.DemoPassword)
}

// onceZstd is how big it is compressed once, at zstd's usual level and with the window that pages have on the wire.
func onceZstd(b []byte) (int, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20))
	if err != nil {
		return 0, err
	}
	return len(z.EncodeAll(b, nil)), nil
}

// drain syncs until nothing waits.
func drain(tb *client.Tablet) error {
	var last error
	for range 500 {
		_, err := tb.Sync(context.Background())
		state, _ := tb.Outbox().State()
		if err == nil && state.Mutations == 0 && state.Photos == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, client.ErrOffline) && !errors.Is(err, client.ErrAnswer) {
			last = err
		}
		if asking := tb.Outbox().Asking(); len(asking) > 0 {
			return fmt.Errorf("%+v", asking[0].Result.Problem)
		}
	}
	return errors.Join(errors.New("the queue does not drain"), last)
}

// day makes the inspections of a day and syncs after each, as one does who finds a bar of signal between two mines.
func (p *plan) day(s *server, l weakLine, photos int) (_ weakRow, err error) {
	row := weakRow{what: fmt.Sprintf("a day: %d inspections, %d photos", dayInspections, photos), line: l}
	tb, proxy, err := p.weakTablet(s, l, 1)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, tb.Close(), proxy.Close()) }()
	if err := drain(tb); err != nil { // the morning, at the office: checklists and what the others did
		return row, err
	}
	tb.Server = "http://" + proxy.Addr().String()
	proxy.requests.Store(0)
	before := map[fieldsync.MutationID]bool{}
	for _, m := range tb.Outbox().All() {
		before[m.ID] = true
	}
	rng, pool := rand.New(rand.NewPCG(8, 40)), photoPool()
	for i := range dayInspections {
		n, err := fieldWork(tb, rng, pool, photos/dayInspections, i == dayInspections-1)
		if err != nil {
			return row, err
		}
		row.photos += float64(n)
		if err := drain(tb); err != nil {
			return row, err
		}
	}
	row.t = proxy.traffic()
	var made bytes.Buffer
	for _, m := range tb.Outbox().All() {
		if !before[m.ID] {
			made.Write(m.Raw)
		}
	}
	small, err := onceZstd(made.Bytes())
	row.plain, row.content = float64(made.Len()), row.photos+float64(small)
	row.note()
	return row, err
}

// fieldWork is one inspection: answers as they are given, photos, and a submission; grave raises a major hazard.
func fieldWork(tb *client.Tablet, rng *rand.Rand, pool *photos, shots int, grave bool) (int, error) {
	bundle, err := embeddedPacks()
	if err != nil {
		return 0, err
	}
	var items []*checklist.Item
	for _, pk := range bundle.Packs {
		if pk.Ref() == "coal-mine@2023.1" {
			items = pk.Items()
		}
	}
	ref := fieldsync.DocRef{Kind: "inspection", ID: uuid.Must(uuid.NewV7()).String()}
	size := 0
	var hashes []any
	for k := range shots {
		b := pool.appendPhoto(nil, &photo{picture: k % len(pool.pictures), serial: rng.Uint64()})
		hash, err := tb.AddPhoto(client.NewPhoto{Inspection: ref.ID, Name: "IMG.jpg", Type: "image/jpeg"}, b)
		if err != nil {
			return 0, err
		}
		size += len(b)
		hashes = append(hashes, map[string]any{"sha256": hash, "capturedAt": "2023-06-05T07:31:30Z", "type": "image/jpeg", "bytes": len(b)})
	}
	for save := range daySaves {
		var answers []any
		for k := range 8 {
			it := items[(save*8+k)%len(items)]
			note := ""
			for len(note) < 54 {
				note += words[rng.IntN(len(words))]
			}
			a := map[string]any{"item": it.Code, "note": note, "at": fmt.Sprintf("2023-06-05T07:%02d:%02dZ", 31+save, k)}
			switch it.Kind {
			case checklist.Conform:
				a["result"] = "conform"
			case checklist.Number:
				a["number"], a["unit"] = float64(rng.IntN(100))/10, it.Unit
			default:
				a["text"] = note
			}
			answers = append(answers, a)
		}
		args := map[string]any{"answers": answers}
		if save == 0 {
			args["header"] = map[string]any{
				"unit": map[string]any{"id": "demo-coal-1", "name": "示范煤矿一号"}, "region": "532504", "sectors": []string{"coal-mine"},
				"mode": "unannounced", "pack": map[string]any{"id": "coal-mine@2023.1"}, "startedAt": "2023-06-05T07:30:00Z",
			}
			args["photos"] = hashes
		}
		if grave && save == daySaves-1 {
			answers[0] = map[string]any{"item": "power.double-circuit", "result": "nonconform", "note": "单回路供电", "at": "2023-06-05T07:40:00Z"}
			args["facts"] = []any{map[string]any{"name": "mine-kind", "text": "井工"}}
		}
		if _, err := tb.Save("inspection.save", ref, args); err != nil {
			return 0, err
		}
	}
	_, err = tb.Save("inspection.submit", ref, map[string]any{"signatures": []any{map[string]any{"name": "检查员甲", "role": "inspector"}}})
	return size, err
}

// fillCounty makes what a new tablet finds: inspections of other days.
func (p *plan) fillCounty(s *server) (err error) {
	tb, proxy, err := p.weakTablet(s, weakLine{}, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tb.Close(), proxy.Close()) }()
	rng := rand.New(rand.NewPCG(200, 1))
	for i := range firstRecords {
		if _, err := fieldWork(tb, rng, nil, 0, i%10 == 0); err != nil {
			return err
		}
	}
	return drain(tb)
}

// firstSync is a new tablet of somebody whose county has records already: the mean of some, since each meets few cuts.
func (p *plan) firstSync(s *server, l weakLine) (row weakRow, docs int, err error) {
	row = weakRow{what: "first sync", line: l}
	times := 1
	if l.between > 0 {
		times = firstSyncs
	}
	for seed := range times {
		if docs, err = p.oneFirstSync(s, &row, uint64(seed)); err != nil { //nolint:gosec // small
			return row, 0, err
		}
	}
	row.t, row.content, row.plain = row.t.over(float64(times)), row.content/float64(times), row.plain/float64(times)
	row.note()
	return row, docs, nil
}

func (p *plan) oneFirstSync(s *server, row *weakRow, seed uint64) (docs int, err error) {
	tb, proxy, err := p.weakTablet(s, row.line, seed)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tb.Close(), proxy.Close()) }()
	tb.Server = "http://" + proxy.Addr().String()
	proxy.requests.Store(0)
	if err := drain(tb); err != nil {
		return 0, err
	}
	row.t = row.t.plus(proxy.traffic())
	var held bytes.Buffer
	all := tb.Replica().Docs()
	for _, d := range all {
		held.Write(d.Body)
		held.Write(d.Restricted)
	}
	small, err := onceZstd(held.Bytes())
	row.plain, row.content = row.plain+float64(held.Len()), row.content+float64(small)
	return len(all), err
}

func (r *weakRow) overhead() float64 { return r.t.application() / r.content }

func (r *weakRow) note() {
	note("%-40s %-40s content %.0f, up %.0f, down %.0f, %.2f; %.0f requests, %.0f connections, %.0f cut", r.what, r.line.name, r.content, r.t.up, r.t.down,
		r.overhead(), r.t.requests, r.t.connections, r.t.severed)
}

func (t *table) weakTable(w io.Writer) {
	f := t.weak
	if f == nil {
		return
	}
	t.head(w, "Weak networks", "what", "line", "content, bytes", "up, bytes", "down, bytes", "overhead", "requests", "connections (cut)",
		"on the wire, bytes", "time at the line's rate", "time by TCP at this loss")
	for i := range f.rows {
		r := &f.rows[i]
		what := r.what
		if r.what == "first sync" {
			what = fmt.Sprintf("first sync, %d documents", f.docs)
		}
		rate, tcp := r.t.seconds(r.line)
		t.line(w, what, r.line.String(), fmt.Sprintf("%.0f", r.content), fmt.Sprintf("%.0f", r.t.up), fmt.Sprintf("%.0f", r.t.down),
			fmt.Sprintf("**%.3f**", r.overhead()), fmt.Sprintf("%.0f", r.t.requests), fmt.Sprintf("%.0f (%.0f)", r.t.connections, r.t.severed),
			fmt.Sprintf("%.0f", r.t.wire(r.line)), span(rate), span(tcp))
	}
	day, first := f.rows[0], f.rows[len(f.rows)-1]
	fmt.Fprintf(w, `
The reference client (sync/client) against the real server, through a proxy that counts and cuts. Content is what had to travel: the photos' bytes (%.0f of the
day's) and the JSON of the mutations, or of the documents' bodies at a first sync, compressed once with zstd at its usual level and with a window of 1 MiB (raw: %.0f bytes for a day,
%.0f for the first sync). **Overhead** is all bytes of the application, both ways, to that: heads, hello, tus, pulls of what the server made of the day, and
whatever was sent again because the line broke. "On the wire" adds TLS, TCP and IP by a model, with each lost packet sent again; time is computed, since nothing was slowed
down. The model and what it leaves out: [ADR 0046](adr/0046-weak-networks.md). Without photos hardly anything has to travel, so the rest is most of it: each round is a hello, a push and
a pull with about 1 KB of heads both ways each, and what comes down is the record as the server judged it, every open item of its checklist named.
First syncs over lines that are cut are the mean of %d.
`, day.photos, day.plain, first.plain, firstSyncs)
}

// span is a time for people.
func span(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
