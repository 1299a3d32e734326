package sync

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// KindEvidence is the photos of one inspection, or of one hazard's rectification: a document of its own beside the
// record, with the record's id and tokens, because photos and record arrive in any order.
const KindEvidence store.Kind = "evidence"

// china is the zone of a camera's clock that does not say its own.
var china = time.FixedZone("UTC+8", 8*3600)

func evidenceRef(id string) store.Ref { return store.Ref{Kind: KindEvidence, ID: id} }

// evidence is an evidence document: the body that every audience sees, and what supervisors make of it.
type evidence struct {
	media.Evidence
	notes evidenceNotes
}

// evidenceNotes are the restricted part: the machine's doubts and the supervisors' reviews, by photo.
type evidenceNotes struct {
	Marks     map[string][]media.Mark `json:"marks,omitempty"`
	Reviews   []PhotoReview           `json:"reviews,omitempty"`
	Alike     []media.SHA256          `json:"alike,omitempty"`     // photos that were seen elsewhere too, sorted
	Clocks    map[string]int64        `json:"clocks,omitempty"`    // device → its clock minus the server's, in milliseconds, at its last push
	Distances map[string]int64        `json:"distances,omitempty"` // metres from the place where the check began
	Holds     []Hold                  `json:"holds,omitempty"`     // oldest first
	Ended     []media.SHA256          `json:"ended,omitempty"`     // photos sent by a device out of use or under a disabled account, sorted
	Erasures  []Erasure               `json:"erasures,omitempty"`  // oldest first
}

func (n *evidenceNotes) empty() bool {
	return len(n.Marks)+len(n.Reviews)+len(n.Alike)+len(n.Clocks)+len(n.Distances)+len(n.Holds)+len(n.Ended)+len(n.Erasures) == 0
}

// PhotoReview is what a supervisor made of one photo.
type PhotoReview struct {
	SHA256  media.SHA256     `json:"sha256"`
	Verdict string           `json:"verdict"` // ok, doubtful, retake
	Remark  string           `json:"remark,omitempty"`
	By      directory.UserID `json:"by"`
	At      time.Time        `json:"at"` // server time
}

func decodeEvidence(d store.Doc) (evidence, error) {
	var e evidence
	var err error
	if e.Evidence, err = media.ParseEvidence(d.Body); err != nil {
		return e, err
	}
	if len(d.Restricted) > 0 {
		err = json.Unmarshal(d.Restricted, &e.notes)
	}
	return e, err
}

func encodeEvidence(e *evidence) (body, restricted []byte, err error) {
	if body, err = json.Marshal(e.Evidence); err != nil {
		return nil, nil, err
	}
	if !e.notes.empty() {
		restricted, err = json.Marshal(e.notes)
	}
	return body, restricted, err
}

// The verdicts on a photo.
const (
	verdictOK       = "ok"
	verdictDoubtful = "doubtful"
	verdictRetake   = "retake" // back to the inspector, as work to do
)

// reviewArgs is "evidence.review": a supervisor's verdict on one photo: ok, doubtful or retake. A retake needs a remark,
// which the inspector is shown.
type reviewArgs struct {
	SHA256  media.SHA256 `json:"sha256"`
	Verdict string       `json:"verdict"`
	Remark  string       `json:"remark"`
}

// reviewEvidence is "evidence.review": a supervisor's verdict on one photo.
func reviewEvidence(a *act) error {
	var r reviewArgs
	if err := json.Unmarshal(a.m.Args, &r); err != nil {
		return ErrMutation.Because(err).At("/args")
	}
	if !slices.Contains([]string{verdictOK, verdictDoubtful, verdictRetake}, r.Verdict) {
		return ErrReview.At("/args/verdict")
	}
	if len(r.Remark) > 4000 {
		return ErrReview.Saying("审核意见过长").At("/args/remark")
	}
	if r.Verdict == verdictRetake && strings.TrimSpace(r.Remark) == "" {
		return ErrReview.Saying("退回重拍必须写明原因，检查人员会看到").At("/args/remark")
	}
	i := slices.IndexFunc(a.w.evidence.Arrived, func(x media.Arrived) bool { return x.SHA256 == r.SHA256 })
	switch {
	case i < 0:
		return media.ErrNotFound.At("/args/sha256")
	case a.w.evidence.Arrived[i].Erased != nil: // nobody can look at it any more, nor take it again
		return media.ErrExpired.At("/args/sha256")
	}
	e, by, at := *a.w.evidence, a.p.sess.User.ID, a.p.now.UTC().Truncate(time.Millisecond)
	e.notes.Reviews = append(slices.Clone(e.notes.Reviews), PhotoReview{
		SHA256: r.SHA256, Verdict: r.Verdict, Remark: r.Remark, By: by, At: at,
	})
	if r.Verdict == verdictRetake {
		e.Evidence = e.Ask(media.Todo{SHA256: r.SHA256, Remark: r.Remark, By: string(by), At: at})
	} else {
		e.Evidence = e.TakeBack(r.SHA256, at)
	}
	a.w.evidence, a.w.rewritten = &e, true
	return nil
}

