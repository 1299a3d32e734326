package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paicha/internal/audit"
	"paicha/internal/store"
)

// ask gets a path as the holder of a session.
func ask(t *testing.T, s *server, token, path string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	return b
}

// TestP6LoggedBundleVerifiesOffline plays the demonstration, exports its inspections when the log has them, and checks them
// with the binary alone: as they are, with a changed entry, with another key. A kill in between changes nothing, and the
// head from before it lies in the log after it. After a restore of a backup from before a head, that head says so.
func TestP6LoggedBundleVerifiesOffline(t *testing.T) {
	s := newServer(t, "PAICHA_LOG_EVERY=100ms")
	tell := func() {
		t.Helper()
		if out, err := exec.Command(binary, "demo", "--server", s.url()).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	tell()
	dir := t.TempDir()
	keep := func(name string, b []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key := strings.TrimSpace(mustPaicha(t, "log", "key", "--data", s.dir))
	token := enrol(t, s, "supervisor1")
	ids := func() []string {
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		if err := json.Unmarshal(ask(t, s, token, "/api/v1/inspections"), &page); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, i := range page.Items {
			out = append(out, i.ID)
		}
		return out
	}
	// logged waits until every inspection that the supervisor sees is in the log.
	logged := func() {
		t.Helper()
		for _, id := range ids() {
			eventually(t, time.Minute, "inspection "+id+" in the log", func() string {
				b := ask(t, s, token, "/api/v1/audit/proof?kind=inspection&id="+id)
				if !strings.Contains(string(b), `"pending":0`) {
					return "not yet: " + string(b)
				}
				return ""
			})
		}
	}
	logged()
	before := keep("before.json", ask(t, s, token, "/api/v1/audit/head"))
	good := ""
	for _, id := range ids() {
		name := keep(id+".zip", ask(t, s, token, "/api/v1/inspections/"+id+"/bundle"))
		out, err := paicha(t, "verify", "--log-key", key, name)
		if err == nil && strings.Contains(out, "日志头的签名有效") {
			good = name
			for _, line := range []string{"清单的签名有效", "密钥是 --log-key 指定的日志公钥", "条履历都在日志中", "结论：证据包完整，签名核对通过 ✓", "由服务器的日志密钥证明"} {
				if !strings.Contains(out, line) {
					t.Errorf("does not say %s:\n%s", line, out)
				}
			}
		} else if !strings.Contains(out, "日志头的签名有效") || strings.Contains(out, "✗ 清单") {
			t.Errorf("%s", out)
		}
	}
	if good == "" {
		t.Fatal("no signed inspection in the demonstration")
	}
	if out := mustPaicha(t, "verify", good); !strings.Contains(out, "没有用 --log-key 指定日志公钥") {
		t.Errorf("%s", out)
	}
	other := strings.TrimSpace(mustPaicha(t, "log", "key", "--data", newServer(t).dir))
	if out, err := paicha(t, "verify", "--log-key", other, good); err == nil || !strings.Contains(out, "不是用指定的密钥签的") {
		t.Errorf("another server's key: %v %s", err, out)
	}

	if m := ask(t, s, token, "/metrics"); !strings.Contains(string(m), "\npaicha_log_mismatches_total 0\n") {
		t.Error("histories changed after they were logged")
	}

	folder := t.TempDir()
	s.kill()
	mustPaicha(t, "backup", "--data", s.dir, "--to", folder)
	s.start()
	tell()
	logged()
	after := keep("after.json", ask(t, s, token, "/api/v1/audit/head"))
	size := func(name string) string {
		var h struct {
			Size json.Number `json:"size"`
		}
		b, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, &h)
		}
		if err != nil {
			t.Fatal(err)
		}
		return h.Size.String()
	}
	proof := keep("proof.json", ask(t, s, token, "/api/v1/audit/consistency?from="+size(before)+"&to="+size(after)))
	if out := mustPaicha(t, "log", "compare", "--log-key", key, before, after, proof); !strings.Contains(out, "原样包含") {
		t.Errorf("%s", out)
	}
	if out, err := paicha(t, "log", "compare", "--log-key", key, after, before, proof); err == nil {
		t.Errorf("the wrong way round: %s", out)
	}

	s.kill()
	elsewhere := filepath.Join(t.TempDir(), "data")
	mustPaicha(t, "restore", "--from", folder, "--data", elsewhere)
	secret, err := os.ReadFile(filepath.Join(s.dir, "log.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(elsewhere, "log.key"), secret, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.dir = elsewhere
	s.start()
	token = enrol(t, s, "supervisor1")
	if b := ask(t, s, token, "/api/v1/audit/consistency?from="+size(after)); b != nil {
		t.Errorf("a head from after the backup is in the restored log: %s", b)
	}
	if b := ask(t, s, token, "/api/v1/audit/consistency?from="+size(before)); b == nil {
		t.Error("the head from before the backup is not")
	}
}

// look reads what the nodes have stored; the log's proofs need no more of a store.
type look struct {
	audit.Documents
	engine store.Engine
}

func (l look) Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error) {
	return l.engine.Get(ctx, refs)
}

// unlogged says what the log lacks of the histories that are stored, or has too much.
func (c *cluster) unlogged() string {
	var records []audit.Record
	entries := int64(0)
	for ref, d := range c.stored() {
		h, err := audit.History(ref.Kind, d.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(h) > 0 {
			entries += int64(len(h))
			records = append(records, audit.Record{Ref: ref, Rev: d.Rev, Body: d.Body})
		}
	}
	f, err := audit.Log{Docs: look{engine: c.seen}, Verifier: c.logKey}.Prove(c.t.Context(), records, audit.Window{})
	if err != nil {
		return err.Error()
	}
	b, err := json.Marshal(f)
	if err != nil {
		c.t.Fatal(err)
	}
	if f, err = audit.ReadFile(b); err != nil {
		c.t.Fatal(err)
	}
	head, err := audit.OpenHead([]byte(f.Head), c.logKey)
	if err != nil {
		return err.Error()
	}
	for _, r := range records {
		found, told, err := f.Check(head, r)
		if err != nil || !told || !found.Holds() || found.Pending > 0 {
			return fmt.Sprintf("%s %s: %+v %v", r.Ref.Kind, r.Ref.ID, found, err)
		}
	}
	if head.Size != entries {
		return fmt.Sprintf("%d leaves for %d entries", head.Size, entries)
	}
	return ""
}
