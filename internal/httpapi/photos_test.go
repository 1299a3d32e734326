package httpapi

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"

	"paicha/media"
)

type openFile struct{ *bytes.Reader }

func (openFile) Close() error { return nil }

// TestServedFilesCanDoNothing: whatever type was sniffed, a browser neither guesses another nor runs what is in it.
func TestServedFilesCanDoNothing(t *testing.T) {
	for kind, shown := range map[media.Type]string{
		media.JPEG: "inline", media.PNG: "inline", media.WebP: "inline", media.HEIC: "inline", media.MP4: "inline", media.PDF: "attachment", "": "attachment",
	} {
		app := fiber.New()
		app.Get("/", func(c *fiber.Ctx) error {
			secure(c)
			return serve(c, openFile{bytes.NewReader([]byte("<script>"))}, 8, string(kind), "tag")
		})
		r, err := app.Test(httptest.NewRequest("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Body.Close() != nil || string(body) != "<script>" {
			t.Fatal(string(body), err)
		}
		for header, want := range map[string]string{
			"Content-Disposition": shown, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s of %q: %q, want %q", header, kind, got, want)
			}
		}
	}
}
