package e2e

import (
	"context"
	"testing"

	"paicha/internal/directory"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// work is what happens on a tablet between two times that it lies in the car: a visit with a photo, things added to what
// the same person's other tablets began, hazards confirmed. It tries to sync a few times, and then does not.
func (d *desk) work(ctx context.Context, t *testing.T, visit bool) {
	if visit && d.user.Has(directory.RoleInspector) {
		d.visit(t)
	}
	d.join(t)
	d.confirm(t)
	for range 3 {
		if _, err := d.Sync(ctx); err == nil {
			return
		}
	}
}

// visit records one; every second one stays open for the others.
func (d *desk) visit(t *testing.T) {
	submit := len(d.visits)%2 == 0
	v := record(t, d.Tablet, d.r, submit)
	d.visits = append(d.visits, v)
	if !submit {
		d.mu.Lock()
		d.open = append(d.open, v.id)
		d.mu.Unlock()
	}
}

// join adds an answer, on another item, to each open inspection of a peer that this tablet has come to know of.
func (d *desk) join(t *testing.T) {
	for i, p := range d.peers {
		if i == 2 { // of forty tablets not everybody adds to everything
			return
		}
		p.mu.Lock()
		open := append([]string(nil), p.open...)
		p.mu.Unlock()
		for _, id := range open {
			ref := fieldsync.DocRef{Kind: "inspection", ID: id}
			if _, known := d.Replica().Get(ref); !known || d.done[id] {
				continue
			}
			d.done[id] = true
			item := []string{"license.layer", "build.extension-area"}[i]
			d.save(t, "inspection.save", ref, map[string]any{"answers": []any{map[string]any{"item": item, "result": "conform"}}})
		}
	}
}

// confirm is a supervisor's: every hazard that is reported, once.
func (d *desk) confirm(t *testing.T) {
	if d.user.Login != "supervisor1" {
		return
	}
	for _, doc := range d.Replica().Docs() {
		var h struct {
			Status string `json:"status"`
			Draft  bool   `json:"draft"`
		}
		if doc.Kind != "hazard" || d.done[doc.ID] || json.Unmarshal(doc.Body, &h) != nil || h.Draft || h.Status != "reported" {
			continue
		}
		d.done[doc.ID] = true
		d.save(t, "hazard.confirm", doc.Ref(), map[string]any{"note": "属实"})
	}
}

// finish submits what is still open.
func (d *desk) finish(t *testing.T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.open {
		d.save(t, "inspection.submit", fieldsync.DocRef{Kind: "inspection", ID: id},
			map[string]any{"signatures": []any{map[string]any{"name": d.user.Name, "role": "inspector"}}})
	}
	d.open = nil
}

func (d *desk) save(t *testing.T, name string, ref fieldsync.DocRef, args any) {
	if _, err := d.Save(name, ref, args); err != nil {
		t.Error(err)
	}
}

// waits tells what has not been handed in yet.
func (d *desk) waits() (mutations, photos int) {
	s, _ := d.Outbox().State()
	return s.Mutations, s.Photos
}
