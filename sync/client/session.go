package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// session is what the tablet keeps of a login, in session.json.
type session struct {
	User    string    `json:"user"`   // id
	Device  string    `json:"device"` // id
	Access  string    `json:"accessToken"`
	Expires time.Time `json:"accessExpiresAt"` // by the server's clock: a hint, since ours may be years off
	Refresh string    `json:"refreshToken"`
}

// loginRequest enrols the device whose key it carries.
type loginRequest struct {
	Login      string `json:"login"`
	Password   string `json:"password"`
	PublicKey  string `json:"publicKey"` // SubjectPublicKeyInfo (RFC 5280) in DER, standard base64
	DeviceName string `json:"deviceName"`
	Proof      []byte `json:"proof"` // signature of "paicha-enrol-v1\n<login>\n<publicKey>"
}

type refreshRequest struct {
	RefreshToken string `json:"refreshToken"`
	Proof        []byte `json:"proof"` // signature of "paicha-refresh-v1\n<SHA-256 of the token, hexadecimal>"
}

// Login opens a session with a password, enrolling the tablet's key on the way. A data directory belongs to the person
// who logged in first: another one gets ErrOtherUser, and nothing changes. A *Refusal says why the server said no.
func (t *Tablet) Login(ctx context.Context, login, password string) error {
	t.authMu.Lock()
	defer t.authMu.Unlock()
	if t.key == nil {
		return ErrClosed
	}
	public, err := publicKey(t.key)
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	login = strings.ToLower(strings.TrimSpace(login)) // signed as the server keeps it
	proof, err := t.sign("paicha-enrol-v1\n" + login + "\n" + public)
	if err != nil {
		return err
	}
	req := loginRequest{Login: login, Password: password, PublicKey: public, DeviceName: t.Name, Proof: proof}
	body, err := json.Marshal(req)
	if err != nil {
		return ErrArgs.Because(err)
	}
	answer, err := t.post(ctx, "/api/v1/auth/login", body)
	if err != nil {
		return err
	}
	return t.keep(answer)
}

// keep stores a session before it is used: a refresh token that was used and whose successor was lost must not be all
// that is on the disk.
func (t *Tablet) keep(answer []byte) error {
	var s session
	if err := json.Unmarshal(answer, &s); err != nil {
		return ErrAnswer.Because(err)
	}
	if s.Access == "" || s.Refresh == "" || s.User == "" || s.Device == "" {
		return ErrAnswer.Because(errors.New("session without tokens, user or device"))
	}
	if t.session.User != "" && t.session.User != s.User {
		return ErrOtherUser
	}
	b, err := json.Marshal(s)
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	if err := writeFile(t.Disk, filepath.Join(t.Dir, "session.json"), b); err != nil {
		return err
	}
	t.session = s
	return nil
}

// Session returns the ids of the person logged in and of the device; both empty before the first login.
func (t *Tablet) Session() (user, device string) {
	t.authMu.Lock()
	defer t.authMu.Unlock()
	return t.session.User, t.session.Device
}

// token returns the access token. Whether it has run out is for the server to say.
func (t *Tablet) token() (string, error) {
	t.authMu.Lock()
	defer t.authMu.Unlock()
	if t.session.Access == "" {
		return "", ErrLogin
	}
	return t.session.Access, nil
}

// refresh trades the refresh token for the next one, unless somebody else did while we waited for the lock. If the
// answer is lost the old token still serves, since the request proves the device's key.
func (t *Tablet) refresh(ctx context.Context, spent string) (string, error) {
	t.authMu.Lock()
	defer t.authMu.Unlock()
	if t.session.Access != spent {
		return t.session.Access, nil
	}
	if t.session.Refresh == "" {
		return "", ErrLogin
	}
	sum := sha256.Sum256([]byte(t.session.Refresh))
	proof, err := t.sign("paicha-refresh-v1\n" + hex.EncodeToString(sum[:]))
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(refreshRequest{RefreshToken: t.session.Refresh, Proof: proof})
	if err != nil {
		return "", ErrArgs.Because(err)
	}
	answer, err := t.post(ctx, "/api/v1/auth/refresh", body)
	if err != nil {
		return "", err
	}
	if err := t.keep(answer); err != nil {
		return "", err
	}
	return t.session.Access, nil
}

// sign signs a message's SHA-256 with the device key: ECDSA P-256 in ASN.1 DER.
func (t *Tablet) sign(message string) ([]byte, error) {
	sum := sha256.Sum256([]byte(message))
	sig, err := ecdsa.SignASN1(rand.Reader, t.key, sum[:])
	if err != nil {
		return nil, ErrNotSaved.Because(err)
	}
	return sig, nil
}

// byKey posts a body signed with the device key instead of a token: for who may no longer do anything but hand in work.
func (t *Tablet) byKey(ctx context.Context, path string, body []byte) ([]byte, error) {
	_, device := t.Session()
	if device == "" {
		return nil, ErrLogin
	}
	sum := sha256.Sum256(body)
	sig, err := t.sign("paicha-request-v1\nPOST\n" + path + "\n" + hex.EncodeToString(sum[:]))
	if err != nil {
		return nil, err
	}
	return t.post(ctx, path, body, "X-Paicha-Device", device, "X-Paicha-Signature", base64.StdEncoding.EncodeToString(sig))
}

// loadSession reads the device key, making one at first, and the session if there is one.
func (t *Tablet) loadSession() error {
	key, err := loadKey(t.Disk, filepath.Join(t.Dir, "device.pem"))
	if err != nil {
		return err
	}
	t.key = key
	b, err := t.Disk.ReadFile(filepath.Join(t.Dir, "session.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &t.session)
	}
	if err != nil {
		return ErrDamaged.Because(err)
	}
	return nil
}

// loadKey reads the tablet's private key (PKCS #8 in PEM, readable by its owner only), making one if there is none.
func loadKey(disk Disk, path string) (*ecdsa.PrivateKey, error) {
	b, err := disk.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, ErrNotSaved.Because(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, ErrNotSaved.Because(err)
		}
		return key, writeFile(disk, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	if err != nil {
		return nil, ErrNotSaved.Because(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, ErrDamaged.Because(errors.New("device key is no PEM"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, ErrDamaged.Because(err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, ErrDamaged.Because(errors.New("device key is not P-256"))
	}
	return key, nil
}

// publicKey is the key as the server takes it.
func publicKey(key *ecdsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return base64.StdEncoding.EncodeToString(der), err
}

// loggedOut reports whether err says that only a new login, or nothing at all, opens the server again.
func loggedOut(err error) bool {
	return errors.Is(err, ErrLogin) || refused(err, http.StatusUnauthorized, http.StatusForbidden)
}
