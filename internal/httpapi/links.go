package httpapi

import (
	"errors"
	"strconv"
	"time"

	"paicha/internal/auth"
	"paicha/internal/fault"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
)

// maxLinks bounds the photos of one request for links, which is a wall's page.
const maxLinks = 200

// LinksBody asks for addresses at which a browser shows photos without a token.
type LinksBody struct {
	Photos []LinkedPhoto `json:"photos"`
}

// LinkedPhoto is a photo as one record shows it.
type LinkedPhoto struct {
	Subject string `json:"subject"`         // id of the inspection or hazard
	SHA256  string `json:"sha256"`          // of the original
	Size    string `json:"size,omitzero"`   // thumb, preview; absent: the original
	URL     string `json:"url,omitzero"`    // in answers: absent if there is no such photo, or none that one may see
	Until   string `json:"until,omitempty"` // in answers: when the address ends, RFC 3339
}

// links gives short-lived addresses of photos that the person may see. An original that a store serves itself is read
// past this server; everything else by /photos/{link}, which asks for the person's rights again.
func (a *api) links(c *fiber.Ctx) error {
	in, err := decode[LinksBody](c, a.Limits.Body)
	if err != nil {
		return err
	}
	if len(in.Photos) > maxLinks {
		return ErrQuery.Saying("一次最多可取 %d 张照片的链接", maxLinks)
	}
	if a.Evidence == nil {
		return ErrNotReady
	}
	who, err := a.Accounts.Verify(bearer(c))
	if err != nil {
		return err
	}
	out := LinksBody{Photos: make([]LinkedPhoto, 0, len(in.Photos))}
	for _, p := range in.Photos {
		p.URL, p.Until = "", ""
		// One that is not there, or not for this person, or gone after its period, leaves the others their addresses.
		if err := a.link(c, who, &p); err != nil && fault.Of(err).Kind != fault.NotFound && !errors.Is(err, media.ErrExpired) {
			return err
		}
		out.Photos = append(out.Photos, p)
	}
	return respond(c, out)
}

// link fills in one address; a fault of kind NotFound if there is none to be had.
func (a *api) link(c *fiber.Ctx, who auth.Session, p *LinkedPhoto) error {
	h, err := media.ParseSHA256(p.SHA256)
	if err != nil || len(p.Subject) > maxID || p.Size != "" && !media.SizeName(p.Size).Valid() {
		return media.ErrNotFound
	}
	arrived, err := a.Evidence.MayOpen(c.UserContext(), sessionOf(c), p.Subject, h)
	if err != nil {
		return err
	}
	if p.Size == "" {
		url, until, err := a.Photos.Link(c.UserContext(), h, arrived.Photo.Type)
		if err != nil {
			return err
		}
		if url != "" {
			p.URL, p.Until = url, a.Now().Add(until).UTC().Format(time.RFC3339)
			return nil
		}
	}
	text, until, err := a.Accounts.SignLink(auth.Link{Session: who, Subject: p.Subject, SHA256: h.String(), Size: p.Size})
	p.URL, p.Until = "/api/v1/photos/"+text, until.UTC().Format(time.RFC3339)
	return err
}

// linked serves a photo by its link, as photo and picture do with a token, to a person whose rights are read afresh.
func (a *api) linked(c *fiber.Ctx) error {
	l, u, d, err := a.Accounts.OpenLink(c.UserContext(), c.Params("link"))
	if err != nil {
		return err
	}
	c.Locals(localUser, u.ID)
	c.Locals(localSession, fieldsync.Session{User: u, Device: d.ID})
	if err := auth.May(u, "GET /api/v1/inspections/:id/photos/:sha256", a.Now()); err != nil {
		return err
	}
	if l.Size == "" {
		err = a.original(c, l.Subject, l.SHA256)
	} else {
		err = a.scaled(c, l.Subject, l.SHA256, media.SizeName(l.Size))
	}
	if err == nil {
		c.Set(fiber.HeaderCacheControl, "private, immutable, max-age="+strconv.Itoa(max(0, int(l.Until.Sub(a.Now())/time.Second))))
	}
	return err
}
