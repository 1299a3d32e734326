package httpapi

import (
	"paicha/internal/store"
	"paicha/media"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
)

// scrubs answers the reports of the nightly scrubs, the newest first.
func (a *api) scrubs(c *fiber.Ctx) error {
	q, err := newListing(c, media.KindScrub, "", true)
	if err != nil {
		return err
	}
	found, err := a.Store.Find(c.UserContext(), q.Query)
	if err != nil {
		return err
	}
	out := struct {
		Items []jsontext.Value `json:"items"` // media.ScrubReport
		After string           `json:"after,omitzero"`
	}{Items: []jsontext.Value{}}
	for _, d := range found.Docs {
		out.Items = append(out.Items, d.Body)
	}
	if found.Next != (store.PageKey{}) {
		out.After = encodeAfter(found.Next)
	}
	return respond(c, out)
}
