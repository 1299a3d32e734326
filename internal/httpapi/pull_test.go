package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"paicha/internal/store"
)

// TestPullGoesOnWhereItBroke takes an answer in two parts, broken anywhere, in each encoding.
func TestPullGoesOnWhereItBroke(t *testing.T) {
	s := newSite(t)
	chief := s.supervisor("chief", "5325")
	for i := range 12 {
		body := fmt.Appendf(nil, `{"note":"%x"}`, sha256.Sum256([]byte{byte(i)}))
		s.put(store.Doc{Ref: store.Ref{Kind: "hazard", ID: fmt.Sprint("h", i)}, Tokens: []store.Token{"532504"}, Body: body}, nil)
	}
	for _, encoding := range []string{"", "gzip", "zstd"} {
		ask := func(body string) answer {
			headers := []string{"Content-Type", "application/json"}
			if encoding != "" {
				headers = append(headers, "Accept-Encoding", encoding)
			}
			return s.send("POST", "/api/v1/sync/pull", chief, []byte(body), headers...)
		}
		whole := ask(`{"limit":100}`)
		if whole.status != 200 || whole.header.Get("Content-Encoding") != encoding || len(whole.body) < 200 {
			t.Fatalf("%q: %d %v, %d bytes", encoding, whole.status, whole.header, len(whole.body))
		}
		goOn := func(n int, hash string) answer {
			return ask(fmt.Sprintf(`{"limit":100,"got":{"bytes":%d,"sha256":"%s"}}`, n, hash))
		}
		for n := 0; n <= len(whole.body); n += 97 {
			sum := sha256.Sum256(whole.body[:n])
			r := goOn(n, hex.EncodeToString(sum[:]))
			if n == 0 {
				if r.status != 200 || !bytes.Equal(r.body, whole.body) {
					t.Errorf("%q from its beginning: %d", encoding, r.status)
				}
				continue
			}
			size := fmt.Sprintf("bytes %d-%d/%d", n, len(whole.body)-1, len(whole.body))
			if r.status != 206 || r.header.Get("Content-Range") != size || r.header.Get("Content-Encoding") != encoding ||
				r.header.Get("Cache-Control") != "no-store" || !bytes.Equal(r.body, whole.body[n:]) {
				t.Errorf("%q at %d: %d %v", encoding, n, r.status, r.header)
			}
		}
		wrong := sha256.Sum256([]byte("another answer"))
		for _, n := range []int{-1, 10, len(whole.body), 1 << 40} {
			if r := goOn(n, hex.EncodeToString(wrong[:])); r.status != 200 || r.header.Get("Content-Range") != "" || !bytes.Equal(r.body, whole.body) {
				t.Errorf("%q, %d bytes of another answer: %d", encoding, n, r.status)
			}
		}
		s.refused(ask(`{"got":{"bytes":"many"}}`), 400, "sync.body")
	}
}
