package httpapi

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"
)

// hung is an evidence document with photos that were taken one a minute from at on; every third has a doubt, every
// second was looked at.
func hung(t testing.TB, id, enterprise, region string, n int, at time.Time) store.Doc {
	t.Helper()
	e := media.Evidence{Inspection: id}
	notes := struct {
		Marks     map[string][]media.Mark `json:"marks"`
		Reviews   []fieldsync.PhotoReview `json:"reviews"`
		Distances map[string]int64        `json:"distances"`
	}{Marks: map[string][]media.Mark{}, Distances: map[string]int64{}}
	for i := range n {
		h := media.Sum([]byte(fmt.Sprint(id, i)))
		taken := at.Add(time.Duration(i) * time.Minute)
		e = e.Want(media.Wanted{SHA256: h, Item: "gas", Capture: media.Capture{At: taken}})
		e, _ = e.Receive(media.Arrived{SHA256: h, Size: 7, Photo: media.Photo{Type: media.JPEG}, At: taken, By: "wang"})
		notes.Distances[h.String()] = int64(i * 100)
		if i%3 == 0 {
			notes.Marks[h.String()] = []media.Mark{{Code: media.FarAway, Text: "远"}}
		}
		if i%2 == 0 {
			notes.Reviews = append(notes.Reviews, fieldsync.PhotoReview{SHA256: h, Verdict: "ok", By: "lead", At: taken})
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	restricted, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	code, err := directory.ParseRegion(region)
	if err != nil {
		t.Fatal(err)
	}
	num := func(n int) store.Value { return store.Num(int64(n)) }
	return store.Doc{
		Ref: store.Ref{Kind: kindEvidence, ID: id}, Body: body, Restricted: restricted,
		Tokens: directory.SubmittedTokens([]directory.UserID{"wang"}, "", directory.EnterpriseID(enterprise), code, []directory.SectorID{"coal-mine"}),
		Fields: store.Fields{
			fieldsync.FieldEvidenceOf: store.Text(id), fieldsync.FieldOf: store.Text("inspection"),
			fieldsync.FieldRegion: store.Text(region), fieldsync.FieldEnterprise: store.Text(enterprise),
			fieldsync.FieldEarliest: store.Time(at), fieldsync.FieldLatest: store.Time(at.Add(time.Duration(n-1) * time.Minute)),
			fieldsync.FieldPhotos: num(n), fieldsync.FieldMarked: num((n + 2) / 3), fieldsync.FieldUnreviewed: num(n / 2),
			fieldsync.FieldTodo: num(0), fieldsync.FieldDistance: num((n - 1) * 100),
		},
	}
}

// walk reads the wall to its end.
func (s *site) walk(token, query string) (all []WallPhoto, pages int) {
	s.Helper()
	after := ""
	for {
		r := s.send("GET", "/api/v1/evidence?"+query+"&after="+after, token, nil)
		var p WallPage
		if r.status != 200 || json.Unmarshal(r.body, &p) != nil {
			s.Fatalf("%d %s", r.status, r.body)
		}
		all = append(all, p.Items...)
		if pages++; p.After == "" {
			return all, pages
		}
		if after = p.After; pages > 1000 {
			s.Fatal("the wall has no end")
		}
	}
}

func TestPhotoWall(t *testing.T) {
	s := newSite(t)
	began := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC)
	total := 0
	for i := range 12 {
		region := "532504"
		if i%4 == 0 {
			region = "532501"
		}
		n := 1 + i*3%11
		total += n
		s.put(hung(t, fmt.Sprintf("insp-%02d", i), fmt.Sprintf("mine-%d", i%3), region, n, began.Add(time.Duration(i)*24*time.Hour)), nil)
	}
	lead, county := s.supervisor("lead", "5325"), s.supervisor("county", "532501")
	boss := s.person("boss", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-1"})

	whole, _ := s.walk(lead, "limit=200")
	if len(whole) != total {
		t.Fatalf("%d photos, want %d", len(whole), total)
	}
	for _, order := range []string{"time", "distance"} {
		whole, _ := s.walk(lead, "limit=200&order="+order)
		for _, limit := range []int{1, 2, 7, 50} {
			paged, _ := s.walk(lead, fmt.Sprintf("limit=%d&order=%s", limit, order))
			if len(paged) != len(whole) {
				t.Fatalf("%s, pages of %d: %d photos, want %d", order, limit, len(paged), len(whole))
			}
			for i := range whole {
				if paged[i].SHA256 != whole[i].SHA256 {
					t.Fatalf("%s, pages of %d: photo %d differs", order, limit, i)
				}
			}
		}
	}
	count := func(token, query string, passes func(WallPhoto) bool) {
		t.Helper()
		got, _ := s.walk(token, "limit=7&"+query)
		want := 0
		for _, p := range whole {
			if passes(p) {
				want++
			}
		}
		if len(got) != want || want == 0 {
			t.Errorf("%s: %d photos, want %d", query, len(got), want)
		}
	}
	count(lead, "region=532501", func(p WallPhoto) bool { return p.Region == "532501" })
	count(lead, "enterprise=mine-2", func(p WallPhoto) bool { return p.Enterprise == "mine-2" })
	count(lead, "inspection=insp-07", func(p WallPhoto) bool { return p.Subject == "insp-07" })
	count(lead, "mark=far_from_site", func(p WallPhoto) bool { return len(p.Marks) > 0 })
	count(lead, "verdict=none", func(p WallPhoto) bool { return p.Verdict == "" })
	count(lead, "verdict=ok&mark=far_from_site", func(p WallPhoto) bool { return p.Verdict == "ok" && len(p.Marks) > 0 })
	count(lead, "farther=300", func(p WallPhoto) bool { return *p.Distance >= 300 })
	count(lead, "from=2023-06-07&to=2023-06-08T16:02:00%2B08:00", func(p WallPhoto) bool {
		return !p.Taken.Before(time.Date(2023, 6, 6, 16, 0, 0, 0, time.UTC)) && p.Taken.Before(time.Date(2023, 6, 8, 8, 2, 0, 0, time.UTC))
	})
	count(county, "", func(p WallPhoto) bool { return p.Region == "532501" })
	count(boss, "", func(p WallPhoto) bool { return p.Enterprise == "mine-1" })

	// What the enterprise may not know, it cannot ask either.
	own, _ := s.walk(boss, "limit=200")
	for _, p := range own {
		if p.Marks != nil || p.Distance != nil || p.Verdict != "" || p.Reviews != nil {
			t.Fatalf("the enterprise is told too much: %+v", p)
		}
	}
	for _, q := range []string{"mark=far_from_site", "verdict=ok", "verdict=none", "farther=0", "order=distance"} {
		if got, _ := s.walk(boss, q); len(got) != 0 {
			t.Errorf("the enterprise learns of %s", q)
		}
	}
	if got, _ := s.walk(county, "inspection=insp-07"); len(got) != 0 {
		t.Error("the county sees another's inspection")
	}
	for _, q := range []string{"limit=0", "limit=x", "from=yesterday", "verdict=bad", "todo=1", "order=size", "farther=-1", "after=%00", "after=e30x", "inspection=a&hazard=b"} {
		s.refused(s.send("GET", "/api/v1/evidence?"+q, lead, nil), 400, "httpapi.query")
	}

	var counts struct{ Items []EvidenceCount }
	if r := s.send("GET", "/api/v1/evidence/counts", lead, nil); r.status != 200 || json.Unmarshal(r.body, &counts) != nil || len(counts.Items) != 2 {
		t.Fatalf("counts: %d %s", r.status, r.body)
	}
	sum, unreviewed := int64(0), int64(0)
	for _, c := range counts.Items {
		sum, unreviewed = sum+c.Photos, unreviewed+c.Unreviewed
	}
	waiting, _ := s.walk(lead, "verdict=none")
	if sum != int64(total) || unreviewed != int64(len(waiting)) {
		t.Errorf("counts: %+v, want %d photos and %d unreviewed", counts.Items, total, len(waiting))
	}
	if r := s.send("GET", "/api/v1/evidence/counts", boss, nil); r.status != 403 {
		t.Errorf("the enterprise counts: %d", r.status)
	}
}

// TestPairs: what was found stands beside what was put right, round by round.
func TestPairs(t *testing.T) {
	s := newSite(t)
	d := hung(t, "insp-01", "mine-1", "532504", 4, time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC))
	s.put(d, nil)
	photo := func(i int) media.SHA256 { return media.Sum([]byte(fmt.Sprint("insp-01", i))) }
	body, restricted, err := inspection.EncodeHazard(&inspection.Hazard{
		ID: "haz-1", Inspection: "insp-01", Status: inspection.Rectified, Photos: []media.SHA256{photo(0), photo(1)},
		Rectifies: []inspection.Rectification{
			{Note: "一", After: []media.SHA256{photo(2)}, Rejected: &inspection.Review{Note: "不够"}},
			{Note: "二", Before: []media.SHA256{photo(2)}, After: []media.SHA256{photo(3)}},
		},
	})
	s.put(store.Doc{Ref: store.Ref{Kind: inspection.KindHazard, ID: "haz-1"}, Tokens: d.Tokens, Body: body, Restricted: restricted}, err)
	lead, stranger := s.supervisor("lead", "5325"), s.supervisor("other", "532501")
	var got struct{ Rounds []RectificationView }
	if r := s.send("GET", "/api/v1/hazards/haz-1/pairs", lead, nil); r.status != 200 || json.Unmarshal(r.body, &got) != nil || len(got.Rounds) != 2 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	first, second := got.Rounds[0], got.Rounds[1]
	if first.State != "rejected" || first.Answer != "不够" || len(first.Pairs) != 2 || first.Pairs[0].Before.SHA256 != photo(0) ||
		first.Pairs[0].After.SHA256 != photo(2) || first.Pairs[1].After != nil || !first.Pairs[1].Before.Received {
		t.Errorf("first: %+v", first)
	}
	if second.State != "waiting" || len(second.Pairs) != 1 || second.Pairs[0].Before.SHA256 != photo(2) || second.Pairs[0].After.SHA256 != photo(3) {
		t.Errorf("second: %+v", second)
	}
	s.refused(s.send("GET", "/api/v1/hazards/haz-1/pairs", stranger, nil), 404, "store.not_found")
	if all, _ := s.walk(lead, "hazard=haz-1&limit=3"); len(all) != 4 {
		t.Errorf("wall of a hazard: %d", len(all))
	}
}
