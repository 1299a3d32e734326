package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The bucket and keys of the store that the bench starts for itself.
const (
	s3Bucket = "photos"
	s3Key    = "bench-access"
	s3Secret = "bench-secret-2023"
)

// s3Tablets are how many tablets send at once.
var s3Tablets = []int{1, 8, 32}

// s3 measures inspections with three photos through a server whose photos are in an S3 store, beside the same bytes put
// into that store by hand: hashed, and with one request each. The store is the one that the tests use.
func (p *plan) s3(t *table, round int) error {
	note("s3")
	at, stop, err := p.startStore(round)
	if err != nil {
		return err
	}
	defer stop()
	pool := photoPool()
	raw, err := bucketAt(at)
	if err != nil {
		return err
	}
	for _, c := range s3Tablets {
		if err := byHand(t, fmt.Sprintf("puts C=%d", c), pool, p.photos/3, c, func(b []byte) error { return putS3(raw, b) }); err != nil {
			return err
		}
	}
	s, err := p.serveS3(at, fmt.Sprint("s3-", round))
	if err != nil {
		return err
	}
	defer s.stop()
	tablets, err := s.login(slices.Max(s3Tablets))
	if err != nil {
		return err
	}
	for _, c := range s3Tablets {
		visits := pool.visits(p.photos/3, 1000+round*64+c)
		if err := t.loop(fmt.Sprintf("s3 C=%d", c), s, 1, func() (run, error) {
			return counted(tablets[:c], len(visits), func(tb *tablet, i int) error { return tb.visit(pool, &visits[i]) })
		}); err != nil {
			return err
		}
	}
	t.peak("photos on S3", s.peak())
	return nil
}

// bucketAt makes the bucket, for the bench's own hand.
func bucketAt(at string) (*minio.Client, error) {
	raw, err := minio.New(at, &minio.Options{Creds: credentials.NewStaticV4(s3Key, s3Secret, "")})
	if err != nil {
		return nil, err
	}
	return raw, raw.MakeBucket(context.Background(), s3Bucket, minio.MakeBucketOptions{})
}

// putS3 puts a photo by hand, in one request.
func putS3(raw *minio.Client, b []byte) error {
	_, err := raw.PutObject(context.Background(), s3Bucket, "raw/"+freshID(), bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{SendContentMd5: true})
	return err
}

// serveS3 starts the real binary with its photos in the bucket.
func (p *plan) serveS3(at, name string) (*server, error) {
	data := filepath.Join(p.dir, name)
	keys := data + ".keys"
	if err := os.WriteFile(keys, []byte(s3Key+"\n"+s3Secret+"\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(p.binary, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data, "--trusted-proxies", "127.0.0.0/8",
		"--blobs", "s3+http://"+at+"/"+s3Bucket+"?keys="+keys)
	cmd.Env = os.Environ()
	return launch(cmd, data)
}

// startStore runs the S3 server of the tests, built once, on a free port.
func (p *plan) startStore(round int) (at string, stop func(), err error) {
	out, err := exec.Command("tools/servers/minio.sh").Output()
	if err != nil {
		return "", nil, fmt.Errorf("the S3 server cannot be built: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	at = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	dir := filepath.Join(p.dir, fmt.Sprint("bucket", round))
	cmd := exec.Command(strings.TrimSpace(string(out)), "server", dir, "--address", at, "--quiet")
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s3Key, "MINIO_ROOT_PASSWORD="+s3Secret, "MINIO_CI_CD=on")
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	for range 100 {
		if r, err := http.Get("http://" + at + "/minio/health/ready"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return at, stop, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("the S3 server does not become ready")
}

func (t *table) s3Table(w io.Writer) {
	if t.rows["s3 C=1"] == nil {
		return
	}
	t.head(w, "Inspections with three photos, photos in an S3 store", "C", "inspections/s", "MB/s", "p50 ms", "p95 ms", "p99 ms", "the same bytes put by hand, inspections/s", "ratio",
		"server CPU", "client CPU", "other CPU %")
	mb := func(s sample) float64 { return s.rate * 3 * photoBytes / 1e6 }
	for _, c := range s3Tablets {
		name, raw := fmt.Sprintf("s3 C=%d", c), fmt.Sprintf("puts C=%d", c)
		t.line(w, fmt.Sprint(c), t.spread(name, rate), t.median(name, mb), t.median(name, p50), t.median(name, p95), t.median(name, p99),
			t.spread(raw, rate), t.ratio(name, raw), t.median(name, serverCPU), t.median(name, clientCPU), t.median(name, otherCPU))
	}
	fmt.Fprintf(w, "\nThe S3 server of the tests, on the same two processors as tablets and service: its own work is in \"other CPU\". By hand there is neither a record, nor an upload that could be taken up again, nor a check of SHA-256.\n")
}
