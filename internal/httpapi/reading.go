package httpapi

import (
	"slices"
	"strings"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
)

// kindEvidence is the kind of the documents that tell which photos of an inspection have arrived; its id is that of
// the inspection or hazard.
const kindEvidence store.Kind = "evidence"

// maxID bounds an id in a path, in bytes.
const maxID = 128

// Document is one document as the person may see it. Restricted is there for supervisors only.
type Document struct {
	Kind       store.Kind     `json:"kind"`
	ID         string         `json:"id"`
	Rev        store.Rev      `json:"rev"`
	Archived   bool           `json:"archived,omitzero"` // closed long ago: tablets do not hold it any more
	Body       jsontext.Value `json:"body"`
	Restricted jsontext.Value `json:"restricted,omitzero"`
}

// DocumentPage is one page; After asks for the next and is absent on the last.
type DocumentPage struct {
	Items []Document `json:"items"`
	After string     `json:"after,omitzero"`
}

// HazardView is a hazard with its photos; the body has its history.
type HazardView struct {
	Document
	Overdue bool        `json:"overdue"`
	Photos  []PhotoView `json:"photos"`
}

// PhotoView is one photo that a hazard names. Original, Thumb and Preview are addresses; absent until it has arrived, and
// once the original was erased after its period.
type PhotoView struct {
	SHA256   media.SHA256   `json:"sha256"`
	Received bool           `json:"received"`
	Type     media.Type     `json:"type,omitzero"`
	Original string         `json:"original,omitzero"`
	Thumb    string         `json:"thumb,omitzero"`
	Preview  string         `json:"preview,omitzero"`
	Erased   *media.Erasure `json:"erased,omitzero"`
}

// sight is what one person may read of one kind at this moment.
type sight struct {
	tokens     []store.Token // sorted, unique
	supervisor []store.Token // those of them that open restricted parts
	all        bool          // an administrator of a kind that administrators keep
	enterprise string        // whose documents alone the person can see; empty: others' too
}

// sightOf narrows a person's reading to what its audiences are shown of a kind, archived or not.
func (a *api) sightOf(c *fiber.Ctx, kind store.Kind) sight {
	u := sessionOf(c).User
	var s sight
	for _, r := range u.Reading(a.Now()) {
		if !auth.MayPull(r.Audience, kind) {
			continue
		}
		tokens := []store.Token{r.Token}
		if slices.Contains(fieldsync.ArchivedKinds, kind) {
			tokens = append(tokens, directory.HistoryTwin(r.Token))
		}
		s.tokens = append(s.tokens, tokens...)
		if r.Audience == directory.RoleSupervisor {
			s.supervisor = append(s.supervisor, tokens...)
		}
	}
	if u.Has(directory.RoleEnterprise) && len(u.Roles) == 1 && len(u.Grants) == 0 { // what they take part in themselves is of it too
		s.enterprise = string(u.Enterprise)
	}
	store.SortTokens(s.tokens)
	s.tokens = slices.Compact(s.tokens)
	s.supervisor = store.SortTokens(s.supervisor)
	s.all = kind == directory.KindEnterprise && u.Has(directory.RoleAdmin)
	return s
}

func (s sight) nothing() bool { return !s.all && len(s.tokens) == 0 }

func (s sight) covers(d store.Doc) bool { return s.all || len(store.Intersect(d.Tokens, s.tokens)) > 0 }

// supervises reports whether the person sees a document as a supervisor.
func (s sight) supervises(d store.Doc) bool { return len(store.Intersect(d.Tokens, s.supervisor)) > 0 }

// show copies the parts of a document that the person may see.
func (s sight) show(d store.Doc) Document {
	out := Document{Kind: d.Kind, ID: d.ID, Rev: d.Rev, Body: d.Body, Archived: directory.Archived(d.Tokens)}
	if len(d.Restricted) > 0 && s.supervises(d) {
		out.Restricted = d.Restricted
	}
	return out
}

// one reads a document that the person may see; what may not be seen is absent.
func (a *api) one(c *fiber.Ctx, kind store.Kind, id string) (store.Doc, sight, error) {
	s := a.sightOf(c, kind)
	if s.nothing() || id == "" || len(id) > maxID {
		return store.Doc{}, s, store.ErrNotFound
	}
	d, err := a.Store.One(c.UserContext(), store.Ref{Kind: kind, ID: strings.Clone(id)})
	if err != nil {
		return store.Doc{}, s, err
	}
	if !s.covers(d) {
		return store.Doc{}, s, store.ErrNotFound
	}
	return d, s, nil
}

// list answers one page of a kind.
func (a *api) list(c *fiber.Ctx, q listing) error {
	page := DocumentPage{Items: []Document{}}
	s := a.sightOf(c, q.Kind)
	if s.nothing() || q.never {
		return respond(c, page) // no tokens would mean all documents
	}
	if !s.all {
		if q.Tokens = q.narrow(s.tokens); len(q.Tokens) == 0 {
			return respond(c, page)
		}
		q.ofOne(s)
	}
	found, err := a.Store.Find(c.UserContext(), q.Query)
	if err != nil {
		return err
	}
	for _, d := range found.Docs {
		page.Items = append(page.Items, s.show(d))
	}
	if found.Next != (store.PageKey{}) {
		page.After = encodeAfter(found.Next)
	}
	return respond(c, page)
}

