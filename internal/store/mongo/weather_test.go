package mongo_test

import (
	"errors"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/mongo"
)

func hazard(id string, seq store.Seq, body string) store.Doc {
	return store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: id}, Rev: 1, Position: store.Position{Writer: "w", Seq: seq},
		Tokens: []store.Token{"5325"}, Body: []byte(body),
	}
}

func replacing(d store.Doc, seq store.Seq, body string) store.Put {
	n := d
	n.Rev++
	n.Position.Seq, n.Body = seq, []byte(body)
	return store.Put{Base: d.Rev, Doc: n}
}

func stored(t *testing.T, e *mongo.Engine, id string) store.Doc {
	t.Helper()
	ds, err := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: id}})
	if err != nil {
		t.Fatal(err)
	}
	return ds[0]
}

func writeOf(id string) func(command) bool {
	return func(c command) bool { return c.writes() && c.about("hazard/"+id) }
}

// TestLostOutcomeIsUnknown breaks the line in the middle of an insert and of a replacement, before the command reaches
// the server, after it was carried out, and with the command arriving later: the outcome is never stale and never ok,
// and the driver does not write again of its own accord.
func TestLostOutcomeIsUnknown(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheServer": cutBefore, "BeforeTheAnswer": cutAfter, "ArrivesLater": late} {
		for _, kind := range []string{"insert", "update"} {
			t.Run(kind+name, func(t *testing.T) {
				l := newLine(t)
				e := open(t, database(t), over(l), func(o *mongo.Options) { o.Parallel = 1 }) // one after the other
				p := store.Put{Doc: hazard("lost", 2, "new")}
				was := store.Rev(0)
				if kind == "update" {
					first := hazard("lost", 1, "old")
					if st, err := e.Put(t.Context(), []store.Put{{Doc: first}}); err != nil || st[0] != store.OK {
						t.Fatal(st, err)
					}
					p, was = replacing(first, 2, "new"), 1
				}
				before := l.sent(kind)
				l.once(f, writeOf("lost"))
				other := store.Put{Doc: hazard("other", 3, "")}
				st, err := e.Put(t.Context(), []store.Put{other, p})
				if err != nil || st[0] != store.OK || st[1] != store.Unknown {
					t.Fatalf("beside one that is known: %v, %v", st, err)
				}
				commands := 2
				if kind == "update" {
					commands = 1
				}
				if n := l.sent(kind) - before; n != commands {
					t.Errorf("%d commands for %d writes", n, commands)
				}
				if got := stored(t, e, "lost").Rev; f == cutAfter && got != was+1 || f != cutAfter && got != was {
					t.Errorf("rev %d, was %d", got, was)
				}
				l.deliver()
				if got := stored(t, e, "lost").Rev; f == cutBefore && got != was || f != cutBefore && got != was+1 {
					t.Errorf("after all has arrived: rev %d, was %d", got, was)
				}
				l.once(f, writeOf("alone"))
				if st, err := e.Put(t.Context(), []store.Put{{Doc: hazard("alone", 4, "")}}); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("alone: %v, %v", st, err)
				}
			})
		}
	}
}

// TestPausedServerIsUnknownInTime stops a server that has the command, and one that has not, for longer than the time-out.
func TestPausedServerIsUnknownInTime(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheCommand": stalls, "BeforeTheAnswer": answers} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t)
			e := open(t, database(t), over(l), func(o *mongo.Options) { o.Timeout = 300 * time.Millisecond })
			l.on(func(command) fate { return f })
			_, errPut := e.Put(t.Context(), []store.Put{{Doc: hazard("a", 1, "")}})
			_, errGet := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: "a"}})
			_, _, errRange := e.Range(t.Context(), store.Range{Writer: "w"})
			for i, err := range []error{errPut, errGet, errRange} {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			l.on(nil)
			l.resume()
			eventually(t, func() bool {
				st, err := e.Put(t.Context(), []store.Put{{Doc: hazard("b", 2, "")}})
				return err == nil && st[0] != store.Unknown
			})
			if f == answers && stored(t, e, "a").Rev != 1 {
				t.Error("the command was not carried out")
			}
		})
	}
}

// eventually tries again until f holds; each try waits for the server as long as an engine does.
func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 200 {
		if f() {
			return
		}
	}
	t.Fatal("never")
}

// TestLongRangeComesInSeveralAnswers pages through more documents than one answer of the server holds.
func TestLongRangeComesInSeveralAnswers(t *testing.T) {
	l := newLine(t)
	e := open(t, database(t), over(l))
	const n = 450
	ps := make([]store.Put, n)
	for i := range ps {
		ps[i] = store.Put{Doc: hazard(string(rune('a'+i%26))+time.Duration(i).String(), store.Seq(i+1), "")}
	}
	st, err := e.Put(t.Context(), ps)
	if err != nil {
		t.Fatal(err)
	}
	for i := range st {
		if st[i] != store.OK {
			t.Fatalf("put %d: %v", i, st[i])
		}
	}
	for _, c := range []struct {
		limit store.Limit
		want  int
		more  bool
	}{{store.Limit{}, n, false}, {store.Limit{Docs: 420}, 420, true}, {store.Limit{Docs: n}, n, false}} {
		ds, more, err := e.Range(t.Context(), store.Range{Writer: "w", Limit: c.limit})
		if err != nil || len(ds) != c.want || more != c.more || ds[len(ds)-1].Position.Seq != store.Seq(c.want) {
			t.Errorf("%+v: %d documents, more %v, %v", c.limit, len(ds), more, err)
		}
	}
	if l.sent("getMore") == 0 {
		t.Error("all came in one answer")
	}
}

// TestManyWritesOnAPausedServerEndTogether puts more documents than are under way at once: the time-out is theirs together.
func TestManyWritesOnAPausedServerEndTogether(t *testing.T) {
	l := newLine(t)
	e := open(t, database(t), over(l), func(o *mongo.Options) { o.Timeout, o.Parallel = 300*time.Millisecond, 2 })
	l.on(func(command) fate { return stalls })
	ps := make([]store.Put, 40)
	for i := range ps {
		ps[i] = store.Put{Doc: hazard(string(rune('A'+i)), store.Seq(i+1), "")}
	}
	before := l.sent("insert")
	if _, err := e.Put(t.Context(), ps); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if n := l.sent("insert") - before; n > 2 {
		t.Errorf("%d writes were tried, one time-out after the other", n)
	}
}
