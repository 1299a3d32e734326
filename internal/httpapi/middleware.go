package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/telemetry"
	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
)

// localKey is the type of what we keep beside a request.
type localKey uint8

const (
	localID localKey = iota
	localSession
	localUser
	localBody
	localTurn
	localLeave
	localIdle
	localBroken
)

// statusLineBroke is how the metrics count a request that its line broke or held up, as proxies do: it is answered 503, and is no
// failure of this server.
const statusLineBroke = 499

// methodOverride lets clients behind old proxies speak tus (tus 1.0, X-HTTP-Method-Override).
const methodOverride = "X-Http-Method-Override"

// edge surrounds every request: id, override of the method, panic net, headers, answer of faults, access log, metrics.
func (a *api) edge(c *fiber.Ctx) error {
	if m := c.Get(methodOverride); m != "" && c.Method() == fiber.MethodPost && strings.HasPrefix(c.Path(), "/api/v1/uploads/") {
		if m == fiber.MethodPatch || m == fiber.MethodDelete || m == fiber.MethodHead {
			c.Method(m)
			return c.RestartRouting() // comes back here with the other method
		}
	}
	began := a.Now()
	id := c.Get(fiber.HeaderXRequestID)
	if !saneID(id) {
		id = a.NewID()
	}
	c.Locals(localID, id)
	c.Set(fiber.HeaderXRequestID, id)
	c.SetUserContext(telemetry.WithRequestID(context.Background(), id))
	secure(c)
	if err := a.caught(c); err != nil {
		if code := faultOf(err).Code; code == ErrSlow.Code || code == ErrIncomplete.Code {
			c.Locals(localBroken, true)
		}
		if err := a.problem(c, err); err != nil {
			return err
		}
	}
	if !consumed(c) {
		c.Context().SetConnectionClose() // what is left of the body must not be read as the next request
	}
	a.account(c, began)
	return nil
}

// caught runs the rest and turns a panic into an internal fault, so that one bad request is not everybody's.
func (a *api) caught(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Context().SetConnectionClose() // nobody knows how much of the body was read
			err = fault.ErrInternal.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return c.Next()
}

// account writes the access log and counts. The path is the pattern, since ids and hashes are nobody's business there.
func (a *api) account(c *fiber.Ctx, began time.Time) {
	took := a.Now().Sub(began)
	status := c.Response().StatusCode()
	pattern := c.Route().Path
	if pattern == "/" && c.Path() != "/" {
		pattern = "" // only our own Use matched
	}
	counted := status
	if broken, _ := c.Locals(localBroken).(bool); broken {
		counted = statusLineBroke
	}
	a.Metrics.Request(pattern, counted, took)
	attrs := []slog.Attr{
		slog.String("method", c.Method()), slog.String("route", pattern), slog.Int("status", status),
		slog.Duration("took", took), slog.String("ip", c.IP()),
	}
	if u, ok := c.Locals(localUser).(directory.UserID); ok {
		attrs = append(attrs, slog.String("user", string(u)))
	}
	a.Log.LogAttrs(c.UserContext(), slog.LevelInfo, "request", attrs...)
}

// saneID accepts a caller's request id if it is safe in a log: 8 to 64 letters, digits, "-", "_" or ".".
func saneID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		ch := s[i]
		if (ch < '0' || ch > '9') && (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') && ch != '-' && ch != '_' && ch != '.' {
			return false
		}
	}
	return true
}

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(localID).(string)
	return id
}

// secure sets the headers of every answer. Handlers whose answer may be kept replace Cache-Control.
func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if c.Secure() {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
}

// guard is what a route's handler runs behind: who asks, whether the policy lets them, and the bounds of work.
func (a *api) guard(r route) fiber.Handler {
	action := r.action()
	public := auth.IsPublic(action)
	return func(c *fiber.Ctx) error {
		c.Locals(localIdle, a.Limits.Idle)
		if !r.open {
			t := &turn{slots: a.slots, limit: a.Limits.Timeout, parent: c.UserContext()}
			if err := t.take(c); err != nil {
				return refuseBody(c, err)
			}
			defer t.leave(c)
			c.Locals(localTurn, t)
		}
		if public {
			return r.handler(c)
		}
		if r.signed && byDeviceKey(c) {
			if err := a.signers.take(c.IP()); err != nil {
				return refuseBody(c, err)
			}
			return r.handler(c)
		}
		s, handsIn, err := a.authenticate(c)
		if err != nil {
			return refuseBody(c, err)
		}
		c.Locals(localUser, s.User.ID)
		if handsIn && !takesIn(r) {
			return refuseBody(c, auth.ErrForbidden)
		}
		if err := auth.May(s.User, action, a.Now()); err != nil && !mayHandIn(r, err) {
			return refuseBody(c, err)
		}
		c.Locals(localSession, s)
		leave, err := a.crowdOf(r).join(string(s.Device))
		if err != nil {
			return refuseBody(c, err)
		}
		c.Locals(localLeave, leave)
		defer func() { lasting(c)() }() // unless the answer goes on and took it over
		return r.handler(c)
	}
}

