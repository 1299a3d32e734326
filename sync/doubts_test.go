package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

const (
	insp2 = "018f0000-0000-7000-8000-000000000002"
	insp3 = "018f0000-0000-7000-8000-000000000003"
)

// withPrints gives a place photos that are found again elsewhere.
func withPrints(t testing.TB, p *place) media.Blobs {
	t.Helper()
	b := withLedger(t, p)
	p.sync.Prints = &media.Prints{Docs: p.store, Now: func() time.Time { return p.now }}
	return b
}

// marks are the marks of one photo in a record, and the whole restricted part.
func (p *place) marks(record string, h media.SHA256) (map[media.MarkCode]media.Mark, string) {
	p.t.Helper()
	d, err := p.store.One(context.Background(), store.Ref{Kind: fieldsync.KindEvidence, ID: record})
	if err != nil {
		p.t.Fatal(err)
	}
	var notes struct {
		Marks map[string][]media.Mark `json:"marks"`
	}
	if len(d.Restricted) > 0 {
		if err := json.Unmarshal(d.Restricted, &notes); err != nil {
			p.t.Fatal(err)
		}
	}
	if strings.Contains(string(d.Body), "marks") {
		p.t.Fatal("everybody sees the marks: ", string(d.Body))
	}
	out := map[media.MarkCode]media.Mark{}
	for _, m := range notes.Marks[h.String()] {
		out[m.Code] = m
	}
	return out, string(d.Restricted)
}

// inspected saves a record that names photos, in a region, as the n-th mutation of the session's device.
func (p *place) inspected(t *testing.T, n int, s fieldsync.Session, id, region string, rs ...media.Received) {
	t.Helper()
	args := strings.Replace(withPhotos(t, rs...), "532504", region, 1)
	args = strings.Replace(args, `"wang","li"`, fmt.Sprintf("%q", s.User.ID), 1)
	want(t, p.push(s, mutation(n, "inspection.save", "inspection", id, 0, p.now, args))[0], fieldsync.Applied, "")
}

func TestPhotoOfTwoRecordsIsMarkedInBoth(t *testing.T) {
	p := newPlace(t)
	b := withPrints(t, p)
	wang, zhao := inspector("wang", "532504/coal-mine"), inspector("zhao", "532501/coal-mine")
	r := func(s fieldsync.Session, record string) media.Received { return sent(t, b, s, record, "one photo") }
	p.inspected(t, 1, wang, insp1, "532504", r(wang, insp1))
	p.attach(wang, r(wang, insp1))
	if ms, _ := p.marks(insp1, r(wang, insp1).SHA256); ms[media.Duplicate].Text != "" {
		t.Fatal(ms)
	}
	p.now = p.now.Add(48 * time.Hour)
	p.inspected(t, 2, wang, insp2, "532504", r(wang, insp2))
	p.attach(wang, r(wang, insp2))
	for record, other := range map[string]string{insp1: insp2, insp2: insp1} {
		ms, _ := p.marks(record, r(wang, record).SHA256)
		m := ms[media.Duplicate]
		if len(m.Seen) != 1 || m.Seen[0].Record != other || !strings.Contains(m.Text, other) || !strings.Contains(m.Text, "同一个文件") {
			t.Fatalf("%s: %+v", record, m)
		}
	}
	// A third use in another region: its supervisors may not see the first two, nor theirs the third.
	p.inspected(t, 1, zhao, insp3, "532501", r(zhao, insp3))
	p.attach(zhao, r(zhao, insp3))
	ms, raw := p.marks(insp3, r(zhao, insp3).SHA256)
	if m := ms[media.Duplicate]; len(m.Seen) != 0 || !strings.Contains(m.Text, "2 处") {
		t.Fatalf("%+v", m)
	}
	for _, secret := range []string{insp1, insp2, "2023-06-0"} {
		if strings.Contains(raw, secret) {
			t.Fatalf("%s is told to who may not see it: %s", secret, raw)
		}
	}
	ms, raw = p.marks(insp1, r(wang, insp1).SHA256)
	if m := ms[media.Duplicate]; len(m.Seen) != 1 || strings.Contains(raw, insp3) {
		t.Fatalf("%+v in %s", m, raw)
	}
}

