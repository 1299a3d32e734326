package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// weather stands between the tablet and a scripted answerer: it is a bad network, not a server. The real server is met
// in internal/e2e.
type weather struct {
	t  *testing.T
	mu sync.Mutex

	fail   func(n int, r *http.Request) string // "", "lost" (done, answer lost), "500", "cut" (half an answer)
	n      int
	epoch  string
	kept   time.Time
	status map[string]fieldsync.Result // of a mutation name
	seen   map[fieldsync.MutationID][]string
	order  []fieldsync.MutationID
	epochs []string // of the pushes
	pages  []string
	files  map[string][]byte // by upload path
	sizes  map[string]int64
	token  string
	wipe   bool
	gone   bool // the next PATCH finds its upload expired
}

func (w *weather) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	how := ""
	if w.fail != nil {
		how = w.fail(w.n, r)
	}
	if how == "500" {
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	rec := httptest.NewRecorder()
	w.answer(rec, r)
	if how == "lost" {
		panic(http.ErrAbortHandler)
	}
	for k, v := range rec.Header() {
		rw.Header()[k] = v
	}
	body := rec.Body.Bytes()
	rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
	rw.WriteHeader(rec.Code)
	if how == "cut" {
		body = body[:len(body)/2]
	}
	if _, err := rw.Write(body); err == nil && how == "cut" {
		panic(http.ErrAbortHandler)
	}
}

func (w *weather) body(r *http.Request) []byte {
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			w.t.Error(err)
			return nil
		}
		in = z
	}
	if r.Header.Get("Content-Encoding") == "zstd" {
		z, err := zstd.NewReader(r.Body)
		if err != nil {
			w.t.Error(err)
			return nil
		}
		defer z.Close()
		in = z
	}
	b, err := io.ReadAll(in)
	if err != nil {
		w.t.Error(err)
	}
	return b
}

func (w *weather) say(rw http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.t.Error(err)
	}
	if _, err := rw.Write(b); err != nil {
		w.t.Error(err)
	}
}

func (w *weather) refuse(rw http.ResponseWriter, status int, code string) {
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(status)
	w.say(rw, Refusal{Code: code, Detail: "不行"})
}

func (w *weather) answer(rw http.ResponseWriter, r *http.Request) {
	signed := r.URL.Path == "/api/v1/sync/push" && r.Header.Get("X-Paicha-Signature") != ""
	if !strings.HasPrefix(r.URL.Path, "/api/v1/auth/") && r.Header.Get("Authorization") != "Bearer "+w.token && !signed {
		w.refuse(rw, http.StatusUnauthorized, "auth.expired")
		return
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/v1/auth/"):
		if w.token == "none" {
			w.refuse(rw, http.StatusForbidden, "auth.disabled")
			return
		}
		w.token = fmt.Sprint("t", w.n)
		w.say(rw, session{User: "u1", Device: "d1", Access: w.token, Refresh: "r" + w.token})
	case path == "/api/v1/sync/hello":
		w.say(rw, fieldsync.HelloResponse{
			Protocol: 1, Epoch: w.epoch, ServerTime: start.Add(time.Duration(w.n) * time.Minute),
			KeptUntil: w.kept, Wipe: w.wipe, Limits: fieldsync.Limits{PushBytes: 8 << 20, PushMutations: 500, ChunkBytes: 64 << 10, ChunkSuggested: 20 << 10},
		})
	case path == "/api/v1/sync/push":
		w.push(rw, r)
	case path == "/api/v1/sync/check":
		w.say(rw, fieldsync.CheckResponse{State: fieldsync.SumsEqual})
	case path == "/api/v1/sync/pull":
		var req fieldsync.PullRequest
		if err := json.Unmarshal(w.body(r), &req); err != nil {
			w.t.Error(err)
		}
		at := 0
		if req.Cursor != "" {
			at, _ = strconv.Atoi(req.Cursor) // the script's own cursor
		}
		changes := ""
		if at < len(w.pages) {
			changes = w.pages[at]
			at++
		}
		fmt.Fprintf(rw, `{"changes":[%s],"cursor":"%d","more":%t}`, changes, at, at < len(w.pages))
	case strings.HasPrefix(path, "/api/v1/uploads"):
		w.tus(rw, r)
	}
}

