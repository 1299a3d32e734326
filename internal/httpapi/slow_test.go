package httpapi

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"paicha/media"
)

// begin sends the head of a request and some of its body, and leaves it there.
func (s *site) begin(head, body string) net.Conn {
	s.Helper()
	conn := s.dial()
	if _, err := io.WriteString(conn, head+"\r\nHost: x\r\n\r\n"+body); err != nil {
		s.Fatal(err)
	}
	return conn
}

// half is a body that has begun, long enough for a handler to see it.
var half = `{"epoch":"` + strings.Repeat("x", 2*readAhead)

func status(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // closing reads on, and a stream has no end
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestBodiesOnTheirWayTakeNoTurn: with a single turn, and many who have begun a body and do not go on, everybody else is
// served.
func TestBodiesOnTheirWayTakeNoTurn(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Limits.Requests, d.Limits.Idle = 1, time.Second })
	token := s.supervisor("lead", "5325")
	var slow []net.Conn
	for range 20 {
		slow = append(slow, s.begin("POST /api/v1/sync/push HTTP/1.1\r\nAuthorization: Bearer "+token+
			"\r\nContent-Type: application/json\r\nContent-Length: 100000", half))
	}
	served := 0
	for served < 100 {
		r := s.send("GET", "/api/v1/sectors", token, nil)
		switch r.status {
		case http.StatusOK:
			served++
		case http.StatusServiceUnavailable: // one of the slow ones is just being looked at
		default:
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for _, conn := range slow {
		if got := status(t, conn); got != http.StatusServiceUnavailable {
			t.Errorf("a slow one was answered %d", got)
		}
	}
}

func TestDeviceUsesUpOnlyItsOwnShare(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Limits.Device, d.Limits.Listens = 3, 2 })
	greedy, other := s.supervisor("greedy", "5325"), s.supervisor("other", "5325")
	var held []net.Conn
	for range 3 {
		held = append(held, s.begin("POST /api/v1/sync/push HTTP/1.1\r\nAuthorization: Bearer "+greedy+
			"\r\nContent-Type: application/json\r\nContent-Length: 100000", half))
	}
	for s.send("GET", "/api/v1/sectors", greedy, nil).status != http.StatusTooManyRequests { // until three are being read
		// One of them may have met this very request in its place and been refused.
		held = append(held, s.begin("POST /api/v1/sync/push HTTP/1.1\r\nAuthorization: Bearer "+greedy+
			"\r\nContent-Type: application/json\r\nContent-Length: 100000", half))
	}
	if r := s.send("GET", "/api/v1/sectors", other, nil); r.status != http.StatusOK {
		t.Errorf("the other waits: %d", r.status)
	}
	events := "GET /api/v1/sync/events HTTP/1.1\r\nAuthorization: Bearer "
	for range 2 {
		if got := status(t, s.begin(events+other, "")); got != http.StatusOK {
			t.Errorf("stream: %d", got)
		}
	}
	if got := status(t, s.begin(events+other, "")); got != http.StatusTooManyRequests {
		t.Errorf("one stream too many: %d", got)
	}
	if r := s.send("GET", "/api/v1/sectors", other, nil); r.status != http.StatusOK {
		t.Errorf("streams use up requests: %d", r.status)
	}
	for _, conn := range held {
		conn.Close()
	}
	for s.send("GET", "/api/v1/sectors", greedy, nil).status != http.StatusOK { // until the server has noticed
	}
}

// TestWhatTheLineDidToAnUploadIsNoRefusal: an upload that stalls, wherever in the request, or ends short of its length is
// answered with a status after which stock clients of tus try again, and goes on from what arrived.
func TestWhatTheLineDidToAnUploadIsNoRefusal(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Limits.Idle = 300 * time.Millisecond })
	token := s.supervisor("lead", "5325")
	photo := append(picture(t), make([]byte, 6*readAhead)...)
	r := s.tus("POST", "/api/v1/uploads", token, nil, "Upload-Length", strconv.Itoa(len(photo)), "Upload-Metadata", metadata(media.Sum(photo), inspectionID))
	at := r.header.Get("Location")
	offset := 0
	for _, c := range []struct {
		name, code string
		head, body int // what is sent of the request's head (0: all) and of its body, in bytes
		ends       bool
		least      int // what must have arrived by then, in bytes
	}{
		{name: "stalls in its head", code: "httpapi.slow", head: 40},
		{name: "stalls at the first bytes", code: "httpapi.slow", body: 10},
		{name: "stalls in the middle", code: "httpapi.slow", body: 2 * readAhead, least: readAhead},
		{name: "ends in the middle", code: "httpapi.incomplete", body: readAhead + 100, ends: true},
	} {
		head := "PATCH " + at + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nTus-Resumable: 1.0.0\r\nContent-Type: " + mediaTypeOffset +
			"\r\nUpload-Offset: " + strconv.Itoa(offset) + "\r\nContent-Length: " + strconv.Itoa(len(photo)-offset) + "\r\n\r\n"
		if c.head > 0 {
			head = head[:c.head]
		}
		conn := s.dial()
		if _, err := conn.Write(append([]byte(head), photo[offset:][:c.body]...)); err != nil {
			t.Fatal(err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok && c.ends {
			if err := tcp.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(c.name, err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), c.code) {
			t.Errorf("an upload that %s: %d %s, %v", c.name, resp.StatusCode, b, err)
		}
		told := s.tus("HEAD", at, token, nil).header.Get("Upload-Offset")
		if offset, err = strconv.Atoi(told); err != nil || offset < c.least {
			t.Fatalf("after one that %s the offset is %q", c.name, told)
		}
	}
	if r := s.send("GET", "/metrics", "", nil); !strings.Contains(string(r.body), `status="499"`) || strings.Contains(string(r.body), `status="503"`) {
		t.Errorf("a broken line is counted as the server's failure")
	}
	if r := s.tus("PATCH", at, token, photo[offset:], "Content-Type", mediaTypeOffset, "Upload-Offset", strconv.Itoa(offset)); r.status != http.StatusNoContent {
		t.Errorf("the rest: %d %s", r.status, r.body)
	}
}

func TestDripIsNoFlow(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	p := newPatient(server, server, time.Minute) // a span ends with enough bytes too, so that no clock decides here
	go func() {
		for {
			if _, err := client.Write(make([]byte, leastFlow/8)); err != nil {
				return
			}
		}
	}()
	// A line that carries enough is never cut off, however many spans it takes.
	if n, err := io.CopyN(io.Discard, p, 20*leastFlow); err != nil {
		t.Fatalf("a flowing line ended after %d bytes: %v", n, err)
	}
	drip := newPatient(dripping{}, server, time.Nanosecond)
	if _, err := io.ReadAll(drip); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a drip went on: %v", err)
	}
}

type dripping struct{}

func (dripping) Read(b []byte) (int, error) { b[0] = 'x'; return 1, nil }

func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	ended := false
	a := &outgoing{conn: server, patience: 20 * time.Millisecond, done: func() { ended = true }}
	a.Reset(make([]byte, 1<<20))
	if n, err := io.Copy(server, a); err == nil {
		t.Errorf("%d bytes went to nobody", n)
	}
	if err := a.Close(); err != nil || !ended {
		t.Error(err, ended)
	}
}
