package sync

import (
	"context"
	"maps"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// deviceClock is what a push has shown of its device's clock.
type deviceClock struct {
	device directory.DeviceID
	ahead  time.Duration // device minus server; 0: within what is not marked
}

// clock is what this push has shown, nil if the device did not say its time.
func (p *push) clock() *deviceClock {
	if !p.timed {
		return nil
	}
	return &deviceClock{p.device, -p.correction}
}

// set remembers a device's clock; one that is right again is forgotten.
func (n *evidenceNotes) set(c *deviceClock) {
	if c == nil || n.Clocks[string(c.device)] == c.ahead.Milliseconds() {
		return
	}
	n.Clocks = maps.Clone(n.Clocks)
	if c.ahead == 0 {
		delete(n.Clocks, string(c.device))
		return
	}
	if n.Clocks == nil {
		n.Clocks = map[string]int64{}
	}
	n.Clocks[string(c.device)] = c.ahead.Milliseconds()
}

// ahead is how far a device's clock was ahead of the server's at its last push with this record.
func (n *evidenceNotes) ahead(device string) time.Duration {
	return time.Duration(n.Clocks[device]) * time.Millisecond
}

// mark works out the doubts about each photo whose bytes and record are both here. Of an inspection it waits for the
// capture manifest too; a hazard's photos have none.
func (s *Service) mark(ctx context.Context, e *evidence, sub subject) error {
	marks := map[string][]media.Mark{}
	site, err := s.siteOf(ctx, sub)
	if err != nil {
		return err
	}
	for _, a := range e.Arrived {
		var ms []media.Mark
		switch {
		case sub.inspection != nil:
			c, err := e.Capture(a.SHA256)
			if err != nil {
				continue
			}
			v := visitOf(sub.inspection, &e.notes, a, c)
			if site != nil {
				v.Site, v.Surveyed = *site, true
			}
			ms = media.Doubts(a.Photo, c, v)
		case sub.hazard != nil:
			v := media.Visit{Zone: china}
			if site != nil {
				v.Site, v.Surveyed = *site, true
			}
			if fixes(sub.hazard, a.SHA256) {
				v.Start = sub.hazard.OccurredAt // what was put right cannot have been photographed before it was found
			}
			ms = media.Doubts(a.Photo, media.Capture{}, v)
		}
		if slices.Contains(e.notes.Ended, a.SHA256) {
			ms = append(ms, media.Mark{Code: media.RightsEnded, Text: "上传时设备或账号已停用"})
		}
		if len(ms) > 0 {
			marks[a.SHA256.String()] = ms
		}
	}
	if err := s.markAlike(ctx, e, sub, marks); err != nil {
		return err
	}
	e.notes.Marks = marks
	return nil
}

// siteOf is where the enterprise is registered to be; nil if that is not surveyed, or the enterprise is not known.
func (s *Service) siteOf(ctx context.Context, sub subject) (*media.Place, error) {
	unit := ""
	switch {
	case sub.inspection != nil:
		unit = string(sub.inspection.Header.Unit.ID)
	case sub.hazard != nil:
		unit = string(sub.hazard.Unit.ID)
	}
	if unit == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	docs, err := s.Store.Get(ctx, store.Ref{Kind: directory.KindEnterprise, ID: unit})
	if err != nil || docs[0].Rev == 0 || docs[0].Removed != store.Live {
		return nil, err
	}
	en, err := directory.ReadEnterprise(docs[0])
	if err != nil || en.Location == nil {
		return nil, err
	}
	return &media.Place{Latitude: en.Location.Latitude, Longitude: en.Location.Longitude, System: media.System(en.Location.System)}, nil
}

// visitOf is what an inspection's photos are compared with, in the server's time.
func visitOf(in *inspection.Inspection, n *evidenceNotes, a media.Arrived, c media.Capture) media.Visit {
	device := c.Device
	if device == "" {
		device = a.Device
	}
	v := media.Visit{Start: in.Header.StartedAt, Zone: china, Skew: n.ahead(device)}
	if !v.Start.IsZero() {
		v.Start = v.Start.Add(-n.ahead(string(in.Header.Stamp.Device)))
	}
	if sb := in.Submitted; sb != nil && !sb.At.IsZero() {
		v.End = sb.At.Add(-n.ahead(string(sb.Device)))
	}
	if p := in.Header.Place; p != nil {
		v.Site = media.Place{Latitude: p.Lat, Longitude: p.Lon, System: media.System(p.System)}
	}
	return v
}

// fixes reports whether a photo is to show what was put right.
func fixes(h *inspection.Hazard, photo media.SHA256) bool {
	return slices.ContainsFunc(h.Rectifies, func(r inspection.Rectification) bool { return slices.Contains(r.After, photo) })
}

// found reports whether a photo shows the hazard as it was found.
func found(h *inspection.Hazard, photo media.SHA256) bool {
	return slices.Contains(h.Photos, photo) ||
		slices.ContainsFunc(h.Rectifies, func(r inspection.Rectification) bool { return slices.Contains(r.Before, photo) })
}

// markAlike adds the doubts about photos that were seen elsewhere.
func (s *Service) markAlike(ctx context.Context, e *evidence, sub subject, marks map[string][]media.Mark) error {
	if s.Prints == nil {
		return nil
	}
	photos := slices.Clone(e.notes.Alike)
	if sub.hazard != nil { // what is named as put right may be a photo of the finding, which nobody sends again
		for _, r := range sub.hazard.Rectifies {
			photos = append(photos, r.After...)
		}
		photos = sorted(photos)
	}
	sightings, err := s.Prints.Sightings(ctx, photos...)
	if err != nil || len(sightings) == 0 {
		return err
	}
	open, err := s.openTo(ctx, sub, sightings)
	if err != nil {
		return err
	}
	for _, h := range photos {
		at := s.Now()
		if i := slices.IndexFunc(e.Arrived, func(a media.Arrived) bool { return a.SHA256 == h }); i >= 0 {
			at = e.Arrived[i].At
		}
		fixing := sub.hazard != nil && fixes(sub.hazard, h)
		var others []media.Elsewhere
		for _, x := range sightings[h] {
			if o, ok := elsewhere(sub, e.Inspection, h, x, fixing); ok {
				o.Open = open[x.Record]
				others = append(others, o)
			}
		}
		if ms := media.Likenesses(at, fixing, others); len(ms) > 0 {
			marks[h.String()] = append(marks[h.String()], ms...)
		}
	}
	return nil
}

// elsewhere decides whether a sighting says something about a photo of this record. Photos of one record resemble each
// other, and a hazard shows the photos of its inspection: only one that is to show what was put right must not.
func elsewhere(sub subject, record string, h media.SHA256, x media.Sighting, fixing bool) (media.Elsewhere, bool) {
	e := media.Elsewhere{Sighting: x, Same: x.Photo == h}
	switch {
	case sub.inspection != nil:
		own := x.Record == record || slices.Contains(sub.inspection.Hazards, inspection.HazardID(x.Record))
		return e, !own
	case sub.hazard == nil:
		return e, false
	case x.Record == record || x.Record == string(sub.hazard.Inspection):
		e.Earlier = x.Record == string(sub.hazard.Inspection) || found(sub.hazard, x.Photo)
		return e, fixing && e.Earlier
	}
	return e, true
}

// openTo tells of each record that was sighted whether everybody may see it who reads the marks of this one: it carries
// all the supervisors' tokens that this one carries.
func (s *Service) openTo(ctx context.Context, sub subject, sightings map[media.SHA256][]media.Sighting) (map[string]bool, error) {
	open := map[string]bool{}
	var refs []store.Ref
	for _, xs := range sightings {
		for _, x := range xs {
			if _, known := open[x.Record]; !known {
				open[x.Record] = false
				refs = append(refs, evidenceRef(x.Record))
			}
		}
	}
	docs, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return nil, err
	}
	mine := supervisorsOf(sub.doc.Tokens)
	for i, d := range docs {
		open[refs[i].ID] = d.Rev > 0 && len(mine) > 0 && len(store.Intersect(mine, d.Tokens)) == len(mine)
	}
	return open, nil
}

