package media_test

import (
	"bytes"
	"context"
	"errors"
	goflag "flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"paicha/internal/fault"
	"paicha/media"
)

var writeCorpus = goflag.Bool("corpus", false, "write the files of testdata/corpus that are missing")

const corpusDir = "testdata/corpus"

// expected is what must come of a file. Nothing panics, nothing takes more memory than it may.
type expected struct {
	is      media.Type // empty: refused as evidence, with media.type_unsupported
	cut     bool       // marked as truncated
	picture bool       // thumbnail and preview can be made; else media.no_preview
	dated   bool       // the time of the picture is read
	made    func(testing.TB) []byte
}

// corpus is every file by name. A name's ending says nothing: some lie.
var corpus = map[string]expected{
	// Nothing, or nearly.
	"zero-bytes.jpg":  {made: plain("")},
	"one-byte.jpg":    {made: plain("\xff")},
	"only-start.jpg":  {is: media.JPEG, cut: true, made: plain("\xff\xd8\xff")},
	"only-magic.png":  {is: media.PNG, cut: true, made: plain("\x89PNG\r\n\x1a\n")},
	"only-magic.webp": {is: media.WebP, cut: true, made: plain("RIFF\x40\x00\x00\x00WEBPVP8 ")},
	"only-magic.pdf":  {is: media.PDF, cut: true, made: plain("%PDF-1.7\n")},

	// Cut.
	"truncated-scan.jpg":   {is: media.JPEG, cut: true, picture: true, dated: true, made: cut(flagJPEG, 93)},
	"truncated-header.jpg": {is: media.JPEG, cut: true, made: plain("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00\x43")},
	"truncated.png":        {is: media.PNG, cut: true, made: cut(flagPNG, 60)},
	"truncated.webp":       {is: media.WebP, cut: true, made: cut(fromTools("picture.webp"), 60)},
	"truncated.heic":       {is: media.HEIC, cut: true, made: cut(fromTools("ipad.heic"), 95)},
	"truncated.mp4":        {is: media.MP4, cut: true, dated: true, made: cut(clip, 90)},

	// Of one type by name and of another by its bytes.
	"png-called.jpg":  {is: media.PNG, picture: true, made: flagPNG},
	"jpeg-called.pdf": {is: media.JPEG, picture: true, dated: true, made: flagJPEG},
	"html-called.jpg": {made: plain("<!DOCTYPE html><script>alert(1)</script>")},
	"svg-called.png":  {made: plain(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`)},
	"elf-called.jpg":  {made: plain("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00>\x00")},

	// Two things at once.
	"polyglot-zip.jpg":         {is: media.JPEG, picture: true, dated: true, made: then(flagJPEG, "PK\x03\x04\x14\x00\x00\x00\x00\x00evil.sh")},
	"polyglot-html.jpg":        {is: media.JPEG, picture: true, dated: true, made: then(flagJPEG, "<script>alert(1)</script>")},
	"polyglot-pdf-in.html":     {made: plain("<html><!--\n%PDF-1.4\n--><script>alert(1)</script></html>")},
	"polyglot-pdf-behind.zip":  {made: plain("PK\x03\x04\x14\x00\x00\x00\x00\x00%PDF-1.4\n%%EOF\n")},
	"polyglot-gif-script.jpg":  {made: plain("GIF89a=1;alert(1);//")},
	"polyglot-png-in-pdf.pdf":  {is: media.PDF, made: pdfWith},
	"polyglot-mp4-in-heic.mp4": {is: media.HEIC, cut: true, made: plain("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mp42isom\x00\x00\x00\x08free")},

	// Bombs.
	"bomb-pixels.png":       {is: media.PNG, made: func(testing.TB) []byte { return huge() }},
	"bomb-pixels.jpg":       {is: media.JPEG, made: broad},
	"bomb-scans.jpg":        {is: media.JPEG, made: func(t testing.TB) []byte { return repeated(t, 200) }},
	"bomb-coefficients.jpg": {is: media.JPEG, made: coefficients},
	"bomb-inflate.png":      {is: media.PNG, picture: true, made: wide},
	"bomb-ztxt.png":         {is: media.PNG, picture: true, made: inflating},
	"bomb-entities-xmp.jpg": {is: media.JPEG, picture: true, made: laughs},

	// Unusual and sound.
	"cmyk.jpg":        {is: media.JPEG, picture: true, made: standard("video-001.cmyk.jpeg")},
	"progressive.jpg": {is: media.JPEG, picture: true, made: standard("video-001.progressive.jpeg")},
	"gray.jpg":        {is: media.JPEG, picture: true, made: standard("video-005.gray.q50.jpeg")},
	"arithmetic.jpg":  {is: media.JPEG},
	"sixteen-bit.png": {is: media.PNG, picture: true, made: deepPNG},
	"animated.png":    {is: media.PNG, picture: true, made: animatedPNG},
	"animated.webp":   {is: media.WebP},
	"picture.webp":    {is: media.WebP, picture: true},
	"ipad.heic":       {is: media.HEIC, dated: true},
	"picture.avif":    {},
	"clip.mp4":        {is: media.MP4, dated: true, made: clip},
	"one-pixel.jpg":   {is: media.JPEG, picture: true, made: func(t testing.TB) []byte { return picture(t, 1, 1) }},
	"sliver.jpg":      {is: media.JPEG, picture: true, made: func(t testing.TB) []byte { return picture(t, 1, 3000) }},
	"no-pixels.jpg":   {is: media.JPEG, made: noPixels},

	// Hostile EXIF (TIFF 6.0). What can be read before the harm is kept.
	"exif-next-loop.jpg":      {is: media.JPEG, picture: true, dated: true, made: hostile(ifdLoop)},
	"exif-sub-loop.jpg":       {is: media.JPEG, picture: true, made: hostile(subLoop)},
	"exif-two-ifds-loop.jpg":  {is: media.JPEG, picture: true, made: hostile(mutualLoop)},
	"exif-many-entries.jpg":   {is: media.JPEG, picture: true, made: hostile(manyEntries)},
	"exif-huge-count.jpg":     {is: media.JPEG, picture: true, made: hostile(hugeCount)},
	"exif-past-end.jpg":       {is: media.JPEG, picture: true, made: hostile(pastEnd)},
	"exif-overflow.jpg":       {is: media.JPEG, picture: true, made: hostile(overflowing)},
	"exif-zero-divisor.jpg":   {is: media.JPEG, picture: true, made: hostile(zeroDivisor)},
	"exif-bad-order.jpg":      {is: media.JPEG, picture: true, made: hostile(func() []byte { return []byte("XX*\x00\x08\x00\x00\x00") })},
	"exif-empty.jpg":          {is: media.JPEG, picture: true, made: hostile(func() []byte { return nil })},
	"exif-time-of-day-99.jpg": {is: media.JPEG, picture: true, made: hostile(func() []byte { return timed("2023:13:45 99:99:99\x00") })},
	"exif-year-9999.jpg":      {is: media.JPEG, picture: true, made: hostile(func() []byte { return timed("9999:12:31 23:59:59\x00") })},

	// Hostile boxes (ISO/IEC 14496-12).
	"boxes-zero-size.mp4": {is: media.MP4, cut: true, made: plain("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x07moov")},
	"boxes-huge.mp4":      {is: media.MP4, cut: true, made: plain("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff")},
	"boxes-many.mp4": {is: media.MP4, cut: true, made: func(testing.TB) []byte {
		return append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), bytes.Repeat([]byte("\x00\x00\x00\x08free"), 6000)...)
	}},
	"boxes-many.heic": {is: media.HEIC, cut: true, made: func(testing.TB) []byte {
		return append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), bytes.Repeat([]byte("\x00\x00\x00\x08meta"), 6000)...)
	}},
	"boxes-items.heic":   {is: media.HEIC, cut: true, made: itemLocations},
	"brand-unknown.mp4":  {made: plain("\x00\x00\x00\x18ftypevil\x00\x00\x00\x00evilevil\x00\x00\x00\x08moov")},
	"brand-too-long.mp4": {made: plain("\xff\xff\xff\xf0ftypmp42\x00\x00\x00\x00mp42isom")},
}

// The bounds of what one file may allocate, all together, whether freed or not: to be looked at, and to be pictured. The
// largest picture of the corpus has 36 million pixels of one byte.
const (
	lookBytes    = 40 << 20
	pictureBytes = 160 << 20
)

func corpusFile(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join(corpusDir, name)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *writeCorpus && corpus[name].made != nil {
		b = corpus[name].made(t)
		err = os.WriteFile(path, b, 0o644) //nolint:gosec // public test data
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCorpusIsComplete(t *testing.T) {
	files, err := os.ReadDir(corpusDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := corpus[f.Name()]; !ok && f.Name() != "README.md" {
			t.Errorf("%s: nobody says what must come of it", f.Name())
		}
	}
}

func TestCorpus(t *testing.T) {
	s := newStudio(t)
	for name, want := range corpus {
		t.Run(name, func(t *testing.T) {
			b := corpusFile(t, name)
			var p media.Photo
			var err error
			grown := allocated(func() { p, err = media.Look(bytes.NewReader(b), int64(len(b))) })
			if grown > lookBytes {
				t.Errorf("looking took %d MB", grown>>20)
			}
			if want.is == "" {
				if !errors.Is(err, media.ErrTypeUnsupported) {
					t.Fatalf("taken as %s: %v", p.Type, err)
				}
			} else if err != nil || p.Type != want.is || p.Truncated != want.cut || p.Facts.Taken.At.IsZero() == want.dated {
				t.Fatalf("%+v: %v", p, err)
			}
			h := s.put(b)
			grown = allocated(func() { err = s.d.Make(context.Background(), h) })
			if grown > pictureBytes {
				t.Errorf("the pictures took %d MB", grown>>20)
			}
			if want.picture && err != nil || !want.picture && !errors.Is(err, media.ErrNoPreview) {
				t.Fatal(causes(err))
			}
			if err != nil && fault.Of(err).Message == "" {
				t.Fatal("says nothing to the person")
			}
		})
	}
}

// allocated returns how many bytes f allocated, all together.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestFactsOfAnIPad(t *testing.T) {
	p := look(t, corpusFile(t, "ipad.heic"))
	f := p.Facts
	if p.Width != 96 || p.Height != 64 || f.Orientation != 6 || f.Make != "Apple" || f.Model != "iPad Pro" || !f.Taken.Zoned || !f.Taken.Exact {
		t.Fatalf("%+v", p)
	}
	if got := f.Taken.At.UTC().Format("2006-01-02 15:04"); got != "2023-06-01 00:30" {
		t.Fatal(got)
	}
	if f.GPS.System != media.WGS84 || f.GPS.Datum != "WGS-84" || f.GPS.Latitude < 23.36 || f.GPS.Latitude > 23.37 {
		t.Fatalf("%+v", f.GPS)
	}
}

func TestFactsOfAClip(t *testing.T) {
	p := look(t, corpusFile(t, "clip.mp4"))
	if p.Length != 7500 || p.Facts.Taken.At.Format("2006-01-02 15:04:05") != "2023-06-01 00:30:00" {
		t.Fatalf("%+v", p)
	}
}

// seedCorpus gives a fuzzer all files of the corpus.
func seedCorpus(f *testing.F) {
	for name := range corpus {
		f.Add(corpusFile(f, name))
	}
}

func FuzzImage(f *testing.F) {
	seedCorpus(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var err error
		if grown := allocated(func() { _, err = media.Look(bytes.NewReader(b), int64(len(b))) }); grown > lookBytes {
			t.Fatalf("%d MB", grown>>20)
		}
		if err != nil && !errors.Is(err, media.ErrTypeUnsupported) {
			t.Fatal(err)
		}
	})
}

// FuzzPictures decodes what is small: a picture that declares many pixels costs what it declares, up to the bound.
func FuzzPictures(f *testing.F) {
	seedCorpus(f)
	s := newStudio(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := media.Look(bytes.NewReader(b), int64(len(b)))
		if err == nil && p.Width*p.Height > 1<<20 {
			return
		}
		h := media.Sum(b)
		if err := s.s.Blobs().Put(t.Context(), h, int64(len(b)), bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		grown := allocated(func() { err = s.d.Make(t.Context(), h) })
		if err != nil && !errors.Is(err, media.ErrNoPreview) {
			t.Fatal(err)
		}
		if grown > pictureBytes {
			t.Fatalf("%d MB", grown>>20)
		}
		if err := s.s.Blobs().Delete(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzName holds the names that a tablet gives its files against what a name may be.
func FuzzName(f *testing.F) {
	for _, s := range []string{
		"IMG_0001.jpg", "../../etc/passwd", `C:\Windows\win.ini`, "a\x00.jpg", "\u202egpj.exe", "/", "..", "", "照片\n1.jpg", string(bytes.Repeat([]byte("长"), 500)), "\xff\xfe",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := media.CleanName(s)
		if name == ".." || name == "." || bytes.ContainsAny([]byte(name), "/\\\x00\n\r\u202e") || len([]rune(name)) > 255 {
			t.Fatalf("%q of %q", name, s)
		}
	})
}
