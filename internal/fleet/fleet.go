// Package fleet makes many inspectors with a tablet and an open session each, straight in a store and without the cost of
// hashing real passwords: for tests and measurements that need a prefecture's worth of tablets. No server calls it.
package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
)

// Member is one person's one tablet.
type Member struct {
	User   string
	Device string
	Bearer string // access token, good for a day
}

const password = "fleet-password-2023"

// Key reads the key that a server with this data folder signs access tokens with.
func Key(data string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(data, "token.key"))
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(strings.TrimSpace(string(b)))
}

// Enrol makes n people with these grants, logs each in from a device of its own, and returns them. Name tells one fleet
// from another in the same store.
func Enrol(ctx context.Context, st *store.Store, key []byte, name string, n int, grants ...directory.Grant) ([]Member, error) {
	accounts, err := auth.New(auth.Options{
		Store: st, Now: time.Now, NewID: uuid.New, Rand: rand.Reader, Key: key, AccessTTL: 24 * time.Hour,
		Params: &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 16}, // hashes as good as plain
	})
	if err != nil {
		return nil, err
	}
	hash, err := accounts.CredentialDoc(ctx, "nobody", password)
	if err != nil {
		return nil, err
	}
	var ws []store.Write
	for i := range n {
		u := directory.User{
			ID: directory.UserID(fmt.Sprintf("%s-%04d", name, i)), Login: fmt.Sprintf("%s-%04d", name, i), Name: "检查员",
			Roles: roles(grants), Grants: grants,
		}
		doc, err := directory.UserDoc(u.Normal())
		if err != nil {
			return nil, err
		}
		claim, err := directory.ClaimDoc(directory.LoginClaim(u.Login), doc.Ref)
		if err != nil {
			return nil, err
		}
		secret := hash
		secret.Ref.ID = string(u.ID)
		for _, d := range []store.Doc{doc, claim, secret} {
			ws = append(ws, store.Write{New: d})
		}
		if len(ws) >= 300 || i == n-1 {
			if _, err := st.Commit(ctx, ws); err != nil {
				return nil, err
			}
			ws = nil
		}
	}
	out := make([]Member, n)
	for i := range out {
		if out[i], err = login(ctx, accounts, fmt.Sprintf("%s-%04d", name, i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func roles(grants []directory.Grant) []directory.Role {
	var out []directory.Role
	seen := map[directory.Role]bool{}
	for _, g := range grants {
		if !seen[g.Role] {
			seen[g.Role] = true
			out = append(out, g.Role)
		}
	}
	return out
}

func login(ctx context.Context, accounts *auth.Service, name string) (Member, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Member{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return Member{}, err
	}
	public := directory.PublicKey(base64.StdEncoding.EncodeToString(der))
	sum := sha256.Sum256(auth.EnrolMessage(name, public))
	proof, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		return Member{}, err
	}
	t, err := accounts.Login(ctx, auth.LoginRequest{Login: name, Password: password, PublicKey: public, DeviceName: name, Proof: proof})
	if err != nil {
		return Member{}, err
	}
	return Member{User: string(t.Session.User), Device: string(t.Session.Device), Bearer: t.Access}, nil
}
