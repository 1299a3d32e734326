package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paicha/media"
	"paicha/media/fs"
)

// sourceOf returns the folder with the source of a function: its module's test data lie beside it. Binaries built with
// -trimpath know only the path below root.
func sourceOf(t testing.TB, function any, root string) string {
	t.Helper()
	name, _ := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).FileLine(0)
	if !filepath.IsAbs(name) {
		name = filepath.Join(root, name)
	}
	if _, err := os.Stat(name); err != nil {
		t.Fatalf("the sources are needed for their sample pictures: %v", err)
	}
	return filepath.Dir(name)
}

// sample reads one of the pictures with which the standard library tests its decoders.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sourceOf(t, jpeg.Decode, filepath.Join(os.Getenv("GOROOT"), "src")), "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// studio makes pictures of bytes.
type studio struct {
	t testing.TB
	s *fs.Store
	d *media.Deriver
}

func newStudio(t testing.TB) studio {
	t.Helper()
	s := store(t, t.TempDir())
	return studio{t, s, &media.Deriver{Blobs: s.Blobs(), Derived: s.Derived()}}
}

func (s studio) put(b []byte) media.SHA256 {
	s.t.Helper()
	h := media.Sum(b)
	if err := s.s.Blobs().Put(context.Background(), h, int64(len(b)), bytes.NewReader(b)); err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (s studio) make(b []byte) error {
	s.t.Helper()
	return s.d.Make(context.Background(), s.put(b))
}

// get returns a picture that was made, as bytes and decoded.
func (s studio) get(b []byte, size media.SizeName) ([]byte, image.Image) {
	s.t.Helper()
	r, _, err := s.s.Derived().OpenDerived(context.Background(), media.Sum(b), size)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	made, err := io.ReadAll(r)
	if err != nil {
		s.t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(made))
	if err != nil {
		s.t.Fatal(err)
	}
	return made, img
}

// preview makes the pictures and returns the preview.
func (s studio) preview(b []byte) image.Image {
	s.t.Helper()
	if err := s.make(b); err != nil {
		s.t.Fatal(err)
	}
	_, img := s.get(b, media.Preview)
	return img
}

// near reports whether two colours look the same after two rounds of JPEG.
func near(a, b color.Color) bool {
	r, g, bl, _ := a.RGBA()
	r2, g2, bl2, _ := b.RGBA()
	for _, d := range []float64{float64(r) - float64(r2), float64(g) - float64(g2), float64(bl) - float64(bl2)} {
		if math.Abs(d)/257 > 24 {
			return false
		}
	}
	return true
}

// difference is the mean distance of two pictures in a channel, of 255.
func difference(t testing.TB, a, b image.Image) float64 {
	t.Helper()
	if a.Bounds().Size() != b.Bounds().Size() {
		t.Fatalf("%v against %v", a.Bounds(), b.Bounds())
	}
	sum, n := 0.0, 0.0
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			r2, g2, bl2, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			for _, d := range []float64{float64(r) - float64(r2), float64(g) - float64(g2), float64(bl) - float64(bl2)} {
				sum, n = sum+math.Abs(d)/257, n+1
			}
		}
	}
	return sum / n
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The corners of the flag: one colour each, so that every turn and mirror image is another picture.
var (
	red   = color.RGBA{220, 20, 20, 255}
	green = color.RGBA{20, 200, 20, 255}
	blue  = color.RGBA{20, 20, 220, 255}
	white = color.RGBA{255, 255, 255, 255}
)

// flag is w × h pixels as a person should see them: red and green above, blue and white below.
func flag(w, h, x, y int) color.RGBA {
	switch {
	case y < h/2 && x < w/2:
		return red
	case y < h/2:
		return green
	case x < w/2:
		return blue
	}
	return white
}

