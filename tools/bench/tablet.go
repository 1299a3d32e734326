package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"paicha/internal/auth"
	"paicha/internal/directory"
)

// tablet is one device with a session and one keep-alive connection. It spends as little as it can: it shares the
// processors with what it measures.
type tablet struct {
	http   fasthttp.HostClient
	bearer string
	device string
	epoch  string
	n      int      // mutations made
	cursor string   // where it has read to
	have   []string // hashes of the packs that it says to hold
	req    fasthttp.Request
	resp   fasthttp.Response
	body   []byte
}

// login enrols n tablets of the two inspectors who share the team of every record.
func (s *server) login(n int) ([]*tablet, error) {
	out := make([]*tablet, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { out[i], errs[i] = s.enrol(i) })
		if i%2 == 1 {
			wg.Wait() // the server hashes two passwords at a time
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *server) enrol(i int) (*tablet, error) {
	tb := &tablet{http: fasthttp.HostClient{
		Addr: s.at, MaxConns: 1, ReadTimeout: time.Minute, WriteTimeout: time.Minute, NoDefaultUserAgentHeader: true,
		MaxIdleConnDuration: time.Hour, DisablePathNormalizing: true,
	}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	public, login := directory.PublicKey(base64.StdEncoding.EncodeToString(der)), fmt.Sprint("inspector", i%2+1)
	sum := sha256.Sum256(auth.EnrolMessage(login, public))
	proof, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(map[string]any{
		"login": login, "password": directory.DemoPassword, "publicKey": public, "deviceName": fmt.Sprint("bench ", i), "proof": proof,
	})
	if err != nil {
		return nil, err
	}
	tb.req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))
	var tokens struct{ AccessToken, Device string }
	if err := tb.call("/api/v1/auth/login", in, &tokens); err != nil {
		return nil, err
	}
	tb.bearer, tb.device = "Bearer "+tokens.AccessToken, tokens.Device
	var hello struct{ Epoch string }
	tb.prepare("/api/v1/sync/hello")
	in = fmt.Appendf(nil, `{"protocolMin":1,"protocolMax":1,"device":%q,"deviceTime":%q}`, tb.device, time.Now().UTC().Format(time.RFC3339))
	if err := tb.call("/api/v1/sync/hello", in, &hello); err != nil {
		return nil, err
	}
	tb.epoch = hello.Epoch
	return tb, nil
}

func (tb *tablet) prepare(path string) {
	tb.req.Reset()
	tb.req.SetRequestURI("http://" + tb.http.Addr + path)
	tb.req.Header.SetMethod(fasthttp.MethodPost)
	tb.req.Header.SetContentType("application/json")
	if tb.bearer != "" {
		tb.req.Header.Set("Authorization", tb.bearer)
	}
}

func (tb *tablet) call(path string, body []byte, into any) error {
	forwarded := string(tb.req.Header.Peek("X-Forwarded-For"))
	tb.prepare(path)
	if forwarded != "" {
		tb.req.Header.Set("X-Forwarded-For", forwarded)
	}
	if err := tb.send(body); err != nil {
		return err
	}
	return json.Unmarshal(tb.resp.Body(), into)
}

// send does the prepared request; anything but success is an error.
func (tb *tablet) send(body []byte) error {
	tb.req.SetBodyRaw(body)
	if err := tb.http.Do(&tb.req, &tb.resp); err != nil {
		return err
	}
	if tb.resp.StatusCode()/100 != 2 {
		return fmt.Errorf("%s: %d %s", tb.req.URI().Path(), tb.resp.StatusCode(), tb.resp.Body())
	}
	return nil
}

// push hands in batch new inspections and wants every one applied.
func (tb *tablet) push(batch int) error {
	tb.begin()
	for i := range batch {
		if i > 0 {
			tb.body = append(tb.body, ',')
		}
		tb.n++
		tb.body = appendRecord(tb.body, freshID(), tb.n, nil)
	}
	return tb.hand(batch)
}

func (tb *tablet) begin() {
	tb.body = append(append(tb.body[:0], `{"epoch":"`...), tb.epoch...)
	tb.body = append(append(tb.body, `","device":"`...), tb.device...)
	tb.body = append(tb.body, `","deviceTime":"2023-06-05T07:40:00Z","mutations":[`...)
}

