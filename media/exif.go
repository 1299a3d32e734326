package media

import (
	"fmt"
	"image"
	_ "image/jpeg" // dimensions of JPEG
	_ "image/png"  // dimensions of PNG
	"io"
	"math"
	"strings"
	"time"

	"github.com/bep/imagemeta"
	_ "golang.org/x/image/webp" // dimensions of WebP
)

// The bounds of reading metadata: bytes of the file, tags, bytes of one tag, and how long one file may take.
const (
	maxMetaRead = 8 << 20
	maxTags     = 2000
	maxTagSize  = 4096
	maxXMP      = 256 << 10
	maxMetaTime = 2 * time.Second
)

// bounded is a reader that answers errBounded after n bytes, however often it is rewound: the end of all loops.
type bounded struct {
	io.ReadSeeker
	n int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.n <= 0 {
		return 0, errBounded
	}
	n, err := b.ReadSeeker.Read(p[:min(int64(len(p)), b.n)])
	b.n -= int64(n)
	return n, err
}

// dimensions returns the pixels that the file declares, 0 if it does not say. It decodes nothing.
func dimensions(r io.ReadSeeker, t Type) (width, height int) {
	defer func() {
		if recover() != nil { // a decoder's defect must not cost us the evidence
			width, height = 0, 0
		}
	}()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 0, 0
	}
	switch t {
	case JPEG, PNG, WebP:
		c, _, err := image.DecodeConfig(&bounded{r, maxMetaRead})
		if err != nil {
			return 0, 0
		}
		return c.Width, c.Height
	case HEIC:
		res, err := imagemeta.Decode(imagemeta.Options{
			R: &bounded{r, maxMetaRead}, ImageFormat: imagemeta.HEIF, Sources: imagemeta.CONFIG, Timeout: maxMetaTime,
		})
		if err != nil {
			return 0, 0
		}
		return res.ImageConfig.Width, res.ImageConfig.Height
	}
	return 0, 0
}

// truncated reports whether the file lacks the end that its format has. Bytes after the end, as some cameras append,
// are no truncation.
func truncated(r io.ReadSeeker, size int64, t Type) (bool, error) {
	var mark string
	switch t {
	case JPEG:
		mark = "\xff\xd9" // EOI
	case PNG:
		mark = "IEND"
	case PDF:
		mark = "%%EOF"
	case HEIC:
		return !boxesWhole(seekerAt{&bounded{r, maxMetaRead}}, size), nil
	case WebP:
		head := make([]byte, 8)
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(r, head); err != nil {
			return false, err
		}
		riff := int64(head[4]) | int64(head[5])<<8 | int64(head[6])<<16 | int64(head[7])<<24
		return size < riff+8, nil
	default:
		return false, nil
	}
	const window = 128 << 10 // phones append maker data after EOI
	tail := make([]byte, min(size, window))
	if _, err := r.Seek(size-int64(len(tail)), io.SeekStart); err != nil {
		return false, err
	}
	if _, err := io.ReadFull(r, tail); err != nil {
		return false, err
	}
	return !strings.Contains(string(tail), mark), nil
}

// facts reads EXIF and XMP. It never fails and never panics: what cannot be read is absent.
func facts(r io.ReadSeeker, t Type) (f Facts) {
	format, ok := map[Type]imagemeta.ImageFormat{
		JPEG: imagemeta.JPEG, PNG: imagemeta.PNG, WebP: imagemeta.WebP, HEIC: imagemeta.HEIF,
	}[t]
	if !ok {
		return Facts{}
	}
	var tags imagemeta.Tags
	defer func() {
		if recover() != nil { // what was read before the defect is still worth something
			f = gather(&tags)
		}
	}()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Facts{}
	}
	// The error is dropped on purpose: a torn block still gives the tags before the tear.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: &bounded{r, maxMetaRead}, ImageFormat: format, Sources: imagemeta.EXIF | imagemeta.XMP,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool { return wantedTags[tag.Tag] },
		HandleTag:       func(tag imagemeta.TagInfo) error { tags.Add(tag); return nil },
		Timeout:         maxMetaTime, LimitNumTags: maxTags, LimitTagSize: maxTagSize,
		Warnf: func(string, ...any) {},
	})
	return gather(&tags)
}

