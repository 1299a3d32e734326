package scaledjpeg_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"testing/iotest"

	"paicha/internal/scaledjpeg"
)

// standard reads one of the pictures with which the standard library tests its decoder.
func standard(t testing.TB, name string) []byte {
	t.Helper()
	source, _ := runtime.FuncForPC(reflect.ValueOf(jpeg.Decode).Pointer()).FileLine(0)
	if !filepath.IsAbs(source) {
		source = filepath.Join(os.Getenv("GOROOT"), "src", source) // of a binary built with -trimpath
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(source), "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// averaged is a picture made smaller by the mean of each square.
func averaged(img image.Image, denom int) *image.RGBA {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	out := image.NewRGBA(image.Rect(0, 0, (w+denom-1)/denom, (h+denom-1)/denom))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			var r, g, b, n uint32
			for v := y * denom; v < min(h, (y+1)*denom); v++ {
				for u := x * denom; u < min(w, (x+1)*denom); u++ {
					cr, cg, cb, _ := img.At(u, v).RGBA()
					r, g, b, n = r+cr>>8, g+cg>>8, b+cb>>8, n+1
				}
			}
			out.SetRGBA(x, y, color.RGBA{byte(r / n), byte(g / n), byte(b / n), 255})
		}
	}
	return out
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
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			for _, d := range []float64{float64(r) - float64(r2), float64(g) - float64(g2), float64(bl) - float64(b2)} {
				sum, n = sum+math.Abs(d)/257, n+1
			}
		}
	}
	return sum / n
}

