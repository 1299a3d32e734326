package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// KindQuarantine holds mutations that a supervisor has to decide about: of people whose rights had just ended, and of
// cloned tablets. Its id is the mutation's. It stays when it is decided, as evidence.
const KindQuarantine store.Kind = "quarantine"

func quarantineRef(id MutationID) store.Ref { return store.Ref{Kind: KindQuarantine, ID: string(id)} }

// Indexes are what the store is asked of this package's documents.
var Indexes = slices.Concat(evidenceIndexes, []store.Index{
	{Kind: KindQuarantine, Fields: []string{"doc"}},
	{Kind: KindQuarantine, Fields: []string{"state", "receivedAt"}},
	{Kind: KindQuarantine, Fields: []string{"receivedAt"}},
	{Kind: KindQuarantine, Fields: []string{"releasing"}}, // sparse
	{Kind: KindHealth, Fields: []string{"seenAt"}},
	{Kind: KindEvidence, Fields: []string{inspection.FieldQuiet}},
})

// QuarantineState is what became of a quarantined mutation.
type QuarantineState string

// The states of a quarantined mutation.
const (
	Waiting   QuarantineState = "waiting"   // for a supervisor
	Releasing QuarantineState = "releasing" // released, and not applied yet
	Released  QuarantineState = "released"  // Outcome tells how it ended
	Dismissed QuarantineState = "dismissed" // it has no effect; its bytes stay
)

// Quarantine is the body of a quarantine document: the mutation byte for byte, why it is there, and what was decided.
type Quarantine struct {
	ID         MutationID         `json:"id"`
	State      QuarantineState    `json:"state"`
	Mutation   jsontext.Value     `json:"mutation"` // as the device sent it
	User       directory.UserID   `json:"user"`
	Device     directory.DeviceID `json:"device"`
	Doc        DocRef             `json:"doc"`
	Name       string             `json:"name"` // the command
	ReceivedAt time.Time          `json:"receivedAt"`
	Code       string             `json:"code"`              // sync.quarantined or sync.forked
	Reason     string             `json:"reason"`            // the same for people
	Decision   *Decision          `json:"decision,omitzero"` // absent while it waits
	Outcome    *Result            `json:"outcome,omitzero"`  // of a released one
}

// Decision is what a supervisor decided about a quarantined mutation.
type Decision struct {
	By     directory.UserID `json:"by"`
	At     time.Time        `json:"at"` // server time
	Reason string           `json:"reason,omitzero"`
}

// quarantineDoc is a quarantine document being worked on.
type quarantineDoc struct {
	doc  store.Doc
	body Quarantine
}

func readQuarantine(d store.Doc) (quarantineDoc, error) {
	q := quarantineDoc{doc: d}
	if err := json.Unmarshal(d.Body, &q.body); err != nil {
		return q, fmt.Errorf("quarantine %s: %w", d.ID, err)
	}
	if q.body.State == "" { // from before there were decisions
		q.body.State = Waiting
	}
	return q, nil
}

// parts are the body and the searchable values.
func (q *Quarantine) parts() ([]byte, store.Fields, error) {
	f := store.Fields{
		"state": store.Text(string(q.State)), "doc": store.Text(q.Doc.ID), "receivedAt": store.Time(q.ReceivedAt),
	}
	if q.State == Releasing {
		f["releasing"] = store.Num(1)
	}
	body, err := json.Marshal(q)
	return body, f, err
}

// quarantined is the document of a mutation that is set aside for these supervisors.
func (p *push) quarantined(m *mutation, why *fault.Error, tokens []store.Token) (store.Write, error) {
	q := Quarantine{
		ID: m.ID, State: Waiting, Mutation: m.raw, User: p.sess.User.ID, Device: p.device, Doc: m.Doc, Name: m.Name,
		ReceivedAt: p.now.UTC().Truncate(time.Millisecond), Code: why.Code, Reason: why.Message,
	}
	body, fields, err := q.parts()
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{New: store.Doc{Ref: quarantineRef(m.ID), Body: body, Fields: fields, Tokens: tokens}}, nil
}

// supervisorsOf picks the supervisors' tokens of a document, as they are in the working set.
func supervisorsOf(tokens []store.Token) []store.Token {
	var out []store.Token
	for _, t := range directory.PresentTokens(tokens) {
		if strings.HasPrefix(string(t), string(directory.SupervisorTwin(""))) {
			out = append(out, t)
		}
	}
	return out
}

// overseers are the supervisors' tokens of where the author works, by any grant that there ever was, or of where the
// author's enterprise is: for what names no document that is here.
func (p *push) overseers(ctx context.Context) ([]store.Token, error) {
	u := p.sess.User
	var out []store.Token
	for _, g := range u.Grants {
		region, sector, err := directory.ParseScope(g.Token)
		if err != nil {
			continue // a task's
		}
		var sectors []directory.SectorID
		if sector != "" {
			sectors = append(sectors, sector)
		}
		out = append(out, directory.SupervisorTokens(region, sectors)...)
	}
	if u.Enterprise != "" {
		d, err := p.Store.One(ctx, store.Ref{Kind: directory.KindEnterprise, ID: string(u.Enterprise)})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if region := d.Fields["region"].Text; region != "" {
			out = append(out, directory.SupervisorTokens(directory.RegionCode(region), nil)...)
		}
	}
	return store.SortTokens(out), nil
}

