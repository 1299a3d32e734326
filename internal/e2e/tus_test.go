package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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

// arrival is what a stock client says when a photo has arrived, or cannot.
type arrival struct {
	File    string `json:"file"`
	SHA256  string `json:"sha256"` // as the client counted it from its own bytes
	Bytes   int    `json:"bytes"`
	URL     string `json:"url"`
	Error   string `json:"error"`
	Resumed *int64 `json:"resumed"` // where an upload of an earlier page went on
	Working *int   `json:"working"` // how many wait for the line from now on, if that changed
}

// stock runs a program of tools/tus whose uploads go over the line, and gives each line that it says to hear. It must not
// take longer than most. orders may be nil.
func stock(t *testing.T, weather *line, most time.Duration, token string, orders *os.File, hear func(arrival), args ...string) {
	t.Helper()
	if _, err := os.Stat("../../tools/tus/node_modules/.package-lock.json"); err != nil {
		t.Fatal("run npm ci in tools/tus first, or make test, which does: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it ends a browser that it started
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "PAICHA_TOKEN="+token)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if orders != nil {
		cmd.Stdin = orders
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	working := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var a arrival
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Errorf("it says %q", lines.Text())
			continue
		}
		if a.Working != nil {
			weather.change(*a.Working - working)
			working = *a.Working
		}
		if a.Error != "" {
			t.Errorf("%+v", a)
		}
		hear(a)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v, %v\n%s", err, context.Cause(ctx), complaints.String())
	}
}

// wantPhotos wants the server to keep the photos with these hashes, byte for byte, and no others.
func wantPhotos(t *testing.T, s *server, hashes map[string]bool) {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(s.dir, "photos", "blobs", "*", "*"))
	if err != nil || len(blobs) != len(hashes) {
		t.Errorf("%d photos kept of %d, %v", len(blobs), len(hashes), err)
	}
	for _, name := range blobs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if hash := hex.EncodeToString(sum[:]); !hashes[hash] || hash != filepath.Base(name) {
			t.Errorf("%s holds %d bytes with the hash %s", name, len(b), hash)
		}
	}
}

// TestStockTusClient uploads twenty photos with tus-js-client in Node, three at a time, over a line that cuts, resets and
// stalls.
func TestStockTusClient(t *testing.T) {
	s := newServer(t)
	weather := newLine(t, s.addr, 5)
	r := mathrand.New(mathrand.NewPCG(5, 6))
	dir := t.TempDir()
	args := []string{
		"../../tools/tus/upload.mjs", "--endpoint", weather.url() + "/api/v1/uploads",
		"--chunk", "20000", "--at-once", "3", "--meta", "inspection=" + uuid.Must(uuid.NewV7()).String(),
	}
	hashes := map[string]bool{}
	for i := range 20 {
		b := append(photo(t, r), bytes.Repeat([]byte{byte(i)}, 200<<10)...) // what follows a JPEG's end is ignored
		sum := sha256.Sum256(b)
		hashes[hex.EncodeToString(sum[:])] = true
		name := filepath.Join(dir, base64.RawURLEncoding.EncodeToString(sum[:6])+".jpg")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	arrived := 0
	stock(t, weather, 5*time.Minute, enrol(t, s, "inspector1"), nil, func(a arrival) {
		if a.URL != "" {
			arrived++
		}
	}, args...)
	if arrived != len(hashes) {
		t.Errorf("%d of %d arrived", arrived, len(hashes))
	}
	weather.wantMet(t)
	wantPhotos(t, s, hashes)
}
