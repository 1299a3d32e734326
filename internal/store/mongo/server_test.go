package mongo_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store/mongo"
	"paicha/internal/store/storetest"
)

// The tests run against a MongoDB named by PAICHA_TEST_MONGO_URI, or else against the server of tools/mongoserver, whose
// binary PAICHA_TEST_MONGO_SERVER names or tools/servers/mongo.sh has built before.
const (
	uriVariable    = "PAICHA_TEST_MONGO_URI"
	serverVariable = "PAICHA_TEST_MONGO_SERVER"
)

// notChecked are the guarantees that the test server does not have, so that nothing can show them on it. What the engine
// makes of a server's answers is checked everywhere; whether a server keeps its word is not.
var notChecked = []struct {
	what, why string
	ever      bool // a MongoDB is checked for it
}{
	{"the server carries out one compare-and-set at a time", "commands reach the test server one by one", true},
	{"a read of what a majority has, after a given time, is that", "it ignores read concern and has no operation time", true},
	{"the indexes serve the queries in their order", "it looks through all documents and sorts them", true},
	{"a kind's view shows people the living documents without what is restricted", "it has no views", true},
	{"a write answered as of a majority outlives its primary", "no test stops a member of a replica set", false},
	{"the collection works sharded", "no test shards it", false},
}

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := server(); err == nil && s.stop != nil {
		if err := s.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "test server:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// TestGuaranteesNotCheckedHere says what this run leaves open.
func TestGuaranteesNotCheckedHere(t *testing.T) {
	for _, g := range notChecked {
		if !g.ever || !real(t) {
			t.Logf("NOT CHECKED that %s: %s", g.what, g.why)
		}
	}
	if !real(t) {
		t.Logf("%s names a MongoDB, ideally a replica set, on which the first ones are", uriVariable)
	}
}

type instance struct {
	uri  string
	real bool // MongoDB, with all that it promises
	stop func() error
}

// server starts the server, once.
var server = sync.OnceValues(func() (instance, error) {
	if uri := os.Getenv(uriVariable); uri != "" {
		return instance{uri: uri, real: true}, nil
	}
	bin := os.Getenv(serverVariable)
	if bin == "" {
		out, err := exec.Command("bash", "../../../tools/servers/mongo.sh", "--cached").Output()
		if err != nil {
			return instance{}, fmt.Errorf("there is no MongoDB test server yet: run `make test-servers` once, "+
				"or `tools/servers/mongo.sh`, or name a MongoDB in %s", uriVariable)
		}
		bin = strings.TrimSpace(string(out))
	}
	cmd := exec.Command(bin)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return instance{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return instance{}, err
	}
	if err := cmd.Start(); err != nil {
		return instance{}, fmt.Errorf("the MongoDB test server does not start; %s is %q: %w", serverVariable, bin, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return instance{}, errors.Join(fmt.Errorf("the MongoDB test server %s does not say where it is: %w", bin, err), cmd.Wait())
	}
	return instance{uri: strings.TrimSpace(line), stop: func() error {
		return errors.Join(in.Close(), cmd.Wait())
	}}, nil
})

func running(t testing.TB) instance {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// real tells whether the server is a MongoDB.
func real(t testing.TB) bool {
	t.Helper()
	return running(t).real
}

var databases atomic.Int64

// database names a new database, which the test's end drops.
func database(t testing.TB) string {
	t.Helper()
	running(t)
	name := fmt.Sprintf("paicha-test-%d-%d-%d", time.Now().UnixMilli(), os.Getpid(), databases.Add(1))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		c := client(t)
		if err := errors.Join(c.Database(name).Drop(ctx), c.Disconnect(ctx)); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	return name
}

// client is a connection besides the engine's.
func client(t testing.TB) *driver.Client {
	t.Helper()
	c, err := driver.Connect(options.Client().ApplyURI(running(t).uri))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open opens an engine on db; its end is the test's.
func open(t testing.TB, db string, change ...func(*mongo.Options)) *mongo.Engine {
	t.Helper()
	o := mongo.Options{URI: running(t).uri, Database: db, Indexes: storetest.Indexes}
	for _, f := range change {
		f(&o)
	}
	e, err := mongo.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, e) })
	return e
}

func shut(t testing.TB, e *mongo.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