// beginAside finds a quarantined mutation, not released, that would begin the document; of this device's first.
func (p *push) beginAside(ctx context.Context, doc DocRef) (found quarantineDoc, ok bool, err error) {
	page, err := p.Store.Find(ctx, store.Query{
		Kind: KindQuarantine, Where: []store.Cond{store.Where("doc", store.Eq, store.Text(doc.ID))}, Limit: 100,
	})
	if err != nil {
		return found, false, err
	}
	for _, d := range page.Docs {
		q, err := readQuarantine(d)
		if err != nil {
			return found, false, err
		}
		m := decodeMutation(q.body.Mutation, p.Limits)
		if q.body.Doc != doc || q.body.State == Released || m.fault != nil || !begins(&m) {
			continue
		}
		if !ok || q.body.Device == p.device {
			found, ok = q, true
		}
	}
	return found, ok, nil
}

// releaseArgs is "quarantine.release": the mutation is applied as of its own author, device and time.
type releaseArgs struct {
	Reason string `json:"reason,omitzero"`
}

// dismissArgs is "quarantine.dismiss": the mutation has no effect. The reason is required.
type dismissArgs struct {
	Reason string `json:"reason"`
}

const maxReason = 4000 // bytes of a reason

func releaseQuarantine(a *act) error {
	var args releaseArgs
	if err := json.Unmarshal(a.m.Args, &args); err != nil || len(args.Reason) > maxReason {
		return ErrMutation.Because(err).At("/args")
	}
	q := *a.w.quarantine
	m := decodeMutation(q.Mutation, a.p.Limits)
	if m.fault != nil {
		return ErrReleaseForm.Because(m.fault)
	}
	docs, err := a.p.Store.Get(a.p.ctx, m.ref())
	if err != nil {
		return err
	}
	if docs[0].Rev == 0 && !begins(&m) && !a.p.begun[q.Doc] {
		return ErrReleaseOrder
	}
	if err := a.decide(q, Releasing, args.Reason); err != nil {
		return err
	}
	if begins(&m) {
		a.p.begun[q.Doc] = true
	}
	return nil
}

func dismissQuarantine(a *act) error {
	var args dismissArgs
	if err := json.Unmarshal(a.m.Args, &args); err != nil || len(args.Reason) > maxReason {
		return ErrMutation.Because(err).At("/args")
	}
	if strings.TrimSpace(args.Reason) == "" {
		return ErrDismissReason.At("/args/reason")
	}
	return a.decide(*a.w.quarantine, Dismissed, args.Reason)
}

func (a *act) decide(q Quarantine, to QuarantineState, reason string) error {
	if q.State != Waiting {
		return ErrDecided
	}
	q.State = to
	q.Decision = &Decision{By: a.p.sess.User.ID, At: a.p.now.UTC().Truncate(time.Millisecond), Reason: reason}
	a.w.quarantine, a.w.rewritten = &q, true
	return nil
}

// release is who let a quarantined mutation pass.
type release struct {
	by directory.UserID
}

// completeRelease applies a released mutation and notes how it ended. It may be done by several at once and again after
// a crash: the document that the mutation is about remembers it.
func (s *Service) completeRelease(ctx context.Context, id string) error {
	for range maxRounds {
		d, err := s.Store.One(ctx, quarantineRef(MutationID(id)))
		if err != nil {
			return err
		}
		q, err := readQuarantine(d)
		if err != nil || q.body.State != Releasing {
			return err
		}
		s.reached(BeforeRelease)
		r, err := s.applyReleased(ctx, q.body)
		if err != nil {
			return err
		}
		switch {
		case r.Status == Retry:
			return ErrBusy
		case r.Status == Duplicate:
			r.Status, r.First = r.First, ""
		case !r.Status.Final(): // its document went away meanwhile
			q.body.State, q.body.Decision = Waiting, nil
		}
		if q.body.State == Releasing {
			q.body.State, q.body.Outcome = Released, &r
		}
		n := d
		if n.Body, n.Fields, err = q.body.parts(); err != nil {
			return err
		}
		outs, err := s.Store.Commit(ctx, []store.Write{{Old: d, New: n}})
		if err != nil {
			return err
		}
		if outs[0].Status == store.OK {
			return nil
		}
	}
	return ErrBusy
}

// applyReleased pushes a quarantined mutation in its author's name, without asking for the rights that ended.
func (s *Service) applyReleased(ctx context.Context, q Quarantine) (Result, error) {
	author, err := s.author(ctx, q.User)
	if err != nil {
		return Result{}, err
	}
	now := s.Now()
	p := push{
		Service: s, ctx: ctx, sess: Session{User: author, Device: q.Device}, now: now, device: q.Device,
		scope: scopeOf(author, now), receipts: map[MutationID]receipt{}, begun: map[DocRef]bool{}, released: &release{by: q.Decision.By},
		sameEpoch: true,
	}
	p.muts = []mutation{decodeMutation(slices.Clone(q.Mutation), s.Limits)}
	if err := p.readKey(ctx); err != nil {
		return Result{}, err
	}
	if err := p.run(ctx); err != nil {
		return Result{}, err
	}
	if _, err := p.finish(ctx); err != nil {
		return Result{}, err
	}
	return p.muts[0].answer(), nil
}

// author reads who made a mutation; one whose account is gone is known by the id alone.
func (s *Service) author(ctx context.Context, id directory.UserID) (directory.User, error) {
	d, err := s.Store.One(ctx, store.Ref{Kind: directory.KindUser, ID: string(id)})
	if errors.Is(err, store.ErrNotFound) {
		return directory.User{ID: id}, nil
	}
	if err != nil {
		return directory.User{}, err
	}
	return directory.ReadUser(d)
}
