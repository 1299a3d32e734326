package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"paicha/sync/client"

	"github.com/go-json-experiment/json"
)

// paicha runs the binary and returns what it says.
func paicha(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	return string(out), err
}

func mustPaicha(t *testing.T, args ...string) string {
	t.Helper()
	out, err := paicha(t, args...)
	if err != nil {
		t.Fatalf("paicha %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// complete returns the manifests of the complete backups of a folder.
func complete(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "*", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(name string) bool { return strings.Contains(name, ".partial") })
}

// crew is tablets at work, with what each has recorded.
type crew struct {
	tablets []*client.Tablet
	noise   []*rand.Rand
	visits  [][]visit // by tablet
}

func newCrew(t *testing.T, s *server, n int) *crew {
	c := &crew{visits: make([][]visit, n)}
	for i := range n {
		c.tablets = append(c.tablets, newTablet(t, s, "inspector1", http.DefaultTransport))
		c.noise = append(c.noise, rand.New(rand.NewPCG(uint64(i), 9)))
	}
	return c
}

// work records visits on the i-th tablet; every second one is submitted.
func (c *crew) work(t *testing.T, i, n int) {
	for range n {
		c.visits[i] = append(c.visits[i], record(t, c.tablets[i], c.noise[i], len(c.visits[i])%2 == 0))
	}
}

// hazardsOf counts the hazards that a tablet holds, by inspection.
func hazardsOf(t *testing.T, tablet *client.Tablet) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, d := range tablet.Replica().Docs() {
		if d.Kind != "hazard" {
			continue
		}
		var h struct {
			Inspection string `json:"inspection"`
		}
		if err := json.Unmarshal(d.Body, &h); err != nil {
			t.Fatal(err)
		}
		out[h.Inspection]++
	}
	return out
}

// TestDrillBackUpUnderLoadRestoreElsewhere is the whole drill: tablets work while a backup is taken, the server dies, the
// backup is restored into another folder, and the same tablets carry on. What was acknowledged before the backup began
// is there at once; what came later they send again, to one effect. Under another key they refresh their sessions by
// themselves.
func TestDrillBackUpUnderLoadRestoreElsewhere(t *testing.T) {
	for name, keys := range map[string]bool{"WithKeys": true, "WithoutKeys": false} {
		t.Run(name, func(t *testing.T) { drill(t, keys) })
	}
}

func drill(t *testing.T, keys bool) {
	folder := t.TempDir()
	s := newServer(t, "PAICHA_BACKUP_DIR="+folder, "PAICHA_BACKUP_EVERY=0", fmt.Sprint("PAICHA_BACKUP_KEYS=", keys))
	c := newCrew(t, s, 3)
	before := make([]int, len(c.tablets))
	for i, tablet := range c.tablets {
		c.work(t, i, 4)
		settle(t, tablet)
		before[i] = len(c.visits[i])
	}
	epoch := c.tablets[0].Hello().Epoch

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, tablet := range c.tablets {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c.work(t, i, 1)
				_, _ = tablet.Sync(context.Background()) // what fails is sent again
			}
		})
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for len(complete(t, folder)) == 0 {
		if time.Since(began) > time.Minute {
			t.Fatal("no backup within a minute")
		}
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(began)
	during := 0
	for i := range c.tablets {
		during -= before[i]
	}
	time.Sleep(300 * time.Millisecond) // work that the backup cannot have
	close(stop)
	wg.Wait()
	for i, tablet := range c.tablets {
		settle(t, tablet)
		during += len(c.visits[i])
		if tablet.Hello().KeptUntil.IsZero() {
			t.Error("tablets are not told of the backup")
		}
	}
	s.kill()
	for i := range c.tablets {
		c.work(t, i, 1) // offline
	}

	if out := mustPaicha(t, "backup", "--verify", "--to", folder); !strings.Contains(out, "核对无误") {
		t.Errorf("verification says %s", out)
	}
	elsewhere := filepath.Join(t.TempDir(), "data")
	out := mustPaicha(t, "restore", "--from", folder, "--data", elsewhere)
	t.Logf("backup %v, %d visits during and after it; restore says:\n%s", took.Round(time.Millisecond), during, out)
	if again, err := paicha(t, "restore", "--from", folder, "--data", elsewhere); err == nil || !strings.Contains(again, "目标中已有数据") {
		t.Errorf("restored twice: %v %s", err, again)
	}

	s.dir, s.env = elsewhere, nil
	s.start()
	delete(tokens, s.addr+userOf(c.tablets[0])) // of the server before
	fresh := newTablet(t, s, "inspector1", http.DefaultTransport)
	settle(t, fresh)
	for i := range c.tablets {
		for n, v := range c.visits[i][:before[i]] {
			check(t, s, fresh, v, n%2 == 0)
		}
	}
	for i, tablet := range c.tablets {
		settle(t, tablet)
		if got := tablet.Hello().Epoch; got == epoch || got == "" {
			t.Errorf("epoch %s after the restore, %s before", got, epoch)
		}
		for n, v := range c.visits[i] {
			check(t, s, tablet, v, n%2 == 0)
		}
	}
	settle(t, fresh)
	hazards := hazardsOf(t, fresh)
	want := hazards[c.visits[0][0].id]
	if want == 0 {
		t.Fatal("no hazards")
	}
	for i := range c.tablets {
		for n, v := range c.visits[i] {
			if n%2 == 0 && hazards[v.id] != want || n%2 == 1 && hazards[v.id] != 0 {
				t.Errorf("visit %d of tablet %d has %d hazards, want %d", n, i, hazards[v.id], want)
			}
		}
	}
}