func (a *api) inspections(c *fiber.Ctx) error {
	q, err := newListing(c, inspection.Kind, "startedAt", true)
	if err != nil {
		return err
	}
	if err := q.archive(c); err != nil {
		return err
	}
	if err := q.region(c); err != nil {
		return err
	}
	for _, f := range []string{"status", "mode", "enterprise"} {
		if err := q.text(c, f); err != nil {
			return err
		}
	}
	return a.list(c, q)
}

func (a *api) inspection(c *fiber.Ctx) error {
	d, s, err := a.one(c, inspection.Kind, c.Params("id"))
	if err != nil {
		return err
	}
	return respond(c, s.show(d))
}

// attestation answers the evidence file of an inspection, which "paicha verify" checks offline.
func (a *api) attestation(c *fiber.Ctx) error {
	id := c.Params("id")
	if len(id) > maxID {
		return store.ErrNotFound
	}
	f, err := a.Sync.Attestation(c.UserContext(), sessionOf(c), id)
	if err != nil {
		return err
	}
	return respond(c, f)
}

func (a *api) hazards(c *fiber.Ctx) error {
	q, err := newListing(c, inspection.KindHazard, "occurredAt", true)
	if err != nil {
		return err
	}
	if err := q.archive(c); err != nil {
		return err
	}
	if err := q.region(c); err != nil {
		return err
	}
	if err := q.sector(c); err != nil {
		return err
	}
	for _, f := range []string{"class", "source", "enterprise"} {
		if err := q.text(c, f); err != nil {
			return err
		}
	}
	switch c.Query("overdue") {
	case "", "false":
		if err := q.text(c, "status"); err != nil {
			return err
		}
	case "true":
		if c.Query("status") != "" {
			return ErrQuery.Saying("逾期条件不能与状态条件同时使用")
		}
		q.Where = append(q.Where, store.Where("deadline", store.Lt, store.Time(a.Now())), openStatuses)
	default:
		return ErrQuery.Saying("逾期条件应为 true 或 false")
	}
	return a.list(c, q)
}

// openStatuses are those in which a passed deadline is overdue; rectified waits for the authority, not the enterprise.
var openStatuses = store.Where("status", store.In,
	store.Text(string(inspection.Reported)), store.Text(string(inspection.Confirmed)), store.Text(string(inspection.Rectifying)))

func (a *api) hazard(c *fiber.Ctx) error {
	d, s, err := a.one(c, inspection.KindHazard, c.Params("id"))
	if err != nil {
		return err
	}
	h, err := inspection.DecodeHazard(d.Body, nil)
	if err != nil {
		return err
	}
	out := HazardView{Document: s.show(d), Overdue: h.Overdue(a.Now()), Photos: []PhotoView{}}
	if out.Photos, err = a.photosOf(c, h); err != nil {
		return err
	}
	return respond(c, out)
}

// hazardPhotos are all photos that a hazard names, some perhaps more than once.
func hazardPhotos(h inspection.Hazard) []media.SHA256 {
	named := slices.Clone(h.Photos)
	for _, r := range h.Rectifies {
		named = append(append(named, r.Before...), r.After...)
		for _, v := range []*inspection.Review{r.Accepted, r.Rejected} {
			if v != nil {
				named = append(named, v.Photos...)
			}
		}
	}
	return named
}

// photoView shows a photo that has arrived for an inspection or hazard.
func photoView(id string, p media.Arrived) PhotoView {
	v := PhotoView{SHA256: p.SHA256, Received: true, Type: p.Photo.Type, Erased: p.Erased}
	if p.Erased == nil {
		at := "/api/v1/inspections/" + id + "/photos/" + p.SHA256.String()
		v.Original, v.Thumb, v.Preview = at, at+"/"+string(media.Thumb), at+"/"+string(media.Preview)
	}
	return v
}

// photosOf lists the photos that a hazard names, with where to get those that have arrived. Photos of the finding came
// with the inspection, those of a rectification with the hazard itself.
func (a *api) photosOf(c *fiber.Ctx, h inspection.Hazard) ([]PhotoView, error) {
	named := hazardPhotos(h)
	s := a.sightOf(c, kindEvidence)
	arrived := map[media.SHA256]PhotoView{}
	for _, id := range []string{string(h.Inspection), string(h.ID)} {
		if id == "" || s.nothing() {
			continue
		}
		docs, err := a.Store.Get(c.UserContext(), store.Ref{Kind: kindEvidence, ID: id})
		if err != nil {
			return nil, err
		}
		if d := docs[0]; d.Rev == 0 || d.Removed != store.Live || !s.covers(d) {
			continue
		}
		e, err := media.ParseEvidence(docs[0].Body)
		if err != nil {
			return nil, err
		}
		for _, p := range e.Arrived {
			arrived[p.SHA256] = photoView(id, p)
		}
	}
	out := make([]PhotoView, 0, len(named))
	seen := map[media.SHA256]bool{}
	for _, hash := range named {
		if seen[hash] {
			continue
		}
		seen[hash] = true
		view, here := arrived[hash]
		if !here {
			view = PhotoView{SHA256: hash}
		}
		out = append(out, view)
	}
	return out, nil
}

func (a *api) enterprises(c *fiber.Ctx) error {
	q, err := newListing(c, directory.KindEnterprise, "name", false)
	if err != nil {
		return err
	}
	if err := q.region(c); err != nil {
		return err
	}
	if err := q.text(c, "status"); err != nil {
		return err
	}
	return a.list(c, q)
}

func (a *api) enterprise(c *fiber.Ctx) error {
	d, s, err := a.one(c, directory.KindEnterprise, c.Params("id"))
	if err != nil {
		return err
	}
	return respond(c, s.show(d))
}
