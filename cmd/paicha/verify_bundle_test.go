package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/internal/bundle"
	"paicha/media"
)

// TestVerifyBundleCommand: a signed bundle holds with the photos in it; one changed or without signatures does not.
func TestVerifyBundleCommand(t *testing.T) {
	dir := t.TempDir()
	content := []byte("照片")
	photo := media.Sum(content)
	signedFile(t, filepath.Join(dir, "signed.json"), photo)
	signed, err := os.ReadFile(filepath.Join(dir, "signed.json"))
	if err != nil {
		t.Fatal(err)
	}
	album, err := openPhotos(t.Context(), "file://"+filepath.Join(dir, "photos"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = album.Close() })
	if err := album.Put(t.Context(), photo, int64(len(content)), bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	write := func(name string, further ...bundle.Extra) string {
		at := filepath.Join(dir, name)
		f, err := os.Create(at)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := bundle.Write(t.Context(), f, bundle.Contents{
			Kind: "inspection", ID: "i1", At: time.Date(2023, 6, 5, 8, 0, 0, 0, time.UTC), By: "u1",
			Records: []bundle.Doc{{Kind: "inspection", ID: "i1", Rev: 1, Body: []byte(`{"id":"i1"}`)}},
			Photos:  []bundle.Wanted{{SHA256: photo, Type: media.JPEG, Received: true}}, Further: further,
		}, media.Viewer{Blobs: album}); err != nil {
			t.Fatal(err)
		}
		return at
	}
	good := write("good.zip", bundle.Extra{Name: bundle.AttestationName, Write: func(w io.Writer) error {
		_, err := w.Write(signed)
		return err
	}})
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	changed, cut := filepath.Join(dir, "changed.zip"), filepath.Join(dir, "cut.zip")
	if err := os.WriteFile(changed, bytes.Replace(b, content, []byte("假的"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{good}, 0, "证据包完整，签名核对通过"},
		{[]string{write("unsigned.zip")}, 1, "没有电子签名"},
		{[]string{changed}, 1, "与清单不符"},
		{[]string{cut}, 1, bundle.ErrForm.Message},
		{[]string{filepath.Join(dir, "none.zip")}, 1, "读不出来"},
		{[]string{"--json", good}, 0, `"whole": true`},
	} {
		var out, errs bytes.Buffer
		if code := verify(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: %d, want %d with %s:\n%s%s", c.args, code, c.code, c.says, &out, &errs)
		}
	}
}