func TestPhotosThatLookAlikeAreMarkedWhicheverComesFirst(t *testing.T) {
	ctx := context.Background()
	for _, order := range []string{"a attach, a print, b attach, b print", "a attach, b attach, b print, a print", "b print, a print, a attach, b attach"} {
		t.Run(order, func(t *testing.T) {
			p := newPlace(t)
			b := withPrints(t, p)
			wang := inspector("wang", "532504/coal-mine")
			photos := map[string]media.Received{"a": sent(t, b, wang, insp1, "photo"), "b": sent(t, b, wang, insp2, "its copy, smaller")}
			prints := map[string]media.Print{"a": 0xfedcba9876543210, "b": 0xfedcba9876543210 ^ 1<<63 ^ 1<<40 ^ 1<<20 ^ 1<<3}
			far := media.Print(0xfedcba9876543210 ^ 0xff)
			p.inspected(t, 1, wang, insp1, "532504", photos["a"])
			p.inspected(t, 2, wang, insp2, "532504", photos["b"])
			if err := p.sync.Printed(ctx, media.Sum([]byte("another scene")), &far); err != nil {
				t.Fatal(err)
			}
			for _, step := range strings.Split(order, ", ") {
				which, what, _ := strings.Cut(step, " ")
				if what == "attach" {
					p.attach(wang, photos[which])
					continue
				}
				is := prints[which]
				if err := p.sync.Printed(ctx, photos[which].SHA256, &is); err != nil {
					t.Fatal(err)
				}
			}
			for which, other := range map[string]string{"a": insp2, "b": insp1} {
				ms, _ := p.marks(photos[which].Inspection, photos[which].SHA256)
				m := ms[media.Resembles]
				if len(m.Seen) != 1 || m.Seen[0].Record != other || m.Seen[0].Distance != 4 || !strings.Contains(m.Text, "相差 4 位") {
					t.Fatalf("%s: %+v", which, ms)
				}
			}
			if hs, err := p.sync.Prints.Waiting(ctx, 10); err != nil || len(hs) != 0 {
				t.Fatal(hs, err)
			}
		})
	}
}

func TestPhotoOfTheFindingIsNoProofOfWhatWasPutRight(t *testing.T) {
	p := newPlace(t)
	b := withPrints(t, p)
	wang, chief, boss := inspector("wang", "532504/coal-mine"), supervisor("chief", "5325"), enterpriseUser("boss", "mine-1")
	r := sent(t, b, wang, insp1, "as it was found")
	p.attach(wang, r)
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, withPhotos(t, r)))[0], fieldsync.Applied, "")
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	seen, _ := p.pull(boss, "")
	i := slices.IndexFunc(seen.Changes, func(c fieldsync.PullChange) bool { return c.Kind == "hazard" })
	if i < 0 {
		t.Fatal("no hazard")
	}
	hazard := seen.Changes[i].ID
	want(t, p.push(chief, mutation(3, "hazard.confirm", "hazard", hazard, 0, p.now, `{}`))[0], fieldsync.Applied, "")
	p.now = p.now.Add(24 * time.Hour)
	copied, honest := sent(t, b, boss, hazard, "a copy of it"), sent(t, b, boss, hazard, "another picture")
	p.attach(boss, copied)
	p.attach(boss, honest)
	plan := `{"fixings":{"responsible":"张某","measures":"加强通风","funds":50000,"deadline":"2023-06-30T00:00:00Z","plan":"撤人断电"}}`
	want(t, p.push(boss, mutation(4, "hazard.plan", "hazard", hazard, 0, p.now, plan))[0], fieldsync.Applied, "")
	want(t, p.push(boss, mutation(5, "hazard.rectify", "hazard", hazard, 0, p.now,
		fmt.Sprintf(`{"note":"已整改","before":[%q],"after":[%q,%q,%q]}`, r.SHA256, copied.SHA256, honest.SHA256, r.SHA256)))[0], fieldsync.Applied, "")
	for h, is := range map[media.SHA256]media.Print{r.SHA256: 0xaaaa5555cccc3333, copied.SHA256: 0xaaaa5555cccc3330, honest.SHA256: 0x123456789abcdef0} {
		if err := p.sync.Printed(context.Background(), h, &is); err != nil {
			t.Fatal(err)
		}
	}
	for h, doubtful := range map[media.SHA256]bool{r.SHA256: true, copied.SHA256: true, honest.SHA256: false} {
		ms, raw := p.marks(hazard, h)
		if m, ok := ms[media.Reused]; ok != doubtful || ok && m.Text == "" {
			t.Fatalf("%s: %v in %s", h, ms, raw)
		}
		if _, ok := ms[media.Duplicate]; ok {
			t.Fatalf("%v", ms)
		}
	}
	if ms, _ := p.marks(insp1, r.SHA256); len(ms[media.Resembles].Seen)+len(ms[media.Duplicate].Seen) > 0 {
		t.Fatal("the finding is doubted for the enterprise's copy", ms)
	}
}