// shows notes that a record shows a photo.
func (s *Service) shows(ctx context.Context, h media.SHA256, record string, at time.Time) error {
	if s.Prints == nil {
		return nil
	}
	return s.Prints.Use(ctx, h, record, at)
}

// maxRemarked bounds the records whose marks one photo changes.
const maxRemarked = 16

// sighted brings the marks of the records up to date that show a photo or one that looks like it: the latest of them,
// if there are many.
func (s *Service) sighted(ctx context.Context, h media.SHA256) error {
	if s.Prints == nil {
		return nil
	}
	all, err := s.Prints.Sightings(ctx, h)
	if err != nil || len(all[h]) < 2 {
		return err
	}
	photos := map[string][]media.SHA256{}
	var records []string // latest first
	for _, x := range slices.Backward(all[h]) {
		if photos[x.Record] == nil {
			records = append(records, x.Record)
		}
		photos[x.Record] = append(photos[x.Record], x.Photo)
	}
	for _, record := range records[:min(len(records), maxRemarked)] {
		if err := s.remark(ctx, record, photos[record]); err != nil {
			return err
		}
	}
	return nil
}

// remark works out a record's marks anew; alike are photos of it that were seen elsewhere. A hazard that is said to be
// put right by photos that nobody sent has an evidence document if there is something to say of them.
func (s *Service) remark(ctx context.Context, record string, alike []media.SHA256) error {
	for range maxRounds {
		sub, old, there, err := s.subjectOf(ctx, record)
		if err != nil || !there {
			return err
		}
		var e evidence
		if old.Rev > 0 {
			if e, err = decodeEvidence(old); err != nil {
				return err
			}
		} else {
			if sub.hazard == nil {
				return nil
			}
			e.Inspection = record
			if err := s.mark(ctx, &e, sub); err != nil || e.notes.empty() {
				return err
			}
		}
		e.notes.Alike = sorted(append(slices.Clone(e.notes.Alike), alike...))
		status, err := s.putEvidence(ctx, old, &e, sub)
		if err != nil || status == store.OK {
			return err
		}
	}
	return ErrBusy
}

