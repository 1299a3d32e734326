package media_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"testing"

	"github.com/disintegration/imaging"

	"paicha/media"
)

// scenes are real photos of different things.
func scenes(t testing.TB) map[string]image.Image {
	t.Helper()
	out := map[string]image.Image{}
	for _, name := range []string{
		samples(t, "github.com/disintegration/imaging", "testdata/branches.jpg"),
		samples(t, "github.com/bep/imagemeta", "testdata/images/mushroom.jpg"),
		samples(t, "github.com/bep/imagemeta", "testdata/images/hugo-issue-8996.jpg"),
		samples(t, "github.com/bep/imagemeta", "testdata/images/metadata_demo_exif_only.jpg"),
		samples(t, "golang.org/x/image", "testdata/go-turns-two-280x360.jpeg"),
	} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		out[name] = imaging.Fit(img, 1280, 1280, imaging.Box)
	}
	return out
}

func again(t testing.TB, img image.Image, quality int) image.Image {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	out, err := jpeg.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPrintTellsCopiesFromOtherScenes(t *testing.T) {
	prints := map[string]media.Print{}
	for name, img := range scenes(t) {
		p, ok := media.PrintOf(img)
		if !ok {
			t.Fatal(name, "is flat")
		}
		w, h := img.Bounds().Dx(), img.Bounds().Dy()
		for how, copied := range map[string]image.Image{
			"compressed": again(t, img, 10),
			"halved":     again(t, imaging.Resize(img, w/2, h/2, imaging.Lanczos), 75),
			"thumbnail":  again(t, imaging.Fit(img, 320, 320, imaging.Box), 60),
			"trimmed":    again(t, imaging.CropCenter(img, w*98/100, h*98/100), 80),
			"brighter":   again(t, imaging.AdjustBrightness(img, 15), 80),
		} {
			q, _ := media.PrintOf(copied)
			if d := p.Distance(q); d > media.Alike {
				t.Errorf("%s, %s: %d bits", name, how, d)
			}
		}
		for other, q := range prints {
			if d := p.Distance(q); d < 3*media.Alike {
				t.Errorf("%s and %s: %d bits", name, other, d)
			}
		}
		prints[name] = p
	}
}

func TestFlatPictureHasNoPrint(t *testing.T) {
	for name, c := range map[string]color.Color{"Black": color.Black, "Wall": color.Gray{200}} {
		img := imaging.New(640, 480, c)
		for i := range img.Pix { // the grain of a sensor
			if i%4 != 3 {
				img.Pix[i] ^= uint8(i * 2654435761 >> 13 & 3)
			}
		}
		if p, ok := media.PrintOf(img); ok {
			t.Errorf("%s: %s", name, p)
		}
	}
}

func TestPrintAsText(t *testing.T) {
	p := media.Print(0x0123456789abcdef)
	b, err := p.MarshalText()
	var q media.Print
	if err := q.UnmarshalText(b); err != nil || q != p || string(b) != "0123456789abcdef" {
		t.Fatal(string(b), q, err)
	}
	for _, bad := range []string{"", "0123", "0123456789abcdeg", "0123456789abcdef00"} {
		if err := q.UnmarshalText([]byte(bad)); err == nil {
			t.Error("taken: ", bad)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
