package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	"paicha/media/fs"
	fieldsync "paicha/sync"
)

// withLedger gives a place photos and a ledger of them.
func withLedger(t testing.TB, p *place) media.Blobs {
	t.Helper()
	files, err := fs.Open(filepath.Join(p.dir, "photos"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	p.sync.Photos = media.NewLedger(p.store, files.Blobs(), func() time.Time { return p.now })
	p.sync.Photos.Claim = p.sync.Claim
	return files.Blobs()
}

// sent is a photo that a person sent for a record.
func sent(t testing.TB, b media.Blobs, s fieldsync.Session, record, content string) media.Received {
	t.Helper()
	h := media.Sum([]byte(content))
	if err := b.Put(context.Background(), h, int64(len(content)), bytes.NewReader([]byte(content))); err != nil {
		t.Fatal(err)
	}
	return media.Received{SHA256: h, Size: int64(len(content)), Photo: media.Photo{Type: media.JPEG}, Inspection: record, Owner: string(s.User.ID), Device: string(s.Device)}
}

func (p *place) attach(s fieldsync.Session, r media.Received) {
	p.t.Helper()
	r.At = p.now
	if err := p.sync.Attach(context.Background(), s, r); err != nil {
		p.t.Fatal(err)
	}
}

// sweep turns the clock by that many days and sweeps after each fortnight.
func (p *place) sweep(days int) {
	p.t.Helper()
	for range days / 14 {
		p.now = p.now.Add(14 * 24 * time.Hour)
		if _, err := p.sync.Photos.Sweep(context.Background()); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *place) holds(b media.Blobs, r media.Received, want bool) {
	p.t.Helper()
	if _, err := b.Stat(context.Background(), r.SHA256); (err == nil) != want {
		p.t.Fatalf("%s: %v, want it there: %v", r.Name, err, want)
	}
}

func (p *place) evidence(id string) media.Evidence {
	p.t.Helper()
	d, err := p.store.One(context.Background(), store.Ref{Kind: fieldsync.KindEvidence, ID: id})
	if err != nil {
		p.t.Fatal(err)
	}
	e, err := media.ParseEvidence(d.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// withPhotos is a record that names photos.
func withPhotos(t *testing.T, rs ...media.Received) string {
	var names []map[string]string
	for _, r := range rs {
		names = append(names, map[string]string{"sha256": r.SHA256.String()})
	}
	b, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(saveArgs(t, methane), "}") + `,"photos":` + string(b) + `}`
}

// TestOnlyWhatNoRecordNamesIsRemoved sends photos to a record that is there, to one that comes later, as a stranger,
// and for none at all; then years go by.
func TestOnlyWhatNoRecordNamesIsRemoved(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang, stranger := inspector("wang", "532504/coal-mine"), inspector("stranger", "532504/coal-mine")
	early := sent(t, b, wang, insp1, "before the record")
	foreign := sent(t, b, stranger, insp1, "of a stranger")
	loose := sent(t, b, wang, "", "for nothing")
	late := sent(t, b, wang, insp1, "after the record")
	nowhere := sent(t, b, wang, "018f0000-0000-7000-8000-00000000dead", "for a record that never comes")
	p.attach(wang, early)
	p.attach(stranger, foreign)
	p.attach(wang, loose)
	p.attach(wang, nowhere)
	p.sweep(84)
	for _, r := range []media.Received{early, foreign, loose, nowhere} {
		p.holds(b, r, true)
	}
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, early, late)))[0], fieldsync.Applied, "")
	p.attach(wang, late)
	p.attach(wang, late) // the answer was lost
	if got, all := p.evidence(insp1).Progress(); got != 2 || all != 2 {
		t.Fatal(got, all)
	}
	p.sweep(1000)
	for _, r := range []media.Received{early, late} {
		p.holds(b, r, true)
	}
	for _, r := range []media.Received{foreign, loose, nowhere} {
		p.holds(b, r, false)
	}
}

// TestPhotoThatWaitedTooLongIsAskedForAgain: the record comes when its photo is condemned, and when it is gone.
func TestPhotoThatWaitedTooLongIsAskedForAgain(t *testing.T) {
	for name, days := range map[string]int{"Condemned": 98, "Erased": 140} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			b := withLedger(t, p)
			wang := inspector("wang", "532504/coal-mine")
			r := sent(t, b, wang, insp1, "before the record")
			p.attach(wang, r)
			p.sweep(days)
			p.holds(b, r, name == "Condemned")
			body := fmt.Sprintf(`{"epoch":%q,"device":%q,"deviceTime":%q,"mutations":[%s]}`, p.store.Epoch(), wang.Device, p.now.Format(time.RFC3339),
				mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, r)))
			req, err := fieldsync.DecodePush([]byte(body), p.sync.Limits)
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.sync.Push(context.Background(), wang, req)
			if err != nil || len(out.MissingMedia) != 1 || out.MissingMedia[0].SHA256[0] != r.SHA256.String() {
				t.Fatal(out.MissingMedia, err)
			}
			p.attach(wang, sent(t, b, wang, insp1, "before the record"))
			p.sweep(1000)
			p.holds(b, r, true)
			if got, all := p.evidence(insp1).Progress(); got != 1 || all != 1 {
				t.Fatal(got, all)
			}
		})
	}
}

