package httpapi

import (
	"errors"
	"io"
	"strconv"
	"time"

	"paicha/checklist"
	"paicha/internal/audit"
	"paicha/internal/bundle"
	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// AuditHead is the answer of GET /api/v1/audit/head.
type AuditHead struct {
	Size int64     `json:"size"`
	Root string    `json:"root"` // base64
	At   time.Time `json:"at"`   // server time
	Note string    `json:"note"` // the signed checkpoint
	Key  string    `json:"key"`  // by which it is verified; to be compared with what was handed over on paper
}

func (a *api) auditHead(c *fiber.Ctx) error {
	if a.Audit == nil {
		return ErrNotReady
	}
	h, err := a.Audit.Head(c.UserContext())
	if err != nil {
		return err
	}
	return respond(c, AuditHead{Size: h.Size, Root: h.Root.String(), At: h.At, Note: h.Note, Key: a.Audit.Verifier})
}

// auditConsistency proves that the log of a size is still the beginning of that of another.
func (a *api) auditConsistency(c *fiber.Ctx) error {
	if a.Audit == nil {
		return ErrNotReady
	}
	from, err := strconv.ParseInt(c.Query("from"), 10, 64)
	if err != nil {
		return audit.ErrSizes
	}
	to := int64(0)
	if s := c.Query("to"); s != "" {
		if to, err = strconv.ParseInt(s, 10, 64); err != nil || to < 1 {
			return audit.ErrSizes
		}
	}
	p, err := a.Audit.Consistency(c.UserContext(), from, to)
	if err != nil {
		return err
	}
	return respond(c, p)
}

// auditProof proves the entries of one document that the person supervises; of checklists and standards, which are no
// secret, administrators ask.
func (a *api) auditProof(c *fiber.Ctx) error {
	if a.Audit == nil {
		return ErrNotReady
	}
	kind := store.Kind(c.Query("kind"))
	if !audit.Logged(kind) {
		return ErrQuery.Saying("这类记录没有入日志的履历")
	}
	w := audit.Window{Most: pageUsual}
	for name, n := range map[string]*int{"from": &w.From, "limit": &w.Most} {
		if s := c.Query(name); s != "" {
			v, err := strconv.Atoi(s)
			if err != nil || v < 0 || name == "limit" && (v < 1 || v > pageMost) {
				return ErrQuery.Saying("查询条件 %s 不正确", name)
			}
			*n = v
		}
	}
	d, err := a.provable(c, kind, c.Query("id"))
	if err != nil {
		return err
	}
	f, err := a.Audit.Prove(c.UserContext(), []audit.Record{{Ref: d.Ref, Rev: d.Rev, Body: d.Body}}, w)
	if err != nil {
		return err
	}
	return respond(c, f)
}

func (a *api) provable(c *fiber.Ctx, kind store.Kind, id string) (store.Doc, error) {
	if kind == checklist.KindPublication || kind == checklist.KindStandard {
		if u := sessionOf(c).User; !u.Has(directory.RoleAdmin) || id == "" || len(id) > maxID {
			return store.Doc{}, audit.ErrAbsent
		}
		d, err := a.Store.One(c.UserContext(), store.Ref{Kind: kind, ID: id})
		if errors.Is(err, store.ErrNotFound) {
			err = audit.ErrAbsent
		}
		return d, err
	}
	d, s, err := a.one(c, kind, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.supervises(d) {
		return store.Doc{}, audit.ErrAbsent
	}
	return d, err
}

// logProof adds to a bundle what the log proves of its records, if the person sees all of them as a supervisor. An export
// does not wait for a log that cannot be read.
func (a *api) logProof(c *fiber.Ctx, out *export) {
	if a.Audit == nil || out.narrow {
		return
	}
	records := make([]audit.Record, len(out.Records))
	for i, d := range out.Records {
		records[i] = audit.Record{Ref: store.Ref{Kind: store.Kind(d.Kind), ID: d.ID}, Rev: store.Rev(d.Rev), Body: d.Body}
	}
	f, err := a.Audit.Prove(c.UserContext(), records, audit.Window{})
	if err != nil {
		if !errors.Is(err, audit.ErrEmpty) {
			a.Log.Warn("evidence bundle without its log", "kind", out.Kind, "id", out.ID, "error", err)
		}
		return
	}
	out.Further = append(out.Further, bundle.Extra{Name: bundle.LogName, Write: func(w io.Writer) error { return json.MarshalWrite(w, f) }})
}
