package attest

import (
	"time"

	"paicha/internal/directory"
	"paicha/media"

	"github.com/go-json-experiment/json"
)

// Format and FileVersion mark an evidence file.
const (
	Format      = "paicha-attestation"
	FileVersion = 1
)

// The bounds of an evidence file.
const (
	MaxFile     = 64 << 20 // bytes
	maxContents = 1000
	maxSeals    = 1000 // signatures, and refusals, of one content
	maxKeys     = 10000
	maxPhotos   = 20000
)

// File is what GET /api/v1/inspections/{id}/attestation answers, and what an evidence bundle contains: all that checking
// needs, offline.
type File struct {
	Format     string           `json:"format"`
	Version    int              `json:"version"`
	Inspection string           `json:"inspection"`
	ExportedAt time.Time        `json:"exportedAt"`
	Contents   []Sealed         `json:"contents"` // in the order in which they came: the record, then its amendments
	Keys       []Key            `json:"keys"`
	Photos     []Photo          `json:"photos"`
	Amendments []AmendmentEntry `json:"amendments"` // every amendment of the record, signed or not
}

// Key is a device's public key as the register has it. RevokedAt takes nothing from what was signed before it.
type Key struct {
	Fingerprint string              `json:"fingerprint"`
	PublicKey   directory.PublicKey `json:"publicKey"`
	Device      directory.DeviceID  `json:"device"`
	User        directory.UserID    `json:"user"`
	EnrolledAt  time.Time           `json:"enrolledAt,omitzero"`
	Revoked     bool                `json:"revoked,omitzero"`
	RevokedAt   time.Time           `json:"revokedAt,omitzero"` // absent of a device that was revoked before this was kept
}

// Photo is one photo that the record names.
type Photo struct {
	SHA256   media.SHA256 `json:"sha256"`
	Bytes    int64        `json:"bytes,omitzero"`
	Received bool         `json:"received"` // the server had it when the file was made
}

// AmendmentEntry is one change after submission. Content is empty for one that nobody signed.
type AmendmentEntry struct {
	By      directory.UserID `json:"by"`
	At      time.Time        `json:"at"`
	Reason  string           `json:"reason"`
	Content Hash             `json:"content,omitzero"`
}

// ReadFile reads an evidence file from anybody: ErrFileTooLarge, ErrFileVersion, or ErrFile for what is none. Doubled
// members and invalid UTF-8 are refused: two readers must not read two things.
func ReadFile(b []byte) (*File, error) {
	if len(b) > MaxFile {
		return nil, ErrFileTooLarge
	}
	if err := readable(b); err != nil {
		return nil, ErrFile.Because(err)
	}
	var f File
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, ErrFile.Because(err)
	}
	switch {
	case f.Format != Format:
		return nil, ErrFile
	case f.Version != FileVersion:
		return nil, ErrFileVersion
	case len(f.Contents) > maxContents || len(f.Keys) > maxKeys || len(f.Photos) > maxPhotos || len(f.Amendments) > maxContents:
		return nil, ErrFileTooLarge
	}
	for i := range f.Contents {
		if c := &f.Contents[i]; len(c.Signatures) > maxSeals || len(c.Declined) > maxSeals {
			return nil, ErrFileTooLarge
		}
	}
	return &f, nil
}
