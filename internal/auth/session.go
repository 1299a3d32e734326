package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
)

// The kinds of document that auth keeps. They carry no tokens: nobody pulls them.
const (
	KindSession    store.Kind = "session"
	KindCredential store.Kind = "credential"
)

// Indexes are the ones that auth's questions need.
var Indexes = []store.Index{{Kind: KindSession, Fields: []string{"user"}}}

// Store is what auth needs of the document store; *store.Store is one.
type Store interface {
	One(ctx context.Context, ref store.Ref) (store.Doc, error) // store.ErrNotFound
	Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error)
	Find(ctx context.Context, q store.Query) (store.Page, error)
	Commit(ctx context.Context, ws []store.Write) ([]store.Outcome, error)
}

// Options are what a Service is made of. Store, Now, NewID, Rand and Key are needed; the rest has defaults.
type Options struct {
	Store Store
	Now   func() time.Time
	NewID func() uuid.UUID
	Rand  io.Reader // of cryptographic strength
	Key   []byte    // signs access tokens; at least 32 bytes, the same on every node

	AccessTTL  time.Duration    // 15 minutes
	RefreshTTL time.Duration    // 60 days since the last use: a tablet may be long without signal
	Hashing    int              // passwords hashed at once; 2
	Params     *argon2id.Params // argon2id.DefaultParams: 64 MiB each
}

// Service logs people in and knows them again. Its methods may be called concurrently.
type Service struct {
	o      Options
	hasher *hasher
	signer *signer
	limit  *limiter
}

// New makes a Service; ErrKey if the key is too short.
func New(o Options) (*Service, error) {
	if o.AccessTTL == 0 {
		o.AccessTTL = 15 * time.Minute
	}
	if o.RefreshTTL == 0 {
		o.RefreshTTL = 60 * 24 * time.Hour
	}
	if o.Hashing <= 0 {
		o.Hashing = 2
	}
	if o.Params == nil {
		o.Params = argon2id.DefaultParams
	}
	sg, err := newSigner(o.Key, o.Now)
	if err != nil {
		return nil, err
	}
	h, err := newHasher(o.Params, o.Hashing)
	if err != nil {
		return nil, err
	}
	return &Service{o: o, hasher: h, signer: sg, limit: newLimiter(limiterKeys)}, nil
}

// LoginRequest is a login from a device. Proof is the device's signature of EnrolMessage.
type LoginRequest struct {
	Login      string
	Password   string
	PublicKey  directory.PublicKey
	DeviceName string
	Proof      []byte
	Address    string // whence it came, for the limit of failures
}

// RefreshRequest asks for new tokens. Proof is the device's signature of RefreshMessage; it may be missing while the
// token is the newest of its session, and is needed once a successor was made. Clients best always send it.
type RefreshRequest struct {
	Refresh string
	Proof   []byte
}

// Tokens are what a login or refresh gives.
type Tokens struct {
	Access         string
	AccessExpires  time.Time
	Refresh        string
	RefreshExpires time.Time
	Session        Session
}

// record is a session as it is stored.
type record struct {
	User     directory.UserID   `json:"user"`
	Device   directory.DeviceID `json:"device"`
	Created  time.Time          `json:"created"`
	Expires  time.Time          `json:"expires"`
	Newest   []tokenHash        `json:"newest"`             // given out and never used; more than one if answers were lost
	Previous tokenHash          `json:"previous,omitempty"` // used; still good, with proof, until one of Newest is
	Spent    []tokenHash        `json:"spent,omitempty"`    // used and succeeded; who brings one holds a copy
	Revoked  string             `json:"revoked,omitempty"`  // why: logout, reuse, password
}

const (
	maxNewest = 8
	maxSpent  = 64
)

// Login gives tokens for a password and a device key, which it enrols if it is new. ErrCredentials says no more than
// that login and password do not belong together; ErrTooMany, ErrBusy, ErrDisabled, ErrSignature, ErrDeviceOwner,
// ErrDeviceRevoked and ErrDeviceStolen say what they say, the latter five only to who knows the password.
func (s *Service) Login(ctx context.Context, r LoginRequest) (Tokens, error) {
	login, badLogin := directory.ParseLogin(r.Login)
	if !s.limit.take(login, r.Address, s.o.Now()) {
		return Tokens{}, ErrTooMany
	}
	if badLogin != nil || len(r.Password) > 4*maxPassword {
		return Tokens{}, ErrCredentials
	}
	u, hash, err := s.credential(ctx, login)
	if err != nil {
		return Tokens{}, err
	}
	ok, err := s.hasher.matches(ctx, r.Password, hash)
	if err != nil {
		return Tokens{}, err
	}
	if !ok {
		return Tokens{}, ErrCredentials
	}
	s.limit.forgive(login, r.Address)
	if u.Disabled {
		return Tokens{}, ErrDisabled
	}
	if err := VerifySignature(r.PublicKey, EnrolMessage(login, r.PublicKey), r.Proof); err != nil {
		return Tokens{}, err
	}
	d, err := s.enrol(ctx, u, r.PublicKey, r.DeviceName)
	if err != nil {
		return Tokens{}, err
	}
	return s.begin(ctx, u.ID, d.ID)
}

