package auth

import (
	"context"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a password, in characters; NIST SP 800-63B asks for a minimum and no rules of composition.
const (
	minPassword = 10
	maxPassword = 128
)

// hasher hashes and compares passwords with argon2id (RFC 9106), at most a few at once: each takes its memory, and a
// crowd of logins must not take all of it.
type hasher struct {
	params *argon2id.Params
	slots  chan struct{}
	dummy  string // compared with when there is no such user, so that an unknown login takes as long as a wrong password
}

func newHasher(params *argon2id.Params, parallel int) (*hasher, error) {
	dummy, err := argon2id.CreateHash("no such user has this password", params)
	if err != nil {
		return nil, err
	}
	return &hasher{params: params, slots: make(chan struct{}, parallel), dummy: dummy}, nil
}

// checkPassword returns ErrPassword for one that is too short, too long or not text.
func checkPassword(password string) error {
	n := utf8.RuneCountInString(password)
	if n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return ErrPassword
	}
	return nil
}

// enter waits for a slot; ErrBusy if the context ends first.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

func (h *hasher) leave() { <-h.slots }

// hash makes a PHC string of the password in NFC, since two keyboards may compose the same characters differently.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return argon2id.CreateHash(norm.NFC.String(password), h.params)
}

// matches compares a password with a hash, or for the empty hash with the dummy, which nothing matches.
func (h *hasher) matches(ctx context.Context, password, hash string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	ok, err := argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
	return ok && known, err
}