// subject is the document that evidence belongs to, with the tokens that it has in the working set.
type subject struct {
	doc        store.Doc
	inspection *inspection.Inspection
	archived   bool
	hazard     *inspection.Hazard
}

// subjectOf finds the inspection or hazard of that id; ok is false if it has not come yet.
func (s *Service) subjectOf(ctx context.Context, id string) (subject, store.Doc, bool, error) {
	docs, err := s.Store.Get(ctx, evidenceRef(id),
		store.Ref{Kind: inspection.Kind, ID: id}, store.Ref{Kind: inspection.KindHazard, ID: id})
	if err != nil {
		return subject{}, store.Doc{}, false, err
	}
	ev := docs[0]
	ev.Ref = evidenceRef(id)
	switch {
	case docs[1].Rev > 0:
		in, err := inspection.Decode(docs[1].Body, docs[1].Restricted)
		sub := subjectAt(docs[1])
		sub.inspection = &in
		return sub, ev, err == nil, err
	case docs[2].Rev > 0:
		h, err := inspection.DecodeHazard(docs[2].Body, docs[2].Restricted)
		sub := subjectAt(docs[2])
		sub.hazard = &h
		return sub, ev, err == nil, err
	}
	return subject{}, ev, false, nil
}

func subjectAt(d store.Doc) subject {
	archived := directory.Archived(d.Tokens)
	d.Tokens = directory.PresentTokens(d.Tokens)
	return subject{doc: d, archived: archived}
}

// want brings an inspection's evidence up to what the record names and to the record's tokens, and returns what is
// missing. Each side writes first and then looks for the other: the record before this, the photo before Attach. clock
// tells what the push that asks has shown of its device's clock, nil if nothing has.
func (s *Service) want(ctx context.Context, id string, clock *deviceClock) (MissingMedia, error) {
	missing := MissingMedia{Inspection: id}
	for range maxRounds {
		sub, old, found, err := s.subjectOf(ctx, id)
		if err != nil || !found || sub.inspection == nil {
			return missing, err
		}
		wanted := wantedBy(sub.inspection)
		if old.Rev == 0 && len(wanted) == 0 {
			return missing, nil
		}
		var e evidence
		if old.Rev > 0 {
			if e, err = decodeEvidence(old); err != nil {
				return missing, err
			}
		}
		e.Evidence = e.Want(wanted...)
		e.notes.set(clock)
		status, err := s.putEvidence(ctx, old, &e, sub)
		if err != nil {
			return missing, err
		}
		if status == store.OK {
			for _, h := range e.Missing() {
				missing.SHA256 = append(missing.SHA256, h.String())
			}
			return missing, nil
		}
	}
	return missing, ErrBusy
}

// wantedBy are the photos that a record names: in its manifest, and by the answers that show them.
func wantedBy(in *inspection.Inspection) []media.Wanted {
	if len(in.Photos) == 0 {
		return nil
	}
	item := map[media.SHA256]string{}
	for i := range in.Answers {
		for _, h := range in.Answers[i].Photos {
			item[h] = string(in.Answers[i].Item)
		}
	}
	out := make([]media.Wanted, 0, len(in.Photos))
	for _, p := range in.Photos {
		w := media.Wanted{SHA256: p.SHA256, Item: item[p.SHA256], Capture: media.Capture{At: p.CapturedAt, Device: string(p.Device)}}
		if p.Place != nil {
			w.Capture.Latitude, w.Capture.Longitude = p.Place.Lat, p.Place.Lon
			w.Capture.System, w.Capture.Accuracy, w.Capture.Mock = media.System(p.Place.System), p.Place.Accuracy, p.Place.Mock
		}
		out = append(out, w)
	}
	return out
}

