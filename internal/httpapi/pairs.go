package httpapi

import (
	"time"

	"paicha/inspection"
	"paicha/media"

	"github.com/gofiber/fiber/v2"
)

// RectificationView is one round of putting a hazard right, as photos beside each other.
type RectificationView struct {
	At     time.Time   `json:"at"` // server time; of the finding where nobody has put it right yet
	Note   string      `json:"note,omitzero"`
	State  string      `json:"state"` // open: not put right; waiting: for the authority; accepted; rejected
	Answer string      `json:"answer,omitzero"`
	Pairs  []PhotoPair `json:"pairs"`
}

// PhotoPair is a photo from before and one from after; one of them may be absent.
type PhotoPair struct {
	Before *PhotoView `json:"before,omitzero"`
	After  *PhotoView `json:"after,omitzero"`
}

// pairs answers the photos of a hazard before and after, round by round. A round that names none from before shows
// those of the finding; the nth of before stands beside the nth of after, as they were given.
func (a *api) pairs(c *fiber.Ctx) error {
	d, _, err := a.one(c, inspection.KindHazard, c.Params("id"))
	if err != nil {
		return err
	}
	h, err := inspection.DecodeHazard(d.Body, nil)
	if err != nil {
		return err
	}
	views, err := a.photosOf(c, h)
	if err != nil {
		return err
	}
	known := make(map[media.SHA256]*PhotoView, len(views))
	for i := range views {
		known[views[i].SHA256] = &views[i]
	}
	out := struct {
		Rounds []RectificationView `json:"rounds"`
	}{[]RectificationView{}}
	if len(h.Rectifies) == 0 {
		out.Rounds = append(out.Rounds, RectificationView{At: h.OccurredAt, State: "open", Pairs: beside(known, h.Photos, nil)})
	}
	for _, r := range h.Rectifies {
		before := r.Before
		if len(before) == 0 {
			before = h.Photos
		}
		v := RectificationView{At: r.At, Note: r.Note, State: "waiting", Pairs: beside(known, before, r.After)}
		switch {
		case r.Accepted != nil:
			v.State, v.Answer = "accepted", r.Accepted.Note
		case r.Rejected != nil:
			v.State, v.Answer = "rejected", r.Rejected.Note
		}
		out.Rounds = append(out.Rounds, v)
	}
	return respond(c, out)
}

func beside(known map[media.SHA256]*PhotoView, before, after []media.SHA256) []PhotoPair {
	out := make([]PhotoPair, max(len(before), len(after)))
	for i, h := range before {
		out[i].Before = known[h]
	}
	for i, h := range after {
		out[i].After = known[h]
	}
	return out
}