func grey(img image.Image) image.Image {
	out := image.NewGray(img.Bounds())
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// TestScaledIsWhatTheWholeAverages compares with the standard library's picture, made smaller.
func TestScaledIsWhatTheWholeAverages(t *testing.T) {
	for _, name := range []string{
		"video-001.jpeg", "video-001.progressive.jpeg", "video-001.q50.410.jpeg", "video-001.q50.410.progressive.jpeg",
		"video-001.q50.411.jpeg", "video-001.q50.420.jpeg", "video-001.q50.422.jpeg", "video-001.q50.440.jpeg",
		"video-001.q50.444.jpeg", "video-001.q50.420.progressive.jpeg", "video-001.q50.422.progressive.jpeg",
		"video-001.q50.440.progressive.jpeg", "video-001.q50.444.progressive.jpeg", "video-001.restart2.jpeg",
		"video-001.separate.dc.progression.jpeg", "video-001.separate.dc.progression.progressive.jpeg",
		"video-005.gray.jpeg", "video-005.gray.q50.2x2.jpeg", "video-005.gray.q50.2x2.progressive.jpeg", "video-005.gray.q50.progressive.jpeg",
	} {
		b := standard(t, name)
		whole, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, denom := range []int{2, 4, 8} {
			got, err := scaledjpeg.Decode(iotest.HalfReader(bytes.NewReader(b)), denom)
			if err != nil {
				t.Errorf("%s at 1/%d: %v", name, denom, err)
				continue
			}
			// Colours are kept at less than their size in most files, and are scaled once more here.
			want := averaged(whole, denom)
			if d := difference(t, got, want); d > 10 {
				t.Errorf("%s at 1/%d: %.1f of 255", name, denom, d)
			}
			if d := difference(t, grey(got), grey(want)); d > 4 {
				t.Errorf("%s at 1/%d: %.1f of 255 in brightness", name, denom, d)
			}
		}
	}
}

// plane is the brightness of a picture.
func plane(t *testing.T, img image.Image) (pix []byte, stride int) {
	t.Helper()
	switch p := img.(type) {
	case *image.Gray:
		return p.Pix, p.Stride
	case *image.YCbCr:
		return p.Y, p.YStride
	}
	t.Fatalf("%T", img)
	return nil, 0
}

// cosine is the DCT of n points (A.3.3), orthonormal.
func cosine(n, x, u int) float64 {
	f := math.Sqrt(2/float64(n)) * math.Cos(float64(2*x+1)*float64(u)*math.Pi/float64(2*n))
	if u == 0 {
		f /= math.Sqrt2
	}
	return f
}

// TestEveryBlockIsItsLowFrequencies compares each whole block with the formula, in floating point: the DCT of the
// standard library's pixels, cut, and back by a DCT of the smaller size.
func TestEveryBlockIsItsLowFrequencies(t *testing.T) {
	for _, name := range []string{"video-001.jpeg", "video-001.q50.444.progressive.jpeg", "video-005.gray.q50.jpeg"} {
		b := standard(t, name)
		whole, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		src, stride := plane(t, whole)
		for _, n := range []int{1, 2, 4} {
			img, err := scaledjpeg.Decode(bytes.NewReader(b), 8/n)
			if err != nil {
				t.Fatal(err)
			}
			got, row := plane(t, img)
			worst, clipped := 0.0, 0
			for by := range whole.Bounds().Dy() / 8 {
				for bx := range whole.Bounds().Dx() / 8 {
					var f [4][4]float64
					clip := false
					for y := range 8 {
						for x := range 8 {
							p := src[(by*8+y)*stride+bx*8+x]
							clip = clip || p == 0 || p == 255 // what was cut off is not in the pixels any more
							for v := range n {
								for u := range n {
									f[v][u] += (float64(p) - 128) * cosine(8, x, u) * cosine(8, y, v)
								}
							}
						}
					}
					if clip {
						clipped++
						continue
					}
					for y := range n {
						for x := range n {
							want := 0.0
							for v := range n {
								for u := range n {
									want += f[v][u] * cosine(n, x, u) * cosine(n, y, v)
								}
							}
							want = max(0, min(255, want*float64(n)/8+128))
							worst = max(worst, math.Abs(want-float64(got[(by*n+y)*row+bx*n+x])))
						}
					}
				}
			}
			if worst > 2 || clipped > 200 {
				t.Errorf("%s at %d/8: %.2f of 255; %d blocks clipped", name, n, worst, clipped)
			}
		}
	}
}

func TestUnsupportedIsLeftToOthers(t *testing.T) {
	for _, name := range []string{"video-001.cmyk.jpeg", "video-001.rgb.jpeg"} {
		if _, err := scaledjpeg.Decode(bytes.NewReader(standard(t, name)), 2); !errors.Is(err, scaledjpeg.ErrUnsupported) {
			t.Error(name, err)
		}
	}
	if _, err := scaledjpeg.Decode(bytes.NewReader(nil), 3); err == nil {
		t.Error("a scale of 1/3")
	}
}

// TestCutAnywhere: what is there is shown, and nothing panics.
func TestCutAnywhere(t *testing.T) {
	for _, name := range []string{"video-001.jpeg", "video-001.progressive.jpeg", "video-001.restart2.jpeg"} {
		b := standard(t, name)
		whole, err := scaledjpeg.Decode(bytes.NewReader(b), 2)
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for n := 0; n < len(b); n += 37 {
			img, err := scaledjpeg.Decode(bytes.NewReader(b[:n]), 2)
			switch {
			case err == nil:
				shown++
				if n > len(b)*9/10 && difference(t, img, whole) > 20 {
					t.Fatalf("%s: little is left of %d of %d bytes", name, n, len(b))
				}
			case !errors.Is(err, io.ErrUnexpectedEOF):
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
		}
		if shown < len(b)/37*8/10 {
			t.Fatalf("%s: %d are shown", name, shown)
		}
	}
}

func TestReaderThatFailsIsNotTheEnd(t *testing.T) {
	b := standard(t, "video-001.jpeg")
	broken := errors.New("disk")
	for _, n := range []int{0, 100, len(b) / 2, len(b) - 3} {
		r := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken))
		if _, err := scaledjpeg.Decode(r, 4); !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"video-001.jpeg", "video-001.progressive.jpeg", "video-001.restart2.jpeg", "video-005.gray.q50.2x2.progressive.jpeg"} {
		f.Add(standard(f, name), byte(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, scale byte) {
		if c, err := jpeg.DecodeConfig(bytes.NewReader(b)); err == nil && c.Width*c.Height > 1<<20 {
			return
		}
		denom := 2 << (scale % 3)
		img, err := scaledjpeg.Decode(bytes.NewReader(b), denom)
		if err != nil {
			return
		}
		r := img.Bounds()
		img.At(r.Max.X-1, r.Max.Y-1) // the planes are as large as they say
		if whole, err := jpeg.Decode(bytes.NewReader(b)); err == nil && r.Dx() != (whole.Bounds().Dx()+denom-1)/denom {
			t.Fatal(r, whole.Bounds())
		}
	})
}
