package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
)

type fixture struct {
	*Service
	t     *testing.T
	ctx   context.Context
	store *store.Store
	mu    sync.Mutex
	at    time.Time
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

const password = directory.DemoPassword

func setUp(t *testing.T) *fixture {
	f := &fixture{t: t, ctx: t.Context(), at: noon}
	engine, err := sqlite.Open(f.ctx, sqlite.Options{
		Path:    filepath.Join(t.TempDir(), "paicha.db"),
		Indexes: slices.Concat(directory.Indexes, Indexes),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	f.store, err = store.Open(f.ctx, engine, store.Options{Now: f.now, Elapsed: func() time.Duration { return 0 }, NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	f.Service, err = New(Options{
		Store: f.store, Now: f.now, NewID: uuid.New, Rand: rand.Reader,
		Key: bytes.Repeat([]byte{7}, 32), Params: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := directory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	docs, err := data.Docs()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range data.Users {
		d, err := f.CredentialDoc(f.ctx, u.ID, password)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	var ws []store.Write
	for _, d := range docs {
		ws = append(ws, store.Write{New: d})
	}
	if _, err := f.store.Commit(f.ctx, ws); err != nil {
		t.Fatal(err)
	}
	return f
}

type tablet struct {
	key    *ecdsa.PrivateKey
	public directory.PublicKey
}

func newTablet(t *testing.T) tablet {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return tablet{k, directory.PublicKey(base64.StdEncoding.EncodeToString(der))}
}

func (tb tablet) sign(message []byte) []byte {
	sum := sha256.Sum256(message)
	sig, err := ecdsa.SignASN1(rand.Reader, tb.key, sum[:])
	if err != nil {
		panic(err)
	}
	return sig
}

func (f *fixture) login(tb tablet, login, pw string) (Tokens, error) {
	return f.Login(f.ctx, LoginRequest{
		Login: login, Password: pw, PublicKey: tb.public, DeviceName: "平板",
		Proof: tb.sign(EnrolMessage(strings.ToLower(login), tb.public)), Address: "192.0.2.1",
	})
}

func (f *fixture) mustLogin(tb tablet, login string) Tokens {
	f.t.Helper()
	tk, err := f.login(tb, login, password)
	if err != nil {
		f.t.Fatal(err)
	}
	return tk
}

func (f *fixture) refresh(tb tablet, token string, proof bool) (Tokens, error) {
	r := RefreshRequest{Refresh: token}
	if proof {
		r.Proof = tb.sign(RefreshMessage(token))
	}
	return f.Refresh(f.ctx, r)
}

func (f *fixture) want(err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		f.t.Errorf("got %v, want %v", err, want)
	}
}

func TestLogin(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "Inspector1")
	ss, err := f.Verify(tk.Access)
	f.want(err, nil)
	u, _, err := f.Person(f.ctx, ss)
	f.want(err, nil)
	if u.ID != "demo-inspector-1" || ss.Device == "" || ss.ID == "" {
		t.Errorf("%+v %+v", ss, u)
	}
	again := f.mustLogin(tb, "inspector1")
	if again.Session.Device != ss.Device {
		t.Error("enrolling twice made two devices")
	}
	_, err = f.login(tb, "inspector2", password)
	f.want(err, ErrDeviceOwner)
	_, err = f.login(tb, "inspector1", "wrong password")
	f.want(err, ErrCredentials)
	_, err = f.login(tb, "nobody", password)
	f.want(err, ErrCredentials)
	_, err = f.login(tb, "inspector1", strings.Repeat("x", 1<<20))
	f.want(err, ErrCredentials)
	_, err = f.login(tb, "\xff", password)
	f.want(err, ErrCredentials)
	_, err = f.Login(f.ctx, LoginRequest{
		Login: "inspector1", Password: password, PublicKey: tb.public, DeviceName: "平板",
		Proof: newTablet(t).sign(EnrolMessage("inspector1", tb.public)),
	})
	f.want(err, ErrSignature)
}

func TestLoginTooManyFailures(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	for range failsPerLogin {
		_, err := f.login(tb, "inspector1", "wrong password")
		f.want(err, ErrCredentials)
	}
	_, err := f.login(tb, "inspector1", password)
	f.want(err, ErrTooMany)
	f.mustLogin(newTablet(t), "inspector2")
	f.pass(failWindow)
	f.mustLogin(tb, "inspector1")
}

func TestAccessEnds(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	for _, bad := range []string{
		"", "x", tk.Access + "x", tk.Access[:len(tk.Access)-4], tk.Refresh, strings.Repeat("a.", 1<<16),
		"eyJhbGciOiJub25lIn0." + strings.Split(tk.Access, ".")[1] + ".",
	} {
		_, err := f.Verify(bad)
		f.want(err, ErrToken)
	}
	other, err := New(Options{Store: f.store, Now: f.now, NewID: uuid.New, Rand: rand.Reader, Key: bytes.Repeat([]byte{8}, 32), Params: f.o.Params})
	f.want(err, nil)
	_, err = other.Verify(tk.Access)
	f.want(err, ErrToken)
	f.pass(15 * time.Minute)
	_, err = f.Verify(tk.Access)
	f.want(err, ErrExpired)
	_, err = New(Options{Now: f.now, Key: []byte("short")})
	f.want(err, ErrKey)
}

func TestRefresh(t *testing.T) {
	t.Run("Rotates", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		tk := f.mustLogin(tb, "inspector1")
		for range 5 {
			next, err := f.refresh(tb, tk.Refresh, false)
			f.want(err, nil)
			if next.Refresh == tk.Refresh {
				t.Error("the refresh token did not change")
			}
			tk = next
		}
	})
	t.Run("LostAnswer", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		lost, err := f.refresh(tb, first.Refresh, true)
		f.want(err, nil)
		second, err := f.refresh(tb, first.Refresh, true) // again, as the answer was lost
		f.want(err, nil)
		_, err = f.refresh(tb, second.Refresh, true)
		f.want(err, nil)
		_, err = f.refresh(tb, first.Refresh, true) // the successor was used: proof helps no more
		f.want(err, ErrReused)
		_, err = f.refresh(tb, lost.Refresh, true)
		f.want(err, ErrRefresh)
	})
	t.Run("PredecessorWithoutProof", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		second, err := f.refresh(tb, first.Refresh, false)
		f.want(err, nil)
		_, err = f.refresh(tb, first.Refresh, false)
		f.want(err, ErrReused)
		_, err = f.refresh(tb, second.Refresh, true)
		f.want(err, ErrRefresh)
		_, _, err = f.Person(f.ctx, second.Session)
		f.want(err, ErrRefresh)
	})
	t.Run("ForeignProof", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		_, err := f.refresh(newTablet(t), first.Refresh, true)
		f.want(err, ErrSignature)
		_, err = f.refresh(tb, first.Refresh, true) // the attempt harmed nobody
		f.want(err, nil)
	})
	t.Run("Guess", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		guess := first.Refresh[:len(first.Refresh)-43] + strings.Repeat("A", 43)
		for _, bad := range []string{guess, "", ".", "x." + strings.Repeat("A", 43), strings.Repeat("a", 1<<16)} {
			_, err := f.refresh(tb, bad, true)
			f.want(err, ErrRefresh)
		}
		_, err := f.refresh(tb, first.Refresh, false)
		f.want(err, nil)
	})
	t.Run("Expired", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		f.pass(60 * 24 * time.Hour)
		_, err := f.refresh(tb, first.Refresh, true)
		f.want(err, ErrRefresh)
	})
	t.Run("AtOnce", func(t *testing.T) {
		f, tb := setUp(t), newTablet(t)
		first := f.mustLogin(tb, "inspector1")
		var wg sync.WaitGroup
		out := make([]Tokens, 4)
		for i := range out {
			wg.Go(func() {
				tk, err := f.refresh(tb, first.Refresh, true)
				if err != nil {
					t.Error(err)
				}
				out[i] = tk
			})
		}
		wg.Wait()
		_, err := f.refresh(tb, out[2].Refresh, true) // whichever answer arrived works
		f.want(err, nil)
	})
}

