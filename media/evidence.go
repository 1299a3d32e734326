package media

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Capture is the manifest that the app writes when it takes a photo; it travels in the signed record.
type Capture struct {
	At        time.Time `json:"at"` // the device's clock
	Latitude  float64   `json:"latitude,omitempty"`
	Longitude float64   `json:"longitude,omitempty"`
	System    System    `json:"system,omitempty"`   // empty: the device had no position
	Accuracy  float64   `json:"accuracy,omitempty"` // metres, radius of 68 %
	Mock      bool      `json:"mock,omitempty"`     // the system said that the position is simulated
	Device    string    `json:"device,omitempty"`
}

// Place returns where the device believed to be, or the zero Place.
func (c Capture) Place() Place {
	if c.System == "" {
		return Place{}
	}
	return Place{c.Latitude, c.Longitude, c.System}
}

// Wanted is a photo that a record names.
type Wanted struct {
	SHA256  SHA256  `json:"sha256"`
	Item    string  `json:"item,omitempty"` // the checklist item that it was taken for
	Capture Capture `json:"capture"`
}

// Arrived is a photo of the inspection that the server holds.
type Arrived struct {
	SHA256 SHA256    `json:"sha256"`
	Size   int64     `json:"size"` // bytes
	Photo  Photo     `json:"photo"`
	Marks  []Mark    `json:"marks,omitempty"`
	At     time.Time `json:"at"` // server time
	By     string    `json:"by"` // user id
	Device string    `json:"device"`
	Erased *Erasure  `json:"erased,omitempty"` // the original was removed after its period; all else stays
}

// Evidence tells for one inspection which photos its record names and which of them have arrived. A photo that was
// uploaded before its record is kept as arrived too. Functions return a new value and leave the old one as it is.
type Evidence struct {
	Inspection string    `json:"inspection"`
	Wanted     []Wanted  `json:"wanted"`
	Arrived    []Arrived `json:"received"`
	Todo       []Todo    `json:"todo,omitempty"` // photos that were sent back, oldest first

	unknown map[string]json.RawMessage // members of a newer version, written back as they came
}

// evidenceBody has the members that this version knows, without the methods of Evidence.
type evidenceBody Evidence

// ParseEvidence reads the body of an evidence document; ErrEvidence if it is none.
func ParseEvidence(b []byte) (Evidence, error) {
	var e Evidence
	if err := json.Unmarshal(b, &e); err != nil {
		return Evidence{}, ErrEvidence.Because(err)
	}
	if e.Inspection == "" {
		return Evidence{}, ErrEvidence.At("/inspection")
	}
	return e, nil
}

// UnmarshalJSON reads an object and remembers members it does not know.
func (e *Evidence) UnmarshalJSON(b []byte) error {
	var body evidenceBody
	if err := json.Unmarshal(b, &body); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &body.unknown); err != nil {
		return err
	}
	for _, known := range []string{"inspection", "wanted", "received", "todo"} {
		delete(body.unknown, known)
	}
	*e = Evidence(body)
	return nil
}

// MarshalJSON writes an object with its unknown members; lists are never null.
func (e Evidence) MarshalJSON() ([]byte, error) {
	body := evidenceBody(e)
	if body.Wanted == nil {
		body.Wanted = []Wanted{}
	}
	if body.Arrived == nil {
		body.Arrived = []Arrived{}
	}
	b, err := json.Marshal(body)
	if err != nil || len(e.unknown) == 0 {
		return b, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	for name, raw := range e.unknown {
		all[name] = raw
	}
	return json.Marshal(all)
}

// Want adds photos that the record names. One that is wanted already for the same item stays as it was first said:
// what a record said is never replaced.
func (e Evidence) Want(ws ...Wanted) Evidence {
	e.Wanted = slices.Clone(e.Wanted)
	for _, w := range ws {
		if !slices.ContainsFunc(e.Wanted, func(o Wanted) bool { return o.SHA256 == w.SHA256 && o.Item == w.Item }) {
			e.Wanted = append(e.Wanted, w)
		}
	}
	return e
}

// Receive enters a photo that arrived; again is harmless: the first arrival stays. changed tells whether it is new.
func (e Evidence) Receive(a Arrived) (_ Evidence, changed bool) {
	if e.Has(a.SHA256) {
		return e, false
	}
	e.Arrived = append(slices.Clone(e.Arrived), a)
	return e, true
}

// Erase enters that the original of a photo was removed; changed is false if it says so already, or names no such photo.
func (e Evidence) Erase(h SHA256, x Erasure) (_ Evidence, changed bool) {
	i := slices.IndexFunc(e.Arrived, func(a Arrived) bool { return a.SHA256 == h })
	if i < 0 || e.Arrived[i].Erased != nil {
		return e, false
	}
	e.Arrived = slices.Clone(e.Arrived)
	e.Arrived[i].Erased = &x
	return e, true
}

// Names reports whether the record names the photo or has it.
func (e Evidence) Names(h SHA256) bool {
	return e.Has(h) || slices.ContainsFunc(e.Wanted, func(w Wanted) bool { return w.SHA256 == h })
}

// Has reports whether the photo has arrived for this inspection.
func (e Evidence) Has(h SHA256) bool {
	return slices.ContainsFunc(e.Arrived, func(a Arrived) bool { return a.SHA256 == h })
}

// Capture returns what the record says of a photo; ErrNotWanted if no record names it yet.
func (e Evidence) Capture(h SHA256) (Capture, error) {
	for _, w := range e.Wanted {
		if w.SHA256 == h {
			return w.Capture, nil
		}
	}
	return Capture{}, ErrNotWanted
}

// Missing returns the photos that are named and have not arrived, each once, in the order of the record.
func (e Evidence) Missing() []SHA256 {
	missing := []SHA256{}
	for _, w := range e.Wanted {
		if !e.Has(w.SHA256) && !slices.Contains(missing, w.SHA256) {
			missing = append(missing, w.SHA256)
		}
	}
	return missing
}

// Progress returns how many of the named photos have arrived; one named for two items counts once.
func (e Evidence) Progress() (received, wanted int) {
	seen := map[SHA256]bool{}
	for _, w := range e.Wanted {
		if seen[w.SHA256] {
			continue
		}
		seen[w.SHA256] = true
		if wanted++; e.Has(w.SHA256) {
			received++
		}
	}
	return received, wanted
}

// ProgressText says it to a person, as 已收到 3 / 5 张.
func (e Evidence) ProgressText() string {
	received, wanted := e.Progress()
	return fmt.Sprintf("已收到 %d / %d 张", received, wanted)
}