func sorted(hs []media.SHA256) []media.SHA256 {
	slices.SortFunc(hs, func(a, b media.SHA256) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(hs)
}

// Printed takes what a photo looks like from whoever made its pictures, and marks the records that show it or one that
// looks like it. is is nil for a photo that has no print. Again is harmless.
func (s *Service) Printed(ctx context.Context, h media.SHA256, is *media.Print) error {
	if s.Prints == nil {
		return nil
	}
	if is != nil {
		if err := s.Prints.Enter(ctx, h, *is); err != nil {
			return err
		}
		if err := s.sighted(ctx, h); err != nil {
			return err
		}
	}
	return s.Prints.Settle(ctx, h)
}

// Urgent reports whether a photo is of a major hazard: its pictures are then made before others'.
func (s *Service) Urgent(ctx context.Context, record string, h media.SHA256) (bool, error) {
	sub, _, there, err := s.subjectOf(ctx, record)
	if err != nil || !there {
		return false, err
	}
	if sub.hazard != nil {
		return sub.hazard.Class == inspection.Major, nil
	}
	in := sub.inspection
	items := map[inspection.ItemID]bool{}
	for i := range in.Answers {
		if slices.Contains(in.Answers[i].Photos, h) {
			items[in.Answers[i].Item] = true
		}
	}
	grave := func(f *inspection.Finding) bool {
		return f.Class == inspection.Major && (slices.Contains(f.Photos, h) ||
			slices.ContainsFunc(f.Items, func(i inspection.ItemID) bool { return items[i] }))
	}
	for i := range in.Findings {
		if grave(&in.Findings[i]) {
			return true, nil
		}
	}
	if in.Verdict != nil {
		for i := range in.Verdict.Findings {
			if grave(&in.Verdict.Findings[i]) {
				return true, nil
			}
		}
	}
	return false, nil
}

// EachPhoto calls f with every photo that a record has, after noting that the record shows it: what was received before
// this server knew of prints is then found like the rest. A photo of several records comes once for each, one that was
// erased after its period not at all.
func (s *Service) EachPhoto(ctx context.Context, f func(record string, a media.Arrived) error) error {
	q := store.Query{Kind: KindEvidence, Limit: 200}
	for {
		page, err := s.Store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			if early(d) {
				continue
			}
			e, err := decodeEvidence(d)
			if err != nil {
				return err
			}
			for _, a := range e.Arrived {
				if err := s.shows(ctx, a.SHA256, d.ID, a.At); err != nil {
					return err
				}
				if a.Erased != nil {
					continue
				}
				if err := f(d.ID, a); err != nil {
					return err
				}
			}
		}
		if page.Next == (store.PageKey{}) {
			return nil
		}
		q.After = page.Next
	}
}
