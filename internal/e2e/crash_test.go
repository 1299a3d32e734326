package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

const pack = "coal-mine@2023.1"

// photo makes a small JPEG unlike every other.
func photo(t *testing.T, r *rand.Rand) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: uint8(r.Uint32())}.Y //nolint:gosec // noise
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// visit is one inspection with a photo, as the tablet that made it remembers it.
type visit struct {
	id    string
	hash  string
	photo []byte
	saves int
}

// record saves an inspection with a photo on the tablet and, if wanted, submits it with a major hazard.
func record(t *testing.T, tablet *client.Tablet, r *rand.Rand, submit bool) visit {
	t.Helper()
	v := visit{id: uuid.Must(uuid.NewV7()).String(), photo: photo(t, r), saves: 1}
	hash := sha256.Sum256(v.photo)
	v.hash = hex.EncodeToString(hash[:])
	ref := fieldsync.DocRef{Kind: "inspection", ID: v.id}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(tablet.Save("inspection.save", ref, map[string]any{
		"header": map[string]any{
			"unit": map[string]any{"id": "demo-coal-1"}, "region": "532504", "sectors": []string{"coal-mine"},
			"mode": "unannounced", "pack": map[string]any{"id": pack}, "startedAt": "2026-06-05T07:30:00Z",
		},
		"answers": []any{map[string]any{"item": "power.double-circuit", "result": "nonconform", "photos": []string{v.hash}}},
		"facts":   []any{map[string]any{"name": "mine-kind", "text": "井工"}},
		"photos":  []any{map[string]any{"sha256": v.hash}},
	}))
	must(tablet.AddPhoto(client.NewPhoto{Inspection: v.id, Name: "a.jpg", Type: "image/jpeg"}, v.photo))
	if submit {
		must(tablet.Save("inspection.submit", ref, map[string]any{"signatures": []any{map[string]any{"name": "检查员甲", "role": "inspector"}}}))
	}
	return v
}

// check looks at what the server holds of a visit: the save is there once, and so is the photo, byte for byte.
func check(t *testing.T, s *server, tablet *client.Tablet, v visit, submitted bool) {
	t.Helper()
	d, ok := tablet.Replica().Get(fieldsync.DocRef{Kind: "inspection", ID: v.id})
	if !ok {
		t.Fatalf("inspection %s is not there", v.id)
	}
	var in struct {
		Status  string           `json:"status"`
		History []map[string]any `json:"history"`
		Hazards []string         `json:"hazards"`
	}
	if err := json.Unmarshal(d.Body, &in); err != nil {
		t.Fatal(err)
	}
	saves := 0
	for _, e := range in.History {
		if e["command"] == "inspection.save" {
			saves++
		}
	}
	if saves != v.saves {
		t.Errorf("%s was saved %d times, want %d", v.id, saves, v.saves)
	}
	if submitted {
		if in.Status != "submitted" || len(in.Hazards) == 0 {
			t.Fatalf("%s is %s with %d hazards", v.id, in.Status, len(in.Hazards))
		}
		for _, h := range in.Hazards {
			if _, ok := tablet.Replica().Get(fieldsync.DocRef{Kind: "hazard", ID: h}); !ok {
				t.Errorf("hazard %s is not there", h)
			}
		}
	}
	if got := get(t, s, tablet, "/api/v1/inspections/"+v.id+"/photos/"+v.hash); !bytes.Equal(got, v.photo) {
		t.Errorf("photo %s: %d bytes, want %d", v.hash, len(got), len(v.photo))
	}
}

// get asks the server as the tablet's person.
func get(t *testing.T, s *server, tablet *client.Tablet, path string) []byte {
	t.Helper()
	b := ask(t, s, login(t, s, tablet), path)
	if b == nil {
		t.Fatalf("%s is not answered", path)
	}
	return b
}

// TestP1KilledFiftyTimes kills the real binary at fifty random requests, and at each named place between two durable
// steps. Everything that was acknowledged is there once, everything else goes through when the server is back.
func TestP1KilledFiftyTimes(t *testing.T) {
	s := newServer(t)
	r := rand.New(rand.NewPCG(1, 2))
	line := &trap{spring: s.kill}
	tablet := newTablet(t, s, "inspector1", line)
	var visits []visit
	for range 50 {
		visits = append(visits, record(t, tablet, r, len(visits)%2 == 0))
		line.at.Store(line.count.Load() + 1 + int64(r.IntN(9)))
		for range 3 { // until the trap springs, or all is through
			if _, err := tablet.Sync(context.Background()); err != nil {
				break
			}
		}
		line.at.Store(0)
		s.kill()
		s.start()
	}
	settle(t, tablet)
	for i, v := range visits {
		check(t, s, tablet, v, i%2 == 0)
	}
}

func TestP1KilledBetweenDurableSteps(t *testing.T) {
	s := newServer(t)
	r := rand.New(rand.NewPCG(3, 4))
	tablet := newTablet(t, s, "inspector1", http.DefaultTransport)
	for _, place := range []string{fieldsync.BeforeHazards, fieldsync.AfterHazards, fieldsync.BeforeEvidence, fieldsync.BeforeAnswer} {
		t.Run(place, func(t *testing.T) {
			v := record(t, tablet, r, true)
			s.kill()
			s.start("PAICHA_TEST_EXIT_AT=" + place)
			if _, err := tablet.Sync(context.Background()); err == nil {
				t.Fatal("the server did not stop at the place")
			}
			s.kill()
			s.start()
			settle(t, tablet)
			check(t, s, tablet, v, true)
		})
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	s := newServer(t)
	second := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--data", s.dir)
	out, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "数据目录正被另一个进程使用") {
		t.Fatalf("%v: %s", err, out)
	}
	s.kill()
	s.start() // the lock of a killed process is free
}

func TestDemoTellsTheWholeStory(t *testing.T) {
	s := newServer(t)
	out, err := exec.Command(binary, "demo", "--server", s.url()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, clause := range []string{"coal-mine-2020 第五条(二)", "coal-mine-2020 第十四条(一)"} {
		if !strings.Contains(string(out), clause) {
			t.Errorf("the story does not cite %s", clause)
		}
	}
}

func login(t *testing.T, s *server, tablet *client.Tablet) string {
	t.Helper()
	user, _ := tablet.Session()
	if tokens[s.addr+user] == "" {
		tokens[s.addr+user] = enrol(t, s, strings.ReplaceAll(strings.TrimPrefix(user, "demo-"), "-", "")) // demo-inspector-1
	}
	return tokens[s.addr+user]
}

var tokens = map[string]string{}