// crowdOf is where a route's requests of one device are counted: a stream stays for hours and must not use up what
// requests need.
func (a *api) crowdOf(r route) *crowd {
	if r.stream {
		return a.listening
	}
	return a.underway
}

// mayHandIn lets somebody whose rights have ended hand in what the tablet holds; the push quarantines it. Evidence
// does not die with a permission. A pull of somebody without rights has nothing in it but what is to be forgotten.
func mayHandIn(r route, err error) bool {
	switch {
	case takesIn(r):
		return fault.Of(err).Kind == fault.Forbidden
	case r.path == "/api/v1/sync/hello" || r.path == "/api/v1/sync/pull" || r.path == "/api/v1/sync/check":
		return errors.Is(err, auth.ErrForbidden)
	}
	return false
}

// takesIn reports whether a route takes what tablets hold: records and photos.
func takesIn(r route) bool {
	return r.path == "/api/v1/sync/push" || strings.HasPrefix(r.path, "/api/v1/uploads")
}

// authenticate finds who is asking, and whether the token is for handing in alone. Rights are never read from the token:
// the person comes afresh from the store.
func (a *api) authenticate(c *fiber.Ctx) (s fieldsync.Session, handsIn bool, err error) {
	token := bearer(c)
	if token == "" {
		return s, false, ErrNoSession
	}
	who, err := a.Accounts.Verify(token)
	if err != nil {
		return s, false, err
	}
	u, d, err := a.Accounts.Person(c.UserContext(), who)
	return fieldsync.Session{User: u, Device: who.Device, Revoked: d.Revoked, Wipe: d.Wipe}, who.PushOnly, err
}

// The headers of a push that is signed by the device key, when there is no access token to be had: the device's id, and
// in standard base64 its signature of auth.RequestMessage over the inflated body.
const (
	headerDevice    = "X-Paicha-Device"
	headerSignature = "X-Paicha-Signature"
)

// byDeviceKey reports whether a request comes without a token and with a device's signature.
func byDeviceKey(c *fiber.Ctx) bool {
	return c.Get(fiber.HeaderAuthorization) == "" && c.Get(headerDevice) != ""
}

// signedSession checks a device's signature over the body and returns a session that may push and nothing else.
func (a *api) signedSession(c *fiber.Ctx, body []byte) (fieldsync.Session, error) {
	id, message, signature, err := signed(c, body)
	if err != nil {
		return fieldsync.Session{}, err
	}
	who, u, err := a.Accounts.VerifyDevice(c.UserContext(), id, message, signature)
	if err != nil {
		return fieldsync.Session{}, err
	}
	c.Locals(localUser, u.ID)
	return fieldsync.Session{User: u, Device: who.Device, Revoked: who.Revoked}, nil
}

// signed reads of a request with a device's signature who signed, what and how.
func signed(c *fiber.Ctx, body []byte) (id directory.DeviceID, message, signature []byte, err error) {
	if signature, err = base64.StdEncoding.DecodeString(c.Get(headerSignature)); err != nil {
		return "", nil, nil, auth.ErrSignature.Because(err)
	}
	return directory.DeviceID(c.Get(headerDevice)), auth.RequestMessage(c.Method(), c.Path(), sha256.Sum256(body)), signature, nil
}

// sessionOf is the session that guard found; only routes that are not public have one.
func sessionOf(c *fiber.Ctx) fieldsync.Session {
	s, _ := c.Locals(localSession).(fieldsync.Session)
	return s
}

// rate bounds requests from one address in a window. It forgets everything with the window, so that it stays small.
type rate struct {
	most   int
	window time.Duration
	now    func() time.Time

	mu    sync.Mutex
	since time.Time
	seen  map[string]int
}

// rateAddresses bounds the memory of rate; past it, addresses share one count.
const rateAddresses = 100_000

func newRate(most int, window time.Duration, now func() time.Time) *rate {
	return &rate{most: most, window: window, now: now, seen: map[string]int{}}
}

// take returns ErrRate when the address has used up its window.
func (r *rate) take(address string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.since) >= r.window {
		r.since = now
		clear(r.seen)
	}
	if _, known := r.seen[address]; !known && len(r.seen) >= rateAddresses {
		address = ""
	}
	if r.seen[address]++; r.seen[address] > r.most {
		return ErrRate
	}
	return nil
}