// putEvidence writes an evidence document under its subject's tokens, if anything changed. Photos that a stranger sent
// before the record came are not the record's: the team's are. e becomes what was written.
func (s *Service) putEvidence(ctx context.Context, old store.Doc, e *evidence, sub subject) (store.Status, error) {
	e.Inspection = old.ID
	tokens := sub.doc.Tokens
	if early(old) && sub.inspection != nil {
		e.Arrived = slices.DeleteFunc(slices.Clone(e.Arrived), func(a media.Arrived) bool {
			return !sub.inspection.Member(directory.UserID(a.By))
		})
	}
	entering := early(old) && sub.doc.Rev > 0
	if entering {
		if err := s.enter(ctx, e); err != nil {
			return store.Unknown, err
		}
	}
	if sub.doc.Rev > 0 {
		if err := s.mark(ctx, e, sub); err != nil {
			return store.Unknown, err
		}
	}
	if sub.inspection != nil {
		e.measure(sub.inspection)
	}
	e.Evidence = e.Answer()
	n := old
	n.Tokens = tokens
	n.Fields = e.fields(subjectFields(old.ID, sub.doc), tokens)
	var err error
	if n.Body, n.Restricted, err = encodeEvidence(e); err != nil {
		return store.Unknown, err
	}
	same := old.Tokens
	if sub.archived { // what is archived with its record stays there until it changes itself
		same = directory.PresentTokens(same)
	}
	if old.Rev > 0 && slices.Equal(same, n.Tokens) && (sub.archived || maps.Equal(old.Fields, n.Fields)) &&
		string(old.Body) == string(n.Body) && string(old.Restricted) == string(n.Restricted) {
		return store.OK, nil
	}
	outs, err := s.Store.Commit(ctx, []store.Write{{Old: old, New: n}})
	if err != nil {
		return store.Unknown, err
	}
	if entering && outs[0].Status == store.OK {
		for _, a := range e.Arrived {
			if err := s.sighted(ctx, a.SHA256); err != nil {
				return store.Unknown, err
			}
		}
	}
	return outs[0].Status, nil
}

// early reports whether an evidence document came before its record: it is then the uploaders' own.
func early(d store.Doc) bool { return d.Rev > 0 && len(supervisorsOf(d.Tokens)) == 0 }

// enter has the photos that waited for their record belong to it from now on. One that waited too long is gone: it has
// not arrived, and is asked for again.
func (s *Service) enter(ctx context.Context, e *evidence) error {
	if s.Photos == nil {
		return nil
	}
	kept := make([]media.Arrived, 0, len(e.Arrived))
	for _, a := range e.Arrived {
		err := s.Photos.Attach(ctx, a.SHA256, e.Inspection)
		switch {
		case err == nil:
			if err := s.shows(ctx, a.SHA256, e.Inspection, a.At); err != nil {
				return err
			}
			kept = append(kept, a)
		case !errors.Is(err, media.ErrCondemned) && !errors.Is(err, media.ErrErasing):
			return err
		}
	}
	e.Arrived = kept
	return nil
}

// note tells the ledger of a photo that is complete and durable, before its evidence names it: then nobody removes it.
func (s *Service) note(ctx context.Context, r media.Received, named bool) error {
	switch {
	case s.Photos == nil:
		return nil
	case named:
		return s.Photos.Enter(ctx, r.SHA256, r.Inspection)
	}
	return s.Photos.Arrive(ctx, r.SHA256, r.Inspection)
}

// Claim reports whether a photo that waits for a record is that record's by now, and makes it so: media.Ledger asks it
// before it condemns one. A record may have come without anybody looking for what waited for it.
func (s *Service) Claim(ctx context.Context, h media.SHA256, record string) (bool, error) {
	for range maxRounds {
		sub, old, found, err := s.subjectOf(ctx, record)
		if err != nil || !found || old.Rev == 0 {
			return false, err
		}
		e, err := decodeEvidence(old)
		if err != nil || !e.Has(h) {
			return false, err
		}
		if !early(old) {
			err := s.Photos.Attach(ctx, h, record)
			if errors.Is(err, media.ErrCondemned) {
				return false, nil
			}
			return err == nil, err
		}
		if sub.inspection != nil {
			e.Evidence = e.Want(wantedBy(sub.inspection)...)
		}
		if _, err := s.putEvidence(ctx, old, &e, sub); err != nil {
			return false, err
		}
	}
	return false, ErrBusy
}