// TestClockOfTheTabletIsToldAndCorrected pushes from a tablet whose clock is an hour fast.
func TestClockOfTheTabletIsToldAndCorrected(t *testing.T) {
	p := newPlace(t)
	b := withPrints(t, p)
	wang := inspector("wang", "532504/coal-mine")
	r := sent(t, b, wang, insp1, "photo")
	args := strings.Replace(withPhotos(t, r), `"sha256"`, `"capturedAt":"2023-06-05T08:40:00Z","sha256"`, 1)
	args = strings.Replace(args, "07:30:00Z", "08:30:00Z", 1) // by the tablet
	body := fmt.Sprintf(`{"epoch":%q,"device":%q,"deviceTime":%q,"mutations":[%s]}`, p.store.Epoch(), wang.Device,
		p.now.Add(time.Hour).Format(time.RFC3339), mutation(1, "inspection.save", "inspection", insp1, 0, p.now.Add(time.Hour), args))
	req, err := fieldsync.DecodePush([]byte(body), p.sync.Limits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.sync.Push(context.Background(), wang, req); err != nil {
		t.Fatal(err)
	}
	p.attach(wang, r)
	ms, raw := p.marks(insp1, r.SHA256)
	if m := ms[media.ClockSkew]; !strings.Contains(m.Text, "快 60 分钟") {
		t.Fatal(raw)
	}
	if _, before := ms[media.Before]; before {
		t.Fatal(raw)
	}
}

func TestPhotosOfMajorHazardsAreUrgent(t *testing.T) {
	p := newPlace(t)
	b := withPrints(t, p)
	wang := inspector("wang", "532504/coal-mine")
	grave, plain := sent(t, b, wang, insp1, "methane"), sent(t, b, wang, insp1, "the gate")
	args := withPhotos(t, grave, plain)
	args = strings.Replace(args, `"number":1.2`, fmt.Sprintf(`"photos":[%q],"number":1.2`, grave.SHA256), 1)
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, args))[0], fieldsync.Applied, "")
	want(t, p.push(wang, mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))[0], fieldsync.Applied, "")
	for r, urgent := range map[string]bool{grave.SHA256.String(): true, plain.SHA256.String(): false} {
		h, err := media.ParseSHA256(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.sync.Urgent(context.Background(), insp1, h); err != nil || got != urgent {
			t.Fatal(got, err)
		}
	}
	if got, err := p.sync.Urgent(context.Background(), insp3, grave.SHA256); err != nil || got {
		t.Fatal("of a record that is not there", err)
	}
}

// TestSiteIsWhereTheEnterpriseIsRegistered compares with the surveyed place, not with where the check began.
func TestSiteIsWhereTheEnterpriseIsRegistered(t *testing.T) {
	p := newPlace(t)
	b := withPrints(t, p)
	wang := inspector("wang", "532504/coal-mine")
	d, err := directory.EnterpriseDoc(directory.Enterprise{
		ID: "mine-1", Name: "示范煤矿一号", Region: "532504", Sectors: []directory.SectorID{"coal-mine"},
		Location: &directory.Location{Latitude: 23.7, Longitude: 103.2, System: directory.WGS84}, Status: directory.Operating,
	})
	if err != nil {
		t.Fatal(err)
	}
	if outs, err := p.store.Commit(context.Background(), []store.Write{{New: d}}); err != nil || outs[0].Status != store.OK {
		t.Fatal(outs, err)
	}
	r := sent(t, b, wang, insp1, "photo")
	args := strings.Replace(withPhotos(t, r), `"sha256"`, `"place":{"lat":23.8,"lon":103.2,"system":"WGS-84"},"sha256"`, 1)
	args = strings.Replace(args, `"startedAt"`, `"place":{"lat":23.8,"lon":103.2,"system":"WGS-84"},"startedAt"`, 1)
	want(t, p.push(wang, mutation(1, "inspection.save", "inspection", insp1, 0, p.now, args))[0], fieldsync.Applied, "")
	p.attach(wang, r)
	ms, raw := p.marks(insp1, r.SHA256)
	if !strings.Contains(ms[media.FarAway].Text, "企业登记地点约 111") {
		t.Fatal(raw)
	}
}
