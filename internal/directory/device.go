package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"time"

	"paicha/internal/store"
)

// DeviceID names a device: the first sixteen bytes of its public key's SHA-256, in hexadecimal. So enrolling twice is
// enrolling once, and a revoked key cannot come back under another id.
type DeviceID string

// PublicKey is a device's ECDSA P-256 key: its SubjectPublicKeyInfo (RFC 5280) in DER, standard base64.
type PublicKey string

// Device is a tablet, phone or browser that holds a key pair for one user. Two people who share a tablet have two keys.
type Device struct {
	ID         DeviceID  `json:"id" yaml:"id"`
	User       UserID    `json:"user" yaml:"user"`
	Name       string    `json:"name" yaml:"name"`
	PublicKey  PublicKey `json:"publicKey" yaml:"public_key"`
	EnrolledAt time.Time `json:"enrolledAt" yaml:"enrolled_at"`
	LastSeen   time.Time `json:"lastSeen,omitzero" yaml:"last_seen"`
	Revoked    bool      `json:"revoked,omitempty" yaml:"revoked"` // may still push what it holds, and is wiped after that
	RevokedAt  time.Time `json:"revokedAt,omitzero" yaml:"revoked_at"`
	Stolen     bool      `json:"stolen,omitempty" yaml:"stolen"` // is wiped at once and may not push
	Wipe       bool      `json:"wipe,omitempty" yaml:"wipe"`     // hands in what it holds as ever, and is wiped after that
}

// Parse decodes the key; ErrDeviceKey if it is no ECDSA P-256 key.
func (k PublicKey) Parse() (*ecdsa.PublicKey, error) {
	if len(k) > 1024 {
		return nil, ErrDeviceKey
	}
	der, err := base64.StdEncoding.Strict().DecodeString(string(k))
	if err != nil {
		return nil, ErrDeviceKey.Because(err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, ErrDeviceKey.Because(err)
	}
	p, ok := key.(*ecdsa.PublicKey)
	if !ok || p.Curve != elliptic.P256() {
		return nil, ErrDeviceKey
	}
	return p, nil
}

// Verifies reports whether signature is one of the key's over the message's SHA-256: in ASN.1 DER as Android signs, or
// as 64 bytes r‖s (IEEE P1363) as WebCrypto does. ErrDeviceKey as Parse.
func (k PublicKey) Verifies(message, signature []byte) (bool, error) {
	p, err := k.Parse()
	if err != nil {
		return false, err
	}
	if len(signature) > maxSignature {
		return false, nil
	}
	sum := sha256.Sum256(message)
	if ecdsa.VerifyASN1(p, sum[:], signature) {
		return true, nil
	}
	if len(signature) != 64 {
		return false, nil
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(p, sum[:], r, s), nil
}

// maxSignature bounds a signature, in bytes; one of P-256 has at most 72 in DER.
const maxSignature = 128

// Fingerprint is the SHA-256 of the key in 64 lower-case hexadecimal digits; ErrDeviceKey as Parse. The key is encoded
// anew before it is hashed, so that one key has one fingerprint however it was written.
func (k PublicKey) Fingerprint() (string, error) {
	p, err := k.Parse()
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(p)
	if err != nil {
		return "", ErrDeviceKey.Because(err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// DeviceIDOf derives a device's id from its key; ErrDeviceKey as Parse.
func DeviceIDOf(k PublicKey) (DeviceID, error) {
	print, err := k.Fingerprint()
	if err != nil {
		return "", err
	}
	return DeviceID(print[:32]), nil
}

// DeviceDoc turns a device into a document that only its owner reads.
func DeviceDoc(d Device) (store.Doc, error) {
	if !validID(string(d.ID)) || !validID(string(d.User)) || !validName(d.Name) {
		return store.Doc{}, ErrDevice
	}
	if _, err := d.PublicKey.Parse(); err != nil {
		return store.Doc{}, err
	}
	fields := store.Fields{
		"user": store.Text(string(d.User)), "revoked": flag(d.Revoked), "stolen": flag(d.Stolen),
		"lastSeen": store.Time(d.LastSeen),
	}
	return document(KindDevice, string(d.ID), []store.Token{UserToken(d.User)}, fields, d)
}

// ReadDevice reads a device back from its document.
func ReadDevice(d store.Doc) (Device, error) { return read[Device](KindDevice, d) }