var wantedTags = map[string]bool{
	"DateTimeOriginal": true, "OffsetTimeOriginal": true, "OffsetTime": true, "DateTime": true, "ModifyDate": true,
	"Orientation": true, "Make": true, "Model": true, "Software": true, "CreatorTool": true, "CreateDate": true, "UserComment": true,
	"GPSLatitude": true, "GPSLatitudeRef": true, "GPSLongitude": true, "GPSLongitudeRef": true, "GPSMapDatum": true,
	"GPSTimeStamp": true, "GPSDateStamp": true,
}

// gather turns tags into facts.
func gather(tags *imagemeta.Tags) (f Facts) {
	exif, xmp := tags.EXIF(), tags.XMP()
	f.Present = len(exif)+len(xmp) > 0
	f.Make, f.Model, f.Software = text(exif, "Make"), text(exif, "Model"), text(exif, "Software")
	f.Editor, f.Comment = text(xmp, "CreatorTool"), text(exif, "UserComment")
	if n, ok := number(exif, "Orientation"); ok && n >= 1 && n <= 8 {
		f.Orientation = int(n)
	}
	f.Taken = taken(exif, xmp)
	f.GPS = gps(tags, exif)
	return f
}

// text returns a tag as bounded, printable text.
func text(m map[string]imagemeta.TagInfo, name string) string {
	s, ok := m[name].Value.(string)
	if !ok {
		return ""
	}
	return cleanName(strings.NewReplacer("/", "∕", `\`, "∖").Replace(strings.TrimRight(s, "\x00 ")))
}

func number(m map[string]imagemeta.TagInfo, name string) (int64, bool) {
	var n int64
	v, ok := m[name]
	if !ok {
		return 0, false
	}
	if _, err := fmt.Sscan(fmt.Sprint(v.Value), &n); err != nil {
		return 0, false
	}
	return n, true
}

// taken reads the time of the picture: the original one, else the last change, else XMP's.
func taken(exif, xmp map[string]imagemeta.TagInfo) Taken {
	for _, c := range []struct {
		from  map[string]imagemeta.TagInfo
		tag   string
		zone  string
		exact bool
	}{
		{exif, "DateTimeOriginal", "OffsetTimeOriginal", true},
		{xmp, "DateTimeOriginal", "", true},
		{exif, "DateTime", "OffsetTime", false},
		{exif, "ModifyDate", "OffsetTime", false},
		{xmp, "CreateDate", "", false},
	} {
		s := text(c.from, c.tag)
		if s == "" {
			continue
		}
		zone := text(exif, c.zone)
		if at, zoned, ok := parseTime(s, zone); ok {
			return Taken{At: at, Zoned: zoned, Exact: c.exact}
		}
	}
	return Taken{}
}

// parseTime reads EXIF's "2006:01:02 15:04:05" with an offset like "+08:00" apart, and XMP's ISO 8601.
func parseTime(s, zone string) (at time.Time, zoned, ok bool) {
	s = strings.TrimSpace(s)
	if zone = strings.TrimSpace(zone); zone != "" {
		if t, err := time.Parse("2006:01:02 15:04:05-07:00", s+zone); err == nil {
			return t, true, sane(t)
		}
	}
	for _, layout := range []string{"2006:01:02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true, sane(t)
		}
	}
	for _, layout := range []string{"2006:01:02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, false, sane(t)
		}
	}
	return time.Time{}, false, false
}

// sane refuses what no camera meant and what JSON cannot carry.
func sane(t time.Time) bool { return t.Year() >= 1990 && t.Year() <= 9998 }

// latLong is the library's, which panics at a reference of several letters.
func latLong(tags *imagemeta.Tags) (lat, lon float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("position: %v", p)
		}
	}()
	return tags.GetLatLong()
}

func gps(tags *imagemeta.Tags, exif map[string]imagemeta.TagInfo) GPS {
	lat, lon, err := latLong(tags)
	if err != nil || lat == 0 && lon == 0 || math.IsNaN(lat) || math.IsNaN(lon) {
		return GPS{}
	}
	// EXIF knows only GPSMapDatum; phones here write WGS-84 whether they say so or not, and a few say GCJ-02.
	g := GPS{Place: Place{lat, lon, WGS84}, Datum: text(exif, "GPSMapDatum")}
	if strings.Contains(strings.ToUpper(g.Datum), "GCJ") {
		g.System = GCJ02
	}
	if g.Valid() != nil {
		return GPS{}
	}
	day, clock := text(exif, "GPSDateStamp"), text(exif, "GPSTimeStamp")
	if t, err := time.Parse("2006:01:02 15:04:05", day+" "+clock); err == nil && sane(t) {
		g.At = t
	}
	return g
}
