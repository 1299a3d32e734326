package auth

import (
	"context"
	"time"

	"paicha/internal/directory"
)

// handInAge is how far the server's time may be from the one that a proof of HandIn names.
const handInAge = 10 * time.Minute

// HandIn is what a device gets that may do nothing any more but hand in what it holds.
type HandIn struct {
	Access        string // for pushes and photos; good for nothing else
	AccessExpires time.Time
	Session       Session
	Wipe          bool // it is to delete everything once it has nothing left to hand in
}

// HandIn opens the way for what a device still holds when its person's rights have ended, the account is disabled or the
// device was taken out of use. message is RequestMessage of the request, which says that it was made at server time at:
// ErrStale if that is more than ten minutes off, so that what was overheard once opens nothing later. Other errors as
// VerifyDevice.
func (s *Service) HandIn(ctx context.Context, id directory.DeviceID, at time.Time, message, signature []byte) (HandIn, error) {
	ss, u, err := s.VerifyDevice(ctx, id, message, signature)
	if err != nil {
		return HandIn{}, err
	}
	now := s.o.Now()
	if now.Sub(at).Abs() > handInAge {
		return HandIn{}, ErrStale
	}
	ss.User, ss.IssuedAt, ss.ExpiresAt = u.ID, now.UTC(), now.UTC().Add(s.o.AccessTTL)
	access, err := s.signer.sign(ss)
	return HandIn{Access: access, AccessExpires: ss.ExpiresAt, Session: ss, Wipe: ss.Wipe}, err
}
