package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"paicha/internal/directory"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer       = "paicha"
	audience     = "paicha-api"
	maxAccess    = 2048 // bytes of an access token that are looked at
	minKey       = 32   // bytes of the signing key, as long as the hash (RFC 7518, 3.2)
	secretLength = 32   // bytes of a refresh token's secret
)

// SessionID names one login of one device; all refresh tokens that follow from it are its family.
type SessionID string

// Session is who is asking, as the access token or the device key says. It says nothing of rights: those are the
// user's, read afresh (Service.Person).
type Session struct {
	ID        SessionID
	User      directory.UserID
	Device    directory.DeviceID
	IssuedAt  time.Time
	ExpiresAt time.Time
	Wipe      bool // of a push-only session: the device is to delete everything once it has nothing left to hand in
	Revoked   bool // of a push-only session: the device was taken out of use, what it pushes is to be quarantined
	PushOnly  bool // by the device key alone: may push, to be applied or quarantined, and nothing else but send photos
}

type claims struct {
	jwt.RegisteredClaims
	Device  directory.DeviceID `json:"dev"`
	Session SessionID          `json:"sid,omitempty"` // none: the token is for handing in
}

// signer makes and checks access tokens: HS256, since the nodes that check are those that sign and it costs a few
// microseconds, where EdDSA costs fifty.
type signer struct {
	key    []byte
	parser *jwt.Parser
	links  *jwt.Parser
}

func newSigner(key []byte, now func() time.Time) (*signer, error) {
	if len(key) < minKey {
		return nil, ErrKey
	}
	of := func(audience string) *jwt.Parser {
		return jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(issuer),
			jwt.WithAudience(audience),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		)
	}
	return &signer{key: key, parser: of(audience), links: of(linkAudience)}, nil
}

func (s *signer) sign(ss Session) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   string(ss.User),
			IssuedAt:  jwt.NewNumericDate(ss.IssuedAt),
			ExpiresAt: jwt.NewNumericDate(ss.ExpiresAt),
		},
		Device: ss.Device, Session: ss.ID,
	}).SignedString(s.key)
}

// verify returns ErrExpired for a token that was good and ErrToken for anything else that is not good now.
func (s *signer) verify(access string) (Session, error) {
	if len(access) > maxAccess {
		return Session{}, ErrToken
	}
	var c claims
	_, err := s.parser.ParseWithClaims(access, &c, func(*jwt.Token) (any, error) { return s.key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Session{}, ErrExpired
	case err != nil:
		return Session{}, ErrToken.Because(err)
	case c.Subject == "" || c.Device == "" || c.IssuedAt == nil:
		return Session{}, ErrToken
	}
	return Session{
		ID: c.Session, User: directory.UserID(c.Subject), Device: c.Device, PushOnly: c.Session == "",
		IssuedAt: c.IssuedAt.Time, ExpiresAt: c.ExpiresAt.Time,
	}, nil
}

// tokenHash is how a refresh token is kept. It is random and long, so that a plain hash is enough.
type tokenHash string

func hashToken(refresh string) tokenHash {
	sum := sha256.Sum256([]byte(refresh))
	return tokenHash(hex.EncodeToString(sum[:]))
}

// newRefresh draws a refresh token of a session: the session's id, a full stop, and 32 random bytes in base64url.
func newRefresh(rand io.Reader, id SessionID) (string, error) {
	b := make([]byte, secretLength)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", err
	}
	return string(id) + "." + base64.RawURLEncoding.EncodeToString(b), nil
}

// parseRefresh reads the session's id from a refresh token; ErrRefresh for what is not of the form.
func parseRefresh(s string) (SessionID, error) {
	id, secret, ok := strings.Cut(s, ".")
	if !ok || id == "" || len(id) > 64 || len(secret) != base64.RawURLEncoding.EncodedLen(secretLength) {
		return "", ErrRefresh
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", ErrRefresh
		}
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil {
		return "", ErrRefresh
	}
	return SessionID(id), nil
}
