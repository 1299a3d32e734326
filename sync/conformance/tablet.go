package conformance

import (
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
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds what the kit reads of one answer, in bytes.
const maxAnswer = 64 << 20

// tablet is one device of one person, with nothing of its own kept but the counter of its chain.
type tablet struct {
	k                       *Kit
	login                   string
	key                     *ecdsa.PrivateKey
	user, device            string
	access, refresh, before string // before: the refresh token's predecessor
	epoch                   string
	n                       int
	prev                    string
}

// answer is an HTTP answer as it came, and its JSON if it is JSON.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   any
}

// code is the problem's code, empty if the answer is none.
func (a answer) code() string { return text(a.json, "code") }

func (a answer) String() string {
	b := a.body
	if len(b) > 300 {
		b = b[:300]
	}
	return fmt.Sprintf("%d %s", a.status, b)
}

// ask sends one request. headers are name, value, …; a token is added unless Authorization or X-Paicha-Device is there.
func (t *tablet) ask(ctx context.Context, method, path string, body []byte, headers ...string) (answer, error) {
	target := path
	if !strings.HasPrefix(path, "http") {
		target = t.k.Server + path
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if req.Header.Get("Authorization") == "" && req.Header.Get("X-Paicha-Device") == "" && t.access != "" {
		req.Header.Set("Authorization", "Bearer "+t.access)
	}
	resp, err := t.k.HTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: b}
	if json.Unmarshal(b, &a.json) != nil {
		a.json = nil // bytes of a photo, or compressed ones that were asked for
	}
	return a, nil
}

func (t *tablet) post(ctx context.Context, path string, body any, headers ...string) (answer, error) {
	b, ok := body.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	return t.ask(ctx, http.MethodPost, "/api/v1"+path, b, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// must is post for what has to succeed before anything can be tried.
func (t *tablet) must(ctx context.Context, path string, body any) (any, error) {
	a, err := t.post(ctx, path, body)
	if err == nil && (a.status != http.StatusOK || a.json == nil) {
		err = fmt.Errorf("%s of %s: %v", path, t.login, a)
	}
	return a.json, err
}

// enrol opens a session on a new device.
func (k *Kit) enrol(ctx context.Context, l Login) (*tablet, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &tablet{k: k, login: l.Login, key: key}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	public := base64.StdEncoding.EncodeToString(der)
	proof, err := t.sign("paicha-enrol-v1\n" + l.Login + "\n" + public)
	if err != nil {
		return nil, err
	}
	s, err := t.must(ctx, "/auth/login", object{
		"login": l.Login, "password": l.Password, "publicKey": public, "deviceName": "符合性检验", "proof": proof,
	})
	if err != nil {
		return nil, err
	}
	t.take(s)
	h, err := t.must(ctx, "/sync/hello", t.hello())
	t.epoch = text(h, "epoch")
	return t, err
}

// take keeps a session.
func (t *tablet) take(s any) {
	t.before = t.refresh
	t.user, t.device = text(s, "user"), text(s, "device")
	t.access, t.refresh = text(s, "accessToken"), text(s, "refreshToken")
}

// trade asks for a new session with a refresh token.
func (t *tablet) trade(ctx context.Context, token string) (answer, error) {
	sum := sha256.Sum256([]byte(token))
	proof, err := t.sign("paicha-refresh-v1\n" + hex.EncodeToString(sum[:]))
	if err != nil {
		return answer{}, err
	}
	return t.post(ctx, "/auth/refresh", object{"refreshToken": token, "proof": proof}, "Authorization", "none")
}

// sign signs a message with the device's key, in ASN.1 DER, standard base64.
func (t *tablet) sign(message string) (string, error) {
	sum := sha256.Sum256([]byte(message))
	sig, err := ecdsa.SignASN1(rand.Reader, t.key, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

func (t *tablet) now() string { return t.k.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func (t *tablet) hello() object {
	return object{"protocolMin": 1, "protocolMax": 1, "app": "conformance", "device": t.device, "deviceTime": t.now()}
}

// mutation makes the next mutation of this device's chain, as bytes that a retry repeats.
func (t *tablet) mutation(name, kind, id string, args any, more ...object) json.RawMessage {
	t.n++
	mutation := t.k.NewID()
	m := object{
		"id": mutation, "n": t.n, "name": name, "doc": object{"kind": kind, "id": id}, "at": t.now(), "args": args,
	}
	if t.prev != "" {
		m["prev"] = t.prev
	}
	for _, o := range more {
		for k, v := range o {
			m[k] = v
		}
	}
	t.prev = mutation
	return m.bytes()
}

// push hands in mutations and returns the answer.
func (t *tablet) push(ctx context.Context, mutations ...json.RawMessage) (answer, error) {
	return t.post(ctx, "/sync/push", object{
		"epoch": t.epoch, "device": t.device, "deviceTime": t.now(), "mutations": mutations,
	}.bytes())
}

// results pushes and returns one result for each mutation.
func (t *tablet) results(ctx context.Context, mutations ...json.RawMessage) ([]any, error) {
	a, err := t.push(ctx, mutations...)
	if err != nil {
		return nil, err
	}
	rs := list(a.json, "results")
	if a.status != http.StatusOK || len(rs) != len(mutations) {
		return nil, fmt.Errorf("%d mutations pushed, answered by %v", len(mutations), a)
	}
	return rs, nil
}

// do pushes one mutation and returns its result, which has to be of the status.
func (t *tablet) do(ctx context.Context, status, name, kind, id string, args any, more ...object) (any, error) {
	rs, err := t.results(ctx, t.mutation(name, kind, id, args, more...))
	if err != nil {
		return nil, err
	}
	return rs[0], expect(text(rs[0], "status") == status, "%s is answered by %s, not by %s", name, compact(rs[0]), status)
}

// drain pulls from the cursor until there is no more.
func (t *tablet) drain(ctx context.Context, cursor string) (changes []any, next string, err error) {
	for range 10_000 {
		p, err := t.must(ctx, "/sync/pull", object{"cursor": cursor})
		if err != nil {
			return nil, "", err
		}
		changes = append(changes, list(p, "changes")...)
		if cursor = text(p, "cursor"); !truth(p, "more") {
			return changes, cursor, nil
		}
	}
	return nil, "", errors.New("pages without end")
}

// find returns the last change of a document among changes.
func find(changes []any, kind, id string) any {
	var found any
	for _, c := range changes {
		if text(c, "kind") == kind && (id == "" || text(c, "id") == id) {
			found = c
		}
	}
	return found
}

// waiting is how long the kit waits for a hint, which may never come.
const waiting = 10 * time.Second
