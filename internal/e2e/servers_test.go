package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What several nodes share: a MongoDB, or the server of tools/mongoserver, and the MinIO server. The targets test-nodes
// and e2e of the Makefile build the two and name them here.
const (
	uriVariable   = "PAICHA_TEST_MONGO_URI"    // a MongoDB that runs already; a database of its own is left behind on it
	mongoVariable = "PAICHA_TEST_MONGO_SERVER" // or else the program of tools/servers/mongo.sh
	minioVariable = "PAICHA_TEST_MINIO_SERVER" // the program of tools/servers/minio.sh
)

// shared are the two servers of one test.
type shared struct {
	mongo  *url.URL // without a database
	real   bool     // a MongoDB, not the slow test server
	bucket string   // host:port of MinIO
	keys   string   // file with its access keys
}

// startShared starts them, or says that the test does not run here.
func startShared(t *testing.T) shared {
	t.Helper()
	if os.Getenv(minioVariable) == "" || os.Getenv(uriVariable) == "" && os.Getenv(mongoVariable) == "" {
		t.Skipf("NOT RUN: several nodes on one store and one bucket need their servers; "+
			"run make test-nodes (or make e2e), which builds them and sets %s and %s", mongoVariable, minioVariable)
	}
	s := shared{real: os.Getenv(uriVariable) != ""}
	at := os.Getenv(uriVariable)
	if !s.real {
		at = startMongo(t)
	}
	var err error
	if s.mongo, err = url.Parse(at); err != nil || s.mongo.Port() == "" || strings.Contains(s.mongo.Host, ",") {
		t.Fatalf("%s must name one host and its port, since the test stands in between", uriVariable)
	}
	s.bucket, s.keys = startMinio(t)
	return s
}

// startMongo runs the wire-protocol server until the test ends, and returns its address.
func startMongo(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(os.Getenv(mongoVariable), "-data", t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends with this
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the MongoDB test server does not start; %s is %q: %v", mongoVariable, cmd.Path, err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the MongoDB test server does not say where it is: %v", err)
	}
	return strings.TrimSpace(line)
}

// startMinio runs the MinIO server until the test ends.
func startMinio(t *testing.T) (addr, keys string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keys = filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("paicha\npaicha-test-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command(os.Getenv(minioVariable), "server", filepath.Join(dir, "data"), "--address", addr, "--quiet")
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER=paicha", "MINIO_ROOT_PASSWORD=paicha-test-only",
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("the MinIO server does not start; %s is %q: %v", minioVariable, cmd.Path, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// It is alive before it is ready; when it is ready it refuses a stranger.
	eventually(t, time.Minute, "the MinIO server answers", func() string {
		resp, err := http.Get("http://" + addr + "/") //nolint:noctx // a test's own server
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			return fmt.Sprint("it says ", resp.Status)
		}
		return ""
	})
	return addr, keys
}

// eventually waits for a fact: until lacks names nothing that it lacks, looking twice a second.
func eventually(t *testing.T, most time.Duration, fact string, lacks func() string) {
	t.Helper()
	look, end := time.NewTicker(500*time.Millisecond), time.After(most)
	defer look.Stop()
	for {
		why := lacks()
		if why == "" {
			return
		}
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("never in %v: %s; %s", most, fact, why)
		}
	}
}