// begin makes a session with its first tokens.
func (s *Service) begin(ctx context.Context, u directory.UserID, d directory.DeviceID) (Tokens, error) {
	id, now := SessionID(s.o.NewID().String()), s.o.Now().UTC().Truncate(time.Millisecond)
	refresh, err := newRefresh(s.o.Rand, id)
	if err != nil {
		return Tokens{}, err
	}
	rec := record{User: u, Device: d, Created: now, Expires: now.Add(s.o.RefreshTTL), Newest: []tokenHash{hashToken(refresh)}}
	doc, err := sessionDoc(id, rec)
	if err != nil {
		return Tokens{}, err
	}
	if done, err := s.write(ctx, store.Doc{}, doc); err != nil {
		return Tokens{}, err
	} else if !done {
		return Tokens{}, ErrRaced
	}
	return s.tokens(id, rec, refresh)
}

func (s *Service) tokens(id SessionID, rec record, refresh string) (Tokens, error) {
	now := s.o.Now().UTC()
	ss := Session{ID: id, User: rec.User, Device: rec.Device, IssuedAt: now, ExpiresAt: now.Add(s.o.AccessTTL)}
	access, err := s.signer.sign(ss)
	return Tokens{access, ss.ExpiresAt, refresh, rec.Expires, ss}, err
}

// Refresh gives new tokens for a refresh token and makes it the predecessor. The predecessor works again, with proof of
// the device key, until a successor is first used; without proof, or spent, it revokes the session with ErrReused.
// ErrRefresh is for what is unknown, expired or revoked; ErrDisabled, ErrDeviceRevoked and ErrDeviceStolen as Login.
func (s *Service) Refresh(ctx context.Context, r RefreshRequest) (Tokens, error) {
	id, err := parseRefresh(r.Refresh)
	if err != nil {
		return Tokens{}, err
	}
	next, err := newRefresh(s.o.Rand, id)
	if err != nil {
		return Tokens{}, err
	}
	var rec record
	var verdict error
	err = s.retry(func() (bool, error) {
		var old store.Doc
		if rec, old, err = s.session(ctx, id); err != nil {
			return false, err
		}
		if rec.Revoked != "" || !s.o.Now().Before(rec.Expires) {
			return false, ErrRefresh
		}
		if _, _, err := s.person(ctx, Session{User: rec.User, Device: rec.Device}); err != nil {
			return false, err
		}
		proven, err := s.proven(ctx, rec.Device, r)
		if err != nil {
			return false, err
		}
		verdict = rec.rotate(hashToken(r.Refresh), hashToken(next), proven)
		if verdict != nil && rec.Revoked == "" {
			return false, verdict
		}
		rec.Expires = s.o.Now().UTC().Truncate(time.Millisecond).Add(s.o.RefreshTTL)
		doc, err := sessionDoc(id, rec)
		if err != nil {
			return false, err
		}
		return s.write(ctx, old, doc)
	})
	if err != nil {
		return Tokens{}, err
	}
	if verdict != nil {
		return Tokens{}, verdict // the session is revoked by now, durably
	}
	return s.tokens(id, rec, next)
}

// proven checks the proof of a refresh: none is no proof, a wrong one is ErrSignature.
func (s *Service) proven(ctx context.Context, id directory.DeviceID, r RefreshRequest) (bool, error) {
	if len(r.Proof) == 0 {
		return false, nil
	}
	d, _, err := s.device(ctx, id)
	if err != nil {
		return false, err
	}
	return true, VerifySignature(d.PublicKey, RefreshMessage(r.Refresh), r.Proof)
}

// rotate is the whole of rotation: given is used, next is given out.
func (r *record) rotate(given, next tokenHash, proven bool) error {
	switch {
	case slices.Contains(r.Newest, given):
		for _, h := range append(r.Newest, r.Previous) {
			if h != given && h != "" {
				r.Spent = append(r.Spent, h)
			}
		}
		r.Spent = r.Spent[max(0, len(r.Spent)-maxSpent):]
		r.Previous, r.Newest = given, []tokenHash{next}
		return nil
	case given == r.Previous && proven:
		r.Newest = append(r.Newest, next)
		r.Newest = r.Newest[max(0, len(r.Newest)-maxNewest):]
		return nil
	case given == r.Previous || slices.Contains(r.Spent, given):
		r.Revoked = "reuse"
		return ErrReused
	}
	return ErrRefresh
}

// Verify tells who an access token speaks for, without the store; ErrToken or ErrExpired.
func (s *Service) Verify(access string) (Session, error) { return s.signer.verify(access) }