// stored is the flag as a camera held in the given orientation stores it. EXIF 2.32, 4.6.4: the orientation says on
// which side of the visible picture the 0th row and the 0th column of the stored one lie.
func stored(t testing.TB, w, h, orientation int) []byte {
	t.Helper()
	sides := map[int][2]string{
		1: {"top", "left"}, 2: {"top", "right"}, 3: {"bottom", "right"}, 4: {"bottom", "left"},
		5: {"left", "top"}, 6: {"right", "top"}, 7: {"right", "bottom"}, 8: {"left", "bottom"},
	}[orientation]
	sw, sh := w, h
	if orientation >= 5 {
		sw, sh = h, w
	}
	img := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for sy := range sh {
		for sx := range sw {
			var x, y int
			for i, side := range sides {
				n := sy // distance from the 0th row
				if i == 1 {
					n = sx
				}
				switch side {
				case "top":
					y = n
				case "bottom":
					y = h - 1 - n
				case "left":
					x = n
				case "right":
					x = w - 1 - n
				}
			}
			img.SetRGBA(sx, sy, flag(w, h, x, y))
		}
	}
	return withEXIF(encoded(t, img), orientation)
}

// withEXIF puts an APP1 segment into a JPEG: orientation, a time and a position in Yunnan.
func withEXIF(photo []byte, orientation int) []byte {
	le := binary.LittleEndian
	tiff := append([]byte("II*\x00"), le.AppendUint32(nil, 8)...)
	entry := func(tag, kind uint16, count uint32, value []byte) {
		tiff = le.AppendUint16(tiff, tag)
		tiff = le.AppendUint16(tiff, kind)
		tiff = le.AppendUint32(tiff, count)
		tiff = append(tiff, append(value, make([]byte, 4-len(value))...)...)
	}
	offset := func(n uint32) []byte { return le.AppendUint32(nil, n) }
	const exifAt, gpsAt, dataAt = 8 + 2 + 3*12 + 4, 8 + 2 + 3*12 + 4 + 2 + 12 + 4, 8 + 2 + 3*12 + 4 + 2 + 12 + 4 + 2 + 4*12 + 4
	tiff = le.AppendUint16(tiff, 3)
	entry(0x0112, 3, 1, le.AppendUint16(nil, uint16(orientation)))
	entry(0x8769, 4, 1, offset(exifAt))
	entry(0x8825, 4, 1, offset(gpsAt))
	tiff = le.AppendUint32(tiff, 0)
	tiff = le.AppendUint16(tiff, 1)
	entry(0x9003, 2, 20, offset(dataAt))
	tiff = le.AppendUint32(tiff, 0)
	tiff = le.AppendUint16(tiff, 4)
	entry(1, 2, 2, []byte("N\x00"))
	entry(2, 5, 3, offset(dataAt+20))
	entry(3, 2, 2, []byte("E\x00"))
	entry(4, 5, 3, offset(dataAt+44))
	tiff = le.AppendUint32(tiff, 0)
	tiff = append(tiff, "2023:06:01 08:30:00\x00"...)
	for _, n := range []uint32{23, 1, 22, 1, 0, 1, 103, 1, 23, 1, 0, 1} {
		tiff = le.AppendUint32(tiff, n)
	}
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return append(append(append([]byte{}, photo[:2]...), append(segment, body...)...), photo[2:]...)
}

func TestPicturesAreUprightSmallAndWithoutEXIF(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint("Orientation", orientation), func(t *testing.T) {
			s, b := newStudio(t), stored(t, 1600, 800, orientation)
			p := look(t, b)
			if p.Facts.Orientation != orientation || p.Facts.GPS.IsZero() || p.Facts.Taken.At.IsZero() {
				t.Fatalf("the sample has no EXIF to lose: %+v", p.Facts)
			}
			if err := s.make(b); err != nil {
				t.Fatal(err)
			}
			for size, width := range map[media.SizeName]int{media.Thumb: 320, media.Preview: 1280} {
				made, img := s.get(b, size)
				w, h := img.Bounds().Dx(), img.Bounds().Dy()
				if w != width || h != width/2 {
					t.Fatalf("%s has %d × %d pixels", size, w, h)
				}
				for _, at := range []image.Point{{5, 5}, {w - 6, 5}, {5, h - 6}, {w - 6, h - 6}} {
					if got, want := img.At(at.X, at.Y), flag(w, h, at.X, at.Y); !near(got, want) {
						t.Fatalf("%s: %v at %v, want %v", size, got, at, want)
					}
				}
				if facts := look(t, made).Facts; facts != (media.Facts{}) {
					t.Fatalf("%s tells %+v", size, facts)
				}
				for _, trace := range []string{"Exif", "\xff\xe1", "\xff\xed", "http://ns.adobe.com", "2023:06:01"} {
					if bytes.Contains(made, []byte(trace)) {
						t.Fatalf("%s contains %q", size, trace)
					}
				}
			}
		})
	}
}

