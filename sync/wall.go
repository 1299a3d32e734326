package sync

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
)

// The searchable values of evidence. One that belongs to no record yet has FieldEvidenceOf at most: it is on no wall.
const (
	FieldEvidenceOf = "inspection" // the subject's id, which may be a hazard's
	FieldOf         = "of"         // the subject's kind
	FieldEnterprise = "enterprise"
	FieldRegion     = "region"
	FieldLatest     = "latest"     // time of the newest photo
	FieldEarliest   = "earliest"   // time of the oldest photo
	FieldDistance   = "distance"   // metres of the farthest photo; absent if none has a distance
	FieldPhotos     = "photos"     // photos that are here, and not erased
	FieldUnreviewed = "unreviewed" // those of them that no supervisor has looked at
	FieldMarked     = "marked"     // those of them with a doubt
	FieldTodo       = "todo"       // photos that were sent back and not taken again

	FieldKept    = "kept"    // arrival of the newest photo whose original is not erased; absent if there is none
	FieldMissing = "missing" // photos that the record names and that have not arrived; absent if none
	FieldHeld    = "held"    // 1 under a legal hold, 0 after one; absent if there never was one
)

// wallFields are what the photo wall filters by, besides its order.
var wallFields = []string{FieldRegion, FieldEnterprise, FieldEarliest, FieldUnreviewed, FieldMarked, FieldTodo}

// evidenceIndexes are the two orders of the photo wall, by time and by distance, and an enterprise's own wall. See
// docs/adr/0053.
var evidenceIndexes = []store.Index{
	{Kind: KindEvidence, Fields: slices.Concat([]string{FieldLatest}, wallFields, []string{FieldDistance})},
	{Kind: KindEvidence, Fields: slices.Concat([]string{FieldDistance}, wallFields, []string{FieldLatest})},
	{Kind: KindEvidence, Fields: []string{FieldEnterprise, FieldLatest}},
	{Kind: KindEvidence, Fields: []string{FieldKept}}, // these three for Keeper; the other two are sparse
	{Kind: KindEvidence, Fields: []string{FieldMissing}},
	{Kind: KindEvidence, Fields: []string{FieldHeld}},
}

// WallPhoto is one photo of an evidence document with all that is known of it. Marks, Distance and Reviews are for
// supervisors only.
type WallPhoto struct {
	media.Arrived
	Item     string
	Taken    time.Time // by the capture manifest's clock; by arrival where no record names the photo
	Marks    []media.Mark
	Distance *int64 // metres
	Reviews  []PhotoReview
	Todo     *media.Todo // still to do
}

// Verdict is the newest one, or empty.
func (p WallPhoto) Verdict() string {
	if len(p.Reviews) == 0 {
		return ""
	}
	return p.Reviews[len(p.Reviews)-1].Verdict
}

// WallPhotos returns the photos of an evidence document that are here, the newest first.
func WallPhotos(d store.Doc) ([]WallPhoto, error) {
	e, err := decodeEvidence(d)
	if err != nil {
		return nil, err
	}
	out := make([]WallPhoto, 0, len(e.Arrived))
	at := make(map[media.SHA256]int, len(e.Arrived))
	for _, a := range e.Arrived {
		p := WallPhoto{Arrived: a, Taken: a.At, Marks: e.notes.Marks[a.SHA256.String()]}
		if m, ok := e.notes.Distances[a.SHA256.String()]; ok {
			p.Distance = &m
		}
		out = append(out, p)
		at[a.SHA256] = len(out) - 1
	}
	for _, w := range slices.Backward(e.Wanted) { // the first that names it counts, as for Capture
		if i, here := at[w.SHA256]; here {
			out[i].Item = w.Item
			if !w.Capture.At.IsZero() {
				out[i].Taken = w.Capture.At
			}
		}
	}
	for _, r := range e.notes.Reviews {
		if i, here := at[r.SHA256]; here {
			out[i].Reviews = append(out[i].Reviews, r)
		}
	}
	for i := range e.Todo {
		if j, here := at[e.Todo[i].SHA256]; here && e.Todo[i].Done == nil {
			out[j].Todo = &e.Todo[i]
		}
	}
	slices.SortFunc(out, func(a, b WallPhoto) int {
		return cmp.Or(b.Taken.Compare(a.Taken), slices.Compare(a.SHA256[:], b.SHA256[:]))
	})
	return out, nil
}