func userOf(tablet *client.Tablet) string {
	user, _ := tablet.Session()
	return user
}

// TestDamagedBackupIsRefused changes one byte of a segment, then of a photo: restore says which file, and the folder that
// it began is not served.
func TestDamagedBackupIsRefused(t *testing.T) {
	s := newServer(t)
	c := newCrew(t, s, 1)
	c.work(t, 0, 2)
	settle(t, c.tablets[0])
	folder := t.TempDir()
	if out, err := paicha(t, "backup", "--data", s.dir, "--to", folder); err == nil || !strings.Contains(out, "SIGUSR1") {
		t.Errorf("backup of a running server's folder: %v %s", err, out)
	}
	s.kill()
	mustPaicha(t, "backup", "--data", s.dir, "--to", folder, "--verify")
	for _, pattern := range []string{"*/documents/00001.jsonl.zst", "blobs/" + c.visits[0][0].hash[:2] + "/" + c.visits[0][0].hash} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		whole, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		spoilt := bytes.Clone(whole)
		spoilt[len(spoilt)/2] ^= 1
		if err := os.WriteFile(found[0], spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"restore", "--from", folder, "--data", filepath.Join(t.TempDir(), "data")}, {"backup", "--verify", "--to", folder}} {
			out, err := paicha(t, args...)
			if err == nil || !strings.Contains(out, filepath.Base(found[0])) || !strings.Contains(out, "已损坏") {
				t.Errorf("%s: %v %s", args[0], err, out)
			}
			if args[0] == "restore" && strings.Contains(pattern, "blobs") {
				out, err := paicha(t, "serve", "--listen", "127.0.0.1:0", "--data", args[4])
				if err == nil || !strings.Contains(out, "没有完成") {
					t.Errorf("half a restore is served: %v %s", err, out)
				}
			}
		}
		if err := os.WriteFile(found[0], whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustPaicha(t, "restore", "--from", folder, "--data", filepath.Join(t.TempDir(), "data"))
}

// killLater runs the binary and kills it, each time a little later, until it gets through, or until it is refused in words
// that say that the run before was killed between its end and saying so.
func killLater(t *testing.T, done string, args ...string) {
	t.Helper()
	killed := 0
	for wait := 5 * time.Millisecond; ; wait += 10 * time.Millisecond {
		cmd := exec.Command(binary, args...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil || done != "" && strings.Contains(out.String(), done) {
			if killed < 3 {
				t.Errorf("%s was killed only %d times", args[0], killed)
			}
			t.Logf("%s was killed %d times; then it says:\n%s", args[0], killed, out.String())
			return
		}
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
			t.Fatalf("%s: %v: %s", args[0], err, out.String())
		}
		killed++
	}
}

// TestBackupAndRestoreKilledAnywhere does the same to both.
func TestBackupAndRestoreKilledAnywhere(t *testing.T) {
	s := newServer(t)
	c := newCrew(t, s, 1)
	c.work(t, 0, 6)
	settle(t, c.tablets[0])
	s.kill()
	folder, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "data")
	killLater(t, "", "backup", "--data", s.dir, "--to", folder, "--with-keys")
	mustPaicha(t, "backup", "--verify", "--to", folder)
	if left, err := filepath.Glob(filepath.Join(folder, "*.partial")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	killLater(t, "目标中已有数据", "restore", "--from", folder, "--data", elsewhere)
	s.dir = elsewhere
	s.start()
	c.work(t, 0, 1)
	settle(t, c.tablets[0])
	for n, v := range c.visits[0] {
		check(t, s, c.tablets[0], v, n%2 == 0)
	}
}

// TestMigrationKilledAnywhere kills a migration later and later until it gets through; each run goes on where the one
// before was. Then tablets carry on at the new place.
func TestMigrationKilledAnywhere(t *testing.T) {
	s := newServer(t)
	c := newCrew(t, s, 2)
	for i, tablet := range c.tablets {
		c.work(t, i, 6)
		settle(t, tablet)
	}
	s.kill()
	to := filepath.Join(t.TempDir(), "new")
	args := []string{"migrate", "--from", s.dir, "--to", "sqlite://" + to, "--blobs", "file://" + filepath.Join(to, "photos")}
	killLater(t, "目标中已有数据", args...)
	if out, err := paicha(t, args...); err == nil || !strings.Contains(out, "目标中已有数据") {
		t.Errorf("migrated twice: %v %s", err, out)
	}
	key, err := os.ReadFile(filepath.Join(s.dir, "token.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "token.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	s.dir = to
	s.start()
	delete(tokens, s.addr+userOf(c.tablets[0]))
	for i, tablet := range c.tablets {
		c.work(t, i, 1)
		settle(t, tablet)
		for n, v := range c.visits[i] {
			check(t, s, tablet, v, n%2 == 0)
		}
	}
}

func TestUnknownAddressesAreRefusedInChinese(t *testing.T) {
	for _, args := range [][]string{
		{"migrate", "--from", t.TempDir(), "--to", "redis://user:secret@host/db", "--blobs", "file:///x"},
		{"migrate", "--from", t.TempDir(), "--to", "sqlite://" + t.TempDir(), "--blobs", "ftp://user:secret@host/x"},
		{"restore", "--from", t.TempDir(), "--to", "paicha.db", "--blobs", "file:///x"},
	} {
		out, err := paicha(t, args...)
		if err == nil || strings.Contains(out, "secret") || !strings.Contains(out, "没有完成") {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}