// Attach enters a photo that is complete, verified and durable in the evidence of what it was uploaded for. Whoever may
// work on that document may attach; if it has not come yet, the photo waits for it under the uploader's own name, and
// counts when the record shows that the uploader is of its team. It returns ErrForbidden, and is harmless twice.
//
// The ledger is told first: a photo that is kept for nothing costs room, one that is named and removed costs evidence.
func (s *Service) Attach(ctx context.Context, sess Session, r media.Received) error {
	if r.Inspection == "" {
		return s.note(ctx, r, false)
	}
	now := s.Now()
	arrived := media.Arrived{
		SHA256: r.SHA256, Size: r.Size, Photo: r.Photo, At: r.At.UTC().Truncate(time.Millisecond), By: r.Owner, Device: r.Device,
	}
	for range maxRounds {
		sub, old, found, err := s.subjectOf(ctx, r.Inspection)
		if err != nil {
			return err
		}
		if !found {
			sub.doc.Tokens = []store.Token{directory.UserToken(sess.User.ID)}
			if old.Rev > 0 {
				sub.doc.Tokens = store.SortTokens(append(slices.Clone(old.Tokens), sub.doc.Tokens...))
			}
		} else if !mayAttach(sess.User, sub.doc, now) {
			return ErrForbidden
		}
		if err := s.note(ctx, r, found); err != nil {
			return err
		}
		if found {
			if err := s.shows(ctx, r.SHA256, r.Inspection, arrived.At); err != nil {
				return err
			}
		}
		var e evidence
		if old.Rev > 0 {
			if e, err = decodeEvidence(old); err != nil {
				return err
			}
		}
		e.Evidence, _ = e.Receive(arrived)
		if sess.Revoked || sess.User.Disabled {
			e.notes.Ended = sorted(append(slices.Clone(e.notes.Ended), r.SHA256))
		}
		s.reached(BeforeEvidence)
		if sub.inspection != nil {
			e.Evidence = e.Want(wantedBy(sub.inspection)...)
		}
		status, err := s.putEvidence(ctx, old, &e, sub)
		if err != nil {
			return err
		}
		if status == store.OK {
			if found {
				return s.sighted(ctx, r.SHA256)
			}
			return nil
		}
	}
	return ErrBusy
}

// mayAttach asks the policy table for the command that a photo of this document belongs to. A right that has ended is
// enough, and so is being of its team, also where no trace of the right is left: evidence does not die with a permission.
func mayAttach(u directory.User, d store.Doc, now time.Time) bool {
	if d.Kind == inspection.Kind && slices.Contains(d.Tokens, directory.UserToken(u.ID)) {
		return true
	}
	names := []string{"inspection.save"}
	if d.Kind == inspection.KindHazard {
		names = []string{"hazard.rectify", "hazard.accept", "hazard.confirm"}
	}
	return slices.ContainsFunc(names, func(n string) bool {
		if auth.Allow(u, actionOf(n), d.Tokens, now) == nil {
			return true
		}
		_, had := endOfRight(u, actionOf(n), d.Tokens, now)
		return had
	})
}

// MayOpen returns what is known of a photo if the person may see it through the document that it belongs to; otherwise,
// and if there is none, media.ErrNotFound: the answer does not tell which. Of one that was erased after its period it is
// media.ErrExpired.
func (s *Service) MayOpen(ctx context.Context, sess Session, id string, h media.SHA256) (media.Arrived, error) {
	d, err := s.Store.One(ctx, evidenceRef(id))
	if errors.Is(err, store.ErrNotFound) {
		return media.Arrived{}, media.ErrNotFound
	}
	if err != nil {
		return media.Arrived{}, err
	}
	if via, _ := scopeOf(sess.User, s.Now()).covers(KindEvidence, directory.PresentTokens(d.Tokens)); len(via) == 0 {
		return media.Arrived{}, media.ErrNotFound
	}
	e, err := decodeEvidence(d)
	if err != nil {
		return media.Arrived{}, err
	}
	for _, a := range e.Arrived {
		if a.SHA256 == h {
			if a.Erased != nil {
				return a, media.ErrExpired.Saying("这张照片的保管期限已满，原件已于%s按规定销毁；记录中保留其指纹、大小和审核情况", a.Erased.At.In(china).Format("2006年1月2日"))
			}
			s.Showed(sess, d, h)
			return a, nil
		}
	}
	return media.Arrived{}, media.ErrNotFound
}

// Showed is to be called with the photos of an evidence document that somebody gets to see; it tells Viewed, if no
// enterprise knows of them.
func (s *Service) Showed(sess Session, d store.Doc, photos ...media.SHA256) {
	if s.Viewed == nil || !sealed(directory.PresentTokens(d.Tokens)) {
		return
	}
	for _, h := range photos {
		s.Viewed(View{User: sess.User.ID, Device: sess.Device, Subject: d.ID, SHA256: h, At: s.Now()})
	}
}

// sealed reports whether a document is one that no enterprise knows of.
func sealed(tokens []store.Token) bool {
	return !slices.ContainsFunc(tokens, func(t store.Token) bool {
		return strings.HasPrefix(string(t), string(directory.EnterpriseToken("")))
	})
}