func (w *weather) push(rw http.ResponseWriter, r *http.Request) {
	var req fieldsync.PushRequest
	if err := json.Unmarshal(w.body(r), &req); err != nil {
		w.t.Error(err)
	}
	w.epochs = append(w.epochs, req.Epoch)
	resp := fieldsync.PushResponse{ServerTime: start}
	for _, raw := range req.Mutations {
		var m fieldsync.Mutation
		if err := json.Unmarshal(raw, &m); err != nil {
			w.t.Error(err)
		}
		if m.Name == "poison" {
			w.refuse(rw, http.StatusBadRequest, "sync.body")
			return
		}
		if w.seen[m.ID] == nil {
			w.order = append(w.order, m.ID)
		}
		w.seen[m.ID] = append(w.seen[m.ID], string(raw))
		res, ok := w.status[m.Name]
		if !ok {
			res = fieldsync.Result{Status: fieldsync.Applied, Next: fieldsync.Remove}
		}
		res.ID = m.ID
		resp.Results = append(resp.Results, res, res) // told twice: the tablet must not mind
	}
	w.say(rw, resp)
}

func (w *weather) tus(rw http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch r.Method {
	case http.MethodPost:
		size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		if err != nil {
			w.t.Error(err)
		}
		path = "/api/v1/uploads/" + strconv.Itoa(w.n)
		w.files[path], w.sizes[path] = []byte{}, size
		rw.Header().Set("Location", path)
		rw.WriteHeader(http.StatusCreated)
	case http.MethodHead:
		if w.files[path] == nil {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		rw.Header().Set("Upload-Offset", strconv.Itoa(len(w.files[path])))
	case http.MethodPatch:
		if w.gone {
			w.gone = false
			delete(w.files, path)
			rw.WriteHeader(http.StatusGone)
			return
		}
		b := w.body(r)
		if r.Header.Get("Upload-Offset") != strconv.Itoa(len(w.files[path])) {
			w.refuse(rw, http.StatusConflict, "media.offset_conflict")
			return
		}
		w.files[path] = append(w.files[path], b...)
		rw.Header().Set("Upload-Offset", strconv.Itoa(len(w.files[path])))
		rw.WriteHeader(http.StatusNoContent)
	}
}

var start = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

// begin returns a tablet that has logged in to a scripted peer.
func begin(t *testing.T) (*Tablet, *weather) {
	t.Helper()
	w := &weather{
		t: t, epoch: "e1", status: map[string]fieldsync.Result{}, seen: map[fieldsync.MutationID][]string{},
		files: map[string][]byte{}, sizes: map[string]int64{},
	}
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	tab := tablet(t, srv.URL, t.TempDir())
	if err := tab.Login(context.Background(), " Zhang ", "password-of-zhang"); err != nil {
		t.Fatal(err)
	}
	return tab, w
}

func tablet(t *testing.T, server, dir string) *Tablet {
	t.Helper()
	tab := &Tablet{
		Server: server, Dir: dir, Name: "tablet", Now: func() time.Time { return start },
		NewID:    func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Wait:     func(ctx context.Context, _ int) error { return ctx.Err() },
		Attempts: 8, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if err := tab.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	return tab
}

func do(t *testing.T, tab *Tablet, name string) fieldsync.MutationID {
	t.Helper()
	id, err := tab.Do(Command{Name: name, Doc: fieldsync.DocRef{Kind: "hazard", ID: "h"}, Args: map[string]string{"note": "井下<&>"}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSyncComesThroughAnyOneFailure(t *testing.T) {
	photo := bytes.Repeat([]byte("jpeg"), 20_000)
	for n := range 16 {
		for _, how := range []string{"lost", "500", "cut"} {
			t.Run(fmt.Sprint(how, n), func(t *testing.T) {
				tab, w := begin(t)
				w.pages = []string{change("a", "1", "x"), change("b", "1", "x")}
				at := w.n + n
				w.fail = func(i int, r *http.Request) string {
					if i != at {
						return ""
					}
					if how == "cut" && (r.Method == http.MethodPatch || r.Method == http.MethodHead || r.URL.Path == uploadsPath) {
						return "lost" // these have no body to cut
					}
					return how
				}
				for range 40 {
					do(t, tab, "hazard.plan")
				}
				if _, err := tab.AddPhoto(NewPhoto{Inspection: "i"}, photo); err != nil {
					t.Fatal(err)
				}
				if r, err := tab.Sync(context.Background()); err != nil || r.Waiting != 0 || r.Photos != 1 {
					t.Fatalf("%+v %v", r, err)
				}
				if len(w.seen) != 40 {
					t.Errorf("%d mutations arrived", len(w.seen))
				}
				for id, raws := range w.seen {
					for _, raw := range raws {
						if raw != raws[0] {
							t.Errorf("%s was not repeated byte for byte", id)
						}
					}
				}
				whole := 0
				for _, b := range w.files {
					if bytes.Equal(b, photo) {
						whole++
					}
				}
				if whole != 1 {
					t.Errorf("%d whole photos", whole)
				}
				if got := held(tab.Replica()); got != `a={"v":1}x b={"v":1}x` {
					t.Error(got)
				}
			})
		}
	}
}

func TestVerdictsDecideWhatStays(t *testing.T) {
	for name, tc := range map[string]struct {
		result          fieldsync.Result
		waiting, asking int
	}{
		"Applied":       {fieldsync.Result{Status: fieldsync.Applied, Next: fieldsync.Remove}, 0, 0},
		"Blocked":       {fieldsync.Result{Status: fieldsync.Blocked, Next: fieldsync.Keep}, 1, 0},
		"Retry":         {fieldsync.Result{Status: fieldsync.Retry, Next: fieldsync.Remove}, 1, 0},
		"RejectedAsk":   {fieldsync.Result{Status: fieldsync.Rejected, Next: fieldsync.AskPerson, Problem: &fieldsync.Problem{Code: "x.y"}}, 0, 1},
		"RejectedBare":  {fieldsync.Result{Status: fieldsync.Rejected}, 0, 1},
		"UnknownStatus": {fieldsync.Result{Status: "later", Next: fieldsync.Remove}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tab, w := begin(t)
			w.status["hazard.plan"] = tc.result
			do(t, tab, "hazard.plan")
			r, err := tab.Sync(context.Background())
			if err != nil || r.Waiting != tc.waiting || r.Asking != tc.asking {
				t.Fatalf("%+v %v", r, err)
			}
			again := newOutbox()
			if j, err := openJournal(osDisk{}, tab.outbox.j.path, again.read); err != nil || j.close() != nil ||
				len(again.Waiting()) != tc.waiting || len(again.Asking()) != tc.asking {
				t.Error("opened again:", len(again.Waiting()), len(again.Asking()), err)
			}
		})
	}
}

func TestOnePoisonousMutationStopsNoOther(t *testing.T) {
	tab, w := begin(t)
	for i := range 30 {
		if i == 11 {
			do(t, tab, "poison")
		}
		do(t, tab, "hazard.plan")
	}
	r, err := tab.Sync(context.Background())
	if err != nil || r.Waiting != 0 || r.Asking != 1 || len(w.seen) != 30 {
		t.Fatalf("%+v %v, %d arrived", r, err, len(w.seen))
	}
	if a := tab.Outbox().Asking()[0]; a.Name != "poison" || a.Result.Problem.Code != "sync.body" {
		t.Errorf("%+v", a)
	}
}

func TestSettledWorkIsKeptUntilABackupCoversIt(t *testing.T) {
	tab, w := begin(t)
	id := do(t, tab, "hazard.plan")
	sync := func() {
		t.Helper()
		if _, err := tab.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	w.kept = start.Add(24 * time.Hour)
	sync() // the first contact after it was settled: only now is it known when
	if n := len(tab.Outbox().All()); n != 1 {
		t.Fatalf("dropped before its time: %d", n)
	}
	w.kept = time.Time{}
	w.epoch = "e2" // the server was restored from a backup
	sync()
	if n := len(w.seen[id]); n != 2 || w.epochs[1] != w.epochs[0] {
		t.Fatalf("sent %d times, epochs %q", n, w.epochs)
	}
	sync()
	w.kept = start.Add(24 * time.Hour)
	sync()
	if n := len(tab.Outbox().All()); n != 0 {
		t.Fatalf("%d kept past the backup", n)
	}
	dir, server := tab.Dir, tab.Server
	if err := tab.Close(); err != nil {
		t.Fatal(err)
	}
	do(t, tablet(t, server, dir), "hazard.plan")
}

func TestChainOutlivesCompaction(t *testing.T) {
	tab, w := begin(t)
	first := do(t, tab, "hazard.plan")
	for range 2 {
		if _, err := tab.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.kept = start.Add(24 * time.Hour)
	}
	if _, err := tab.Sync(context.Background()); err != nil || len(tab.Outbox().All()) != 0 {
		t.Fatal(err, len(tab.Outbox().All()))
	}
	dir, server := tab.Dir, tab.Server
	if err := tab.Close(); err != nil {
		t.Fatal(err)
	}
	tab = tablet(t, server, dir)
	do(t, tab, "hazard.plan")
	var m fieldsync.Mutation
	if err := json.Unmarshal(tab.Outbox().All()[0].Raw, &m); err != nil || m.N != 2 || m.Prev != first {
		t.Errorf("n %d, prev %q, %v", m.N, m.Prev, err)
	}
}

func TestWithoutRightsTheOutboxGoesUnderTheDeviceKey(t *testing.T) {
	tab, w := begin(t)
	do(t, tab, "hazard.plan")
	w.token = "none"
	r, err := tab.Sync(context.Background())
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != "auth.disabled" || r.Waiting != 0 || len(w.seen) != 1 {
		t.Errorf("%+v %v, %d arrived", r, err, len(w.seen))
	}
}

func TestExpiredUploadBeginsAnew(t *testing.T) {
	tab, w := begin(t)
	if _, err := tab.AddPhoto(NewPhoto{Inspection: "i", Name: "现场.jpg", Type: "image/jpeg"}, []byte("photo")); err != nil {
		t.Fatal(err)
	}
	w.gone = true
	if r, err := tab.Sync(context.Background()); err != nil || r.Photos != 1 || len(w.files) != 1 {
		t.Errorf("%+v %v, %d files", r, err, len(w.files))
	}
}

func TestWipeComesAfterTheOutbox(t *testing.T) {
	tab, w := begin(t)
	w.wipe = true
	w.status["hazard.plan"] = fieldsync.Result{Status: fieldsync.Retry, Next: fieldsync.Keep}
	do(t, tab, "hazard.plan")
	if _, err := tab.Sync(context.Background()); err != nil || len(tab.Outbox().Waiting()) != 1 {
		t.Fatalf("wiped too early: %v", err)
	}
	delete(w.status, "hazard.plan")
	if _, err := tab.Sync(context.Background()); !errors.Is(err, ErrWiped) || len(w.seen) != 1 {
		t.Errorf("%v", err)
	}
}

func TestAnotherPersonIsRefused(t *testing.T) {
	tab, _ := begin(t)
	if err := tab.keep([]byte(`{"user":"u2","device":"d1","accessToken":"a","refreshToken":"r"}`)); !errors.Is(err, ErrOtherUser) {
		t.Error(err)
	}
}
