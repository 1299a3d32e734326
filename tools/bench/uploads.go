package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"paicha/internal/fleet"
)

// uploadSizes are the photos that are uploaded by themselves, without a record.
var uploadSizes = []struct {
	name  string
	bytes int
	pool  func() *photos
	most  int // photos in one run
}{
	{"300 KB", photoBytes, photoPool, 600},
	{"5 MB", largeBytes, largePool, 90},
}

// uploadTablets are how many tablets send at once.
var uploadTablets = []int{1, 8, 32}

// uploads measures photos alone, on files and on an S3 store, beside the same bytes kept by hand in the same round, and
// what a thousand uploads that are under way at the same time hold in memory.
func (p *plan) uploads(t *table, round int) error {
	note("uploads")
	files := filepath.Join(p.dir, fmt.Sprint("by-hand-", round))
	defer func() { _ = os.RemoveAll(files) }()
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(files, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return err
		}
	}
	s, err := start(p, fmt.Sprint("uploads", round))
	if err != nil {
		return err
	}
	defer s.stop()
	if err := p.uploadsTo(t, "files", s, round, func(b []byte) error { return writeFile(files, b) }); err != nil {
		return err
	}
	s.stop()
	if err := p.underWay(t, round); err != nil {
		return err
	}
	at, stop, err := p.startStore(1000 + round)
	if err != nil {
		return err
	}
	defer stop()
	raw, err := bucketAt(at)
	if err != nil {
		return err
	}
	if s, err = p.serveS3(at, fmt.Sprint("uploads-s3-", round)); err != nil {
		return err
	}
	defer s.stop()
	return p.uploadsTo(t, "S3", s, round, func(b []byte) error { return putS3(raw, b) })
}

func (p *plan) uploadsTo(t *table, where string, s *server, round int, put func([]byte) error) error {
	tablets, err := s.login(uploadTablets[len(uploadTablets)-1])
	if err != nil {
		return err
	}
	for _, size := range uploadSizes {
		pool := size.pool()
		n := min(size.most, p.photos*size.most/300)
		for _, c := range uploadTablets {
			made := make([]photo, n)
			var b []byte
			for i := range made {
				made[i], b = pool.unique(i, 5000+round*64+c, b)
			}
			name := fmt.Sprintf("%s %s C=%d", where, size.name, c)
			hands := make([]*tablet, c) // only their buffers are used
			for i := range hands {
				hands[i] = &tablet{}
			}
			if err := t.loop(name+" by hand", nil, 1, func() (run, error) {
				return counted(hands, n, func(tb *tablet, i int) error {
					tb.body = pool.appendPhoto(tb.body[:0], &made[i])
					return put(tb.body)
				})
			}); err != nil {
				return err
			}
			s.resetPeak()
			if err := t.loop(name, s, 1, func() (run, error) {
				return counted(tablets[:c], n, func(tb *tablet, i int) error { return tb.upload(pool, &made[i], freshID()) })
			}); err != nil {
				return err
			}
			t.facts[name] = show(s.peak())
		}
	}
	return nil
}

// underWayFigures are the memory of a server with fleetTablets chunks under way.
type underWayFigures struct{ idle, half, done, peak float64 }

