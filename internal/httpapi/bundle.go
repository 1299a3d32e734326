package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/bundle"
	"paicha/internal/fault"
	"paicha/internal/store"
	"paicha/media"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// exportsAtOnce bounds the bundles that are being sent: each keeps a connection and a disk busy for long.
const exportsAtOnce = 4

// inspectionBundle answers the evidence bundle of an inspection: its record, its hazards, its evidence, all photos, and
// the signatures.
func (a *api) inspectionBundle(c *fiber.Ctx) error {
	d, s, err := a.one(c, inspection.Kind, c.Params("id"))
	if err != nil {
		return err
	}
	in, err := inspection.Decode(d.Body, nil)
	if err != nil {
		return err
	}
	out := a.contentsOf(c, d)
	out.add(s, d)
	if err := a.hazardRecords(c, &out, d.ID); err != nil {
		return err
	}
	named := make([]media.SHA256, 0, len(in.Photos))
	for _, p := range in.Photos {
		named = append(named, p.SHA256)
	}
	if err := a.evidenceRecords(c, &out, named, true, d.ID); err != nil {
		return err
	}
	if err := a.signatures(c, &out, d.ID); err != nil {
		return err
	}
	return a.sendBundle(c, out)
}

// hazardBundle answers the evidence bundle of a hazard: its record, the inspection that found it, their evidence, the
// photos that the hazard names and those sent for it, and the signatures of the inspection.
func (a *api) hazardBundle(c *fiber.Ctx) error {
	d, s, err := a.one(c, inspection.KindHazard, c.Params("id"))
	if err != nil {
		return err
	}
	h, err := inspection.DecodeHazard(d.Body, nil)
	if err != nil {
		return err
	}
	out := a.contentsOf(c, d)
	out.add(s, d)
	ids := []string{d.ID}
	if h.Inspection != "" {
		found, see, err := a.one(c, inspection.Kind, string(h.Inspection))
		switch {
		case err == nil:
			out.add(see, found)
			ids = append(ids, found.ID)
			if err := a.signatures(c, &out, found.ID); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	if err := a.evidenceRecords(c, &out, hazardPhotos(h), false, ids...); err != nil {
		return err
	}
	return a.sendBundle(c, out)
}

// export is what a bundle is made of. narrow: some record is seen otherwise than as a supervisor.
type export struct {
	bundle.Contents
	narrow bool
}

func (a *api) contentsOf(c *fiber.Ctx, d store.Doc) export {
	return export{Contents: bundle.Contents{
		Kind: string(d.Kind), ID: d.ID, At: a.Now(), By: string(sessionOf(c).User.ID), Key: a.AuditKey,
	}}
}

// add copies the parts of a document that the person may see, as they are stored.
func (e *export) add(s sight, d store.Doc) {
	shown := s.show(d)
	e.Records = append(e.Records, bundle.Doc{Kind: string(d.Kind), ID: d.ID, Rev: uint64(d.Rev), Body: shown.Body, Restricted: shown.Restricted})
	e.narrow = e.narrow || !s.supervises(d)
}

// hazardRecords adds the hazards that an inspection found, as far as the person sees them.
func (a *api) hazardRecords(c *fiber.Ctx, out *export, id string) error {
	s := a.sightOf(c, inspection.KindHazard)
	if s.nothing() {
		return nil
	}
	q := store.Query{Kind: inspection.KindHazard, Tokens: s.tokens, Where: []store.Cond{store.Where("inspection", store.Eq, store.Text(id))}, Limit: pageMost}
	for {
		page, err := a.Store.Find(c.UserContext(), q)
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			out.add(s, d)
		}
		if q.After = page.Next; page.Next == (store.PageKey{}) {
			return nil
		}
	}
}

// evidenceRecords adds the evidence of subjects and the photos: those that are named, those sent for the first subject,
// and where all is set, all that arrived.
func (a *api) evidenceRecords(c *fiber.Ctx, out *export, named []media.SHA256, all bool, subjects ...string) error {
	s := a.sightOf(c, kindEvidence)
	photos := map[media.SHA256]bundle.Wanted{}
	order := append([]media.SHA256(nil), named...)
	for i, id := range subjects {
		docs, err := a.Store.Get(c.UserContext(), store.Ref{Kind: kindEvidence, ID: id})
		if err != nil {
			return err
		}
		d := docs[0]
		if d.Rev == 0 || d.Removed != store.Live || !s.covers(d) {
			continue
		}
		e, err := media.ParseEvidence(d.Body)
		if err != nil {
			return err
		}
		out.add(s, d)
		var shown []media.SHA256
		for _, p := range e.Arrived {
			if w, known := photos[p.SHA256]; !known || w.Erased { // one of them may have it still
				photos[p.SHA256] = bundle.Wanted{SHA256: p.SHA256, Type: p.Photo.Type, Received: true, Erased: p.Erased != nil}
			}
			if all || i == 0 {
				order = append(order, p.SHA256)
			}
			if all || i == 0 || slices.Contains(named, p.SHA256) {
				shown = append(shown, p.SHA256)
			}
		}
		if a.Evidence != nil {
			a.Evidence.Showed(sessionOf(c), d, shown...)
		}
	}
	seen := map[media.SHA256]bool{}
	for _, h := range order {
		if seen[h] {
			continue
		}
		seen[h] = true
		p, here := photos[h]
		if !here {
			p = bundle.Wanted{SHA256: h}
		}
		out.Photos = append(out.Photos, p)
	}
	return nil
}

// signatures adds the evidence file of the devices, if anybody signed.
func (a *api) signatures(c *fiber.Ctx, out *export, id string) error {
	f, err := a.Sync.Attestation(c.UserContext(), sessionOf(c), id)
	if fault.Of(err).Kind == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	out.Further = append(out.Further, bundle.Extra{Name: bundle.AttestationName, Write: func(w io.Writer) error { return json.MarshalWrite(w, f) }})
	return nil
}

// sendBundle streams a bundle. What fails after the first byte cuts the connection, so that nobody takes half a bundle
// for a whole one.
func (a *api) sendBundle(c *fiber.Ctx, out export) error {
	select {
	case a.exports <- struct{}{}:
	default:
		return ErrCrowded
	}
	a.logProof(c, &out)
	name := "paicha-" + out.Kind + "-" + strings.Map(func(r rune) rune {
		if store.Plain(string(r)) {
			return r
		}
		return '_'
	}, out.ID) + ".zip"
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	a.Log.Info("evidence bundle", "kind", out.Kind, "id", out.ID, "user", out.By, "photos", len(out.Photos))
	// The writer runs after this handler has returned: nothing of c may be used in it.
	stopping, conn, idle, log := c.Context().Done(), c.Context().Conn(), 2*a.Limits.Idle, a.Log
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() { <-a.exports }()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
		err := bundle.Write(ctx, unhurried{w, conn, idle}, out.Contents, a.Photos)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			log.Warn("evidence bundle was not sent whole", "kind", out.Kind, "id", out.ID, "error", err)
			_ = conn.Close() // it may be closed already
		}
	})
	return nil
}

// unhurried gives a slow reader time for each piece, and an absent one no more than that.
type unhurried struct {
	w    io.Writer
	conn net.Conn
	idle time.Duration
}

func (p unhurried) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.idle)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
