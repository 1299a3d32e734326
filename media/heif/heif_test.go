package heif_test

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/media/heif"
)

// program writes a stand-in for heif-convert.
func program(t *testing.T, script string) heif.Converter {
	t.Helper()
	name := filepath.Join(t.TempDir(), "convert")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return heif.With(name)
}

func TestWhatTheProgramDoes(t *testing.T) {
	for name, c := range map[string]struct{ script, want, fails string }{
		"Writes":          {script: `cp in.heic out.jpg`, want: "picture"},
		"WritesSeveral":   {script: `echo other > out-2.jpg; cp in.heic out-1.jpg`, want: "picture"},
		"WritesNothing":   {script: `exit 0`, fails: "wrote nothing"},
		"Fails":           {script: `echo no >&2; exit 3`, fails: "exit status 3"},
		"SeesNoSecrets":   {script: `env | grep -c SECRET > out.jpg; true`, want: "0\n"},
		"WritesTooMuch":   {script: `dd if=/dev/zero of=out.jpg bs=1M count=100 2>/dev/null || exit 9`, fails: "heif-convert"},
		"OptionsAreFixed": {script: `echo "$@" > out.jpg`, want: "-q 92 in.heic out.jpg\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PAICHA_SECRET", "x")
			got, err := program(t, c.script).JPEG(context.Background(), strings.NewReader("picture"))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatal(err)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Fatalf("%q %v", got, err)
			}
		})
	}
}

func TestProgramIsKilledWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := program(t, `sleep 1000 & sleep 1000`).JPEG(ctx, strings.NewReader("x"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// TestPictureOfAnIPad runs the real program, where there is one.
func TestPictureOfAnIPad(t *testing.T) {
	c, ok := heif.Find()
	if !ok {
		t.Skip("heif-convert is not installed: apt-get install libheif-examples")
	}
	f, err := os.Open("../testdata/corpus/ipad.heic")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := c.JPEG(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 96 || img.Bounds().Dy() != 64 {
		t.Fatal(img.Bounds(), err)
	}
	if r, g, _, _ := img.At(20, 10).RGBA(); r < g {
		t.Fatal("the red corner is not red")
	}
}