// underWay has fleetTablets tablets send half a chunk each and wait, all at the same time, and then the rest.
func (p *plan) underWay(t *table, round int) error {
	if onMongo() {
		return nil
	}
	s, members, err := p.prefecture()
	if err != nil {
		return err
	}
	defer s.stop()
	pool := photoPool()
	lines := make([]*sender, len(members))
	defer func() {
		for _, l := range lines {
			if l != nil {
				_ = l.conn.Close()
			}
		}
	}()
	var b []byte
	for i, m := range members {
		var ph photo
		ph, b = pool.unique(i, 9000+round, b)
		if lines[i], err = s.begin(m, pool, ph); err != nil {
			return err
		}
	}
	f := &underWayFigures{idle: s.resident()}
	s.resetPeak()
	for _, l := range lines {
		if _, err := l.conn.Write(l.chunk[:len(l.chunk)/2]); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second) // what was sent is read by now
	f.half = s.resident()
	for _, l := range lines {
		if _, err := l.conn.Write(l.chunk[len(l.chunk)/2:]); err != nil {
			return err
		}
	}
	for i, l := range lines {
		resp, err := http.ReadResponse(bufio.NewReader(l.conn), nil)
		if err != nil {
			return fmt.Errorf("upload %d: %w", i, err)
		}
		said, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("upload %d: %s %s", i, resp.Status, said)
		}
	}
	f.done, f.peak = s.resident(), s.peak()
	note("%.1f MB idle, %.1f MB with half of %d chunks, %.1f MB after them, %.1f MB at most", f.idle, f.half, len(lines), f.done, f.peak)
	t.underWay = f
	return nil
}

// sender is one connection with a chunk of 256 KiB to send.
type sender struct {
	conn  net.Conn
	chunk []byte // head and body of the request
}

func (s *server) begin(m fleet.Member, pool *photos, ph photo) (*sender, error) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.at)
	if err != nil {
		return nil, err
	}
	l := &sender{conn: conn}
	head := "Host: " + s.at + "\r\nAuthorization: Bearer " + m.Bearer + "\r\nTus-Resumable: 1.0.0\r\n"
	if _, err := fmt.Fprintf(conn, "POST /api/v1/uploads HTTP/1.1\r\n%sContent-Length: 0\r\nUpload-Length: %d\r\nUpload-Metadata: sha256 %s,inspection %s\r\n\r\n",
		head, ph.size, encode64(ph.hash), encode64(freshID())); err != nil {
		return l, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return l, err
	}
	if err := resp.Body.Close(); err != nil {
		return l, err
	}
	if resp.StatusCode != http.StatusCreated {
		return l, fmt.Errorf("an upload is not begun: %s", resp.Status)
	}
	body := pool.appendPhoto(nil, &ph)
	body = body[:min(len(body), 256<<10)]
	l.chunk = append(bytes.NewBufferString("PATCH "+resp.Header.Get("Location")+" HTTP/1.1\r\n"+head+
		"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n").Bytes(), body...)
	return l, nil
}

func (t *table) uploadTable(w io.Writer) {
	if t.rows["files 300 KB C=1"] == nil {
		return
	}
	t.head(w, "Photos alone", "kept in", "photo", "C", "photos/s", "MB/s", "p50 ms", "p95 ms", "p99 ms", "by hand, photos/s", "ratio", "server CPU", "client CPU", "other CPU %", "most memory, MB")
	for _, where := range []string{"files", "S3"} {
		for _, size := range uploadSizes {
			for _, c := range uploadTablets {
				name := fmt.Sprintf("%s %s C=%d", where, size.name, c)
				mb := func(s sample) float64 { return s.rate * float64(size.bytes) / 1e6 }
				t.line(w, where, size.name, fmt.Sprint(c), t.spread(name, rate), t.median(name, mb), t.median(name, p50), t.median(name, p95), t.median(name, p99),
					t.spread(name+" by hand", rate), t.ratio(name, name+" by hand"), t.median(name, serverCPU), t.median(name, clientCPU), t.median(name, otherCPU), t.facts[name])
			}
		}
	}
	fmt.Fprintf(w, `
Each photo in one request, for a record that has not come. By hand: hashed, written, synced, renamed, folder synced; in S3 one PUT. The server keeps the upload so that it can be taken up
again, checks SHA-256 and type, reads EXIF and writes ledger and evidence, durably, before it answers.
`)
	if f := t.underWay; f != nil {
		fmt.Fprintf(w, "\n%d uploads under way at the same time (chunks of 256 KiB, half of each sent): **%s MB** resident before, **%s MB** with them, %s MB when all had come; %s MB at most, while all came in at once.\n",
			fleetTablets, show(f.idle), show(f.half), show(f.done), show(f.peak))
	}
}
