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
)

// enough bounds what a broken server could make a test wait; it is far longer than anything takes.
const enough = 20 * time.Second

// dial opens a raw connection, on which a test may be rude.
func (s *site) dial() net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(enough)); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	return conn
}

func TestUnreadBodyIsNeverTheNextRequest(t *testing.T) {
	s := newSite(t)
	hidden := "GET /api/v1/sectors HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, first := range []string{"GET /healthz", "POST /api/v1/nothing", "DELETE /api/v1/hazards", "POST /api/v1/sync/pull"} {
		conn := s.dial()
		if _, err := io.WriteString(conn, first+" HTTP/1.1\r\nHost: x\r\nContent-Length: "+strconv.Itoa(len(hidden))+"\r\n\r\n"+hidden); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 {
			t.Errorf("%s: %d answers:\n%s", first, n, all)
		}
	}
}

func TestSlowClientHoldsOnlyItself(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.Limits.Idle = 300 * time.Millisecond })
	slow := s.dial()
	if _, err := io.WriteString(slow, "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if r := s.send("GET", "/readyz", "", nil); r.status != 200 {
		t.Errorf("others wait: %d", r.status)
	}
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		b, _ := io.ReadAll(resp.Body)
		t.Errorf("slow client: %d %s", resp.StatusCode, b)
	}
}

func TestEventsBeginWithAHintAndEndAtShutdown(t *testing.T) {
	s := newSite(t)
	token := s.supervisor("lead", "5325")
	conn := s.dial()
	if _, err := io.WriteString(conn, "GET /api/v1/sync/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: pull" {
	}
	if lines.Text() != "event: pull" {
		t.Fatal("the stream ended without a hint", lines.Err())
	}
	s.stop() // fails if the open stream holds it
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error("the stream did not end properly:", err)
	}
}
