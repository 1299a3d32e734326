package httpapi

import (
	"strings"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/store"

	"github.com/gofiber/fiber/v2"
)

// RejudgementPage tells of one page of past inspections what a version of the checklist would say of them now. Items are
// those that would be found otherwise; Judged counts all that were looked at.
type RejudgementPage struct {
	Ref    checklist.PackRef        `json:"ref"`
	Judged int                      `json:"judged"`
	Major  int                      `json:"major"` // findings that would be major now and are not
	Items  []inspection.Rejudgement `json:"items"`
	After  string                   `json:"after,omitzero"`
}

// rejudgement is a report and changes nothing: every inspection keeps the verdict of the version that it was made with.
func (a *api) rejudgement(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	ref, err := checklist.ParsePackRef(strings.Clone(c.Params("ref")))
	if err != nil {
		return err
	}
	pack, err := a.Packs.Get(ref)
	if err != nil {
		return err
	}
	q, err := newListing(c, inspection.Kind, "startedAt", true)
	if err != nil {
		return err
	}
	if err := q.region(c); err != nil {
		return err
	}
	q.Where = append(q.Where, store.Where("status", store.Eq, store.Text(string(inspection.Submitted))))
	out := RejudgementPage{Ref: ref, Items: []inspection.Rejudgement{}}
	s := a.sightOf(c, inspection.Kind)
	if s.nothing() {
		return respond(c, out)
	}
	q.Tokens = s.tokens
	found, err := a.Store.Find(c.UserContext(), q.Query)
	if err != nil {
		return err
	}
	for _, d := range found.Docs {
		in, err := inspection.Decode(d.Body, nil)
		if err != nil {
			return err
		}
		was := checklist.PackRef(in.Header.Pack.ID)
		if was.ID() != ref.ID() || was == ref {
			continue
		}
		out.Judged++
		r := inspection.Rejudge(&in, pack)
		if r.Same() {
			continue
		}
		for _, f := range r.Graver {
			if f.Class == inspection.Major {
				out.Major++
			}
		}
		out.Items = append(out.Items, r)
	}
	if found.Next != (store.PageKey{}) {
		out.After = encodeAfter(found.Next)
	}
	return respond(c, out)
}
