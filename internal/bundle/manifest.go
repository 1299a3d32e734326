package bundle

import (
	"time"

	"paicha/media"
)

// Format and Version mark a manifest.
const (
	Format  = "paicha-bundle"
	Version = 1
)

// The names of files with a meaning of their own.
const (
	ManifestName    = "manifest.json"
	SignatureName   = "manifest.sig" // the signed hash of the manifest, a note; in no manifest
	AttestationName = "attestation.json"
	LogName         = "log.json" // audit.File: the histories of the records in the log
)

// Manifest is manifest.json, the last file of a bundle but its signature: it names every other one.
type Manifest struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	Kind       string    `json:"kind"` // inspection or hazard
	ID         string    `json:"id"`
	ExportedAt time.Time `json:"exportedAt"` // server time
	ExportedBy string    `json:"exportedBy"` // user id
	Files      []File    `json:"files"`      // in the order of the archive
	Missing    []Missing `json:"missing"`
	Key        string    `json:"key,omitzero"` // verifier key of the signature beside it; proves nothing by itself
}

// Role says what a file of a bundle is.
type Role string

// The roles.
const (
	Record     Role = "record"     // the body of a document, byte for byte
	Restricted Role = "restricted" // the part of it that supervisors see, byte for byte
	Photo      Role = "photo"      // an original, byte for byte
	Further    Role = "further"    // signatures and what else belongs to it
)

// File is one file of a bundle as it was written.
type File struct {
	Name   string       `json:"name"`
	Role   Role         `json:"role"`
	SHA256 media.SHA256 `json:"sha256"`
	Size   int64        `json:"size"` // bytes
	Kind   string       `json:"kind,omitzero"`
	ID     string       `json:"id,omitzero"`
	Rev    uint64       `json:"rev,omitzero"`
	// Named is the hash by which a record names a photo, there only if the stored bytes had another: they are damaged.
	Named *media.SHA256 `json:"named,omitzero"`
}

// Missing is a photo that a record names and that the server did not hold.
type Missing struct {
	SHA256 media.SHA256 `json:"sha256"`
	Reason string       `json:"reason"` // not_received; lost: it was received and is not to be found; expired: erased after its period
}

// The reasons for which a photo is missing.
const (
	NotReceived = "not_received"
	Lost        = "lost"
	Expired     = "expired"
)
