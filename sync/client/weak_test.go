package client

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fieldsync "paicha/sync"
)

func TestBodiesGoCompressedAsTheServerTakesThem(t *testing.T) {
	for _, takes := range []string{"zstd", "gzip", ""} {
		for _, code := range []string{"httpapi.encoding", ""} {
			t.Run(takes+" "+code, func(t *testing.T) {
				tab, w := begin(t)
				var tried []string
				front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					e := r.Header.Get("Content-Encoding")
					if r.URL.Path == "/api/v1/sync/push" {
						tried = append(tried, e)
					}
					if e != "" && e != takes {
						if code == "" {
							rw.WriteHeader(http.StatusUnsupportedMediaType)
						} else {
							w.refuse(rw, http.StatusUnsupportedMediaType, code)
						}
						return
					}
					w.ServeHTTP(rw, r)
				}))
				defer front.Close()
				tab.Server = front.URL
				for range 2 {
					for range 15 {
						do(t, tab, "hazard.plan")
					}
					if r, err := tab.Sync(context.Background()); err != nil || r.Waiting > 0 || r.Asking > 0 {
						t.Fatalf("%+v %v", r, err)
					}
				}
				want := append(slices.Clone(encodings[:slices.Index(encodings, takes)+1]), takes) // what was learnt stays
				if !slices.Equal(tried, want) {
					t.Errorf("tried %q, want %q", tried, want)
				}
				if len(w.seen) != 30 {
					t.Errorf("%d arrived", len(w.seen))
				}
			})
		}
	}
}

