package httpapi

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// BenchmarkWall reads pages of 50 of a wall with 100,000 photos of 20,000 inspections, over HTTP.
func BenchmarkWall(b *testing.B) {
	s := newSite(b)
	regions := []string{"532501", "532502", "532503", "532504", "532523"}
	var ws []store.Write
	for i := range 20_000 {
		at := time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 7 * time.Minute)
		d := hung(b, fmt.Sprintf("insp-%05d", i), fmt.Sprintf("mine-%d", i%400), regions[i%len(regions)], 5, at)
		if i%500 != 0 { // one inspection of 500 has a photo far off
			d.Fields["distance"] = store.Num(100)
		}
		if ws = append(ws, store.Write{New: d}); len(ws) < 500 && i < 19_999 {
			continue
		}
		if _, err := s.store.Commit(b.Context(), ws); err != nil {
			b.Fatal(err)
		}
		ws = ws[:0]
	}
	lead, county := s.supervisor("lead", "5325"), s.supervisor("county", "532504")
	boss := s.person("boss", directory.User{Roles: []directory.Role{directory.RoleEnterprise}, Enterprise: "mine-8"})
	for _, v := range []struct{ name, token, query string }{
		{"newest of the prefecture", lead, ""},
		{"newest of a county", county, ""},
		{"unreviewed of a county", county, "verdict=none"},
		{"far of the prefecture, far ones first", lead, "farther=300&order=distance"},
		{"one inspection", county, "inspection=insp-00003"},
		{"one enterprise, as it sees it", boss, ""},
		{"one enterprise of the prefecture's", lead, "enterprise=mine-8"},
		{"a mark that no photo has", lead, "mark=screenshot"},
	} {
		b.Run(v.name, func(b *testing.B) {
			photos := 0
			for b.Loop() {
				r := s.send("GET", "/api/v1/evidence?limit=50&"+v.query, v.token, nil)
				var p WallPage
				if r.status != 200 || json.Unmarshal(r.body, &p) != nil {
					b.Fatalf("%d %s", r.status, r.body)
				}
				photos = len(p.Items)
			}
			b.ReportMetric(float64(photos), "photos")
		})
	}
	b.Run("counts by county", func(b *testing.B) {
		for b.Loop() {
			if r := s.send("GET", "/api/v1/evidence/counts", lead, nil); r.status != 200 {
				b.Fatalf("%d %s", r.status, r.body)
			}
		}
	})
}
