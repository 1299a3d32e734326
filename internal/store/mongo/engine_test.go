package mongo_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"paicha/internal/store"
	"paicha/internal/store/mongo"
	"paicha/internal/store/storetest"
)

func TestEngine(t *testing.T) {
	size := storetest.Slow
	if real(t) {
		size = storetest.Full
	}
	storetest.Engine(t, size, func(t *testing.T) store.Engine { return open(t, database(t)) })
}

func TestReopening(t *testing.T) {
	storetest.Reopening(t,
		func(t *testing.T, place string) store.Engine { return open(t, place) },
		func(t *testing.T, e store.Engine) {
			if one, ok := e.(*mongo.Engine); ok {
				shut(t, one)
			}
		},
		database(t))
}

// TestNodesOpenTogether opens several engines at once on a database that is not there yet, and again on one that is.
func TestNodesOpenTogether(t *testing.T) {
	db := database(t)
	for range 2 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				e, err := mongo.Open(t.Context(), mongo.Options{URI: running(t).uri, Database: db, Indexes: storetest.Indexes})
				if err != nil {
					t.Error(err)
					return
				}
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	c := client(t)
	defer func() { ok(t, c.Disconnect(t.Context())) }()
	specs, err := c.Database(db).Collection("docs").Indexes().ListSpecifications(t.Context())
	ok(t, err)
	got := map[string]string{}
	for _, s := range specs {
		var keys []string
		elements, err := s.KeysDocument.Elements()
		ok(t, err)
		for _, e := range elements {
			keys = append(keys, e.Key())
		}
		got[s.Name] = strings.Join(keys, " ")
		if s.Unique != nil && *s.Unique && s.Name != "_id_" {
			t.Errorf("index %s is unique", s.Name)
		}
	}
	want := map[string]string{
		"_id_": "_id", "position": "writer seq", "feed": "writer tokens seq", "carried": "tokens _id",
		"find.status.due": "live fields.status fields.due _id", "find.due": "live fields.due _id", "find.name": "live fields.name _id",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("indexes\n%v, want\n%v", got, want)
	}
}

func TestClosedEngineRefuses(t *testing.T) {
	e := open(t, database(t))
	shut(t, e)
	shut(t, e)
	if _, err := e.Get(t.Context(), []store.Ref{one}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if _, err := e.Put(t.Context(), []store.Put{{Doc: hazard("a", 1, "")}}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func TestOpenReportsWhatIsWrong(t *testing.T) {
	var many []store.Index
	for i := range 62 {
		many = append(many, store.Index{Kind: "k", Fields: []string{fmt.Sprint("f", i)}})
	}
	good := mongo.Options{URI: running(t).uri, Database: database(t), Timeout: 300 * time.Millisecond}
	for name, change := range map[string]func(*mongo.Options){
		"NoScheme":       func(o *mongo.Options) { o.URI = "127.0.0.1:27017" },
		"NobodyThere":    func(o *mongo.Options) { o.URI = "mongodb://127.0.0.1:1/" },
		"StrangeField":   func(o *mongo.Options) { o.Indexes = []store.Index{{Kind: "k", Fields: []string{"a.b"}}} },
		"NoField":        func(o *mongo.Options) { o.Indexes = []store.Index{{Kind: "k"}} },
		"TooManyIndexes": func(o *mongo.Options) { o.Indexes = many },
		"ViewOfDocs":     func(o *mongo.Options) { o.Views = []store.Kind{"docs"} },
		"ViewOfRegistry": func(o *mongo.Options) { o.Views = []store.Kind{"_writer"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			change(&o)
			e, err := mongo.Open(t.Context(), o)
			if !errors.Is(err, store.ErrUnavailable) || e != nil {
				t.Errorf("%v, %v", e, err)
			}
		})
	}
	good.Indexes = many[:60]
	e, err := mongo.Open(t.Context(), good)
	ok(t, err)
	shut(t, e)
}

// TestDocumentAsPeopleFindIt is how a document stands in the collection: docs/operations.md shows it.
func TestDocumentAsPeopleFindIt(t *testing.T) {
	db := database(t)
	e := open(t, db)
	d := hazard("0190", 7, `{"说明":"腐蚀"}`)
	d.Tokens = []store.Token{"5325", "532501"}
	d.Left = []store.Left{{Token: "532502", Position: store.Position{Writer: "v", Seq: 3}, At: time.UnixMilli(1_700_000_000_123).UTC()}}
	d.Fields = store.Fields{"status": store.Text("已整改"), "due": store.Num(1_700_000_000_000)}
	d.Memory = []byte{0xff}
	st, err := e.Put(t.Context(), []store.Put{{Doc: d}})
	if err != nil || st[0] != store.OK {
		t.Fatal(st, err)
	}
	c := client(t)
	defer func() { ok(t, c.Disconnect(t.Context())) }()
	var got bson.Raw
	ok(t, c.Database(db).Collection("docs").FindOne(t.Context(), bson.D{{Key: "_id", Value: "hazard/0190"}}).Decode(&got))
	const want = `{"_id": "hazard/0190","kind": "hazard","live": "hazard","rev": {"$numberLong":"1"},"writer": "w",` +
		`"seq": {"$numberLong":"7"},"tokens": ["5325","532501","-532502"],"left": [{"token": "532502","writer": "v",` +
		`"seq": {"$numberLong":"3"},"at": {"$date":{"$numberLong":"1700000000123"}}}],"fields": {"due": ` +
		`{"$numberLong":"1700000000000"},"status": "已整改"},"body": "{\"说明\":\"腐蚀\"}","memory": ` +
		`{"$binary":{"base64":"/w==","subType":"00"}}}`
	if got.String() != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestWhatCannotBeStoredIsRefused tries to write what no server takes.
func TestWhatCannotBeStoredIsRefused(t *testing.T) {
	e := open(t, database(t))
	large := hazard("large", 1, "")
	large.Body = make([]byte, 17<<20)
	slash := hazard("slash", 2, "")
	slash.Kind = "a/b"
	for _, d := range []store.Doc{large, slash} {
		if st, err := e.Put(t.Context(), []store.Put{{Doc: d}}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, %v", d.ID, st, err)
		}
	}
	fits := hazard("fits", 3, "") // not sent: it would keep the test server busy for long
	fits.Body = bytes.Repeat([]byte("a"), store.MaxDoc)
	for i := range 1000 {
		fits.Tokens = append(fits.Tokens, store.Token(fmt.Sprintf("enterprise:%036d", i)))
	}
	if _, err := mongo.Encode(&fits); err != nil {
		t.Errorf("a document of MaxDoc bytes: %v", err)
	}
}

func TestPortable(t *testing.T) {
	storetest.Portable(t, func(t *testing.T) store.Engine { return open(t, database(t)) })
}
