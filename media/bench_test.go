package media_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/disintegration/imaging"
	"golang.org/x/image/draw"

	"paicha/internal/scaledjpeg"
)

// twelve is a photo of 4,000 × 3,000 pixels and about 3 MB, as a tablet takes them: a real scene, enlarged, with the
// grain of a sensor.
func twelve(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(samples(t, "github.com/bep/imagemeta", "testdata/images/hugo-issue-8996.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	scene, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	img := imaging.Fill(scene, 4000, 3000, imaging.Center, imaging.CatmullRom)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = uint8(max(0, min(255, int(img.Pix[i])+r.IntN(9)-4)))
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 88}); err != nil {
		t.Fatal(err)
	}
	return withEXIF(out.Bytes(), 6)
}

// BenchmarkPictures makes thumbnail and preview of one photo of 12 megapixels: as the server does, and with what the
// server does not use. Resident memory of vipsthumbnail is its process's.
func BenchmarkPictures(b *testing.B) {
	photo := twelve(b)
	b.Logf("a photo of %.1f MB", float64(len(photo))/(1<<20))
	b.Run("Paicha", func(b *testing.B) {
		s := newStudio(b)
		h := s.put(photo)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.d.Make(context.Background(), h); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("WholeDecodedWithImaging", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			img, err := imaging.Decode(bytes.NewReader(photo), imaging.AutoOrientation(true))
			if err != nil {
				b.Fatal(err)
			}
			preview := imaging.Fit(img, 1280, 1280, imaging.Lanczos)
			for _, p := range []image.Image{preview, imaging.Fit(preview, 320, 320, imaging.Lanczos)} {
				if err := jpeg.Encode(&bytes.Buffer{}, p, &jpeg.Options{Quality: 82}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("vipsthumbnail", func(b *testing.B) {
		vips, err := exec.LookPath("vipsthumbnail")
		if err != nil {
			b.Skip("not installed: apt-get install libvips-tools")
		}
		in := filepath.Join(b.TempDir(), "photo.jpg")
		if err := os.WriteFile(in, photo, 0o600); err != nil {
			b.Fatal(err)
		}
		peak := int64(0)
		for b.Loop() {
			for _, size := range []string{"1280x1280", "320x320"} {
				cmd := exec.Command(vips, in, "--size", size, "-o", filepath.Join(b.TempDir(), "%s.jpg[Q=82,strip]")) //nolint:gosec // our own paths
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%s: %v", out, err)
				}
				peak = max(peak, residentKB(cmd.ProcessState))
			}
		}
		b.ReportMetric(float64(peak)/1024, "process-MB")
	})
}

// BenchmarkDecode is the cost of the pixels alone.
func BenchmarkDecode(b *testing.B) {
	photo := twelve(b)
	b.Run("Standard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(photo)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, denom := range []int{2, 4, 8} {
		b.Run(fmt.Sprint("Scaled", denom), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := scaledjpeg.Decode(bytes.NewReader(photo), denom); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResize brings the decoded half to the size of a preview.
func BenchmarkResize(b *testing.B) {
	photo := twelve(b)
	half, err := scaledjpeg.Decode(bytes.NewReader(photo), 2)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		b.Fatal(err)
	}
	for name, img := range map[string]image.Image{"Whole": whole, "Half": half} {
		for filter, f := range map[string]imaging.ResampleFilter{"Lanczos": imaging.Lanczos, "CatmullRom": imaging.CatmullRom, "Box": imaging.Box} {
			b.Run(name+"Imaging"+filter, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					imaging.Fit(img, 1280, 1280, f)
				}
			})
		}
		for filter, s := range map[string]draw.Scaler{"CatmullRom": draw.CatmullRom, "ApproxBiLinear": draw.ApproxBiLinear} {
			b.Run(name+"Draw"+filter, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Scale(image.NewRGBA(image.Rect(0, 0, 1280, 960)), image.Rect(0, 0, 1280, 960), img, img.Bounds(), draw.Src, nil)
				}
			})
		}
	}
}

// residentKB is the most that an ended process had in memory; 0 where the system does not say.
func residentKB(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss
	}
	return 0
}
