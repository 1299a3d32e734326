package inspection

import (
	"slices"

	"paicha/checklist"
	"paicha/internal/store"
)

// Rejudgement is what another version of the checklist would say of a submitted record. It changes nothing: the record
// keeps the verdict of the version that its inspectors saw (design: a past inspection is never judged anew silently).
type Rejudgement struct {
	Inspection ID           `json:"inspection"`
	Rev        store.Rev    `json:"rev"`
	Enterprise EnterpriseID `json:"enterprise"`
	Name       string       `json:"name,omitzero"`
	Region     RegionCode   `json:"region"`
	Day        Day          `json:"day"`
	Pack       string       `json:"pack"`             // by which it was judged
	Graver     []Finding    `json:"graver,omitempty"` // only the other version raises it, or in a graver class
	Milder     []Finding    `json:"milder,omitempty"` // the other version does not raise it, or in a lower class; as it stands now
	Unknown    int          `json:"unknown"`          // rules of the other version that lack an answer: it asks what nobody was asked
	Human      int          `json:"human"`            // what a person would have to judge
}

// Same reports whether the other version finds what was found, no more and no less.
func (r *Rejudgement) Same() bool { return len(r.Graver) == 0 && len(r.Milder) == 0 }

// Rejudge judges a record by another version beside its own verdict. What only devices raised counts on both sides.
func Rejudge(in *Inspection, pack *checklist.Pack) Rejudgement {
	out := Rejudgement{
		Inspection: in.ID, Enterprise: in.Header.Unit.ID, Name: in.Header.Unit.Name, Region: in.Header.Region,
		Day: in.day(), Pack: in.Header.Pack.ID,
	}
	other := Judge(in, pack)
	out.Unknown, out.Human = len(other.Unknown), len(other.Human)
	var now []Finding
	if in.Verdict != nil {
		out.Rev, now = in.Verdict.Rev, in.Verdict.Findings
	}
	for _, f := range other.Findings {
		if at := slices.IndexFunc(now, f.same); at < 0 || f.Class.Rank() > now[at].Class.Rank() {
			out.Graver = append(out.Graver, f)
		}
	}
	for _, f := range now {
		if at := slices.IndexFunc(other.Findings, f.same); at < 0 || f.Class.Rank() > other.Findings[at].Class.Rank() {
			out.Milder = append(out.Milder, f)
		}
	}
	return out
}

// same reports whether another finding is of the same rule in the same place.
func (f *Finding) same(o Finding) bool { return compareFindings(f, &o) == 0 }
