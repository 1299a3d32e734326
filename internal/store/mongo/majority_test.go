package mongo_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"paicha/internal/store"
	"paicha/internal/store/mongo"
)

// record keeps the commands that go over a line.
func record(l *line) func() []command {
	var mu sync.Mutex
	var all []command
	l.on(func(c command) fate {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
		return passes
	})
	return func() []command {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// everything makes each call of an engine once.
func everything(t *testing.T, e *mongo.Engine) {
	t.Helper()
	ctx := t.Context()
	d := hazard("a", 1, "{}")
	d.Fields = store.Fields{"status": store.Text("open"), "due": store.Num(7)}
	_, errInsert := e.Put(ctx, []store.Put{{Doc: d}})
	_, errReplace := e.Put(ctx, []store.Put{replacing(d, 2, "{}")})
	everyRead(t, e)
	ok(t, errors.Join(errInsert, errReplace))
}

func everyRead(t *testing.T, e *mongo.Engine) {
	t.Helper()
	ctx := t.Context()
	open := []store.Cond{store.Where("status", store.Eq, store.Text("open"))}
	_, errOne := e.Get(ctx, []store.Ref{one})
	_, errGet := e.Get(ctx, []store.Ref{one, two})
	_, _, errSweep := e.Range(ctx, store.Range{Writer: "w", After: 1})
	_, _, errRange := e.Range(ctx, store.Range{Writer: "w", Tokens: county, Limit: store.Limit{Docs: 5}})
	_, errLast := e.Last(ctx, "w", 9, county)
	_, _, errScan := e.Scan(ctx, store.Scan{Tokens: county, After: "hazard/0", Limit: store.Limit{Docs: 5}})
	_, errByID := e.Find(ctx, store.Query{Kind: "hazard", Limit: 5})
	_, errFind := e.Find(ctx, store.Query{Kind: "hazard", Where: open, Order: "due", Limit: 5})
	_, errDesc := e.Find(ctx, store.Query{Kind: "hazard", Order: "due", Desc: true, Limit: 5})
	_, errAfter := e.Find(ctx, store.Query{Kind: "hazard", Order: "due", After: store.PageKey{Value: store.Num(1), ID: "0"}, Limit: 5})
	_, errGroup := e.Group(ctx, store.Grouping{Kind: "hazard", Where: open, By: []string{"due"}, Sum: []string{"due"}})
	ok(t, errors.Join(errOne, errGet, errSweep, errRange, errLast, errScan, errByID, errFind, errDesc, errAfter, errGroup))
}

// TestP1EveryCommandAsksForAMajority looks at what goes over the wire, also when the URI says otherwise.
func TestP1EveryCommandAsksForAMajority(t *testing.T) {
	l := newLine(t)
	e := open(t, database(t), over(l), func(o *mongo.Options) {
		weak := "w=1&journal=false&readConcernLevel=local&readPreference=secondaryPreferred&retryWrites=true"
		if strings.Contains(o.URI, "?") {
			o.URI += "&" + weak
		} else {
			o.URI = strings.TrimSuffix(o.URI, "/") + "/?" + weak
		}
	})
	commands := record(l)
	everything(t, e)
	count := map[string]int{}
	for _, c := range commands() {
		body := c.body()
		count[c.name]++
		if _, err := body.LookupErr("txnNumber"); err == nil {
			t.Errorf("%s is a retryable write or a transaction", c.name)
		}
		if mode, err := body.LookupErr("$readPreference", "mode"); err == nil && mode.StringValue() != "primary" && mode.StringValue() != "primaryPreferred" {
			t.Errorf("%s may be answered by a secondary", c.name)
		}
		if _, err := body.LookupErr("lsid"); err != nil {
			t.Errorf("%s is in no session", c.name)
		}
		if c.writes() {
			if _, err := body.LookupErr("maxTimeMS"); err != nil {
				t.Errorf("%s is not bounded in time on the server: %v", c.name, body)
			}
			w, _ := body.Lookup("writeConcern", "w").StringValueOK()
			j, _ := body.Lookup("writeConcern", "j").BooleanOK()
			if w != "majority" || !j {
				t.Errorf("%s has write concern %v", c.name, body.Lookup("writeConcern"))
			}
			continue
		}
		if level, _ := body.Lookup("readConcern", "level").StringValueOK(); level != "majority" {
			t.Errorf("%s has read concern %v", c.name, body.Lookup("readConcern"))
		}
	}
	if count["insert"] != 1 || count["update"] != 1 || count["find"] < 10 || count["aggregate"] != 1 || len(count) != 4 {
		t.Errorf("commands %v", count)
	}
}

// TestUnconfirmedWriteIsUnknown lets the server say of each sort of answer that a majority has not confirmed it: what one
// server has seen may be undone, so nothing is known.
func TestUnconfirmedWriteIsUnknown(t *testing.T) {
	l := newLine(t)
	e := open(t, database(t), over(l))
	d := hazard("a", 1, "{}")
	for _, c := range []struct {
		name string
		put  store.Put
		want store.Status // if it were confirmed
	}{
		{"Inserted", store.Put{Doc: d}, store.OK},
		{"Exists", store.Put{Doc: d}, store.Stale},
		{"Replaced", replacing(d, 2, "{}"), store.OK},
		{"MatchesNothing", replacing(d, 3, "{}"), store.Stale},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.put
			if c.want == store.OK {
				p.Doc.ID = "unconfirmed"
			}
			l.alter(func(cmd command, reply bson.D) bson.D {
				if !cmd.writes() {
					return reply
				}
				return append(reply, bson.E{Key: "writeConcernError", Value: bson.D{
					{Key: "code", Value: int32(64)},
					{Key: "codeName", Value: "WriteConcernFailed"},
					{Key: "errmsg", Value: "waiting for replication timed out"},
				}})
			})
			if st, err := e.Put(t.Context(), []store.Put{p}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("unconfirmed: %v, %v", st, err)
			}
			l.alter(nil)
			if st, err := e.Put(t.Context(), []store.Put{c.put}); err != nil || st[0] != c.want {
				t.Errorf("confirmed: %v, %v", st, err)
			}
		})
	}
}