// TestWhatARecordLeftWaitingIsClaimed: a hazard came after its photo, and nobody looked for what waited for it.
func TestWhatARecordLeftWaitingIsClaimed(t *testing.T) {
	p := newPlace(t)
	b := withLedger(t, p)
	wang := inspector("wang", "532504/coal-mine")
	const id = "018f0000-0000-7000-8000-0000000000aa"
	r := sent(t, b, wang, id, "of a hazard")
	p.attach(wang, r)
	hazard := store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: id}, Body: []byte(`{"id":"` + id + `"}`),
		Tokens: []store.Token{"532504/coal-mine", directory.SupervisorTwin("532504/coal-mine")},
	}
	if outs, err := p.store.Commit(context.Background(), []store.Write{{New: hazard}}); err != nil || outs[0].Status != store.OK {
		t.Fatal(outs, err)
	}
	p.sweep(1000)
	p.holds(b, r, true)
	d, err := p.store.One(context.Background(), store.Ref{Kind: fieldsync.KindEvidence, ID: id})
	if err != nil || len(d.Tokens) != 2 {
		t.Fatal(d.Tokens, err)
	}
}

// BenchmarkAttach enters photos in evidence, sixteen at a time, without a ledger and with one by turns, and reports how
// much of the speed the ledger leaves: it is one more durable write a photo.
func BenchmarkAttach(b *testing.B) {
	s := inspector("wang", "532504/coal-mine")
	template := record(b, 0)
	places := []*place{newPlace(b), newPlace(b), newPlace(b)}
	withLedger(b, places[1])
	withPrints(b, places[2])
	var inspections []string
	for i := range int64(320) {
		m := fresh(template, i+1)
		inspections = append(inspections, string(m[7:43]))
		for _, p := range places {
			r := fieldsync.PushRequest{Epoch: p.store.Epoch(), Device: string(s.Device), DeviceTime: p.now}
			r.Mutations = append(r.Mutations, m)
			if out, err := p.sync.Push(context.Background(), s, r); err != nil || out.Results[0].Status != fieldsync.Applied {
				b.Fatal(out, err)
			}
		}
	}
	const together = 16
	var took [3]time.Duration
	n := 0
	for i := 0; b.Loop(); i++ {
		for turn := range 3 {
			which := (i + turn) % 3
			began := time.Now()
			var wg gosync.WaitGroup
			for k := range together {
				wg.Go(func() {
					err := places[which].sync.Attach(context.Background(), s, media.Received{
						SHA256: media.Sum(fmt.Append(nil, n+k)), Size: 300_000, Photo: media.Photo{Type: media.JPEG},
						Inspection: inspections[(n+k)%len(inspections)], Owner: "wang", At: places[which].now,
					})
					if err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			took[which] += time.Since(began)
		}
		n += together
	}
	b.ReportMetric(float64(n)/took[0].Seconds(), "photos/s")
	b.ReportMetric(float64(n)/took[1].Seconds(), "photos/s-ledger")
	b.ReportMetric(float64(n)/took[2].Seconds(), "photos/s-prints")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "ratio")
}
