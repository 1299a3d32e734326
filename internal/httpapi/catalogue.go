package httpapi

import (
	"paicha/checklist"
	"paicha/internal/directory"

	"github.com/gofiber/fiber/v2"
)

// PackEntry is one published version of a checklist in the list of them.
type PackEntry struct {
	Ref          checklist.PackRef  `json:"ref"`
	Title        string             `json:"title"`
	Sectors      []checklist.Sector `json:"sectors"`
	Hash         checklist.Hash     `json:"hash"`
	Bytes        int                `json:"bytes"` // of the canonical JSON
	From         checklist.Day      `json:"from"`
	Until        checklist.Day      `json:"until,omitzero"`
	SupersededBy checklist.PackRef  `json:"supersededBy,omitzero"`
}

// Items is a list that is small by nature and has no pages.
type Items[T any] struct {
	Items []T `json:"items"`
}

func (a *api) packs(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	var out Items[PackEntry]
	for _, p := range a.Packs.Entries() {
		out.Items = append(out.Items, entryOf(p))
	}
	return respond(c, out)
}

func entryOf(p checklist.Published) PackEntry {
	return PackEntry{
		Ref: p.Ref, Title: p.Title, Sectors: p.Sectors, Hash: p.Hash, Bytes: p.Bytes,
		From: p.From, Until: p.Until, SupersededBy: p.SupersededBy,
	}
}

// pack answers the canonical bytes that the pack's hash covers; they never change.
func (a *api) pack(c *fiber.Ctx) error {
	if a.Packs == nil {
		return ErrNotReady
	}
	ref, err := checklist.ParsePackRef(c.Params("ref"))
	if err != nil {
		return err
	}
	p, err := a.Packs.Get(ref)
	if err != nil {
		return err
	}
	tag := `"` + string(p.Hash()) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	b, err := p.MarshalJSON()
	if err != nil {
		return err
	}
	return respondJSON(c, b)
}

func (a *api) regions(c *fiber.Ctx) error {
	return respond(c, Items[directory.Region]{directory.Regions()})
}

func (a *api) sectors(c *fiber.Ctx) error {
	return respond(c, Items[directory.Sector]{directory.Sectors()})
}
