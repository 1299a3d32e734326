package httpapi

import (
	"strings"

	"paicha/checklist"

	"github.com/gofiber/fiber/v2"
)

// StandardEntry is one judgement standard in the list of them.
type StandardEntry struct {
	ID        checklist.StandardID `json:"id"`
	Title     string               `json:"title"`
	Document  string               `json:"document,omitzero"`
	Effective checklist.Day        `json:"effective,omitzero"`
	Ended     checklist.Day        `json:"ended,omitzero"`
	Status    string               `json:"status,omitzero"`
	Sectors   []checklist.Sector   `json:"sectors"`
	Clauses   int                  `json:"clauses"`
	Verified  int                  `json:"verified"` // clauses confirmed from a published text
}

func (a *api) standards(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	out := Items[StandardEntry]{Items: []StandardEntry{}}
	for _, s := range a.Packs.Standards().All() {
		e := StandardEntry{
			ID: s.ID, Title: s.Title, Document: s.Document, Effective: s.Effective, Ended: s.Ended, Status: s.Status,
			Sectors: s.Sectors, Clauses: len(s.Clauses),
		}
		for i := range s.Clauses {
			if s.Clauses[i].Verified {
				e.Verified++
			}
		}
		out.Items = append(out.Items, e)
	}
	return respond(c, out)
}

func (a *api) standard(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	return a.showStandard(c, checklist.StandardID(c.Params("id")))
}

func (a *api) showStandard(c *fiber.Ctx, id checklist.StandardID) error {
	s := a.Packs.Standards().Standard(id)
	if s == nil {
		return checklist.ErrStandardUnknown
	}
	return respond(c, s)
}

// putStandard takes a standard as YAML, in the form of docs/packs.md. Its id is that of the path.
func (a *api) putStandard(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	if kind, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";"); kind != mimeYAML {
		return refuseBody(c, ErrMediaType.Saying("判定标准请用 YAML（%s）上传", mimeYAML))
	}
	body, err := boundedBody(c, maxSource)
	if err != nil {
		return err
	}
	s, err := checklist.LoadStandard(c.Params("id"), body)
	if err != nil {
		return err
	}
	if string(s.ID) != c.Params("id") {
		return checklist.ErrStandard.Saying("文件中的编号“%s”与地址中的编号不同", s.ID)
	}
	if err := a.Packs.PutStandard(c.UserContext(), s, string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	return a.showStandard(c, s.ID)
}

func (a *api) endStandard(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	day, next, err := a.end(c)
	if err != nil {
		return err
	}
	id := checklist.StandardID(strings.Clone(c.Params("id")))
	if len(id) > maxID {
		return checklist.ErrStandardUnknown
	}
	if err := a.Packs.EndStandard(c.UserContext(), id, day, next, string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	return a.showStandard(c, id)
}