func TestSmallPictureIsNotEnlarged(t *testing.T) {
	s, b := newStudio(t), stored(t, 40, 20, 6)
	if err := s.make(b); err != nil {
		t.Fatal(err)
	}
	for _, size := range media.SizeNames() {
		if _, img := s.get(b, size); img.Bounds().Dx() != 40 || img.Bounds().Dy() != 20 {
			t.Fatal(size, img.Bounds())
		}
	}
}

func TestEverySortOfPictureLooksAsItShould(t *testing.T) {
	for photo, as := range map[string]string{
		"video-001.cmyk.jpeg":                                "video-001.cmyk.png",
		"video-001.rgb.jpeg":                                 "video-001.rgb.png",
		"video-001.progressive.jpeg":                         "video-001.png",
		"video-001.separate.dc.progression.jpeg":             "video-001.png",
		"video-001.q50.420.progressive.jpeg":                 "video-001.png",
		"video-001.restart2.jpeg":                            "video-001.png",
		"video-005.gray.q50.2x2.progressive.jpeg":            "video-005.gray.png",
		"video-001.progressive.truncated.jpeg":               "video-001.progressive.truncated.png",
		"video-001.separate.dc.progression.progressive.jpeg": "video-001.png",
	} {
		t.Run(photo, func(t *testing.T) {
			want, err := png.Decode(bytes.NewReader(sample(t, as)))
			if err != nil {
				t.Fatal(err)
			}
			if d := difference(t, newStudio(t).preview(sample(t, photo)), want); d > 8 {
				t.Fatalf("%.1f of 255 from %s", d, as)
			}
		})
	}
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is a PNG chunk.
func chunk(name string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, name...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func TestDeepTransparentAndAnimatedPNG(t *testing.T) {
	deep := image.NewNRGBA64(image.Rect(0, 0, 60, 40))
	for y := range 40 {
		for x := range 60 {
			c := color.NRGBA64{R: 0xdc00, G: 0x1400, B: 0x1400, A: 0xffff}
			if x >= 30 {
				c.A = 0 // red behind glass: seen as white
			}
			deep.SetNRGBA64(x, y, c)
		}
	}
	still := pngOf(t, deep)
	const head = 8 + 25 // signature and IHDR
	animated := append([]byte{}, still[:head]...)
	animated = append(animated, chunk("acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0})...)
	animated = append(animated, still[head:]...)
	for name, b := range map[string][]byte{"SixteenBit": still, "Animated": animated} {
		t.Run(name, func(t *testing.T) {
			if p := look(t, b); p.Type != media.PNG || p.Truncated {
				t.Fatalf("%+v", p)
			}
			img := newStudio(t).preview(b)
			if got := img.At(10, 20); !near(got, red) {
				t.Fatal(got)
			}
			if got := img.At(50, 20); !near(got, white) {
				t.Fatal(got)
			}
		})
	}
}

func TestTruncatedPhotoShowsWhatIsThere(t *testing.T) {
	whole := encoded(t, func() image.Image {
		img := image.NewRGBA(image.Rect(0, 0, 400, 400))
		for y := range 400 {
			for x := range 400 {
				c := flag(400, 400, x, y)
				c.R, c.G = c.R^uint8(x*7&15), c.G^uint8(y*5&15) // grain, so that the bytes are spread evenly
				img.SetRGBA(x, y, c)
			}
		}
		return img
	}())
	for name, b := range map[string][]byte{"Half": whole[:len(whole)/2], "NoEnd": whole[:len(whole)-2]} {
		t.Run(name, func(t *testing.T) {
			if !look(t, b).Truncated {
				t.Fatal("not marked")
			}
			img := newStudio(t).preview(b)
			if got := img.At(40, 40); !near(got, red) {
				t.Fatal(got)
			}
			if got := img.At(360, 40); !near(got, green) {
				t.Fatal(got)
			}
		})
	}
}

func TestCutAnywhereEndsInPictureOrNoPreview(t *testing.T) {
	s, made := newStudio(t), 0
	for _, whole := range [][]byte{stored(t, 64, 32, 6), sample(t, "video-001.progressive.jpeg"), sample(t, "video-001.cmyk.jpeg"), sample(t, "video-001.png")} {
		step := max(1, len(whole)/60)
		for n := 0; n < len(whole); n += step {
			switch err := s.make(whole[:n]); {
			case err == nil:
				made++
			case !errors.Is(err, media.ErrNoPreview):
				t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
			}
		}
	}
	if made == 0 {
		t.Fatal("nothing of a cut photo can be seen")
	}
}

// huge is a whole PNG but for its pixels: header of 60,000 × 60,000, beginning of the data.
func huge() []byte {
	b := append(bomb(), chunk("IDAT", []byte{0x78, 0x9c, 0xed, 0xc1, 0x01, 0x0d, 0, 0})...)
	return append(b, chunk("IEND", nil)...)
}

// broad is a JPEG header of 65,535 × 65,535, which a decoder would believe.
func broad(t testing.TB) []byte {
	b := picture(t, 16, 16)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	copy(b[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	return b
}

func TestBombIsRefusedByItsHeader(t *testing.T) {
	wide := sample(t, "video-001.q50.444.progressive.jpeg")
	at := bytes.Index(wide, []byte{0xff, 0xc2})
	copy(wide[at+5:], []byte{0x17, 0x70, 0x17, 0x70}) // 6,000 × 6,000: few pixels, but 540 MB of coefficients
	for name, c := range map[string]struct {
		photo []byte
		why   string
	}{
		"PNG":               {huge(), "60000 × 60000 pixels"},
		"JPEG":              {broad(t), "65535 × 65535 pixels"},
		"ProgressiveMemory": {wide, "540000000 bytes to decode"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStudio(t)
			h := s.put(c.photo)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := s.d.Make(context.Background(), h)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, media.ErrNoPreview) || !strings.Contains(causes(err), c.why) {
				t.Fatalf("refused for another reason: %v", causes(err))
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 64 {
				t.Fatalf("%d MB were allocated", grown)
			}
		})
	}
}

// causes is an error with all that is behind it.
func causes(err error) string {
	var all []string
	for ; err != nil; err = errors.Unwrap(err) {
		all = append(all, err.Error())
	}
	return strings.Join(all, ": ")
}

// repeated has the first scan of a progressive JPEG n times more: each passes over all pixels, none changes any.
func repeated(t testing.TB, n int) []byte {
	t.Helper()
	b := sample(t, "video-001.progressive.jpeg")
	from := bytes.Index(b, []byte{0xff, 0xda})
	to := from + 2
	for b[to] != 0xff || b[to+1] == 0 {
		to++
	}
	out := append([]byte{}, b[:from]...)
	out = append(out, bytes.Repeat(b[from:to], n)...)
	return append(out, b[from:]...)
}

func TestTooManyScansAreNotDecoded(t *testing.T) {
	s := newStudio(t)
	if err := s.make(repeated(t, 50)); err != nil {
		t.Fatalf("the sample cannot be decoded anyhow: %v", causes(err))
	}
	if err := s.make(repeated(t, 200)); !errors.Is(err, media.ErrNoPreview) || !strings.Contains(causes(err), "scans") {
		t.Fatal(causes(err))
	}
}

func TestNoPictureOfWhatIsNone(t *testing.T) {
	var moving bytes.Buffer
	frames := &gif.GIF{Delay: []int{1, 1}}
	for range 2 {
		frames.Image = append(frames.Image, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{red, blue}))
	}
	if err := gif.EncodeAll(&moving, frames); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want media.Type // empty: refused as evidence too
	}{
		"Empty":        {nil, ""},
		"AnimatedGIF":  {moving.Bytes(), ""},
		"Zip":          {append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), make([]byte, 100)...), ""},
		"HTML":         {[]byte("<html><script>alert(1)</script></html>"), ""},
		"SVG":          {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), ""},
		"HTMLInJPEG":   {append([]byte("\xff\xd8\xff\xe0"), "<html><script>alert(1)</script></html>"...), media.JPEG},
		"PDFWithJPEG":  {append([]byte("%PDF-1.4\n"), picture(t, 8, 8)...), media.PDF},
		"MarkersAlone": {[]byte{0xff, 0xd8, 0xff, 0xd9}, media.JPEG},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := media.Look(bytes.NewReader(c.b), int64(len(c.b)))
			if p.Type != c.want || (c.want == "") != errors.Is(err, media.ErrTypeUnsupported) {
				t.Fatal(p.Type, err)
			}
			if err := newStudio(t).make(c.b); !errors.Is(err, media.ErrNoPreview) {
				t.Fatal(err)
			}
		})
	}
}

