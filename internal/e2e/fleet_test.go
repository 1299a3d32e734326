package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/fleet"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"

	"github.com/google/uuid"
)

// light is a tablet that keeps only where it stands, so that a test can have a thousand.
type light struct {
	fleet.Member
	url    string
	http   *http.Client
	epoch  string
	cursor string
	n      int
}

// newFleet stops the server, enrols n inspectors of one county's coal mines in its store, and starts it again with more
// options.
func newFleet(t *testing.T, s *server, n int, options ...string) []*light {
	t.Helper()
	s.kill()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(s.dir, "paicha.db"), Indexes: slices.Concat(directory.Indexes, auth.Indexes)})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	st, err := store.Open(ctx, engine, store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, NewID: uuid.NewString,
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := fleet.Key(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	members, err := fleet.Enrol(ctx, st, key, "fleet", n, directory.Grant{Token: "532504/coal-mine", Role: directory.RoleInspector, Reason: directory.ReasonPost})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.options = append(s.options, options...)
	s.start()
	out := make([]*light, n)
	for i, m := range members {
		out[i] = &light{Member: m, url: s.url(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}}
	}
	t.Cleanup(func() {
		for _, l := range out {
			l.http.CloseIdleConnections()
		}
	})
	return out
}

// refused is a status that a client waits after, and how long the server asks for.
type refused struct {
	status int
	after  int // seconds
	body   []byte
}

func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// post sends JSON and decodes the answer; a *refused if the answer is none.
func (l *light) post(path string, in []byte, out any) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, l.url+path, bytes.NewReader(in))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+l.Bearer)
	resp, err := l.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &refused{resp.StatusCode, after, b}
	}
	return json.Unmarshal(b, out)
}

func (l *light) hello() error {
	var h struct{ Epoch string }
	in := fmt.Appendf(nil, `{"protocolMin":1,"protocolMax":1,"device":%q,"deviceTime":%q}`, l.Device, time.Now().UTC().Format(time.RFC3339))
	if err := l.post("/api/v1/sync/hello", in, &h); err != nil {
		return err
	}
	l.epoch = h.Epoch
	return nil
}

// pull takes one page and tells whether there is another one, and the ids of the inspections in it.
func (l *light) pull() (more bool, inspections []string, err error) {
	in := []byte(`{}`)
	if l.cursor != "" {
		in = fmt.Appendf(nil, `{"cursor":%q}`, l.cursor)
	}
	var page struct {
		Cursor  string
		More    bool
		Changes []struct{ Kind, ID string }
	}
	if err := l.post("/api/v1/sync/pull", in, &page); err != nil {
		return false, nil, err
	}
	l.cursor = page.Cursor
	for _, c := range page.Changes {
		if c.Kind == "inspection" {
			inspections = append(inspections, c.ID)
		}
	}
	return page.More, inspections, nil
}

// mutation is a first save of an inspection, made once and the same in each retry.
func (l *light) mutation(inspection string) []byte {
	l.n++
	return fmt.Appendf(nil, `{"id":%q,"n":%d,"name":"inspection.save","doc":{"kind":"inspection","id":%q},"at":"2026-06-05T07:32:00Z","args":{"header":{`+
		`"unit":{"id":"demo-coal-1"},"region":"532504","sectors":["coal-mine"],"mode":"unannounced","pack":{"id":%q},"startedAt":"2026-06-05T07:30:00Z"},`+
		`"answers":[{"item":"power.double-circuit","result":"conform"}]}}`, uuid.Must(uuid.NewV7()).String(), l.n, inspection, pack)
}

type verdict struct {
	Status, First string
	Rev           uint64
}

func (l *light) push(mutations ...[]byte) ([]verdict, error) {
	in := fmt.Appendf(nil, `{"epoch":%q,"device":%q,"deviceTime":"2026-06-05T07:40:00Z","mutations":[%s]}`, l.epoch, l.Device, bytes.Join(mutations, []byte(",")))
	var out struct{ Results []verdict }
	err := l.post("/api/v1/sync/push", in, &out)
	return out.Results, err
}

// listen opens a stream of hints and returns it after its first one; a *refused if there is none to be had.
func (l *light) listen(ctx context.Context) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/api/v1/sync/events", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+l.Bearer)
	resp, err := l.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return nil, &refused{resp.StatusCode, after, b}
	}
	lines := bufio.NewReaderSize(resp.Body, 128)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = resp.Body.Close()
			return nil, err
		}
		if strings.HasPrefix(line, "data:") {
			return resp.Body, nil
		}
	}
}

// peak is the most memory that the server's process held since it started, in MB.
func (s *server) peak() float64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return float64(kib) * 1024 / 1e6
}
