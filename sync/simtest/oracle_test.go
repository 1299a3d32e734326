package simtest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// noted remembers what somebody reads now: only what these tokens show may later be told to be removed.
func (p *person) noted(now time.Time) {
	if p.ever == nil {
		p.ever = map[store.Token][]directory.Role{}
	}
	for t, roles := range p.reads(now) {
		for _, r := range roles {
			if !slices.Contains(p.ever[t], r) {
				p.ever[t] = append(p.ever[t], r)
			}
		}
	}
}

// couldSee reports whether any version of a document was ever within what a person was told of.
func (w *world) couldSee(p *person, ref store.Ref) bool {
	for v, d := range w.versions {
		if v.ref != ref {
			continue
		}
		for _, t := range d.Tokens {
			if slices.ContainsFunc(p.ever[t], func(r directory.Role) bool { return showsKind(r, ref.Kind) }) {
				return true
			}
		}
	}
	return false
}

// sawPull judges one answer to a pull, by itself: P5. No byte outside the reader's scope at that moment, by the version
// of each document that is in it; no removal of what the reader never could see.
func (w *world) sawPull(n *node, t *tablet, answer []byte) {
	var p fieldsync.PullResponse
	if err := parse(answer, &p); err != nil {
		w.breaks("P4", "%s gets a page that is none: %v", t.name, err)
	}
	now := n.svc.Now()
	for _, c := range p.Changes {
		if c.Removed != "" {
			if !w.couldSee(t.by, store.Ref{Kind: c.Kind, ID: c.ID}) {
				w.breaks("P5", "%s is told of the removal of %s %s, which %s never could see", t.name, c.Kind, c.ID, t.by.id)
			}
			continue
		}
		d, ok := w.versions[version{w.epoch(), store.Ref{Kind: c.Kind, ID: c.ID}, c.Rev}]
		if !ok {
			w.breaks("P1", "%s gets %s %s rev %d, which was never stored", t.name, c.Kind, c.ID, c.Rev)
		}
		via, restricted := t.by.sees(now, d)
		if len(via) == 0 {
			w.breaks("P5", "%s gets %s %s rev %d of %v", t.name, c.Kind, c.ID, c.Rev, d.Tokens)
		}
		for _, v := range c.Via {
			if !slices.Contains(via, v) {
				w.breaks("P5", "%s gets %s %s via %s, which shows it not", t.name, c.Kind, c.ID, v)
			}
		}
		if len(c.Via) == 0 || !bytes.Equal(c.Body, d.Body) {
			w.breaks("P5", "%s gets %s %s via %v with a body that is not rev %d's", t.name, c.Kind, c.ID, c.Via, c.Rev)
		}
		if len(c.Restricted) > 0 && (!restricted || !bytes.Equal(c.Restricted, d.Restricted)) {
			w.breaks("P5", "%s gets the restricted part of %s %s", t.name, c.Kind, c.ID)
		}
	}
}

// sawHello judges a hello: missing photos are named to members of the team only.
func (w *world) sawHello(t *tablet, h fieldsync.HelloResponse) {
	for _, m := range h.MissingMedia {
		var in struct{ Team []string }
		d := w.model.Doc(store.Ref{Kind: "inspection", ID: m.Inspection})
		if parse(d.Body, &in) != nil || !slices.Contains(in.Team, t.by.id) {
			w.breaks("P5", "%s is told of the photos of %s, of which %s is not", t.name, m.Inspection, t.by.id)
		}
	}
}

// trail is what a body says of the mutations that changed it.
type trail struct {
	History   []struct{ Mutation string }
	Proposals []struct{ Mutation string }
	Conflicts []struct{ Mutation string }
	State     string
	Mutation  jsontext.Value
}

