package media

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxMetadata bounds the Upload-Metadata text, and maxName the characters of a file name.
const (
	maxMetadata = 4096
	maxName     = 120
)

// Metadata is what the tablet says of a photo when it begins an upload (tus 1.0, Upload-Metadata).
type Metadata struct {
	SHA256     SHA256 // key "sha256", required: 64 lower-case hexadecimal digits
	Name       string // key "filename": shown to people, never used as a path; may be empty
	Inspection string // key "inspection": the document that names the photo; may be empty
}

// ParseMetadata reads "key base64,key base64" (tus 1.0, creation). Unknown keys are ignored, so that a newer app can
// talk to an older server. It returns ErrMetadata for what breaks the form or repeats a key, and ErrHashForm for a
// missing or wrong sha256.
func ParseMetadata(s string) (Metadata, error) {
	if len(s) > maxMetadata {
		return Metadata{}, ErrMetadata.Because(fmt.Errorf("%d bytes", len(s)))
	}
	seen := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if key == "" {
			return Metadata{}, ErrMetadata.Because(errors.New("empty key"))
		}
		if _, again := seen[key]; again {
			return Metadata{}, ErrMetadata.Because(fmt.Errorf("key %q twice", key))
		}
		value, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return Metadata{}, ErrMetadata.Because(fmt.Errorf("value of %q: %w", key, err))
		}
		seen[key] = string(value)
	}
	hash, err := ParseSHA256(seen["sha256"])
	if err != nil {
		return Metadata{}, err
	}
	inspection := seen["inspection"]
	if len(inspection) > maxName || strings.ContainsFunc(inspection, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Metadata{}, ErrMetadata.Because(errors.New("inspection is no document id"))
	}
	return Metadata{SHA256: hash, Name: cleanName(seen["filename"]), Inspection: inspection}, nil
}

// cleanName keeps a file name fit to be shown: the last element of a path, printable, at most maxName characters.
func cleanName(s string) string {
	if !utf8.ValidString(s) {
		return ""
	}
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // also drops direction marks, which disguise "gpj.exe" as "exe.jpg"
			return -1
		}
		return r
	}, s))
	if s == "." || s == ".." { // a folder wherever somebody saves it
		return ""
	}
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return s
}

// NewUpload asks for an upload. Owner and Device come from the session, the rest from the request.
type NewUpload struct {
	Owner  string // user id
	Device string // device id
	Length int64  // bytes
	Metadata
}

// Upload is one photo on its way. Offset, Done and Received are the present state; the rest never changes.
type Upload struct {
	ID         UploadID  `json:"id"`
	Owner      string    `json:"owner"`
	Device     string    `json:"device"`
	SHA256     SHA256    `json:"sha256"`
	Length     int64     `json:"length"` // bytes
	Name       string    `json:"name,omitempty"`
	Inspection string    `json:"inspection,omitempty"`
	Created    time.Time `json:"created"` // server time, UTC
	Expires    time.Time `json:"expires"` // after this it is gone

	Offset   int64    `json:"-"` // bytes that are safe
	Done     bool     `json:"-"` // the photo is verified and durable
	Received Received `json:"-"` // what arrived; set when Done

	arrived time.Time // when it became Done
}

// Received is a photo that was acknowledged: its bytes are verified against their hash and durable. Whoever gets one
// enters it in the evidence document before answering the tablet; doing so twice is harmless. Asked for again, after an
// answer was lost or the server was killed before the evidence was written, it is the same.
type Received struct {
	SHA256     SHA256
	Size       int64
	Photo      Photo     // type, EXIF facts
	Name       string    // as the tablet called it
	Inspection string    // the document it was uploaded for; may be empty
	Owner      string    // user id
	Device     string    // device id
	At         time.Time // server time when it was completed
}

// encode is the upload as kept by Staging.
func (u Upload) encode() ([]byte, error) { return json.Marshal(u) }

// decodeUpload reads what encode wrote.
func decodeUpload(st Staged) (Upload, error) {
	var u Upload
	if err := json.Unmarshal(st.Meta, &u); err != nil {
		return Upload{}, ErrStorage.Because(fmt.Errorf("upload %s: %w", st.ID, err))
	}
	u.Offset, u.Done, u.arrived = st.Offset, st.Committed, st.Arrived
	return u, nil
}
