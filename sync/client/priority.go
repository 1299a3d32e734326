package client

import (
	"bytes"
	"slices"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// major is the class of a hazard that people die of (重大事故隐患).
const major = "major"

// urgency tells which roots go first: those that raise, or have, a major hazard.
type urgency map[string]bool // by the id of the inspection, and of its hazards

// raising is what may say that a mutation raises a major hazard: a finding that the device judged, or a regrading.
type raising struct {
	Args struct {
		Class    string `json:"class"`
		Findings []struct {
			Class string `json:"class"`
		} `json:"findings"`
	} `json:"args"`
}

// raises reports whether a mutation says of itself that it raises a major hazard.
func raises(raw []byte) bool {
	if !bytes.Contains(raw, []byte(major)) { // most say nothing of the kind
		return false
	}
	var m raising
	if json.Unmarshal(raw, &m) != nil {
		return false
	}
	return m.Args.Class == major || slices.ContainsFunc(m.Args.Findings, func(f struct {
		Class string `json:"class"`
	},
	) bool {
		return f.Class == major
	})
}

// urgent looks through the outbox and the replica.
func (t *Tablet) urgent() urgency {
	u := urgency{}
	for hazard, of := range t.replica.hazards() {
		if of.class == major {
			u[hazard], u[of.inspection] = true, true
		}
	}
	for _, m := range t.outbox.All() {
		if raises(m.Raw) {
			u[t.rootOf(m.Doc)] = true
		}
	}
	return u
}

// rootOf is the inspection that a document belongs to as far as the tablet knows, otherwise the document itself.
func (t *Tablet) rootOf(doc fieldsync.DocRef) string {
	if doc.Kind == "hazard" {
		if d, held := t.replica.Get(doc); held {
			if of := hazardOf(d); of.inspection != "" {
				return of.inspection
			}
		}
	}
	return doc.ID
}

// first puts the mutations of urgent roots before the others. Within a root nothing changes places, and neither do the
// urgent among themselves. What it passes over is named in links, of which a push takes only so many.
func (t *Tablet) first(queue []Queued) []Queued {
	most := t.hello.Limits.PushMutations
	if most == 0 {
		most = fieldsync.DefaultLimits.PushMutations
	}
	t.calm = nil
	if len(queue) > most {
		return queue
	}
	u := t.urgent()
	if len(u) == 0 {
		return queue
	}
	t.calm = map[fieldsync.MutationID]bool{}
	for _, m := range queue {
		t.calm[m.ID] = !u[t.rootOf(m.Doc)] && !u[m.Doc.ID]
	}
	slices.SortStableFunc(queue, func(a, b Queued) int {
		return rank(t.calm[a.ID]) - rank(t.calm[b.ID])
	})
	return queue
}

func rank(calm bool) int {
	if calm {
		return 1
	}
	return 0
}

// urgentPhotos puts the photos of urgent roots before the others.
func (t *Tablet) urgentPhotos(photos []Photo) []Photo {
	u := t.urgent()
	slices.SortStableFunc(photos, func(a, b Photo) int { return rank(!u[a.Inspection]) - rank(!u[b.Inspection]) })
	return photos
}

// ofHazard is what urgency needs of a hazard.
type ofHazard struct{ class, inspection string }

func hazardOf(d Doc) ofHazard {
	var body struct {
		Class      string `json:"class"`
		Inspection string `json:"inspection"`
	}
	if json.Unmarshal(d.Body, &body) != nil {
		return ofHazard{}
	}
	return ofHazard{body.Class, body.Inspection}
}

// hazards returns those held, by id.
func (r *Replica) hazards() map[string]ofHazard {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]ofHazard{}
	for ref, d := range r.docs {
		if ref.Kind == "hazard" {
			out[ref.ID] = hazardOf(d)
		}
	}
	return out
}
