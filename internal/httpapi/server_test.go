package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/internal/telemetry"
	"paicha/media"
	"paicha/media/fs"
	fieldsync "paicha/sync"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// site is a whole server on a real listener, over the real store.
type site struct {
	testing.TB
	url   string
	store *store.Store
	auth  *auth.Service
	stop  func() // ends the server as a stop signal does; once
}

const password = "一个足够长的测试用口令2023"

func newSite(t testing.TB, change ...func(*Deps)) *site {
	t.Helper()
	dir := t.TempDir()
	engine, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:    filepath.Join(dir, "paicha.db"),
		Indexes: append(append(append(append([]store.Index(nil), directory.Indexes...), inspection.Indexes...), auth.Indexes...), append(append(Indexes, media.Indexes...), fieldsync.Indexes...)...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	hub := fieldsync.NewHub()
	began := time.Now()
	st, err := store.Open(t.Context(), engine, store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, NewID: uuid.NewString, OnCommit: hub.Committed,
	})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := auth.New(auth.Options{
		Store: st, Now: time.Now, NewID: uuid.New, Rand: rand.Reader, Key: bytes.Repeat([]byte{7}, 32),
		Params: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Open(filepath.Join(dir, "media"))
	if err != nil {
		t.Fatal(err)
	}
	shelf := &checklist.Shelf{Store: st, Now: time.Now, Tokens: directory.PackTokens[checklist.Sector]}
	cursors, err := fieldsync.NewCursorSeal(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	svc := &fieldsync.Service{
		Cursors: cursors,
		Store:   st, Packs: shelf, Now: time.Now, Limits: fieldsync.DefaultLimits, Hub: hub,
		Grace: 24 * time.Hour, LockAfter: 24 * time.Hour,
	}
	d := Deps{
		Store: st, Accounts: accounts, Sync: svc, Evidence: svc, Packs: shelf,
		Uploads: &media.Receiver{Staging: files.Staging(), Now: time.Now, NewID: uuid.NewString, Limits: media.DefaultLimits()},
		Photos:  media.Viewer{Blobs: files.Blobs(), Derived: files.Derived()},
		Metrics: telemetry.NewMetrics("test"), Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: uuid.NewString,
		Limits: DefaultLimits(),
	}
	for _, f := range change {
		f(&d)
	}
	app := New(d)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	stop := sync.OnceFunc(func() {
		if err := app.ShutdownWithTimeout(5 * time.Second); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &site{TB: t, url: "http://" + ln.Addr().String(), store: st, auth: accounts, stop: stop}
}

// put writes a document.
func (s *site) put(d store.Doc, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	out, err := s.store.Commit(s.Context(), []store.Write{{New: d}})
	if err != nil || out[0].Status != store.OK {
		s.Fatal(out, err)
	}
}

// person makes an account and logs it in with a device of its own; it returns the access token.
func (s *site) person(login string, u directory.User) string {
	s.Helper()
	return s.keyed(login, u).token
}

// keyed is somebody logged in, with the key of their device.
type keyed struct {
	*site
	token string
	id    directory.DeviceID
	key   *ecdsa.PrivateKey
}

func (s *site) keyed(login string, u directory.User) keyed {
	s.Helper()
	u.ID, u.Login, u.Name = directory.UserID(login), login, "测试人员"
	s.put(directory.UserDoc(u))
	owner := store.Ref{Kind: directory.KindUser, ID: login}
	s.put(directory.ClaimDoc(directory.LoginClaim(login), owner))
	if err := s.auth.SetPassword(s.Context(), u.ID, password); err != nil {
		s.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		s.Fatal(err)
	}
	public := directory.PublicKey(base64.StdEncoding.EncodeToString(der))
	sum := sha256.Sum256(auth.EnrolMessage(login, public))
	proof, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		s.Fatal(err)
	}
	body, err := json.Marshal(LoginBody{Login: login, Password: password, PublicKey: public, DeviceName: "平板", Proof: proof})
	if err != nil {
		s.Fatal(err)
	}
	var out TokensBody
	if r := s.send(http.MethodPost, "/api/v1/auth/login", "", body, "Content-Type", "application/json"); r.status != 200 {
		s.Fatalf("login: %d %s", r.status, r.body)
	} else if err := json.Unmarshal(r.body, &out); err != nil {
		s.Fatal(err)
	}
	return keyed{s, out.AccessToken, out.Device, key}
}

func (s *site) supervisor(login string, region store.Token) string {
	s.Helper()
	return s.person(login, directory.User{
		Roles:  []directory.Role{directory.RoleSupervisor},
		Grants: []directory.Grant{{Token: region, Role: directory.RoleSupervisor, Reason: directory.ReasonPost}},
	})
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *site) send(method, path, token string, body []byte, headers ...string) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

// refused checks the shape of a problem.
func (s *site) refused(r answer, status int, code string) {
	s.Helper()
	var p Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		s.Fatalf("no problem: %d %q", r.status, r.body)
	}
	if r.status != status || p.Status != status || p.Code != code {
		s.Errorf("got %d %s, want %d %s", r.status, p.Code, status, code)
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") || p.Type == "" || p.Title == "" ||
		p.Detail == "" || p.Instance != r.header.Get("X-Request-Id") || r.header.Get("Cache-Control") != "no-store" {
		s.Errorf("shape: %v %+v", r.header, p)
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t *testing.T, b []byte, window int) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func TestBadInput(t *testing.T) {
	s := newSite(t)
	token := s.supervisor("lead", "5325")
	bomb := bytes.Repeat([]byte(" "), 32<<20)
	pull, jsonType := "/api/v1/sync/pull", "application/json"
	for _, c := range []struct {
		name, method, path string
		body               []byte
		headers            []string
		status             int
		code               string
	}{
		{"UnknownRoute", "GET", "/api/v1/nothing", nil, nil, 404, "httpapi.route"},
		{"WrongMethod", "PUT", pull, nil, nil, 405, "httpapi.method"},
		{"TooLarge", "POST", pull, bomb[:maxPull+1], []string{"Content-Type", jsonType}, 413, "httpapi.body_too_large"},
		{"GzipBomb", "POST", pull, gzipped(t, bomb), []string{"Content-Type", jsonType, "Content-Encoding", "gzip"}, 413, "httpapi.body_too_large"},
		{"ZstdBomb", "POST", pull, zstded(t, bomb, 8<<20), []string{"Content-Type", jsonType, "Content-Encoding", "zstd"}, 413, "httpapi.body_too_large"},
		{"ZstdWindow", "POST", pull, zstded(t, bomb, 32<<20), []string{"Content-Type", jsonType, "Content-Encoding", "zstd"}, 413, "httpapi.body_too_large"},
		{"NotGzip", "POST", pull, []byte("{}"), []string{"Content-Type", jsonType, "Content-Encoding", "gzip"}, 400, "httpapi.inflate"},
		{"HalfGzip", "POST", pull, gzipped(t, []byte(`{"cursor":"x"}`))[:20], []string{"Content-Type", jsonType, "Content-Encoding", "gzip"}, 400, "httpapi.inflate"},
		{"UnknownEncoding", "POST", pull, []byte("{}"), []string{"Content-Type", jsonType, "Content-Encoding", "br"}, 415, "httpapi.encoding"},
		{"WrongType", "POST", pull, []byte("{}"), []string{"Content-Type", "text/plain"}, 415, "httpapi.media_type"},
		{"NoType", "POST", pull, []byte("{}"), nil, 415, "httpapi.media_type"},
		{"WrongCharset", "POST", pull, []byte("{}"), []string{"Content-Type", "application/json; charset=gb18030"}, 415, "httpapi.media_type"},
		{"BadJSON", "POST", pull, []byte(`{"cursor":`), []string{"Content-Type", jsonType}, 400, fieldsync.ErrBody.Code},
		{"BadUTF8", "POST", pull, []byte("{\"cursor\":\"\xff\"}"), []string{"Content-Type", jsonType}, 400, fieldsync.ErrBody.Code},
		{"DoubledMember", "POST", pull, []byte(`{"limit":1,"limit":2}`), []string{"Content-Type", jsonType}, 400, fieldsync.ErrBody.Code},
		{"LoginDoubledMember", "POST", "/api/v1/auth/login", []byte(`{"login":"a","login":"b"}`), []string{"Content-Type", jsonType}, 400, "httpapi.json"},
		{"LoginEmpty", "POST", "/api/v1/auth/login", nil, []string{"Content-Type", jsonType}, 400, "httpapi.json"},
		{"UnknownHazard", "GET", "/api/v1/hazards/nothing", nil, nil, 404, "store.not_found"},
		{"BadLimit", "GET", "/api/v1/hazards?limit=0", nil, nil, 400, "httpapi.query"},
		{"BadAfter", "GET", "/api/v1/hazards?after=%00", nil, nil, 400, "httpapi.query"},
		{"UnknownRegion", "GET", "/api/v1/hazards?region=99", nil, nil, 400, directory.ErrRegion.Code},
		{"UnknownPhoto", "GET", "/api/v1/inspections/x/photos/y", nil, nil, 404, "media.not_found"},
		{"TusVersion", "POST", "/api/v1/uploads", nil, []string{"Upload-Length", "1"}, 412, "httpapi.tus_version"},
		{"UnknownUpload", "PATCH", "/api/v1/uploads/nothing", []byte("x"), []string{"Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", mediaTypeOffset}, 404, "media.upload_not_found"},
		{"HugeHeader", "GET", "/", nil, []string{"X-Long", strings.Repeat("x", 20<<10)}, 431, "httpapi.header_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := *s
			one.TB = t
			one.refused(one.send(c.method, c.path, token, c.body, c.headers...), c.status, c.code)
		})
	}
	s.refused(s.send("GET", "/api/v1/me", "", nil), 401, "httpapi.no_session")
	s.refused(s.send("GET", "/api/v1/me", "not-a-token", nil), 401, auth.ErrToken.Code)
}

func TestOpenRoutesAnswerEverybody(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.yaml"} {
		if r := s.send("GET", path, "", nil); r.status != 200 || len(r.body) == 0 || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
	if r := s.send("GET", "/api/v1/openapi.yaml", "", nil, "Accept-Encoding", "gzip, zstd"); r.header.Get("Content-Encoding") != "zstd" {
		t.Error("not compressed:", r.header)
	}
}
