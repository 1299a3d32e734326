package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// EnrolMessage is what a device signs to prove, at login, that it holds its key. The login is as typed but normal
// (directory.ParseLogin).
func EnrolMessage(login string, key directory.PublicKey) []byte {
	return []byte("paicha-enrol-v1\n" + login + "\n" + string(key))
}

// RefreshMessage is what a device signs to prove that a refresh token is used where it was given: the token's SHA-256.
func RefreshMessage(refresh string) []byte {
	return []byte("paicha-refresh-v1\n" + string(hashToken(refresh)))
}

// RequestMessage is what a device signs when it pushes by its key alone. The body is bound by its SHA-256; nothing
// binds the time, because a tablet's clock may be years off and a push that is sent again has no second effect.
func RequestMessage(method, path string, bodySHA256 [sha256.Size]byte) []byte {
	return []byte(strings.Join([]string{"paicha-request-v1", method, path, hex.EncodeToString(bodySHA256[:])}, "\n"))
}

// VerifySignature checks an ECDSA P-256 signature over the message's SHA-256, in ASN.1 DER as Android signs, or as 64
// bytes r‖s (IEEE P1363) as WebCrypto does. It returns ErrSignature, or directory.ErrDeviceKey for a key that is none.
func VerifySignature(key directory.PublicKey, message, signature []byte) error {
	ok, err := key.Verifies(message, signature)
	if err != nil {
		return err
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// VerifyDevice lets the holder of a device key push, and only push, when there is no access token to be had: the
// person's rights have ended, the account is disabled or the session is lost. message is RequestMessage of the request.
// The user is returned as found, disabled or not; a device reported stolen is refused with ErrDeviceStolen, an unknown
// one with ErrDevice, a bad signature with ErrSignature.
func (s *Service) VerifyDevice(ctx context.Context, id directory.DeviceID, message, signature []byte) (Session, directory.User, error) {
	d, _, err := s.device(ctx, id)
	if err != nil {
		return Session{}, directory.User{}, err
	}
	if err := VerifySignature(d.PublicKey, message, signature); err != nil {
		return Session{}, directory.User{}, err
	}
	u, err := s.owner(ctx, d) // who holds the key is told of a theft, and nobody else
	return Session{User: d.User, Device: d.ID, IssuedAt: s.o.Now(), PushOnly: true, Revoked: d.Revoked, Wipe: d.Revoked || d.Wipe}, u, err
}

// holder reads a device and its user as they are, disabled and revoked ones too; ErrDevice, ErrDeviceStolen.
func (s *Service) holder(ctx context.Context, id directory.DeviceID) (directory.User, directory.Device, error) {
	d, _, err := s.device(ctx, id)
	if err != nil {
		return directory.User{}, directory.Device{}, err
	}
	u, err := s.owner(ctx, d)
	return u, d, err
}

// owner reads the user of a device as it is, a disabled one too; ErrDevice, ErrDeviceStolen.
func (s *Service) owner(ctx context.Context, d directory.Device) (directory.User, error) {
	if d.Stolen {
		return directory.User{}, ErrDeviceStolen
	}
	doc, err := s.o.Store.One(ctx, store.Ref{Kind: directory.KindUser, ID: string(d.User)})
	if errors.Is(err, store.ErrNotFound) {
		return directory.User{}, ErrDevice
	}
	if err != nil {
		return directory.User{}, err
	}
	return directory.ReadUser(doc)
}

// RevokeDevice ends a device's sessions; what it holds it may still push by its key, and it is wiped after that.
func (s *Service) RevokeDevice(ctx context.Context, id directory.DeviceID) error {
	return s.changeDevice(ctx, id, s.end)
}

// ReportStolen ends a device's sessions and its pushing; it is wiped at once.
func (s *Service) ReportStolen(ctx context.Context, id directory.DeviceID) error {
	return s.changeDevice(ctx, id, func(d *directory.Device) {
		s.end(d)
		d.Stolen = true
	})
}

// Wipe has a device delete everything once it has handed in what it holds; until then it works as ever.
func (s *Service) Wipe(ctx context.Context, id directory.DeviceID) error {
	return s.changeDevice(ctx, id, func(d *directory.Device) { d.Wipe = true })
}

// end revokes a device, once. When is kept: what it signed before stays signed.
func (s *Service) end(d *directory.Device) {
	if !d.Revoked {
		d.Revoked, d.RevokedAt = true, s.o.Now().UTC().Truncate(time.Millisecond)
	}
}

// ReportFound takes the report of a theft back: the device stays revoked, but may push what it still holds.
func (s *Service) ReportFound(ctx context.Context, id directory.DeviceID) error {
	return s.changeDevice(ctx, id, func(d *directory.Device) { d.Stolen = false })
}

// Seen notes that a device was heard of, at most once an hour, so that being in touch costs no writes.
func (s *Service) Seen(ctx context.Context, id directory.DeviceID) error {
	now := s.o.Now().UTC().Truncate(time.Millisecond)
	return s.changeDevice(ctx, id, func(d *directory.Device) {
		if now.Sub(d.LastSeen) >= time.Hour {
			d.LastSeen = now
		}
	})
}

// device reads a device and its document; ErrDevice if there is none.
func (s *Service) device(ctx context.Context, id directory.DeviceID) (directory.Device, store.Doc, error) {
	doc, err := s.o.Store.One(ctx, store.Ref{Kind: directory.KindDevice, ID: string(id)})
	if errors.Is(err, store.ErrNotFound) {
		return directory.Device{}, store.Doc{}, ErrDevice
	}
	if err != nil {
		return directory.Device{}, store.Doc{}, err
	}
	d, err := directory.ReadDevice(doc)
	return d, doc, err
}

func (s *Service) changeDevice(ctx context.Context, id directory.DeviceID, f func(*directory.Device)) error {
	return s.retry(func() (bool, error) {
		d, old, err := s.device(ctx, id)
		if err != nil {
			return false, err
		}
		was := d
		f(&d)
		if d == was {
			return true, nil
		}
		doc, err := directory.DeviceDoc(d)
		if err != nil {
			return false, err
		}
		return s.write(ctx, old, doc)
	})
}

// enrol finds or makes the device of a key for a user who has just given the right password.
func (s *Service) enrol(ctx context.Context, u directory.User, key directory.PublicKey, name string) (directory.Device, error) {
	id, err := directory.DeviceIDOf(key)
	if err != nil {
		return directory.Device{}, err
	}
	var out directory.Device
	err = s.retry(func() (bool, error) {
		d, _, err := s.device(ctx, id)
		switch {
		case err == nil && d.User != u.ID:
			return false, ErrDeviceOwner
		case err == nil && d.Stolen:
			return false, ErrDeviceStolen
		case err == nil && d.Revoked:
			return false, ErrDeviceRevoked
		case err == nil:
			out = d
			return true, nil
		case !errors.Is(err, ErrDevice):
			return false, err
		}
		now := s.o.Now().UTC().Truncate(time.Millisecond)
		out = directory.Device{ID: id, User: u.ID, Name: name, PublicKey: key, EnrolledAt: now, LastSeen: now}
		doc, err := directory.DeviceDoc(out)
		if err != nil {
			return false, err
		}
		return s.write(ctx, store.Doc{}, doc)
	})
	return out, err
}
