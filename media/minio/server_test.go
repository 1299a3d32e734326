package minio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/internal/fault"

	s3 "github.com/minio/minio-go/v7"
)

// The real server runs as a process of its own on a folder of this run. shared is the one that most tests use; those
// that kill or cut it start their own.
var (
	binary string
	shared *server
)

const (
	accessKey = "paicha"
	secretKey = "paicha-test-only"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	pause, s3.DefaultRetryUnit = time.Millisecond, time.Millisecond // tests fail often and on purpose
	find := exec.Command("bash", filepath.Join("..", "..", "tools", "servers", "minio.sh"), "--cached")
	var why strings.Builder
	find.Stderr = &why
	out, err := find.Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "media/minio is tested against the real server.\n%s%v\n", why.String(), err)
		return 1
	}
	binary = strings.TrimSpace(string(out))
	dir, err := os.MkdirTemp("", "paicha-minio")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if shared, err = startServer(dir, ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.kill()
	return m.Run()
}

// server is the process; it can be killed and started again on the same folder and address.
type server struct {
	dir, addr string
	cmd       *exec.Cmd
	log       *os.File
}

func startServer(dir, addr string) (*server, error) {
	if addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addr = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	s := &server{dir: dir, addr: addr}
	return s, s.start()
}

func (s *server) start() error {
	var err error
	if s.log, err = os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	s.cmd = exec.Command(binary, "server", filepath.Join(s.dir, "data"), "--address", s.addr, "--quiet")
	s.cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+secretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 600 {
		// It is alive before it is ready; when it is ready it refuses a stranger.
		if resp, err := http.Get("http://" + s.addr + "/"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusForbidden {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.kill()
	said, _ := os.ReadFile(s.log.Name())
	return fmt.Errorf("the server does not answer; it said:\n%s", said)
}

func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = s.log.Close()
	s.cmd = nil
}

// own starts a server for one test.
func own(t *testing.T) *server {
	t.Helper()
	s, err := startServer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

// options are those of a store that nobody else uses, named by a folder so that it can be opened again.
func options(name string) Options {
	sum := sha256.Sum256([]byte(name))
	return Options{
		Endpoint: "http://" + shared.addr, AccessKey: accessKey, SecretKey: secretKey,
		Bucket: "evidence", Prefix: hex.EncodeToString(sum[:8]) + "/", Spool: filepath.Join(name, "spool"),
	}
}

func openWith(t testing.TB, opt Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), opt)
	if err != nil {
		t.Fatal(fault.Of(err).Message, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openNamed(t testing.TB, name string) *Store { return openWith(t, options(name)) }

// all reads a photo to its end.
func all(t *testing.T, r io.ReadSeekCloser, n int64, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || int64(len(b)) != n {
		t.Fatalf("read %d of %d: %v", len(b), n, err)
	}
	return b
}

var (
	ctx     = context.Background()
	arrival = time.Date(2023, 6, 1, 8, 0, 0, 123_000_000, time.UTC)
)

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}