func TestLogout(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	f.want(f.Logout(f.ctx, tk.Session.ID), nil)
	f.want(f.Logout(f.ctx, tk.Session.ID), nil)
	f.want(f.Logout(f.ctx, "no-such"), nil)
	_, _, err := f.Person(f.ctx, tk.Session)
	f.want(err, ErrRefresh)
	_, err = f.refresh(tb, tk.Refresh, true)
	f.want(err, ErrRefresh)
}

func TestSetPassword(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	for _, bad := range []string{"", "short", strings.Repeat("x", 129), strings.Repeat("\xff", 20)} {
		f.want(f.SetPassword(f.ctx, "demo-inspector-1", bad), ErrPassword)
	}
	f.want(f.SetPassword(f.ctx, "demo-inspector-1", "e\u0301 a new password"), nil)
	_, _, err := f.Person(f.ctx, tk.Session)
	f.want(err, ErrRefresh)
	_, err = f.login(tb, "inspector1", password)
	f.want(err, ErrCredentials)
	_, err = f.login(tb, "inspector1", "é a new password") // the same characters, composed otherwise
	f.want(err, nil)
}

func TestDevices(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	message := RequestMessage("POST", "/api/v1/sync/push", sha256.Sum256([]byte("{}")))
	id := tk.Session.Device

	f.want(f.RevokeDevice(f.ctx, id), nil)
	f.want(f.RevokeDevice(f.ctx, id), nil)
	_, _, err := f.Person(f.ctx, tk.Session)
	f.want(err, ErrDeviceRevoked)
	_, err = f.refresh(tb, tk.Refresh, true)
	f.want(err, ErrDeviceRevoked)
	_, err = f.login(tb, "inspector1", password)
	f.want(err, ErrDeviceRevoked)

	ss, u, err := f.VerifyDevice(f.ctx, id, message, tb.sign(message)) // it may still push
	f.want(err, nil)
	if !ss.PushOnly || ss.User != "demo-inspector-1" || u.ID != ss.User {
		t.Errorf("%+v", ss)
	}
	u, d, err := f.Person(f.ctx, ss)
	f.want(err, nil)
	if u.ID != ss.User || !d.Revoked {
		t.Errorf("%+v %+v", u, d)
	}
	_, _, err = f.VerifyDevice(f.ctx, id, RequestMessage("POST", "/api/v1/sync/pull", sha256.Sum256(nil)), tb.sign(message))
	f.want(err, ErrSignature)
	_, _, err = f.VerifyDevice(f.ctx, "none", message, tb.sign(message))
	f.want(err, ErrDevice)

	f.want(f.ReportStolen(f.ctx, id), nil)
	_, _, err = f.VerifyDevice(f.ctx, id, message, tb.sign(message))
	f.want(err, ErrDeviceStolen)
	f.want(f.ReportFound(f.ctx, id), nil)
	_, _, err = f.VerifyDevice(f.ctx, id, message, tb.sign(message))
	f.want(err, nil)
	f.pass(2 * time.Hour)
	f.want(f.Seen(f.ctx, id), nil)
	d, _, err = f.device(f.ctx, id)
	f.want(err, nil)
	if !d.LastSeen.Equal(f.now()) || !d.Revoked {
		t.Errorf("%+v", d)
	}
	f.want(f.RevokeDevice(f.ctx, "none"), ErrDevice)
}