// judge compares everything when nothing waits any more.
func (w *world) judge() {
	effects, quarantined := map[string]int{}, map[string]string{}
	for ref, d := range w.model.Docs() {
		var b trail
		if err := parse(d.Body, &b); err != nil {
			continue
		}
		if ref.Kind == "quarantine" {
			quarantined[ref.ID] = b.State
			if m := w.made[ref.ID]; m != nil && !bytes.Equal(m.raw, b.Mutation) {
				w.breaks("P3", "quarantined %s is not byte for byte what was made", ref.ID)
			}
			continue
		}
		if ref.Kind != "inspection" && ref.Kind != "hazard" {
			continue
		}
		own := map[string]bool{}
		for _, h := range b.History {
			if m := w.made[h.Mutation]; m == nil || m.doc.ID != ref.ID {
				continue // the effect of a submission on its hazards
			}
			if own[h.Mutation] {
				w.breaks("P2", "%s has two effects on %s %s", h.Mutation, ref.Kind, ref.ID)
			}
			own[h.Mutation] = true
		}
		for _, p := range b.Proposals {
			own[p.Mutation] = true
		}
		for id := range own {
			effects[id]++
		}
	}
	settled := map[string]fieldsync.Result{}
	for _, t := range w.tablets {
		for _, m := range t.Outbox().All() {
			if !m.Done && !m.Asking {
				w.breaks("P7", "%s still has %s of %s: %v", t.name, m.Name, m.Doc.ID, describe(m.Result))
			}
			if m.Result != nil {
				settled[string(m.ID)] = *m.Result
			}
		}
		for _, p := range t.Outbox().Photos() {
			if !p.Done && p.Problem == nil {
				w.breaks("P7", "%s still has a photo of %s", t.name, p.Inspection)
			}
		}
	}
	for id, m := range w.made {
		r, known := settled[id]
		status := r.Status
		if status == fieldsync.Duplicate {
			status = r.First
		}
		state, aside := quarantined[id]
		switch {
		case effects[id] > 1:
			w.breaks("P2", "%s (%s) has effects on %d documents", id, m.name, effects[id])
		case known && status == fieldsync.Quarantined && !aside:
			w.breaks("P3", "%s (%s) was quarantined and is nowhere", id, m.name)
		case status == fieldsync.Quarantined || aside:
			if effects[id] > 0 && state != "released" {
				w.breaks("P2", "%s (%s) is quarantined (%s) and has an effect", id, m.name, state)
			}
		case known && (status == fieldsync.Rejected || status == "untaken"): // aside, shown to the person
			if effects[id] > 0 {
				w.breaks("P2", "%s (%s) was rejected (%v) and has an effect", id, m.name, describe(&r))
			}
		case strings.HasPrefix(m.name, "quarantine."):
		case effects[id] != 1:
			w.breaks("P1", "%s (%s of %s, %v) was acknowledged or deleted, and has no effect", id, m.name, m.doc.ID, describe(&r))
		}
	}
	w.judgeReplicas()
	w.judgePhotos()
}

func describe(r *fieldsync.Result) string {
	if r == nil {
		return "no answer"
	}
	s := string(r.Status) + "/" + string(r.First)
	if r.Problem != nil {
		s += " " + r.Problem.Code
	}
	return s
}

// judgeReplicas: every tablet holds exactly what its person may see, P4 and P5.
func (w *world) judgeReplicas() {
	docs := w.model.Docs()
	for _, t := range w.tablets {
		held := map[store.Ref]bool{}
		for _, d := range t.Replica().Docs() {
			ref := store.Ref{Kind: d.Kind, ID: d.ID}
			held[ref] = true
			now := docs[ref]
			via, restricted := t.by.sees(w.now, now)
			switch {
			case len(via) == 0:
				w.breaks("P5", "%s still holds %s %s", t.name, d.Kind, d.ID)
			case d.Rev != now.Rev || !bytes.Equal(d.Body, now.Body):
				w.breaks("P4", "%s holds rev %d of %s %s, the server %d", t.name, d.Rev, d.Kind, d.ID, now.Rev)
			case !slices.Equal(d.Via, via):
				w.breaks("P4", "%s holds %s %s via %v instead of %v", t.name, d.Kind, d.ID, d.Via, via)
			case restricted && !bytes.Equal(d.Restricted, now.Restricted) || !restricted && len(d.Restricted) > 0:
				w.breaks("P5", "%s: restricted part of %s %s", t.name, d.Kind, d.ID)
			}
		}
		if len(t.by.reads(w.now)) == 0 {
			continue
		}
		for ref, d := range docs {
			if via, _ := t.by.sees(w.now, d); len(via) > 0 && !held[ref] {
				w.breaks("P4", "%s lacks %s %s rev %d", t.name, ref.Kind, ref.ID, d.Rev)
			}
		}
	}
}

// judgePhotos: every photo that a stored record names and a tablet kept is there, byte for byte.
func (w *world) judgePhotos() {
	docs := w.model.Docs()
	for _, p := range w.photos {
		var in struct {
			Photos []struct{ SHA256 string }
			Team   []string
		}
		if parse(docs[store.Ref{Kind: "inspection", ID: p.inspection}].Body, &in) != nil ||
			!slices.ContainsFunc(in.Photos, func(x struct{ SHA256 string }) bool { return x.SHA256 == p.hash }) {
			continue
		}
		var e struct{ Received []struct{ SHA256 string } }
		if parse(docs[store.Ref{Kind: "evidence", ID: p.inspection}].Body, &e) != nil ||
			!slices.ContainsFunc(e.Received, func(x struct{ SHA256 string }) bool { return x.SHA256 == p.hash }) {
			if w.refused(p.hash) {
				continue
			}
			w.breaks("P6", "photo %s of %s is not in its evidence", p.hash[:8], p.inspection)
		}
		found := false
		for h, data := range w.depot.blobs {
			found = found || h.String() == p.hash && bytes.Equal(data, p.data)
		}
		if !found {
			w.breaks("P6", "the bytes of photo %s of %s are gone", p.hash[:8], p.inspection)
		}
	}
}

// refused reports whether a tablet was told that a photo may not be handed in: its person lost the right meanwhile.
func (w *world) refused(hash string) bool {
	return slices.ContainsFunc(w.tablets, func(t *tablet) bool {
		return slices.ContainsFunc(t.Outbox().Photos(), func(p clientPhoto) bool { return p.SHA256 == hash && p.Problem != nil })
	})
}

// parse reads JSON into structures of the oracle's own, whose members have the words without tags.
func parse(b []byte, v any) error { return json.Unmarshal(b, v, json.MatchCaseInsensitiveNames(true)) }
