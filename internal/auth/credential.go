package auth

import (
	"context"
	"encoding/json"
	"errors"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// secret is a credential document's body: the password's argon2id hash in PHC form.
type secret struct {
	Hash string `json:"hash"`
}

func credentialRef(id directory.UserID) store.Ref {
	return store.Ref{Kind: KindCredential, ID: string(id)}
}

// credential finds a user by login through its claim, and the password's hash; an unknown login, or a user without a
// password, is no error but an empty hash.
func (s *Service) credential(ctx context.Context, login string) (directory.User, string, error) {
	u, err := s.UserByLogin(ctx, login)
	if errors.Is(err, store.ErrNotFound) {
		return directory.User{}, "", nil
	}
	if err != nil {
		return directory.User{}, "", err
	}
	doc, err := s.o.Store.One(ctx, credentialRef(u.ID))
	if errors.Is(err, store.ErrNotFound) {
		return directory.User{}, "", nil
	}
	if err != nil {
		return directory.User{}, "", err
	}
	var c secret
	if err := json.Unmarshal(doc.Body, &c); err != nil {
		return directory.User{}, "", directory.ErrUnreadable.Because(err)
	}
	return u, c.Hash, nil
}

// UserByLogin finds a user through the claim of the login, which must be normal; store.ErrNotFound if there is none, or
// if the claim's owner has another login by now.
func (s *Service) UserByLogin(ctx context.Context, login string) (directory.User, error) {
	doc, err := s.o.Store.One(ctx, directory.LoginClaim(login))
	if err != nil {
		return directory.User{}, err
	}
	claim, err := directory.ReadClaim(doc)
	if err != nil {
		return directory.User{}, err
	}
	if doc, err = s.o.Store.One(ctx, claim.Owner); err != nil {
		return directory.User{}, err
	}
	u, err := directory.ReadUser(doc)
	if err == nil && u.Login != login {
		return directory.User{}, store.ErrNotFound
	}
	return u, err
}

// CredentialDoc hashes a password into the document to be written for a user, for whoever makes users in bulk;
// ErrPassword or ErrBusy.
func (s *Service) CredentialDoc(ctx context.Context, id directory.UserID, password string) (store.Doc, error) {
	if err := checkPassword(password); err != nil {
		return store.Doc{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return store.Doc{}, err
	}
	body, err := json.Marshal(secret{Hash: hash})
	return store.Doc{Ref: credentialRef(id), Body: body}, err
}

// SetPassword gives a user a new password and revokes all their sessions; ErrPassword or ErrBusy. The sessions go
// last: if it fails in between, the caller repeats it.
func (s *Service) SetPassword(ctx context.Context, id directory.UserID, password string) error {
	doc, err := s.CredentialDoc(ctx, id, password)
	if err != nil {
		return err
	}
	err = s.retry(func() (bool, error) {
		old, err := s.o.Store.One(ctx, doc.Ref)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		return s.write(ctx, old, doc)
	})
	if err != nil {
		return err
	}
	return s.RevokeSessions(ctx, id, "password")
}

// RevokeSessions ends every session of a user; why is kept with each.
func (s *Service) RevokeSessions(ctx context.Context, id directory.UserID, why string) error {
	q := store.Query{Kind: KindSession, Where: []store.Cond{store.Where("user", store.Eq, store.Text(string(id)))}, Limit: 100}
	for {
		page, err := s.o.Store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			if err := s.revoke(ctx, SessionID(d.ID), why); err != nil {
				return err
			}
		}
		if page.Next == (store.PageKey{}) {
			return nil
		}
		q.After = page.Next
	}
}
