package attest

import (
	"time"

	"paicha/internal/directory"
	"paicha/media"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What a content is, by its member "type", and the version of its form.
const (
	TypeRecord    = "paicha.inspection.record"
	TypeAmendment = "paicha.inspection.amendment"
	Version       = 1
)

// ES256 is the one algorithm: ECDSA over P-256 with SHA-256 (RFC 7518, 3.4).
const ES256 = "ES256"

// Signature is a device's signature of a content. Value is r‖s in 64 bytes (IEEE P1363, as WebCrypto signs) or ASN.1 DER
// (as Android does): both are accepted.
type Signature struct {
	Alg   string         `json:"alg"`
	Value []byte         `json:"value"`
	Extra jsontext.Value `json:",embed"`
}

// Signed is a content with the signature of the device that hands it in.
type Signed struct {
	Content   string         `json:"content"` // kept byte for byte
	Signature Signature      `json:"signature"`
	Extra     jsontext.Value `json:",embed"`
}

// Representative is the enterprise's side as the inspectors recorded it: one of Signed and Refused is set.
type Representative struct {
	Name    string         `json:"name"`
	Title   string         `json:"title,omitzero"`
	Signed  *Handwriting   `json:"signed,omitzero"`
	Refused string         `json:"refused,omitzero"` // the reason
	Extra   jsontext.Value `json:",embed"`
}

// Handwriting is a signature on paper or glass, as a photo of the inspection.
type Handwriting struct {
	Image media.SHA256 `json:"image"`
}

// Content is what checking needs of a content; the rest of it is for people. Times are text: they are not computed with.
type Content struct {
	Type       string `json:"type"`
	Version    int    `json:"version"`
	Inspection string `json:"inspection"`
	FinishedAt string `json:"finishedAt"`
	Header     struct {
		Unit struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"unit"`
	} `json:"header"`
	Team           []directory.UserID `json:"team"`
	Photos         []media.SHA256     `json:"photos"`
	Representative *Representative    `json:"representative"`
	Amends         Hash               `json:"amends"`
	Reason         string             `json:"reason"`
	Changes        struct {
		Photos []media.SHA256 `json:"photos"`
	} `json:"changes"`
}

// ReadContent reads a content; ErrNotCanonical if it is not canonical or not of the form of this version.
func ReadContent(text string) (Content, error) {
	var c Content
	if err := canonical(text); err != nil {
		return c, err
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, ErrNotCanonical.Saying("签名内容缺少应有的项目，或者项目的形式不对").Because(err)
	}
	if c.Type != TypeRecord && c.Type != TypeAmendment || c.Version != Version {
		return c, ErrNotCanonical.Saying("签名内容的类型或版本不认识，请更新应用后重新签名")
	}
	return c, nil
}

// Message is what a device signs of a content. The first line keeps it from being mistaken for anything else that the
// key signs.
func Message(h Hash) []byte { return []byte("paicha-sign-v1\n" + string(h)) }

// DeclineMessage is what a device may sign when its person refuses to sign a content.
func DeclineMessage(h Hash, reason string) []byte {
	return []byte("paicha-decline-v1\n" + string(h) + "\n" + string(Sum(reason)))
}

// Check verifies a signature of a message and returns the key's fingerprint; ErrSignature if it is none.
func (s Signature) Check(key directory.PublicKey, message []byte) (fingerprint string, err error) {
	if s.Alg != ES256 {
		return "", ErrSignature.Saying("签名算法应为 ES256")
	}
	ok, err := key.Verifies(message, s.Value)
	if err != nil {
		return "", ErrSignature.Because(err)
	}
	if !ok {
		return "", ErrSignature
	}
	return key.Fingerprint()
}

// timeForm writes a time as JavaScript's Date.toISOString does.
const timeForm = "2006-01-02T15:04:05.000Z"

// Encode writes a value as a content: canonical, its times as timeForm in UTC.
func Encode(v any) (string, error) {
	raw, err := json.Marshal(v, json.WithMarshalers(json.MarshalFunc(func(t time.Time) ([]byte, error) {
		return json.Marshal(t.UTC().Format(timeForm))
	})))
	if err != nil {
		return "", ErrNotCanonical.Because(err)
	}
	return Canonicalize(raw)
}
