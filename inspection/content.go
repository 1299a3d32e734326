package inspection

import (
	"cmp"
	"slices"
	"time"

	"paicha/inspection/attest"
	"paicha/internal/store"
)

// recordContent is the signed content of a record. docs/signing.md has every member; lists are there also when empty,
// other members only when they say something. What is the server's alone (stamps, verdict, marks, history) and what is
// restricted never enters.
type recordContent struct {
	Type           string          `json:"type"`
	Version        int             `json:"version"`
	Inspection     ID              `json:"inspection"`
	Header         Header          `json:"header"`
	FinishedAt     time.Time       `json:"finishedAt,omitzero"`
	Team           []UserID        `json:"team"`
	Opinion        string          `json:"opinion,omitzero"`
	Representative *Representative `json:"representative,omitzero"`
	observed
}

// amendmentContent is the signed content of an amendment. Amends is the hash of the content before it, empty where the
// record was submitted unsigned.
type amendmentContent struct {
	Type       string       `json:"type"`
	Version    int          `json:"version"`
	Inspection ID           `json:"inspection"`
	Amends     attest.Hash  `json:"amends"`
	Reason     string       `json:"reason"`
	FinishedAt time.Time    `json:"finishedAt,omitzero"`
	Team       []UserID     `json:"team"`
	Adopts     []MutationID `json:"adopts"`
	Changes    changes      `json:"changes"`
}

// changes are the values that an amendment left in the record, of what it was about.
type changes struct {
	Header *Header  `json:"header,omitzero"`
	Team   []UserID `json:"team"`
	observed
}

// observed is what was found, without the server's stamps, in the order of its keys.
type observed struct {
	Answers  []Answer  `json:"answers"`
	Facts    []Fact    `json:"facts"`
	Findings []Finding `json:"findings"`
	Photos   []Hash    `json:"photos"` // all that are named, sorted
}

// Content returns what is signed of a submitted record: canonical JSON (RFC 8785). The same record gives the same bytes.
// It returns ErrBadValue for a count that JavaScript cannot write.
func Content(in *Inspection) (string, error) {
	c := recordContent{
		Type: attest.TypeRecord, Version: attest.Version, Inspection: in.ID, Header: unstamped(in.Header),
		Team: ordered(in.Team), observed: observedIn(in.Answers, in.Facts, in.Findings),
	}
	if s := in.Submitted; s != nil {
		c.FinishedAt, c.Opinion, c.Representative = s.At, s.Opinion, s.Representative
		if r := s.Representative; r != nil && r.Signed != nil {
			c.Photos = append(c.Photos, r.Signed.Image)
		}
	}
	for i := range in.Photos {
		c.Photos = append(c.Photos, in.Photos[i].SHA256)
	}
	c.Photos = sortedHashes(c.Photos)
	if err := c.countable(); err != nil {
		return "", err
	}
	return attest.Encode(c)
}

// Prepare returns the content that a submission comes to, for the device to sign: old is the record as the device knows
// it, its own saves included. Nothing is changed.
func Prepare(old Inspection, a SubmitArgs, r *Representative, base store.Rev, by Cause) (string, error) {
	in := old
	m := merger{in: &in, base: base, rev: base + 1, by: by}
	m.save(&a.SaveArgs)
	in.Submitted = &Submission{At: a.At, Opinion: a.Opinion, Representative: r}
	return Content(&in)
}

// PrepareAmendment returns the content that an amendment comes to, for the device to sign. It amends the record's last
// signed content.
func PrepareAmendment(old Inspection, a AmendArgs, base store.Rev, by Cause) (string, error) {
	a.Signed = nil
	if len(a.Signatures) == 0 { // the signature is what is being made
		a.Signatures = []Signature{{User: by.User, Role: RoleInspector}}
	}
	amends := old.lastContent()
	in, err := Amend(old, a, base, base+1, by)
	if err != nil {
		return "", err
	}
	return contentOfAmendment(&in, &a, amends)
}

