package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"paicha/internal/audit"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/internal/store/mongo"
	"paicha/sync/client"

	"github.com/go-json-experiment/json"

	"github.com/google/uuid"
)

// node is one process of several, with lines of its own to the shared servers. The door guards what it says of it.
type node struct {
	*server
	name          string
	store, bucket *trunk

	down    bool
	stopped bool          // SIGSTOP
	pausing chan struct{} // closed while it is stopped
	waiting int           // requests in it
}

// cluster is several nodes on one store and one bucket, and tablets before their door.
type cluster struct {
	t     *testing.T
	r     *rand.Rand
	seen  *mongo.Engine // the test's own view of the store, over no line
	nodes []*node
	door  *door
	desks []*desk
	idle  chan struct{} // closed when the tablets' work of the moment is done

	logKey string // verifier key of the nodes' log
}

// desk is a tablet, who works on it, and what has been done on it so far.
type desk struct {
	*client.Tablet
	user   directory.User
	r      *rand.Rand
	visits []visit
	peers  []*desk // of the same person
	mu     sync.Mutex
	open   []string        // inspections of this desk that peers may add to
	done   map[string]bool // what was added to or confirmed
}

func newCluster(t *testing.T, seed uint64) *cluster {
	s := startShared(t)
	c := &cluster{t: t, r: rand.New(rand.NewPCG(seed, 17))}
	db := fmt.Sprintf("paicha-e2e-%d", time.Now().UnixMilli())
	dir := t.TempDir()
	key := filepath.Join(dir, "token.key")
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(c.r.Uint32())
	}
	if err := os.WriteFile(key, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logKey, err := audit.ParseKey(hex.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}
	c.logKey = logKey.Verifier
	for _, name := range []string{"甲", "乙", "丙"} {
		n := &node{name: name, store: newTrunk(t, s.mongo.Host), bucket: newTrunk(t, s.bucket), pausing: make(chan struct{})}
		at := *s.mongo
		at.Host, at.Path = n.store.Addr().String(), "/"+db
		q := at.Query()
		q.Set("directConnection", "true") // or the driver goes past the line
		if !s.real {
			q.Del("directConnection")
		}
		at.RawQuery = q.Encode()
		n.server = newServer(t,
			"PAICHA_STORE="+at.String(), "PAICHA_TOKEN_KEY_FILE="+key, "PAICHA_LOG_KEY_FILE="+key, "PAICHA_LOG_EVERY=500ms",
			"PAICHA_BLOBS=s3+http://"+n.bucket.Addr().String()+"/evidence?keys="+url.QueryEscape(s.keys))
		c.nodes = append(c.nodes, n)
	}
	e, err := mongo.Open(t.Context(), mongo.Options{URI: s.mongo.String(), Database: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	c.seen = e
	c.door = newDoor(t, rand.New(rand.NewPCG(seed, 18)), c.nodes)
	tablets := 6
	if s.real {
		tablets = 40
	}
	c.enrol(tablets)
	return c
}

// enrol logs the tablets in: a supervisor, an enterprise, and inspectors, of whom everybody has several.
func (c *cluster) enrol(n int) {
	demo, err := directory.Demo()
	if err != nil {
		c.t.Fatal(err)
	}
	of := map[string][]*desk{}
	for i := range n {
		login := []string{"inspector1", "inspector2"}[i%2]
		switch i {
		case n - 1:
			login = "enterprise1"
		case n - 2:
			login = "supervisor1"
		}
		at := slices.IndexFunc(demo.Users, func(u directory.User) bool { return u.Login == login })
		d := &desk{
			user: demo.Users[at], r: rand.New(rand.NewPCG(uint64(i), 19)), done: map[string]bool{}, //nolint:gosec // small
			Tablet: &client.Tablet{
				Server: c.door.URL, HTTP: &http.Client{Transport: &http.Transport{}}, Dir: c.t.TempDir(), Name: login, Now: time.Now,
				NewID:    func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
				Wait:     func(ctx context.Context, _ int) error { return ctx.Err() },
				Attempts: 8,
			},
		}
		if err := d.Open(); err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() { _ = d.Close() })
		eventually(c.t, time.Minute, "tablet logged in", func() string { return said(d.Login(c.t.Context(), login, directory.DemoPassword)) })
		c.desks = append(c.desks, d)
		of[login] = append(of[login], d)
	}
	for _, d := range c.desks {
		d.peers = slices.DeleteFunc(slices.Clone(of[d.user.Login]), func(p *desk) bool { return p == d })
	}
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// mark changes what the door knows of a node.
func (c *cluster) mark(f func()) {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	f()
}

// restart kills a node as a power switch does and starts it again.
func (c *cluster) restart(n *node) {
	c.t.Helper()
	c.mark(func() { n.down = true })
	n.kill()
	n.store.mend()
	n.bucket.mend()
	n.start()
	c.mark(func() { n.down = false })
}

// pause stops a node in the middle of whatever it is doing.
func (c *cluster) pause(n *node) {
	c.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	c.mark(func() {
		n.stopped = true
		close(n.pausing)
	})
}

// resume lets it go on, with all that has come in meanwhile.
func (c *cluster) resume(n *node) {
	c.t.Helper()
	c.mark(func() {
		n.stopped = false
		n.pausing = make(chan struct{})
	})
	if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}

// registry is the store's list of writers, as the nodes keep it.
type registry struct {
	Live  []string `json:"live"`
	Seals []struct {
		Writer string `json:"writer"`
	} `json:"seals"`
}

func (g registry) sealed(writer string) bool {
	return slices.ContainsFunc(g.Seals, func(s struct {
		Writer string `json:"writer"`
	},
	) bool {
		return s.Writer == writer
	})
}

func (c *cluster) registry() registry {
	c.t.Helper()
	ds, err := c.seen.Get(c.t.Context(), []store.Ref{{Kind: "_head", ID: "head"}})
	if err != nil {
		c.t.Fatal(err)
	}
	var g registry
	if err := json.Unmarshal(ds[0].Body, &g); err != nil {
		c.t.Fatal(err)
	}
	return g
}

// stored reads every document there is, tombstones and the store's own too.
func (c *cluster) stored() map[store.Ref]store.Doc {
	c.t.Helper()
	out := map[store.Ref]store.Doc{}
	var after store.ScanKey
	for {
		ds, next, err := c.seen.Walk(c.t.Context(), after, store.Limit{Docs: 500})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, d := range ds {
			out[d.Ref] = d
		}
		if next == "" {
			return out
		}
		after = next
	}
}

// during lets every tablet work once while the faults happen, and returns when work and faults are done. Of the inspectors
// those make a visit whose number leaves the rest on division by of.
func (c *cluster) during(ctx context.Context, rest, of int, faults func()) {
	c.t.Helper()
	c.idle = make(chan struct{})
	var wg sync.WaitGroup
	for i, d := range c.desks {
		wg.Go(func() { d.work(ctx, c.t, i%of == rest) })
	}
	go func() {
		wg.Wait()
		close(c.idle)
	}()
	faults()
	<-c.idle
	if ctx.Err() != nil {
		c.t.Fatal("the time of the test is up: ", ctx.Err())
	}
}
