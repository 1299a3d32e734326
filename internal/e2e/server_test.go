package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paicha/internal/directory"
	"paicha/sync/client"

	"github.com/google/uuid"
)

// binary is the built program.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "paicha-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "paicha")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "paicha/cmd/paicha")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n%v\n", out, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// server is the binary on one data folder; it may be killed and started again at the same address.
type server struct {
	t    *testing.T
	dir  string
	addr string
	env  []string // settings, besides those of one start
	cmd  *exec.Cmd

	options []string // more of serve's
}

func newServer(t *testing.T, env ...string) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), addr: l.Addr().String(), env: env}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) url() string { return "http://" + s.addr }

// start runs the binary and returns when it says that it listens.
func (s *server) start(env ...string) {
	s.t.Helper()
	s.cmd = exec.Command(binary, append([]string{"serve", "--demo", "--listen", s.addr, "--data", s.dir}, s.options...)...)
	s.cmd.Env = slices.Concat(os.Environ(), s.env, env)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	var errors strings.Builder
	s.cmd.Stderr = &errors
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "已启动") {
			go func() {
				for lines.Scan() { // so that the greeting's other lines block nothing
				}
			}()
			return
		}
	}
	_ = s.cmd.Wait()
	s.t.Fatalf("the server did not start: %s", errors.String())
}

// kill ends the process as a power switch does, and waits until it is gone.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// trap is a client's line to the server: when the request that it waits for is on its way, it springs.
type trap struct {
	count  atomic.Int64
	at     atomic.Int64
	spring func()
}

func (p *trap) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.count.Add(1) == p.at.Load() {
		done := make(chan struct{})
		go func() { defer close(done); p.spring() }()
		resp, err := http.DefaultTransport.RoundTrip(r)
		<-done
		return resp, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

// newTablet logs a tablet in.
func newTablet(t *testing.T, s *server, login string, line http.RoundTripper) *client.Tablet {
	t.Helper()
	tablet := &client.Tablet{
		Server: s.url(), HTTP: &http.Client{Transport: line}, Dir: t.TempDir(), Name: login, Now: time.Now,
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	}
	if err := tablet.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tablet.Close() })
	if err := tablet.Login(context.Background(), login, directory.DemoPassword); err != nil {
		t.Fatal(err)
	}
	return tablet
}

// settle syncs until nothing waits; a bounded number of rounds, because queues must drain when the faults have stopped.
func settle(t *testing.T, tablet *client.Tablet) {
	t.Helper()
	var last error
	for range 10 {
		_, err := tablet.Sync(context.Background())
		state, _ := tablet.Outbox().State()
		if err == nil && state.Mutations == 0 && state.Photos == 0 {
			return
		}
		last = err
	}
	state, _ := tablet.Outbox().State()
	t.Fatalf("the queue does not drain: %+v, %v, asking %+v", state, last, tablet.Outbox().Asking())
}