// contentOfAmendment reads from an amended record what the amendment was about.
func contentOfAmendment(in *Inspection, a *AmendArgs, amends attest.Hash) (string, error) {
	c := amendmentContent{
		Type: attest.TypeAmendment, Version: attest.Version, Inspection: in.ID, Amends: amends, Reason: a.Reason,
		FinishedAt: a.At, Team: ordered(in.Team), Adopts: slices.Concat([]MutationID{}, a.Adopts),
	}
	saves := []*SaveArgs{&a.SaveArgs}
	for i := range in.Proposals {
		if slices.Contains(a.Adopts, in.Proposals[i].Mutation) {
			saves = append(saves, &in.Proposals[i].Args)
		}
	}
	var as []Answer
	var fs []Fact
	var ds []Finding
	team, photos := []UserID{}, []Hash(nil)
	for _, s := range saves {
		if s.Header != nil {
			h := unstamped(in.Header)
			c.Changes.Header = &h
		}
		team = append(team, s.Team...)
		as = pick(as, in.Answers, s.Answers, answers)
		fs = pick(fs, in.Facts, s.Facts, facts)
		ds = pick(ds, in.Findings, s.Findings, findings)
		for i := range s.Photos {
			photos = append(photos, s.Photos[i].SHA256)
		}
	}
	c.Changes.Team = slices.Compact(ordered(team))
	c.Changes.observed = observedIn(as, fs, ds)
	c.Changes.Photos = sortedHashes(append(c.Changes.Photos, photos...))
	if err := c.Changes.countable(); err != nil {
		return "", err
	}
	return attest.Encode(c)
}

// pick adds those of the record's values that are named.
func pick[T any](out, stored, named []T, p part[T]) []T {
	for i := range named {
		at, ok := search(stored, &named[i], p.order)
		if ok && !slices.ContainsFunc(out, func(x T) bool { return p.order(&x, &stored[at]) == 0 }) {
			out = append(out, stored[at])
		}
	}
	return out
}

// observedIn copies what was found, in the order in which a tablet sorts too.
func observedIn(as []Answer, fs []Fact, ds []Finding) observed {
	f := observed{Answers: slices.Concat([]Answer{}, as), Facts: slices.Concat([]Fact{}, fs), Findings: slices.Concat([]Finding{}, ds)}
	for i := range f.Answers {
		f.Answers[i].Stamp = Stamp{}
		f.Photos = append(f.Photos, f.Answers[i].Photos...)
	}
	for i := range f.Facts {
		f.Facts[i].Stamp = Stamp{}
	}
	for i := range f.Findings {
		x := &f.Findings[i]
		x.Stamp, x.ByDevice, x.ByServer = Stamp{}, false, false
		f.Photos = append(f.Photos, x.Photos...)
	}
	slices.SortStableFunc(f.Answers, func(a, b Answer) int {
		return cmp.Or(attest.Compare(string(a.Item), string(b.Item)), attest.Compare(string(a.Instance), string(b.Instance)))
	})
	slices.SortStableFunc(f.Facts, func(a, b Fact) int { return attest.Compare(a.Name, b.Name) })
	slices.SortStableFunc(f.Findings, func(a, b Finding) int {
		x, y := a.Key(), b.Key()
		return cmp.Or(attest.Compare(string(x.Rule), string(y.Rule)), attest.Compare(string(x.ID), string(y.ID)),
			attest.Compare(string(x.Instance), string(y.Instance)))
	})
	return f
}

// countable refuses what JavaScript, and so RFC 8785, would round: nobody would see the difference.
func (f *observed) countable() error {
	const most = 1<<53 - 1
	for i := range f.Answers {
		if n := f.Answers[i].Count; n != nil && (*n > most || *n < -most) {
			return ErrBadValue.At(pointer("/answers", i, "/count")).Saying("数目过大，不能签名")
		}
	}
	return nil
}

func unstamped(h Header) Header {
	h.Stamp = Stamp{}
	return h
}

// ordered copies names in the order of attest.Less.
func ordered[S ~string](names []S) []S {
	out := slices.Concat([]S{}, names)
	slices.SortFunc(out, func(a, b S) int { return attest.Compare(string(a), string(b)) })
	return out
}

func sortedHashes(hs []Hash) []Hash {
	out := slices.Concat([]Hash{}, hs)
	slices.SortFunc(out, func(a, b Hash) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(out)
}
