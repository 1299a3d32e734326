package sync_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	fieldsync "paicha/sync"
)

// TestStandardThatEndedGetsASecondVerdict checks by a pack whose standard ended between its publication and the day of the
// check: the verdict of the pack in force stands beside, and the day is that of the check and not of its arrival.
func TestStandardThatEndedGetsASecondVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		started string
		second  string
	}{
		"OnItsLastDay":  {"2025-10-31T15:00:00Z", ""}, // 23:00 in China
		"OnTheNextDay":  {"2025-10-31T16:30:00Z", "fire@2025.1"},
		"LongAfterward": {"2026-03-01T02:00:00Z", "fire@2025.1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.now = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
			wang := inspector("wang", "532504/fire")
			header := `{"header":{"unit":{"id":"mall-1","name":"示范商场"},"region":"532504","sectors":["fire"],"mode":"routine",` +
				`"pack":{"id":"fire@2023.1"},"startedAt":"` + c.started + `"},"facts":[{"name":"place-kind","text":"人员密集场所"}]}`
			got := p.push(wang,
				mutation(1, "inspection.save", "inspection", insp1, 0, p.now, header),
				mutation(2, "inspection.submit", "inspection", insp1, 1, p.now, `{"signatures":`+signed+`}`))
			want(t, got[0], fieldsync.Applied, "")
			want(t, got[1], fieldsync.Applied, "")
			d, err := p.store.One(context.Background(), store.Ref{Kind: inspection.Kind, ID: insp1})
			if err != nil {
				t.Fatal(err)
			}
			in, err := inspection.Decode(d.Body, d.Restricted)
			if err != nil {
				t.Fatal(err)
			}
			second := ""
			if s := in.Verdict.Second; s != nil {
				second = s.Pack
				if !slices.Contains(s.NotInForce, "fire-gb35181-2017") {
					t.Errorf("%v", s.NotInForce)
				}
			}
			if second != c.second || slices.Contains(in.Marks, inspection.MarkOldStandard) != (c.second != "") {
				t.Errorf("second verdict by %q, marks %v, day %s", second, in.Marks, in.Day)
			}
		})
	}
}
