package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// chromiumVariable names the browser; the target test-browser of the Makefile sets it to what tools/servers/chromium.sh
// finds.
const chromiumVariable = "PAICHA_TEST_CHROMIUM"

// front is the reverse proxy before the server: the web app and the API have one origin, as the server, which allows no
// other (Cross-Origin-Resource-Policy), wants it. It closes every other connection after an answer, so that a bad line can
// deal more fates, and in the middle of the day it holds one upload back.
type front struct {
	api     http.Handler
	halfway func() // called once, when an upload is held back

	mu       sync.Mutex
	requests int
	patches  int
	held     string        // path of the upload that is held back
	offset   int64         // what of it had arrived by then
	free     chan struct{} // closed when it may go on
}

// morning is how many chunks pass before an upload is held back.
const morning = 150

func newFront(t *testing.T, s *server, halfway func()) (f *front, addr string) {
	t.Helper()
	to, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	f = &front{halfway: halfway, free: make(chan struct{})}
	f.api = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		// The page's end of the line is gone, as it should be.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	at := httptest.NewServer(f)
	t.Cleanup(func() {
		at.CloseClientConnections()
		at.Close()
	})
	return f, at.Listener.Addr().String()
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/":
		serve(w, "../../tools/tus/page.html", "text/html; charset=utf-8")
	case r.URL.Path == "/tus.min.js":
		serve(w, "../../tools/tus/node_modules/tus-js-client/dist/tus.min.js", "text/javascript; charset=utf-8")
	case strings.HasPrefix(r.URL.Path, "/api/"):
		f.hold(r)
		f.mu.Lock()
		f.requests++
		last := f.requests%2 == 0
		f.mu.Unlock()
		if last {
			w.Header().Set("Connection", "close")
		}
		f.api.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

func serve(w http.ResponseWriter, file, mediaType string) {
	b, err := os.ReadFile(file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b)
}

// hold keeps the chunks of one upload, of which some bytes have arrived, until it is released.
func (f *front) hold(r *http.Request) {
	if r.Method != http.MethodPatch {
		return
	}
	f.mu.Lock()
	f.patches++
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if f.held == "" && f.patches > morning && err == nil && offset > 0 {
		f.held, f.offset = r.URL.Path, offset
		f.halfway()
	}
	mine := f.held == r.URL.Path
	f.mu.Unlock()
	if !mine {
		return
	}
	select {
	case <-f.free:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// TestBrowserTusClient uploads twenty photos that a page made, with the browser build of tus-js-client in Chromium, three
// at a time, over a line that cuts, resets and stalls. In the middle of an upload the page is reloaded: the upload goes on.
func TestBrowserTusClient(t *testing.T) {
	if os.Getenv(chromiumVariable) == "" {
		t.Skipf("NOT RUN: a browser's uploads need one; run make test-browser, which finds or installs Chromium and sets %s", chromiumVariable)
	}
	s := newServer(t)
	orders, order, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = orders.Close(), order.Close() })
	f, addr := newFront(t, s, func() { _, _ = order.WriteString("reload\n") })
	weather := newLine(t, addr, 5)
	free := sync.OnceFunc(func() { close(f.free) })
	t.Cleanup(free) // before the front is closed

	const photos = 20
	hashes, arrived := map[string]bool{}, map[string]arrival{}
	pages := 0
	stock(t, weather, 8*time.Minute, enrol(t, s, "inspector1"), orders, func(a arrival) {
		switch {
		case a.URL != "":
			hashes[a.SHA256], arrived[a.File] = true, a
		case a.Working != nil && *a.Working == 3:
			if pages++; pages == 2 {
				free()
			}
		}
	}, "../../tools/tus/browser.mjs", "--origin", weather.url(), "--inspection", uuid.Must(uuid.NewV7()).String(),
		"--photos", strconv.Itoa(photos), "--chunk", "10000", "--at-once", "3")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(arrived) != photos || len(hashes) != photos {
		t.Errorf("%d of %d arrived, %d different", len(arrived), photos, len(hashes))
	}
	if pages != 2 {
		t.Errorf("%d pages uploaded", pages)
	}
	resumed := 0
	for _, a := range arrived {
		if a.Resumed != nil {
			resumed++
		}
		if at, err := url.Parse(a.URL); err == nil && path.Base(at.Path) == path.Base(f.held) {
			if a.Resumed == nil || *a.Resumed < f.offset {
				t.Errorf("of %s %d bytes had arrived when the page was reloaded: %+v", f.held, f.offset, a)
			}
			f.held = ""
		}
	}
	if f.held != "" {
		t.Errorf("the upload %s was left behind", f.held)
	}
	t.Logf("%d chunks; %d photos went on after the page was reloaded", f.patches, resumed)
	weather.wantMet(t)
	wantPhotos(t, s, hashes)
}