func TestHandIn(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	id := tk.Session.Device
	message := RequestMessage("POST", "/api/v1/auth/hand-in", sha256.Sum256([]byte("{}")))
	handIn := func(at time.Time) (HandIn, error) { return f.HandIn(f.ctx, id, at, message, tb.sign(message)) }

	got, err := handIn(f.now())
	f.want(err, nil)
	if got.Wipe { // nothing has ended: it is harmless
		t.Error("wipe")
	}
	f.want(f.Wipe(f.ctx, id), nil)
	got, err = handIn(f.now().Add(-9 * time.Minute))
	f.want(err, nil)
	_, d, err := f.Person(f.ctx, tk.Session) // a device that is to be wiped works as before
	f.want(err, nil)
	if !got.Wipe || !d.Wipe {
		t.Errorf("%+v %+v", got, d)
	}
	for _, off := range []time.Duration{-11 * time.Minute, 11 * time.Minute, -3000 * 24 * time.Hour} {
		_, err = handIn(f.now().Add(off))
		f.want(err, ErrStale)
	}
	_, err = f.HandIn(f.ctx, id, f.now(), message, newTablet(t).sign(message))
	f.want(err, ErrSignature)

	f.want(f.RevokeDevice(f.ctx, id), nil)
	got, err = handIn(f.now())
	f.want(err, nil)
	ss, err := f.Verify(got.Access)
	f.want(err, nil)
	u, d, err := f.Person(f.ctx, ss)
	f.want(err, nil)
	if !ss.PushOnly || !got.Wipe || u.ID != tk.Session.User || !d.Revoked {
		t.Errorf("%+v %+v %+v %+v", ss, got, u, d)
	}
	f.want(f.ReportStolen(f.ctx, id), nil)
	_, _, err = f.Person(f.ctx, ss)
	f.want(err, ErrDeviceStolen)
	_, err = handIn(f.now())
	f.want(err, ErrDeviceStolen)
}