func (tb *tablet) hand(batch int) error {
	tb.body = append(tb.body, `]}`...)
	tb.prepare("/api/v1/sync/push")
	if err := tb.send(tb.body); err != nil {
		return err
	}
	if n := bytes.Count(tb.resp.Body(), []byte(`"status":"applied"`)); n != batch {
		return fmt.Errorf("%d of %d applied: %.2000s", n, batch, tb.resp.Body())
	}
	return nil
}

// visit sends an inspection's photos, one after the other, and then the record that names them.
func (tb *tablet) visit(pool *photos, v *visit) error {
	for i := range v.photos {
		if err := tb.upload(pool, &v.photos[i], v.id); err != nil {
			return err
		}
	}
	tb.begin()
	tb.n++
	tb.body = appendRecord(tb.body, v.id, tb.n, v.photos[:])
	if err := tb.hand(1); err != nil {
		return err
	}
	if bytes.Contains(tb.resp.Body(), []byte(`"missingMedia"`)) {
		return fmt.Errorf("photos are missing: %s", tb.resp.Body())
	}
	return nil
}

// upload sends one photo in one request.
func (tb *tablet) upload(pool *photos, ph *photo, inspection string) error {
	tb.body = pool.appendPhoto(tb.body[:0], ph)
	tb.prepare("/api/v1/uploads")
	h := &tb.req.Header
	h.SetContentType("application/offset+octet-stream")
	h.Set("Tus-Resumable", "1.0.0")
	h.Set("Upload-Length", strconv.Itoa(len(tb.body)))
	h.Set("Upload-Metadata", "sha256 "+encode64(ph.hash)+",inspection "+encode64(inspection)+",filename "+encode64("IMG.jpg"))
	if err := tb.send(tb.body); err != nil {
		return err
	}
	if string(tb.resp.Header.Peek("Upload-Offset")) != strconv.Itoa(len(tb.body)) {
		return fmt.Errorf("photo kept to %s of %d bytes", tb.resp.Header.Peek("Upload-Offset"), len(tb.body))
	}
	return nil
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// pullNothing pulls with the cursor of somebody who has everything.
func (tb *tablet) pullNothing(cursor string) error {
	tb.body = append(append(append(tb.body[:0], `{"cursor":"`...), cursor...), `"}`...)
	tb.prepare("/api/v1/sync/pull")
	if err := tb.send(tb.body); err != nil {
		return err
	}
	if !bytes.HasPrefix(tb.resp.Body(), []byte(`{"changes":[]`)) {
		return fmt.Errorf("something to pull: %.500s", tb.resp.Body())
	}
	return nil
}

// pullAll pulls from a cursor to the end, and returns the cursor, the documents and the bytes on the wire.
func (tb *tablet) pullAll(cursor, encoding string) (string, int, int, error) {
	docs, wire := 0, 0
	for {
		tb.body = append(append(append(tb.body[:0], `{"cursor":"`...), cursor...), `"}`...)
		if cursor == "" {
			tb.body = append(tb.body[:0], `{}`...)
		}
		if len(tb.have) > 0 {
			tb.body = append(append(append(tb.body[:len(tb.body)-1], `,"have":["`...), strings.Join(tb.have, `","`)...), `"]}`...)
			tb.body = bytes.Replace(tb.body, []byte(`{,`), []byte(`{`), 1)
		}
		tb.prepare("/api/v1/sync/pull")
		if encoding != "" {
			tb.req.Header.Set("Accept-Encoding", encoding)
		}
		if err := tb.send(tb.body); err != nil {
			return "", 0, 0, err
		}
		page := tb.resp.Body()
		wire += len(page)
		switch string(tb.resp.Header.Peek("Content-Encoding")) {
		case "zstd":
			var err error
			if page, err = tb.resp.BodyUnzstd(); err != nil {
				return "", 0, 0, err
			}
		case "gzip":
			var err error
			if page, err = tb.resp.BodyGunzip(); err != nil {
				return "", 0, 0, err
			}
		}
		docs += bytes.Count(page, []byte(`"via":[`))
		at := bytes.LastIndex(page, []byte(`"cursor":"`))
		if at < 0 {
			return "", 0, 0, fmt.Errorf("no cursor in %.500s", page)
		}
		cursor = string(page[at+10 : at+10+bytes.IndexByte(page[at+10:], '"')])
		if !bytes.HasSuffix(page, []byte(`"more":true}`)) && !bytes.HasSuffix(page, []byte(`"more":true,"reset":true}`)) {
			return cursor, docs, wire, nil
		}
	}
}
