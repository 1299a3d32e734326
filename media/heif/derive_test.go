package heif_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"paicha/media"
	"paicha/media/fs"
	"paicha/media/heif"
)

// made makes the pictures of a HEIC photo and returns the preview.
func made(t *testing.T, c media.Converter, photo []byte) (image.Image, error) {
	t.Helper()
	ctx, h := context.Background(), media.Sum(photo)
	s, err := fs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Blobs().Put(ctx, h, int64(len(photo)), bytes.NewReader(photo)); err != nil {
		t.Fatal(err)
	}
	d := media.Deriver{Blobs: s.Blobs(), Derived: s.Derived(), HEIC: c}
	if err := d.Make(ctx, h); err != nil {
		return nil, err
	}
	r, _, err := s.Derived().OpenDerived(ctx, h, media.Preview)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	return jpeg.Decode(r)
}

// TestPreviewsOfRealPhotos makes previews of photos by an iPhone and a camera, with which the EXIF library is tested.
func TestPreviewsOfRealPhotos(t *testing.T) {
	c, ok := heif.Find()
	if !ok {
		t.Skip("heif-convert is not installed: apt-get install libheif-examples")
	}
	out, err := exec.Command("go", "mod", "download", "-json", "github.com/bep/imagemeta").Output()
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iphone.heic", "sony.heif"} {
		b, err := os.ReadFile(filepath.Join(module.Dir, "testdata/images", name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := made(t, c, b)
		if err != nil {
			// This version of libheif may not read what a newer telephone writes; then it must be told as no preview.
			if !errors.Is(err, media.ErrNoPreview) {
				t.Fatal(name, err)
			}
			t.Logf("%s: %v", name, err)
			continue
		}
		if s := img.Bounds().Size(); max(s.X, s.Y) != 1280 {
			t.Fatal(name, s)
		}
		t.Logf("%s: %v", name, img.Bounds())
	}
}

// TestConverterIsNotBelieved: what another program wrote passes through the bounds, and must be the photo's size.
func TestConverterIsNotBelieved(t *testing.T) {
	photo, err := os.ReadFile("../testdata/corpus/ipad.heic")
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"OtherSize": `cp ` + abs(t, "../testdata/corpus/sliver.jpg") + ` out.jpg`,
		"Huge":      `cp ` + abs(t, "../testdata/corpus/bomb-pixels.jpg") + ` out.jpg`,
		"NoPicture": `cp in.heic out.jpg`,
		"Fails":     `exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := made(t, program(t, script), photo); !errors.Is(err, media.ErrNoPreview) {
				t.Fatal(err)
			}
		})
	}
	if _, err := made(t, nil, photo); !errors.Is(err, media.ErrNoPreview) {
		t.Fatal(err)
	}
}

func abs(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
