package media

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"
)

// Type is the sort of file that a photo is, found by looking at its bytes and never by its name.
type Type string

// The accepted types, as they are written in a record and served.
const (
	JPEG Type = "image/jpeg"
	PNG  Type = "image/png"
	WebP Type = "image/webp"
	HEIC Type = "image/heic"
	MP4  Type = "video/mp4"
	PDF  Type = "application/pdf"
)

// headSize is how many leading bytes decide the type; mimetype reads no more.
const headSize = 3072

// Sniff returns the type of a file from its first bytes, or ErrTypeUnsupported, whose sentence says what it is. A file
// is one of the types only if it begins as they do: what has their mark somewhere behind is something else.
func Sniff(head []byte) (Type, error) {
	if t, ok := sniffBoxes(head); ok {
		return t, nil
	}
	m := mimetype.Detect(head[:min(len(head), headSize)])
	for _, t := range []struct {
		mime, magic string
		as          Type
	}{
		{"image/jpeg", "\xff\xd8\xff", JPEG},
		{"image/png", "\x89PNG\r\n\x1a\n", PNG},
		{"image/vnd.mozilla.apng", "\x89PNG\r\n\x1a\n", PNG},
		{"image/webp", "RIFF", WebP},
		{"application/pdf", "%PDF-", PDF},
	} {
		if m.Is(t.mime) && strings.HasPrefix(string(head), t.magic) {
			return t.as, nil
		}
	}
	return "", ErrTypeUnsupported.Saying("这个文件的实际类型是 %s，不能作为照片证据；只接收 JPEG、PNG、WebP、HEIC 照片、MP4 视频或 PDF", m.String())
}

// Photo is what the bytes of a photo say of themselves. Nothing in it is proof: EXIF can be written by anybody.
type Photo struct {
	Type      Type  `json:"type"`
	Width     int   `json:"width,omitempty"`     // pixels as stored, before Orientation; 0 if not known
	Height    int   `json:"height,omitempty"`    // pixels as stored
	Truncated bool  `json:"truncated,omitempty"` // the file ends before its format says it should
	Length    int64 `json:"length,omitempty"`    // of a video, milliseconds; 0 if not known
	Facts     Facts `json:"facts"`
}

// Facts are the EXIF (CIPA DC-008) and XMP values that corroborate a photo. Absent values are zero.
type Facts struct {
	Taken       Taken  `json:"taken,omitzero"`
	GPS         GPS    `json:"gps,omitzero"`
	Orientation int    `json:"orientation,omitempty"` // 1 to 8 as EXIF has it; 0 not said
	Make        string `json:"make,omitempty"`
	Model       string `json:"model,omitempty"`
	Software    string `json:"software,omitempty"`
	Present     bool   `json:"present,omitempty"` // the file has any EXIF or XMP at all
	Editor      string `json:"editor,omitempty"`  // XMP CreatorTool: the program that last wrote it
	Comment     string `json:"comment,omitempty"` // EXIF UserComment, where some devices say that it is a screenshot
}

// Taken is the time that a camera wrote. Without a zone, EXIF gives the time of day only: At is then in UTC as if the
// clock had shown UTC, and the reader supplies the zone.
type Taken struct {
	At    time.Time `json:"at"`
	Zoned bool      `json:"zoned,omitempty"` // the file says its zone
	Exact bool      `json:"exact,omitempty"` // DateTimeOriginal; else the time when the file was last changed
}

// In returns the instant, reading a time without a zone as one of loc.
func (t Taken) In(loc *time.Location) time.Time {
	if t.Zoned || t.At.IsZero() {
		return t.At
	}
	y, m, d := t.At.Date()
	return time.Date(y, m, d, t.At.Hour(), t.At.Minute(), t.At.Second(), t.At.Nanosecond(), loc)
}

// GPS is the position that a camera wrote.
type GPS struct {
	Place
	Datum string    `json:"datum,omitempty"` // GPSMapDatum as written; empty if not said
	At    time.Time `json:"at,omitzero"`     // satellite time, UTC
}

// Look reads what a photo says of itself. It decodes no pixels, reads a bounded part of r and never fails for a photo
// being odd: what cannot be read is absent. Its errors are ErrTypeUnsupported, and ErrStorage if r fails.
func Look(r io.ReadSeeker, size int64) (Photo, error) {
	head := make([]byte, min(size, headSize))
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Photo{}, ErrStorage.Because(err)
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return Photo{}, ErrStorage.Because(err)
	}
	t, err := Sniff(head)
	if err != nil {
		return Photo{}, err
	}
	p := Photo{Type: t}
	p.Width, p.Height = dimensions(r, t)
	if p.Truncated, err = truncated(r, size, t); err != nil {
		return Photo{}, ErrStorage.Because(err)
	}
	if t != MP4 {
		p.Facts = facts(r, t)
		return p, nil
	}
	v, whole := readVideo(seekerAt{&bounded{r, maxMetaRead}}, size)
	p.Truncated, p.Length = !whole, v.length.Milliseconds()
	if !v.created.IsZero() {
		p.Facts = Facts{Present: true, Taken: Taken{At: v.created, Zoned: true, Exact: true}}
	}
	return p, nil
}

// errBounded is what a bounded reader answers at its bound.
var errBounded = errors.New("read bound reached")