// TestReadsFollowWhatWasSeen gives one answer a time of the server's and expects every later read, of whatever call and
// document, to ask for what is at least as new; an older time that comes later changes nothing.
func TestReadsFollowWhatWasSeen(t *testing.T) {
	l := newLine(t)
	e := open(t, database(t), over(l))
	seen := bson.Timestamp{T: 1_700_000_000, I: 7}
	switch lone := slices.ContainsFunc(e.Lacks(), func(s string) bool { return strings.HasPrefix(s, "replica set: ") }); {
	case real(t) && lone:
		t.Log("NOT CHECKED: this server is no replica set and has no operation times")
		return
	case !real(t):
		first := true
		l.alter(func(_ command, reply bson.D) bson.D {
			at := seen
			if !first {
				at.I-- // a slower node's
			}
			first = false
			return append(reply, bson.E{Key: "operationTime", Value: at})
		})
	}
	if _, err := e.Put(t.Context(), []store.Put{{Doc: hazard("a", 1, "{}")}}); err != nil {
		t.Fatal(err)
	}
	commands := record(l)
	everyRead(t, e)
	everyRead(t, e)
	if len(commands()) < 20 {
		t.Fatalf("%d commands", len(commands()))
	}
	for _, c := range commands() {
		at, good := bson.Timestamp{}, true
		if v, err := c.body().LookupErr("readConcern", "afterClusterTime"); err == nil {
			at.T, at.I, good = v.TimestampOK()
		}
		if !good || at.IsZero() || !real(t) && !at.Equal(seen) {
			t.Errorf("%s after %v, want after %v", c.name, at, seen)
		}
	}
}

// TestPlansNeedNoSorting asks a MongoDB how it carries out what the engine asks: by an index, in the order that is wanted.
func TestPlansNeedNoSorting(t *testing.T) {
	l := newLine(t)
	db := database(t)
	e := open(t, db, over(l))
	commands := record(l)
	everything(t, e)
	c := client(t)
	defer func() { ok(t, c.Disconnect(t.Context())) }()
	for _, cmd := range commands() {
		if cmd.name != "find" && cmd.name != "aggregate" {
			continue
		}
		var asked bson.D
		ok(t, bson.Unmarshal(cmd.body(), &asked))
		asked = slices.DeleteFunc(asked, func(e bson.E) bool {
			return strings.HasPrefix(e.Key, "$") || slices.Contains([]string{"lsid", "readConcern", "maxTimeMS"}, e.Key)
		})
		var plan bson.Raw
		err := c.Database(db).RunCommand(t.Context(), bson.D{
			{Key: "explain", Value: asked}, {Key: "verbosity", Value: "queryPlanner"},
		}).Decode(&plan)
		if !real(t) {
			continue // it cannot tell, or tells of a scan: see notChecked
		}
		ok(t, err)
		text := plan.String()
		if i := strings.Index(text, `"rejectedPlans"`); i > 0 {
			text = text[:i]
		}
		byIndex := strings.Contains(text, `IXSCAN"`) || strings.Contains(text, `"IDHACK"`)
		if !byIndex || strings.Contains(text, `"COLLSCAN"`) || strings.Contains(text, `"SORT"`) {
			t.Errorf("%v\nis carried out by\n%s", asked, text)
		}
	}
}

// TestViews reads a kind as a person does. Where there are no views the engine says so and works without.
func TestViews(t *testing.T) {
	db := database(t)
	views := func(o *mongo.Options) { o.Views = []store.Kind{"hazard", "inspection"} }
	e := open(t, db, views)
	lacking := slices.ContainsFunc(e.Lacks(), func(s string) bool { return strings.HasPrefix(s, "views: ") })
	if lacking == real(t) {
		t.Fatalf("lacks %q", e.Lacks())
	}
	ok(t, insertOneOfEach(t, e))
	open(t, db, views) // again, over the ones that are there
	if lacking {
		return
	}
	c := client(t)
	defer func() { ok(t, c.Disconnect(t.Context())) }()
	cur, err := c.Database(db).Collection("hazard").Find(t.Context(), bson.D{})
	ok(t, err)
	var seen []bson.M
	ok(t, cur.All(t.Context(), &seen))
	if len(seen) != 1 || seen[0]["_id"] != "hazard/lives" || seen[0]["body"] != `{"说明":"腐蚀"}` {
		t.Errorf("the view shows %v", seen)
	}
	for _, hidden := range []string{"restricted", "memory"} {
		if _, shown := seen[0][hidden]; shown {
			t.Errorf("the view shows %s", hidden)
		}
	}
	if _, err := c.Database(db).Collection("hazard").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "x"}}); err == nil {
		t.Error("the view takes a write")
	}
}

func insertOneOfEach(t *testing.T, e *mongo.Engine) error {
	t.Helper()
	lives, gone, other := hazard("lives", 1, `{"说明":"腐蚀"}`), hazard("gone", 2, ""), hazard("other", 3, "")
	lives.Restricted, lives.Memory = []byte(`{"举报人":"匿名"}`), []byte{1}
	gone.Removed = store.Deleted
	other.Kind = "tip"
	_, err := e.Put(t.Context(), []store.Put{{Doc: lives}, {Doc: gone}, {Doc: other}})
	return err
}
