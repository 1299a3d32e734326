package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
)

func against(t *testing.T, b, like []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(0, like))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(like)
	return z.EncodeAll(b, slices.Concat(dczMagic, sum[:]))
}

func TestPageAgainstADocument(t *testing.T) {
	like, page := []byte(strings.Repeat(`{"ask":"煤层自燃倾向性"}`, 9)), []byte(strings.Repeat(`{"ask":"煤层自燃倾向性"}`, 7))
	good := against(t, page, like)
	for name, c := range map[string]struct {
		p  torn
		ok bool
	}{
		"as it was named":    {torn{encoding: "dcz", like: like, body: good}, true},
		"none was named":     {torn{encoding: "dcz", body: against(t, page, nil)}, false},
		"another one":        {torn{encoding: "dcz", like: page, body: good}, false},
		"half":               {torn{encoding: "dcz", like: like, body: good[:len(good)-3]}, false},
		"less than its head": {torn{encoding: "dcz", like: like, body: good[:20]}, false},
		"not against any":    {torn{encoding: "zstd", like: like, body: packed(t, page)}, true},
	} {
		got, err := c.p.inflate()
		if (err == nil) != c.ok || c.ok && string(got) != string(page) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestLikeIsTheLongestRecord names what is worth naming, to a server that knows what to do with it, and the same for the
// rest of a page.
func TestLikeIsTheLongestRecord(t *testing.T) {
	long := func(kind, id string, n int) string {
		return fmt.Sprintf(`{"kind":"%s","id":"%s","rev":1,"via":["x"],"body":{"v":"%s"}}`, kind, id, strings.Repeat("z", n))
	}
	f := &frail{page: onePage(long("hazard", "h", 5000), long("inspection", "i", 6000), long("pack", "p", 7000), long("inspection", "huge", mostLike))}
	tab := frailTablet(t, f)
	if _, err := tab.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.page = func(cursor string, _ int) string {
		if cursor == "c1" {
			return `{"changes":[` + change("d1", "1", "x") + `],"cursor":"c2","more":false}`
		}
		return `{"changes":[],"cursor":"` + cursor + `","more":false}`
	}
	f.cut = []int{30}
	if _, err := tab.Sync(t.Context()); !errors.Is(err, ErrAnswer) {
		t.Fatal(err)
	}
	if _, err := tab.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	held, _ := tab.Replica().Get(fieldsync.DocRef{Kind: "inspection", ID: "i"})
	want := fieldsync.Like{Kind: "inspection", ID: "i", SHA256: fmt.Sprintf("%x", sha256.Sum256(held.Body))}
	if len(f.asked) != 3 || f.asked[0].Like.ID != "" || f.asked[1].Like != want || f.asked[2].Like != want || f.asked[2].Got.Bytes != 30 {
		t.Errorf("asked %+v", f.asked)
	}
	f.deaf = true
	if _, err := tab.Sync(t.Context()); err != nil || f.asked[3].Like.ID != "" {
		t.Errorf("a server that did not name the capability is asked %+v: %v", f.asked[3], err)
	}
	small := &Replica{docs: map[fieldsync.DocRef]Doc{}}
	small.put(Doc{PullChange: fieldsync.PullChange{Kind: "hazard", ID: "h", Via: held.Via, Body: jsontext.Value(`{"v":1}`)}})
	if l, body := small.likeliest(); l.ID != "" || body != nil {
		t.Errorf("%+v", l)
	}
}
