package httpapi

import (
	"context"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// Accounts is what the edge needs of sessions; *auth.Service is one.
type Accounts interface {
	Login(context.Context, auth.LoginRequest) (auth.Tokens, error)
	Refresh(context.Context, auth.RefreshRequest) (auth.Tokens, error)
	Verify(access string) (auth.Session, error)
	Person(context.Context, auth.Session) (directory.User, directory.Device, error)
	VerifyDevice(ctx context.Context, id directory.DeviceID, message, signature []byte) (auth.Session, directory.User, error)
	HandIn(ctx context.Context, id directory.DeviceID, at time.Time, message, signature []byte) (auth.HandIn, error)
	Logout(context.Context, auth.SessionID) error
	RevokeDevice(context.Context, directory.DeviceID) error
	ReportStolen(context.Context, directory.DeviceID) error
	Wipe(context.Context, directory.DeviceID) error
	SignLink(auth.Link) (text string, until time.Time, err error)
	OpenLink(ctx context.Context, text string) (auth.Link, directory.User, directory.Device, error)
}

// LoginBody asks for a session and enrols the device whose key it carries. Proof is the device's signature of
// auth.EnrolMessage, in standard base64.
type LoginBody struct {
	Login      string              `json:"login"`
	Password   string              `json:"password"`
	PublicKey  directory.PublicKey `json:"publicKey"`
	DeviceName string              `json:"deviceName"`
	Proof      []byte              `json:"proof"`
}

// RefreshBody asks for new tokens. Proof is the device's signature of auth.RefreshMessage, in standard base64; clients
// best always send it, because the answer before may have been lost.
type RefreshBody struct {
	RefreshToken string `json:"refreshToken"`
	Proof        []byte `json:"proof,omitempty"`
}

// TokensBody answers both.
type TokensBody struct {
	AccessToken      string             `json:"accessToken"`
	AccessExpiresAt  time.Time          `json:"accessExpiresAt"`
	RefreshToken     string             `json:"refreshToken"`
	RefreshExpiresAt time.Time          `json:"refreshExpiresAt"`
	User             directory.UserID   `json:"user"`
	Device           directory.DeviceID `json:"device"`
}

func tokensBody(t auth.Tokens) TokensBody {
	return TokensBody{
		AccessToken: t.Access, AccessExpiresAt: t.AccessExpires, RefreshToken: t.Refresh,
		RefreshExpiresAt: t.RefreshExpires, User: t.Session.User, Device: t.Session.Device,
	}
}

// maxCredentials bounds the bodies of login and refresh; they are asked without a session.
const maxCredentials = 8 << 10

func (a *api) login(c *fiber.Ctx) error {
	if err := a.logins.take(c.IP()); err != nil {
		return refuseBody(c, err)
	}
	in, err := decode[LoginBody](c, maxCredentials)
	if err != nil {
		return err
	}
	out, err := a.Accounts.Login(c.UserContext(), auth.LoginRequest{
		Login: in.Login, Password: in.Password, PublicKey: in.PublicKey, DeviceName: in.DeviceName, Proof: in.Proof,
		Address: c.IP(),
	})
	if err != nil {
		return err
	}
	return respond(c, tokensBody(out))
}

func (a *api) refresh(c *fiber.Ctx) error {
	in, err := decode[RefreshBody](c, maxCredentials)
	if err != nil {
		return err
	}
	out, err := a.Accounts.Refresh(c.UserContext(), auth.RefreshRequest{Refresh: in.RefreshToken, Proof: in.Proof})
	if err != nil {
		return err
	}
	return respond(c, tokensBody(out))
}

// HandInBody asks for a way to hand in what the device holds, under its key alone: the signature of the request is in
// the headers, as that of a push.
type HandInBody struct {
	ServerTime time.Time `json:"serverTime"` // as the server last told it; within ten minutes
}

// HandInAnswer opens it. ServerTime is for the next time.
type HandInAnswer struct {
	AccessToken     string             `json:"accessToken"`
	AccessExpiresAt time.Time          `json:"accessExpiresAt"`
	User            directory.UserID   `json:"user"`
	Device          directory.DeviceID `json:"device"`
	Wipe            bool               `json:"wipe"`
	ServerTime      time.Time          `json:"serverTime"`
}

func (a *api) handIn(c *fiber.Ctx) error {
	if !byDeviceKey(c) {
		return ErrNoSession
	}
	if err := a.signers.take(c.IP()); err != nil {
		return refuseBody(c, err)
	}
	body, err := jsonBody(c, maxCredentials)
	if err != nil {
		return err
	}
	var in HandInBody
	if err := json.Unmarshal(body, &in); err != nil {
		return jsonFault(err)
	}
	id, message, signature, err := signed(c, body)
	if err != nil {
		return err
	}
	out, err := a.Accounts.HandIn(c.UserContext(), id, in.ServerTime, message, signature)
	if err != nil {
		return err
	}
	c.Locals(localUser, out.Session.User)
	return respond(c, HandInAnswer{
		AccessToken: out.Access, AccessExpiresAt: out.AccessExpires, User: out.Session.User, Device: out.Session.Device,
		Wipe: out.Wipe, ServerTime: a.Now().UTC().Truncate(time.Millisecond),
	})
}

func (a *api) logout(c *fiber.Ctx) error {
	who, err := a.Accounts.Verify(bearer(c))
	if err != nil {
		return err
	}
	if err := a.Accounts.Logout(c.UserContext(), who.ID); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// Me is who one is to the server at this moment.
type Me struct {
	User    directory.User     `json:"user"`
	Device  directory.DeviceID `json:"device,omitzero"`
	Reading []MeReach          `json:"reading"`
}

// MeReach is one scope that one may read now, and as what.
type MeReach struct {
	Token    store.Token    `json:"token"`
	Audience directory.Role `json:"audience"`
}

func (a *api) me(c *fiber.Ctx) error {
	s := sessionOf(c)
	out := Me{User: s.User, Device: s.Device}
	for _, r := range s.User.Reading(a.Now()) {
		out.Reading = append(out.Reading, MeReach{r.Token, r.Audience})
	}
	return respond(c, out)
}

// decode reads a JSON body into T. Members that T does not know are ignored; doubled ones and bad UTF-8 are ErrJSON.
func decode[T any](c *fiber.Ctx, limit int) (T, error) {
	var v T
	body, err := jsonBody(c, limit)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, jsonFault(err)
	}
	return v, nil
}