func TestPolyglotShowsThePictureAlone(t *testing.T) {
	archive := append([]byte("PK\x03\x04"), bytes.Repeat([]byte("evil.class"), 50)...)
	for name, b := range map[string][]byte{
		"Appended": append(stored(t, 64, 32, 1), archive...),
		"Comment": func() []byte {
			b := stored(t, 64, 32, 1)
			segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(len(archive)+2))
			return append(append(append([]byte{}, b[:2]...), append(segment, archive...)...), b[2:]...)
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			if p := look(t, b); p.Type != media.JPEG || p.Truncated {
				t.Fatalf("%+v", p)
			}
			s := newStudio(t)
			if err := s.make(b); err != nil {
				t.Fatal(err)
			}
			for _, size := range media.SizeNames() {
				if made, _ := s.get(b, size); bytes.Contains(made, []byte("evil")) || bytes.Contains(made, []byte("PK\x03\x04")) {
					t.Fatal(size, "carries the other file")
				}
			}
		})
	}
}

// cutting is the photos on a disk from which reading ends the context after n bytes.
type cutting struct {
	media.Blobs
	n      int
	cancel context.CancelFunc
}

type cuttingReader struct {
	io.ReadSeekCloser
	c *cutting
}

func (c *cutting) Open(ctx context.Context, h media.SHA256) (io.ReadSeekCloser, int64, error) {
	r, n, err := c.Blobs.Open(ctx, h)
	return &cuttingReader{r, c}, n, err
}

