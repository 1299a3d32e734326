package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"testing"

	"paicha/internal/store"

	"github.com/klauspost/compress/zstd"
)

// TestPullGoesOnWhereItBroke takes an answer in two parts, broken anywhere, in each encoding.
func TestPullGoesOnWhereItBroke(t *testing.T) {
	s := newSite(t)
	chief := s.supervisor("chief", "5325")
	for i := range 12 {
		body := fmt.Appendf(nil, `{"note":"%x"}`, sha256.Sum256([]byte{byte(i)}))
		s.put(store.Doc{Ref: store.Ref{Kind: "hazard", ID: fmt.Sprint("h", i)}, Tokens: []store.Token{"5325"}, Body: body}, nil)
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

// TestPullIsCompressedAgainstWhatTheTabletHas reads a record that is like another one, and goes on with it.
func TestPullIsCompressedAgainstWhatTheTabletHas(t *testing.T) {
	s := newSite(t)
	chief := s.supervisor("chief", "5325")
	record := func(i int) []byte {
		var b bytes.Buffer
		for k := range 100 {
			fmt.Fprintf(&b, `%s{"item":"%x","ask":"%x"}`, ","[:min(k, 1)], k, sha256.Sum256([]byte{byte(k)}))
		}
		return fmt.Appendf(nil, `{"note":"%x","open":[%s]}`, sha256.Sum256([]byte{byte(i)}), b.Bytes())
	}
	put := func(i int, region store.Token) {
		s.put(store.Doc{Ref: store.Ref{Kind: "hazard", ID: fmt.Sprint("h", i)}, Tokens: []store.Token{region}, Body: record(i)}, nil)
	}
	put(1, "5325")
	put(2, "5325")
	put(3, "1101") // somewhere else
	ask := func(like int, hash []byte, more string, headers ...string) answer {
		body := fmt.Sprintf(`{"limit":100,"like":{"kind":"hazard","id":"h%d","sha256":"%x"}%s}`, like, hash, more)
		return s.send("POST", "/api/v1/sync/pull", chief, []byte(body), append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	sum := func(b []byte) []byte {
		h := sha256.Sum256(b)
		return h[:]
	}
	plain := ask(1, sum(record(1)), "")
	if plain.header.Get("Content-Encoding") != "" {
		t.Error("compressed for who did not ask for it", plain.header)
	}
	takes := []string{"Accept-Encoding", "zstd, gzip"}
	like := ask(1, sum(record(1)), "", takes...)
	if like.header.Get("Content-Encoding") != "dcz" || len(like.body) > 3000 || !bytes.HasPrefix(like.body, slices.Concat(dczMagic, sum(record(1)))) {
		t.Fatalf("%v, %d bytes; plain %s", like.header, len(like.body), plain.body)
	}
	z, err := zstd.NewReader(bytes.NewReader(like.body[40:]), zstd.WithDecoderDictRaw(0, record(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.body) {
		t.Errorf("%v: %s", err, got)
	}
	rest := ask(1, sum(record(1)), fmt.Sprintf(`,"got":{"bytes":100,"sha256":"%x"}`, sum(like.body[:100])), takes...)
	if rest.status != 206 || rest.header.Get("Content-Encoding") != "dcz" || !bytes.Equal(rest.body, like.body[100:]) {
		t.Errorf("%d %v", rest.status, rest.header)
	}
	for name, r := range map[string]answer{
		"other bytes":  ask(1, sum(record(2)), "", takes...),
		"not theirs":   ask(3, sum(record(3)), "", takes...),
		"not there":    ask(9, sum(record(9)), "", takes...),
		"gzip only":    ask(1, sum(record(1)), "", "Accept-Encoding", "gzip"),
		"nothing said": ask(1, nil, "", takes...),
	} {
		if e := r.header.Get("Content-Encoding"); r.status != 200 || e == "dcz" || e == "" {
			t.Errorf("%s: %d %q", name, r.status, e)
		}
	}
}