// Person reads user and device of a session afresh, and that neither session nor device were revoked since the token was
// signed: ErrRefresh, ErrDisabled, ErrDevice, ErrDeviceRevoked, ErrDeviceStolen. Of a push-only session both are
// returned as found, disabled and revoked ones too.
func (s *Service) Person(ctx context.Context, ss Session) (directory.User, directory.Device, error) {
	if ss.PushOnly {
		return s.holder(ctx, ss.Device)
	}
	if ss.ID == "" {
		return directory.User{}, directory.Device{}, ErrForbidden
	}
	return s.person(ctx, ss)
}

func (s *Service) person(ctx context.Context, ss Session) (directory.User, directory.Device, error) {
	refs := []store.Ref{{Kind: directory.KindUser, ID: string(ss.User)}, {Kind: directory.KindDevice, ID: string(ss.Device)}}
	if ss.ID != "" {
		refs = append(refs, store.Ref{Kind: KindSession, ID: string(ss.ID)})
	}
	docs, err := s.o.Store.Get(ctx, refs...)
	if err != nil {
		return directory.User{}, directory.Device{}, err
	}
	for i, missing := range []error{ErrToken, ErrDevice, ErrRefresh}[:len(refs)] {
		if docs[i].Rev == 0 || docs[i].Removed != store.Live {
			return directory.User{}, directory.Device{}, missing
		}
	}
	u, err := directory.ReadUser(docs[0])
	if err != nil {
		return directory.User{}, directory.Device{}, err
	}
	d, err := directory.ReadDevice(docs[1])
	if err != nil {
		return directory.User{}, directory.Device{}, err
	}
	switch {
	case u.Disabled:
		return directory.User{}, directory.Device{}, ErrDisabled
	case d.User != u.ID:
		return directory.User{}, directory.Device{}, ErrDevice
	case d.Stolen:
		return directory.User{}, directory.Device{}, ErrDeviceStolen
	case d.Revoked:
		return directory.User{}, directory.Device{}, ErrDeviceRevoked
	}
	if ss.ID != "" {
		rec, err := readSession(docs[2])
		if err != nil {
			return directory.User{}, directory.Device{}, err
		}
		if rec.Revoked != "" || rec.User != u.ID || rec.Device != d.ID {
			return directory.User{}, directory.Device{}, ErrRefresh
		}
	}
	return u, d, nil
}

// Logout revokes the session; again is no error, nor is a session that is gone.
func (s *Service) Logout(ctx context.Context, id SessionID) error {
	err := s.revoke(ctx, id, "logout")
	if errors.Is(err, ErrRefresh) {
		return nil
	}
	return err
}

func (s *Service) revoke(ctx context.Context, id SessionID, why string) error {
	return s.retry(func() (bool, error) {
		rec, old, err := s.session(ctx, id)
		if err != nil || rec.Revoked != "" {
			return true, err
		}
		rec.Revoked = why
		doc, err := sessionDoc(id, rec)
		if err != nil {
			return false, err
		}
		return s.write(ctx, old, doc)
	})
}

// session reads a session and its document; ErrRefresh if there is none.
func (s *Service) session(ctx context.Context, id SessionID) (record, store.Doc, error) {
	doc, err := s.o.Store.One(ctx, store.Ref{Kind: KindSession, ID: string(id)})
	if errors.Is(err, store.ErrNotFound) {
		return record{}, store.Doc{}, ErrRefresh
	}
	if err != nil {
		return record{}, store.Doc{}, err
	}
	rec, err := readSession(doc)
	return rec, doc, err
}

func sessionDoc(id SessionID, r record) (store.Doc, error) {
	body, err := json.Marshal(r)
	return store.Doc{
		Ref:    store.Ref{Kind: KindSession, ID: string(id)},
		Fields: store.Fields{"user": store.Text(string(r.User)), "expires": store.Time(r.Expires)},
		Body:   body,
	}, err
}

func readSession(d store.Doc) (record, error) {
	var r record
	if err := json.Unmarshal(d.Body, &r); err != nil {
		return record{}, ErrRefresh.Because(err)
	}
	return r, nil
}

// retry runs f until it is done, a few times: each run reads afresh what another writer has changed meanwhile.
func (s *Service) retry(f func() (done bool, err error)) error {
	for range 6 {
		if done, err := f(); done || err != nil {
			return err
		}
	}
	return ErrRaced
}

// write commits one document: done, or stale and not done. An unknown outcome is store.ErrUnavailable.
func (s *Service) write(ctx context.Context, old, doc store.Doc) (done bool, err error) {
	out, err := s.o.Store.Commit(ctx, []store.Write{{Old: old, New: doc}})
	switch {
	case err != nil:
		return false, err
	case out[0].Status == store.Unknown:
		return false, store.ErrUnavailable
	}
	return out[0].Status == store.OK, nil
}