func (r *cuttingReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeekCloser.Read(p[:min(len(p), 512)])
	if r.c.n -= n; r.c.n <= 0 {
		r.c.cancel()
	}
	return n, err
}

func TestCancellingIsNotThePhotosFault(t *testing.T) {
	for _, after := range []int{0, 1 << 10, 8 << 10, 20 << 10} {
		t.Run(fmt.Sprint("AfterBytes", after), func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := newStudio(t)
			b := stored(t, 1600, 800, 1)
			h := s.put(b)
			s.d.Blobs = &cutting{Blobs: s.s.Blobs(), n: after, cancel: cancel}
			if err := s.d.Make(ctx, h); !errors.Is(err, context.Canceled) || errors.Is(err, media.ErrNoPreview) {
				t.Fatal(err)
			}
			if _, _, err := s.s.Derived().OpenDerived(context.Background(), h, media.Thumb); !errors.Is(err, media.ErrNotFound) {
				t.Fatal(err)
			}
		})
	}
}

func TestNothingIsMadeWhileRequestsNeedTheProcessor(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s, b := newStudio(t), stored(t, 64, 32, 1)
	h := s.put(b)
	var busy atomic.Bool
	busy.Store(true)
	pause, made := make(chan time.Time), make(chan error, 1)
	s.d.Busy, s.d.Pause, s.d.Report = busy.Load, pause, func(_ media.SHA256, err error) { made <- err }
	for range 3 { // asked for again and again, it waits once
		if err := s.d.Enqueue(h); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.d.Waiting(); n != 1 {
		t.Fatal(n, "wait")
	}
	ended := make(chan struct{})
	go func() { s.d.Run(ctx); close(ended) }()
	for range 10 { // each tick is taken by a worker, which finds the server busy still
		select {
		case pause <- time.Time{}:
		case err := <-made:
			t.Fatal("made under load", err)
		}
	}
	busy.Store(false)
	for done := false; !done; {
		select {
		case pause <- time.Time{}:
		case err := <-made:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		}
	}
	if s.d.Waiting() != 0 {
		t.Fatal("it waits still")
	}
	stop()
	<-ended
	s.get(b, media.Thumb)
}

func TestBusyWorkerStopsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s := newStudio(t)
	s.d.Busy, s.d.Pause = func() bool { return true }, make(chan time.Time)
	ended := make(chan struct{})
	go func() { s.d.Run(ctx); close(ended) }()
	stop()
	<-ended
}
