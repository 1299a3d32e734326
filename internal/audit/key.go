package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
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

// NewKey makes a key and returns the text of its file: 32 random bytes in hexadecimal.
func NewKey(random io.Reader) (secret string, err error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", err
	}
	return hex.EncodeToString(seed), nil
}

// ParseKey reads what NewKey made; ErrKeyFile if it is something else. The key's name is made of its public half.
func ParseKey(secret string) (*Key, error) {
	seed, err := hex.DecodeString(strings.TrimSpace(secret))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, ErrKeyFile
	}
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return nil, ErrKeyFile
	}
	sum := sha256.Sum256(public)
	k := &Key{Name: "paicha-log-" + hex.EncodeToString(sum[:4])}
	if k.Verifier, err = note.NewEd25519VerifierKey(k.Name, public); err != nil {
		return nil, ErrKeyFile.Because(err)
	}
	// PRIVATE+KEY+NAME+HASH+BASE64: the first byte of the last part is the algorithm, as in the verifier key.
	hash := strings.Split(k.Verifier, "+")[1]
	const ed = 1
	if k.signer, err = note.NewSigner("PRIVATE+KEY+" + k.Name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{ed}, seed...))); err != nil {
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