// subjectFields are the values that evidence takes from what it belongs to.
func subjectFields(id string, sub store.Doc) store.Fields {
	f := store.Fields{FieldEvidenceOf: store.Text(id)}
	if sub.Rev == 0 {
		return f
	}
	f[FieldOf] = store.Text(string(sub.Kind))
	for _, name := range []string{FieldEnterprise, FieldRegion} {
		if v, ok := sub.Fields[name]; ok {
			f[name] = v
		}
	}
	return f
}

// fields are the searchable values of the evidence of a subject with those values. It is quiet since its last photo or
// review, if it is a record's.
func (e *evidence) fields(of store.Fields, tokens []store.Token) store.Fields {
	f := store.Fields{}
	if len(supervisorsOf(tokens)) > 0 {
		f[inspection.FieldQuiet] = store.Time(e.last())
	}
	for _, name := range []string{FieldEvidenceOf, FieldOf, FieldEnterprise, FieldRegion} {
		if v, ok := of[name]; ok {
			f[name] = v
		}
	}
	if _, known := f[FieldOf]; !known {
		return f
	}
	e.keepingFields(f)
	if len(e.Arrived) == 0 {
		return f
	}
	taken := make(map[media.SHA256]time.Time, len(e.Wanted))
	for _, w := range slices.Backward(e.Wanted) {
		taken[w.SHA256] = w.Capture.At
	}
	reviewed := make(map[media.SHA256]bool, len(e.notes.Reviews))
	for _, r := range e.notes.Reviews {
		reviewed[r.SHA256] = true
	}
	var earliest, latest time.Time
	var photos, marked, unreviewed int64
	for _, a := range e.Arrived {
		at := taken[a.SHA256]
		if at.IsZero() {
			at = a.At
		}
		if earliest.IsZero() || at.Before(earliest) {
			earliest = at
		}
		if at.After(latest) {
			latest = at
		}
		if a.Erased != nil {
			continue
		}
		photos++
		if len(e.notes.Marks[a.SHA256.String()]) > 0 {
			marked++
		}
		if !reviewed[a.SHA256] {
			unreviewed++
		}
	}
	f[FieldEarliest], f[FieldLatest] = store.Time(earliest), store.Time(latest)
	f[FieldPhotos], f[FieldMarked] = store.Num(photos), store.Num(marked)
	f[FieldUnreviewed], f[FieldTodo] = store.Num(unreviewed), store.Num(int64(e.Open()))
	if len(e.notes.Distances) > 0 {
		f[FieldDistance] = store.Num(slices.Max(slices.Collect(maps.Values(e.notes.Distances))))
	}
	return f
}

// keepingFields are the values by which Keeper finds evidence.
func (e *evidence) keepingFields(f store.Fields) {
	var kept time.Time
	for _, a := range e.Arrived {
		if a.Erased == nil && a.At.After(kept) {
			kept = a.At
		}
	}
	if !kept.IsZero() {
		f[FieldKept] = store.Time(kept)
	}
	if n := len(e.Missing()); n > 0 {
		f[FieldMissing] = store.Num(int64(n))
	}
	if len(e.notes.Holds) > 0 {
		held := int64(0)
		if e.notes.held() >= 0 {
			held = 1
		}
		f[FieldHeld] = store.Num(held)
	}
}

// last is the time of the last arrival or of what a supervisor last said.
func (e *evidence) last() time.Time {
	var last time.Time
	later := func(t time.Time) {
		if t.After(last) {
			last = t
		}
	}
	for _, a := range e.Arrived {
		later(a.At)
	}
	for _, r := range e.notes.Reviews {
		later(r.At)
	}
	for _, h := range e.notes.Holds {
		later(h.At)
		if h.Released != nil {
			later(h.Released.At)
		}
	}
	return last
}

// measure works out how far from the place of the check each photo was taken: by the device's position, else by the
// camera's.
func (e *evidence) measure(in *inspection.Inspection) {
	e.notes.Distances = nil
	if in.Header.Place == nil {
		return
	}
	site := media.Place{Latitude: in.Header.Place.Lat, Longitude: in.Header.Place.Lon, System: media.System(in.Header.Place.System)}
	if site.Valid() != nil {
		return
	}
	far := map[string]int64{}
	for _, a := range e.Arrived {
		c, err := e.Capture(a.SHA256)
		if err != nil {
			continue
		}
		where := c.Place()
		if where.Valid() != nil {
			where = a.Photo.Facts.GPS.Place
		}
		if where.Valid() == nil {
			far[a.SHA256.String()] = int64(math.Round(media.Metres(where, site)))
		}
	}
	e.notes.Distances = far
}
