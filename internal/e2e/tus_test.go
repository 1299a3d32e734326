package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"paicha/internal/auth"
	"paicha/internal/directory"

	"github.com/google/uuid"
)

// enrol logs in with a new device and returns the access token.
func enrol(t *testing.T, s *server, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := base64.StdEncoding.EncodeToString(der)
	digest := sha256.Sum256(auth.EnrolMessage(name, directory.PublicKey(public)))
	proof, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{
		"login": name, "password": directory.DemoPassword, "publicKey": public, "deviceName": "测试",
		"proof": base64.StdEncoding.EncodeToString(proof),
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.url()+"/api/v1/auth/login", "application/json", bytes.NewReader(body)) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		AccessToken string `json:"accessToken"`
	}
	b, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(b, &out); err != nil || out.AccessToken == "" {
		t.Fatalf("login: %s %s %v", resp.Status, b, err)
	}
	return out.AccessToken
}

// cutter is a line that breaks: of its first cuts connections each ends after some bytes of the request.
type cutter struct {
	net.Listener
	to   string
	cuts atomic.Int64
}

func newCutter(t *testing.T, to string, cuts int64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to}
	c.cuts.Store(cuts)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(conn)
		}
	}()
	return c
}

func (c *cutter) carry(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", c.to) //nolint:noctx // ends with the test's server
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	if c.cuts.Add(-1) >= 0 {
		_, _ = io.CopyN(to, from, 150<<10)
		return
	}
	_, _ = io.Copy(to, from)
}

// TestStockTusClient uploads twenty photos with tus-js-client through a connection that is cut ten times.
func TestStockTusClient(t *testing.T) {
	if _, err := os.Stat("../../tools/tus/node_modules/tus-js-client"); err != nil {
		t.Fatal("run npm ci in tools/tus first, or make test, which does: ", err)
	}
	s := newServer(t)
	line := newCutter(t, s.addr, 10)
	r := mathrand.New(mathrand.NewPCG(5, 6))
	dir := t.TempDir()
	args := []string{
		"../../tools/tus/upload.mjs", "--endpoint", "http://" + line.Addr().String() + "/api/v1/uploads",
		"--chunk", "100000", "--meta", "inspection=" + uuid.Must(uuid.NewV7()).String(),
	}
	photos := map[string][]byte{}
	for range 20 {
		b := append(photo(t, r), bytes.Repeat([]byte{byte(len(photos))}, 200<<10)...) // what follows a JPEG's end is ignored
		sum := sha256.Sum256(b)
		name := filepath.Join(dir, base64.RawURLEncoding.EncodeToString(sum[:6])+".jpg")
		photos[name] = b
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.CommandContext(context.Background(), "node", args...)
	cmd.Env = append(os.Environ(), "PAICHA_TOKEN="+enrol(t, s, "inspector1"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := bytes.Count(out, []byte(`"url"`)); n != len(photos) {
		t.Fatalf("%d of %d arrived\n%s", n, len(photos), out)
	}
	if left := line.cuts.Load(); left > 0 {
		t.Errorf("the line was cut %d times too few", left)
	}
	blobs, err := filepath.Glob(filepath.Join(s.dir, "photos", "blobs", "*", "*"))
	if err != nil || len(blobs) != len(photos) {
		t.Errorf("%d photos kept, %v", len(blobs), err)
	}
}
