package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs heads and manifests. Verifier is its public half as text: NAME+HASH+KEY, as a person keeps it or prints it.
type Key struct {
	Name     string // also the first line of the heads that it signs
	Verifier string
	signer   note.Signer
}

// NewKey makes a key and the text that is to be kept secret.
func NewKey(random io.Reader) (secret string, err error) {
	name := make([]byte, 4)
	if _, err := io.ReadFull(random, name); err != nil {
		return "", err
	}
	secret, _, err = note.GenerateKey(random, "paicha-log-"+hex.EncodeToString(name))
	return secret, err
}

// ParseKey reads what NewKey made; ErrKeyFile if it is something else.
func ParseKey(secret string) (*Key, error) {
	secret = strings.TrimSpace(secret)
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, ErrKeyFile.Because(err)
	}
	// PRIVATE+KEY+NAME+HASH+BASE64, and of the last part the first byte is the algorithm, the rest the seed.
	part := strings.SplitN(secret, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(part[len(part)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, ErrKeyFile
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, ErrKeyFile
	}
	k := &Key{Name: signer.Name(), signer: signer}
	if k.Verifier, err = note.NewEd25519VerifierKey(k.Name, public); err != nil {
		return nil, ErrKeyFile.Because(err)
	}
	return k, nil
}

// Sign writes text, which ends with a newline, as a signed note.
func (k *Key) Sign(text string) ([]byte, error) {
	return note.Sign(&note.Note{Text: text}, k.signer)
}

// OpenNote returns the text of a note that the holder of a verifier key has signed; ErrKeyFile for what is no verifier
// key, ErrKey for a note that the key has not signed.
func OpenNote(signed []byte, verifier string) (string, error) {
	v, err := note.NewVerifier(strings.TrimSpace(verifier))
	if err != nil {
		return "", ErrKeyFile.Because(err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return "", ErrKey.Because(err)
	}
	return n.Text, nil
}