func TestDisabled(t *testing.T) {
	f, tb := setUp(t), newTablet(t)
	tk := f.mustLogin(tb, "inspector1")
	old, err := f.store.One(f.ctx, store.Ref{Kind: directory.KindUser, ID: "demo-inspector-1"})
	f.want(err, nil)
	u, err := directory.ReadUser(old)
	f.want(err, nil)
	u.Disabled = true
	doc, err := directory.UserDoc(u)
	f.want(err, nil)
	_, err = f.store.Commit(f.ctx, []store.Write{{Old: old, New: doc}})
	f.want(err, nil)
	_, _, err = f.Person(f.ctx, tk.Session)
	f.want(err, ErrDisabled)
	_, err = f.refresh(tb, tk.Refresh, true)
	f.want(err, ErrDisabled)
	_, err = f.login(tb, "inspector1", password)
	f.want(err, ErrDisabled)
	_, err = f.login(tb, "inspector1", "wrong password") // only who knows the password learns of it
	f.want(err, ErrCredentials)
	message := RequestMessage("POST", "/p", sha256.Sum256(nil))
	_, _, err = f.VerifyDevice(f.ctx, tk.Session.Device, message, tb.sign(message))
	f.want(err, nil)
}

func TestSignatureForms(t *testing.T) {
	tb, message := newTablet(t), []byte("message")
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, tb.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	if err := VerifySignature(tb.public, message, raw); err != nil {
		t.Error("r‖s is refused:", err)
	}
	for _, bad := range [][]byte{nil, {}, make([]byte, 64), raw[:63], bytes.Repeat([]byte{0x30}, 1<<16)} {
		if err := VerifySignature(tb.public, message, bad); !errors.Is(err, ErrSignature) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(100)
	for i := range 10_000 {
		l.take(uuid.NewString(), "a", noon.Add(time.Duration(i)))
		if i%3 == 0 {
			l.forgive(uuid.NewString(), "a")
		}
	}
	if len(l.windows) > 100 || len(l.order) > 300 {
		t.Errorf("%d windows, %d in order", len(l.windows), len(l.order))
	}
}

func TestHashingWaits(t *testing.T) {
	h, err := newHasher(&argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}, 1)
	if err != nil {
		t.Fatal(err)
	}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.matches(ctx, "x", ""); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	s, err := newSigner(bytes.Repeat([]byte{7}, 32), func() time.Time { return noon })
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.sign(Session{ID: "s", User: "u", Device: "d", IssuedAt: noon, ExpiresAt: noon.Add(time.Minute)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := s.verify(token); err == nil && token != good {
			t.Errorf("%q is taken for good", token)
		}
	})
}

func FuzzParseRefresh(f *testing.F) {
	f.Add("0190-a." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := parseRefresh(token); err == nil && !strings.HasPrefix(token, string(id)+".") {
			t.Errorf("%q names %q", token, id)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s, err := newSigner(bytes.Repeat([]byte{7}, 32), func() time.Time { return noon })
	if err != nil {
		b.Fatal(err)
	}
	good, err := s.sign(Session{ID: "0190aaaa-0000-7000-8000-000000000000", User: "u", Device: "d", IssuedAt: noon, ExpiresAt: noon.Add(time.Minute)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.verify(good); err != nil {
			b.Fatal(err)
		}
	}
}