// TestMajorHazardsGoFirst queues work on several inspections of which some raise a major hazard: these come first, with
// their photos, and within an inspection nothing changes places.
func TestMajorHazardsGoFirst(t *testing.T) {
	tab, w := begin(t)
	rng := rand.New(rand.NewPCG(7, 7))
	made := map[string][]fieldsync.MutationID{}
	urgent := map[fieldsync.MutationID]bool{}
	act := func(inspection, class string) {
		id, err := tab.Do(Command{
			Name: "inspection.save", Doc: fieldsync.DocRef{Kind: "inspection", ID: inspection},
			Args: map[string]any{"findings": []any{map[string]any{"class": class, "note": "major 二字在别处不算"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		made[inspection] = append(made[inspection], id)
	}
	for i := range 60 {
		act(fmt.Sprint("i", rng.IntN(8)), "general")
		if i == 30 || i == 45 {
			act(fmt.Sprint("i", i/10), major) // i3 and i4
		}
	}
	for _, inspection := range []string{"i3", "i4"} {
		for _, id := range made[inspection] {
			urgent[id] = true
		}
	}
	for i := range 8 {
		if _, err := tab.AddPhoto(NewPhoto{Inspection: fmt.Sprint("i", i)}, []byte{byte(i), 'j'}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := tab.Sync(context.Background()); err != nil || r.Waiting > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	for i, id := range w.order {
		if urgent[id] != (i < len(urgent)) {
			t.Fatalf("mutation %d of %d urgent ones: urgent %v", i, len(urgent), urgent[id])
		}
	}
	for inspection, ids := range made {
		at := -1
		for _, id := range ids {
			next := slices.Index(w.order, id)
			if next < at {
				t.Errorf("%s: out of order", inspection)
			}
			at = next
		}
	}
	for _, p := range tab.urgentPhotos(tab.outbox.Photos())[:2] {
		if p.Inspection != "i3" && p.Inspection != "i4" {
			t.Errorf("the photo of %s goes first", p.Inspection)
		}
	}
}

// TestOrderIsKeptWhereLinksWouldNotDo has more waiting than links can name.
func TestOrderIsKeptWhereLinksWouldNotDo(t *testing.T) {
	tab, _ := begin(t)
	tab.hello.Limits.PushMutations = 5
	for i := range 6 {
		if _, err := tab.Do(Command{
			Name: "inspection.save", Doc: fieldsync.DocRef{Kind: "inspection", ID: fmt.Sprint(i)},
			Args: map[string]any{"findings": []any{map[string]any{"class": major}}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range tab.first(tab.outbox.Waiting()) {
		if m.Doc.ID != fmt.Sprint(i) {
			t.Fatalf("%d is %s", i, m.Doc.ID)
		}
	}
}

func TestHazardsInTheReplicaAreUrgentToo(t *testing.T) {
	tab, w := begin(t)
	w.pages = []string{
		`{"kind":"hazard","id":"h1","rev":1,"via":["x"],"body":{"class":"major","inspection":"i1"}}`,
		`{"kind":"hazard","id":"h2","rev":1,"via":["x"],"body":{"class":"general","inspection":"i2"}}`,
	}
	if _, err := tab.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"h2", "h1"} {
		if _, err := tab.Do(Command{Name: "hazard.rectify", Doc: fieldsync.DocRef{Kind: "hazard", ID: id}, Args: map[string]string{"note": "已整改"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := tab.first(tab.outbox.Waiting()); got[0].Doc.ID != "h1" {
		t.Errorf("%s goes first", got[0].Doc.ID)
	}
	if u := tab.urgent(); !u["h1"] || !u["i1"] || u["h2"] || u["i2"] {
		t.Errorf("%v", u)
	}
}

// TestStrideFindsWhatTheLineBears walks steps over a line that breaks every so many bytes on average, and wants what is
// lost and the headers of the steps to stay small beside what is carried.
func TestStrideFindsWhatTheLineBears(t *testing.T) {
	const header = 1200
	for _, between := range []int{100 << 10, 200 << 10, 1 << 20, 1 << 40} {
		rng := rand.New(rand.NewPCG(1, uint64(between))) //nolint:gosec // positive
		s := stride{size: 256 << 10, after: chunksBefore}
		sent, carried := 0, 0
		for left := rng.ExpFloat64() * float64(between); carried < 40<<20; {
			step := int(s.size) + header
			if float64(step) > left {
				sent += int(left)
				left = rng.ExpFloat64() * float64(between)
				s.failed(leastChunk)
				continue
			}
			left -= float64(step)
			sent, carried = sent+step, carried+int(s.size)
			s.went(30<<20, false)
		}
		if over := float64(sent) / float64(carried); over > 1.3 {
			t.Errorf("breaks every %d bytes: %.2f bytes sent for each that arrived", between, over)
		}
	}
}

// TestPagesShrinkOnABadLine cuts each answer that is longer than the line bears.
func TestPagesShrinkOnABadLine(t *testing.T) {
	tab, w := begin(t)
	var mu sync.Mutex
	var asked []int
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/sync/pull" {
			w.ServeHTTP(rw, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		b := w.body(r)
		var limit int
		if at := bytes.Index(b, []byte(`"limit":`)); at >= 0 {
			if _, err := fmt.Sscanf(string(b[at+8:]), "%d", &limit); err != nil {
				t.Error(err)
			}
		}
		asked = append(asked, limit)
		if limit == 0 || limit > 10 {
			panic(http.ErrAbortHandler)
		}
		var page []string
		for i := range limit {
			page = append(page, change(fmt.Sprint("d", len(asked), "-", i), "1", "x"))
		}
		fmt.Fprintf(rw, `{"changes":[%s],"cursor":"%d","more":%t}`, strings.Join(page, ","), len(asked), len(asked) < 9)
	}))
	defer front.Close()
	tab.Server = front.URL
	_, err := tab.Sync(context.Background())
	mu.Lock()
	defer mu.Unlock()
	if err != nil {
		t.Fatalf("%v, asked for %v", err, asked)
	}
	if asked[0] != firstPage || slices.Max(asked[4:]) > 16 {
		t.Errorf("asked for %v", asked)
	}
}

func TestWaitIsToldWhatTheServerAsks(t *testing.T) {
	tab, w := begin(t)
	busy := 2
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/sync/push" && busy > 0 {
			busy--
			rw.Header().Set("Retry-After", "7")
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.ServeHTTP(rw, r)
	}))
	defer front.Close()
	tab.Server = front.URL
	var waits []time.Duration
	tab.Wait = func(ctx context.Context, _ int) error {
		waits = append(waits, AskedWait(ctx))
		return nil
	}
	do(t, tab, "hazard.plan")
	if r, err := tab.Sync(context.Background()); err != nil || r.Waiting > 0 || !slices.Equal(waits, []time.Duration{7 * time.Second, 7 * time.Second}) {
		t.Errorf("%+v %v, waited %v", r, err, waits)
	}
}
