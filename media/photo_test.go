package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/media"
)

func samples(t testing.TB, module, under string) string {
	t.Helper()
	// A module of which no package is built is in the list without a folder until it is downloaded.
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil || found.Dir == "" {
		t.Fatalf("%s: %v", out, err)
	}
	return filepath.Join(found.Dir, under)
}

func look(t *testing.T, b []byte) media.Photo {
	t.Helper()
	p, err := media.Look(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadsFactsOfRealPhotos(t *testing.T) {
	names, err := filepath.Glob(samples(t, "github.com/rwcarlsen/goexif", "exif/samples/*.jpg"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	dated, placed := 0, 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p := look(t, b)
		if !p.Facts.Taken.At.IsZero() {
			dated++
		}
		if !p.Facts.GPS.IsZero() {
			placed++
		}
		want, _, _ := strings.Cut(filepath.Base(name), "-sep-")
		if at, err := time.Parse("2006-01-02-15-04-05", want); err == nil && at.Year() < 2100 && !p.Facts.Taken.At.IsZero() {
			if d := p.Facts.Taken.At.Sub(at).Abs(); d > 26*time.Hour {
				t.Logf("%s: taken %v", filepath.Base(name), p.Facts.Taken.At)
			}
		}
	}
	t.Logf("%d photos, %d dated, %d with a position", len(names), dated, placed)
	if dated < len(names)*3/4 || placed == 0 {
		t.Fatalf("%d photos, %d dated, %d with a position", len(names), dated, placed)
	}
}

func TestBrokenEXIFIsNoError(t *testing.T) {
	names, err := filepath.Glob(samples(t, "github.com/rwcarlsen/goexif", "exif/corrupt/*.jpg"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		look(t, b)
	}
}

// bomb is a PNG header that declares 60,000 × 60,000 pixels.
func bomb() []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	b = binary.BigEndian.AppendUint32(b, 60000)
	b = binary.BigEndian.AppendUint32(b, 60000)
	b = append(b, 8, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestPictures(t *testing.T) {
	ctx := context.Background()
	s := store(t, t.TempDir())
	d := &media.Deriver{Blobs: s.Blobs(), Derived: s.Derived()}
	put := func(b []byte) media.SHA256 {
		h := media.Sum(b)
		if err := s.Blobs().Put(ctx, h, int64(len(b)), bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		return h
	}
	t.Run("BombIsNotDecoded", func(t *testing.T) {
		if err := d.Make(ctx, put(bomb())); !errors.Is(err, media.ErrNoPreview) {
			t.Fatal(err)
		}
	})
	t.Run("Sizes", func(t *testing.T) {
		h := put(picture(t, 2000, 1000))
		if err := d.Make(ctx, h); err != nil {
			t.Fatal(err)
		}
		for size, width := range map[media.SizeName]int{media.Thumb: 320, media.Preview: 1280} {
			r, _, err := s.Derived().OpenDerived(ctx, h, size)
			if err != nil {
				t.Fatal(err)
			}
			c, _, err := image.DecodeConfig(r)
			r.Close()
			if err != nil || c.Width != width || c.Height != width/2 {
				t.Fatal(c, err)
			}
		}
	})
}

func TestPictureThatCannotBeMadeIsSaidSo(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s, b, made := store(t, t.TempDir()), bomb(), make(chan error, 1)
	h := media.Sum(b)
	if err := s.Blobs().Put(ctx, h, int64(len(b)), bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	d := &media.Deriver{Blobs: s.Blobs(), Derived: s.Derived(), Report: func(_ media.SHA256, err error) { made <- err }}
	v := media.Viewer{Blobs: s.Blobs(), Derived: s.Derived(), Deriver: d}
	if _, _, err := v.Picture(ctx, h, media.Thumb); !errors.Is(err, media.ErrNotReady) {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { d.Run(ctx); close(ended) }()
	if err := <-made; !errors.Is(err, media.ErrNoPreview) {
		t.Fatal(err)
	}
	if _, _, err := v.Picture(ctx, h, media.Thumb); !errors.Is(err, media.ErrNoPreview) {
		t.Fatal(err)
	}
	stop()
	<-ended
}

func TestCoordinateSystems(t *testing.T) {
	g := media.Place{Latitude: 23.3668, Longitude: 103.3842, System: media.GCJ02}
	w := g.WGS()
	if d := media.Metres(media.Place{Latitude: g.Latitude, Longitude: g.Longitude, System: media.WGS84}, w); d < 100 || d > 900 {
		t.Fatalf("shift of %.0f m", d)
	}
	if back := w.GCJ(); math.Abs(back.Latitude-g.Latitude)+math.Abs(back.Longitude-g.Longitude) > 1e-7 {
		t.Fatal(back)
	}
}

// TestPublishedPoints holds the conversion against the points that implementations of it publish (eviltransform).
func TestPublishedPoints(t *testing.T) {
	for name, p := range map[string][4]float64{ // WGS-84, GCJ-02
		"上海": {31.1774276, 121.5272106, 31.17530398364597, 121.531541859215},
		"深圳": {22.543847, 113.912316, 22.540796131694766, 113.9171764808363},
		"北京": {39.911954, 116.377817, 39.91334545536069, 116.38404722455657},
	} {
		wgs, gcj := media.Place{Latitude: p[0], Longitude: p[1], System: media.WGS84}, media.Place{Latitude: p[2], Longitude: p[3], System: media.GCJ02}
		if got := wgs.GCJ(); math.Abs(got.Latitude-p[2])+math.Abs(got.Longitude-p[3]) > 1e-9 {
			t.Errorf("%s: %v", name, got)
		}
		if got := gcj.WGS(); math.Abs(got.Latitude-p[0])+math.Abs(got.Longitude-p[1]) > 1e-7 {
			t.Errorf("%s: %v", name, got)
		}
		if d := media.Metres(wgs, gcj); d > 0.1 {
			t.Errorf("%s: one point is %.1f m from itself", name, d)
		}
	}
	if abroad := (media.Place{Latitude: 48.85, Longitude: 2.35, System: media.WGS84}); abroad.GCJ().Latitude != 48.85 {
		t.Error("Paris is shifted")
	}
}

func TestEvidenceKeepsUnknownMembers(t *testing.T) {
	a, b := media.Sum([]byte("a")), media.Sum([]byte("b"))
	e, err := media.ParseEvidence([]byte(`{"inspection":"i","wanted":[],"received":[],"later":{"x":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	e = e.Want(media.Wanted{SHA256: a}, media.Wanted{SHA256: b}, media.Wanted{SHA256: a})
	e, changed := e.Receive(media.Arrived{SHA256: b})
	if got, want := e.Progress(); !changed || got != 1 || want != 2 || len(e.Missing()) != 1 || e.Missing()[0] != a {
		t.Fatal(got, want, e.Missing())
	}
	out, err := e.MarshalJSON()
	if err != nil || !strings.Contains(string(out), `"later":{"x":1}`) {
		t.Fatal(string(out), err)
	}
}
