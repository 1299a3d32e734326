package auth

import (
	"context"
	"time"

	"paicha/internal/directory"

	"github.com/golang-jwt/jwt/v5"
)

// linkAudience keeps links and access tokens apart: neither is taken for the other.
const linkAudience = "paicha-photo"

// linkStep is how long a link stays the same for the same photo and session, so that browsers find again what they hold.
const linkStep = 5 * time.Minute

// Link is one photo that a session may read by address alone, for as long as a page is looked at: an <img> cannot send a
// token. It grants nothing: whoever opens it is the session's person, whose rights are read afresh.
type Link struct {
	Session Session
	Subject string // the record that the photo is seen through
	SHA256  string
	Size    string // of a picture; empty: the original
	Until   time.Time
}

type linkClaims struct {
	jwt.RegisteredClaims
	Device  directory.DeviceID `json:"dev"`
	Session SessionID          `json:"sid"`
	Subject string             `json:"rec"`
	Size    string             `json:"size,omitempty"`
}

// SignLink makes a link's text, good for five to ten minutes, and says until when. It does not look at rights.
func (s *Service) SignLink(l Link) (text string, until time.Time, err error) {
	until = s.o.Now().UTC().Truncate(linkStep).Add(2 * linkStep)
	text, err = jwt.NewWithClaims(jwt.SigningMethodHS256, linkClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{linkAudience}, Subject: string(l.Session.User), ID: l.SHA256, ExpiresAt: jwt.NewNumericDate(until),
		},
		Device: l.Session.Device, Session: l.Session.ID, Subject: l.Subject, Size: l.Size,
	}).SignedString(s.signer.key)
	return text, until, err
}

// OpenLink reads a link and its person, afresh: ErrLink for what is no link of ours or too old, and what Person returns.
func (s *Service) OpenLink(ctx context.Context, text string) (Link, directory.User, directory.Device, error) {
	var c linkClaims
	if len(text) > maxAccess {
		return Link{}, directory.User{}, directory.Device{}, ErrLink
	}
	if _, err := s.signer.links.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return s.signer.key, nil }); err != nil {
		return Link{}, directory.User{}, directory.Device{}, ErrLink.Because(err)
	}
	l := Link{
		Session: Session{ID: c.Session, User: directory.UserID(c.RegisteredClaims.Subject), Device: c.Device},
		Subject: c.Subject, SHA256: c.ID, Size: c.Size, Until: c.ExpiresAt.Time,
	}
	u, d, err := s.Person(ctx, l.Session)
	return l, u, d, err
}
