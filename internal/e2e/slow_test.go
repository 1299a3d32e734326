package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// slowOne is a connection that wants to hold on to the server.
type slowOne struct {
	name string
	net.Conn
	rest  []byte // what it has yet to say, a byte now and then; nil: it says the same for ever
	more  []byte
	over  bool
	again func() *slowOne // the same from the beginning
}

// drip says the next byte and reports whether the connection still takes it.
func (c *slowOne) drip() {
	if c.over {
		return
	}
	next := []byte{'x'}
	if len(c.rest) > 0 {
		next, c.rest = c.rest[:1], c.rest[1:]
	} else if len(c.more) > 0 {
		next = c.more
	}
	if _, err := c.Write(next); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.over = true
	}
}

// slowOnes opens each sort of slow connection, n of a sort, under the session of one tablet.
func slowOnes(t *testing.T, s *server, tb *light, n int) []*slowOne {
	t.Helper()
	auth := "\r\nHost: x\r\nAuthorization: Bearer " + tb.Bearer
	var out []*slowOne
	var dial func(name, said string, rest, more []byte) *slowOne
	dial = func(name, said string, rest, more []byte) *slowOne {
		conn, err := net.Dial("tcp", s.addr) //nolint:noctx // ends with the test's server
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
		return &slowOne{name: name, Conn: conn, rest: rest, more: more, again: func() *slowOne { return dial(name, said, rest, more) }}
	}
	open := func(name, said string, rest, more []byte) { out = append(out, dial(name, said, rest, more)) }
	upload := func() string {
		r, err := http.NewRequest(http.MethodPost, s.url()+"/api/v1/uploads", nil) //nolint:noctx // a test's own server
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+tb.Bearer)
		r.Header.Set("Tus-Resumable", "1.0.0")
		r.Header.Set("Upload-Length", "1000000")
		hash := sha256.Sum256([]byte(uuid.NewString()))
		r.Header.Set("Upload-Metadata", "sha256 "+base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(hash[:]))))
		resp, err := tb.http.Do(r)
		if err != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
		return resp.Header.Get("Location")
	}
	begun := `{"epoch":"` + strings.Repeat("x", 40<<10)
	pull := "POST /api/v1/sync/pull HTTP/1.1" + auth + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	for range n {
		open("headers", "GET /api/v1/sectors HTTP/1.1"+auth+"\r\nX-Slow: ", nil, nil)
		open("push", "POST /api/v1/sync/push HTTP/1.1"+auth+"\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"+begun, nil, nil)
		open("short body", "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", nil, nil)
		open("chunk", "PATCH "+upload()+" HTTP/1.1"+auth+"\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"+
			"Content-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n\r\n"+begun, nil, nil)
		// Many answers of some hundred KB each that nobody reads: more than the sockets can hold.
		open("reader", strings.Repeat(pull, 60), nil, []byte(pull))
	}
	return out
}

// TestSlowClientsCostNothingToOthers has slow clients of every sort, more than the server has turns, and counts what
// others get done. First the server is so patient that none of them ends, so that nobody is served because somebody
// else was cut off; then it is impatient, and each of them ends.
func TestSlowClientsCostNothingToOthers(t *testing.T) {
	s := newServer(t)
	tablets := newFleet(t, s, 3, "--requests", "8", "--idle", "10m")
	slow, good := tablets[0], tablets[1]
	if err := good.hello(); err != nil {
		t.Fatal(err)
	}
	served, refusals := 0, 0
	serve := func() {
		t.Helper()
		_, _, err := good.pull()
		var no *refused
		switch {
		case err == nil:
			served++
		case errors.As(err, &no) && no.status == http.StatusServiceUnavailable:
			refusals++ // just now the slow ones were being looked at
		default:
			t.Fatal(err)
		}
	}
	const each = 15 // of a sort: twice the turns
	ones, begunAgain := slowOnes(t, s, slow, each), 0
	for served < 300 {
		serve()
		for i, c := range ones {
			if c.more != nil {
				continue
			}
			// One that found no turn at its very beginning was refused, as anybody is: it comes again, so that as many are
			// there all the time.
			if c.drip(); c.over {
				ones[i] = c.again()
				begunAgain++
			}
		}
	}
	if begunAgain > len(ones) {
		t.Errorf("slow connections ended %d times: the others may have been served for it", begunAgain)
	}
	if refusals > served {
		t.Errorf("%d requests were served and %d refused", served, refusals)
	}
	t.Logf("patient: %d requests served, %d refused beside %d slow connections, begun again %d times; the server held at most %.0f MB", served, refusals, len(ones), begunAgain, s.peak())
	for _, c := range ones {
		_ = c.Close()
	}

	s.kill()
	s.options[len(s.options)-1] = "300ms"
	s.start()
	ones = slowOnes(t, s, slow, each)
	for left := len(ones); left > 0; { // until the last one is cut off; the test's own deadline is the only clock
		left = 0
		serve()
		for _, c := range ones {
			if c.over {
				continue
			}
			left++
			_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond)) // a full socket is no end
			c.drip()
		}
	}
	const most = 400 // MB: a bound on memory, not an aim
	if mb := s.peak(); mb > most {
		t.Errorf("the server held %.0f MB", mb)
	} else {
		t.Logf("impatient: all %d slow connections ended, %d requests served in all; the server held at most %.0f MB", len(ones), served, mb)
	}

	// One tablet's streams are its own too: the others still get theirs.
	var streams []io.Closer
	for range 20 {
		if c, err := slow.listen(t.Context()); err == nil {
			streams = append(streams, c)
		}
	}
	if len(streams) >= 20 {
		t.Error("one tablet may open any number of streams")
	}
	c, err := tablets[2].listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(streams, c) {
		_ = c.Close()
	}
}

// TestHalfRequestsAreNoEffect cuts a push at each of many places, and the whole push has its one effect afterwards.
func TestHalfRequestsAreNoEffect(t *testing.T) {
	s := newServer(t)
	tb := newFleet(t, s, 1)[0]
	if err := tb.hello(); err != nil {
		t.Fatal(err)
	}
	save := tb.mutation("01890a5d-ac96-774b-bcce-b302099a8057")
	body := fmt.Appendf(nil, `{"epoch":%q,"device":%q,"deviceTime":"2026-06-05T07:40:00Z","mutations":[%s]}`, tb.epoch, tb.Device, save)
	whole := bytes.Join([][]byte{[]byte(fmt.Sprintf("POST /api/v1/sync/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", tb.Bearer, len(body))), body}, nil)
	for at := 0; at < len(whole); at += 37 {
		conn, err := net.Dial("tcp", s.addr) //nolint:noctx // ends with the test's server
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Write(whole[:at])
		if half, ok := conn.(*net.TCPConn); ok && err == nil {
			err = half.CloseWrite()
		}
		if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn)
		if bytes.Contains(answer, []byte(`"results"`)) {
			t.Fatalf("half a push, %d of %d bytes, was taken: %s", at, len(whole), answer)
		}
		_ = conn.Close()
	}
	v, err := tb.push(save)
	if err != nil || v[0].Status != "applied" {
		t.Errorf("%v %v", v, err)
	}
}
