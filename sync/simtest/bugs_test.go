package simtest

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/media"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// bug is a defect of other systems, seeded where a real part meets the world. The hooks that are set stand in for a part
// that is wrong.
type bug struct {
	name    string
	promise []string // of which any shows it
	prepare func(w *world)
	engine  func(w *world, n *node, e store.Engine) store.Engine
	killed  func(w *world, n *node)
	restore func(w *world)
	synced  func(w *world, t *tablet)
	hello   func(w *world, h *fieldsync.HelloResponse)
	pull    func(w *world, n *node, t *tablet, in fieldsync.PullRequest) ([]byte, error)
	page    func(w *world, t *tablet, answer []byte) []byte
	push    func(w *world, r *fieldsync.PushResponse) error
}

// bugs are the defects that the simulator has to find. Each is made anew for a run, because some keep state.
var bugs = []func() *bug{
	ackBeforeDurable, cursorBeforeData, gapBetweenWriters, checkThenInsert, absenceIsRemoval, stuckFIFO, timestampCursor,
	revokedScopeStays, counterRestarts, lostFinalChunk, deletedWhenAcknowledged, viaIsIncremental, resetForgetsOutbox,
}

// mostSeeds is how many seeds a seeded defect may take to be found.
const mostSeeds = 400

// TestSeededBugsAreFound shows that the simulator sees: each defect breaks a promise that it should break.
func TestSeededBugsAreFound(t *testing.T) {
	if slow > 1 {
		t.Skip("run without the race detector: make sim")
	}
	for _, make := range bugs {
		name := make().name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(mostSeeds) {
				b := make()
				_, err := run(seed+1, 70, b)
				if err == nil {
					continue
				}
				var found broken
				if !errors.As(err, &found) || !slices.Contains(b.promise, found.promise) {
					t.Fatalf("seed %d: %v, and %v were to break", seed+1, err, b.promise)
				}
				t.Logf("found by seed %d: %v", seed+1, err)
				return
			}
			t.Errorf("not found in %d seeds", mostSeeds)
		})
	}
}

// wrapped is an engine of which some commands are wrong.
type wrapped struct {
	store.Engine
	store.Portable
	put func(ctx context.Context, puts []store.Put) ([]store.Status, error)
}

func (e *wrapped) Put(ctx context.Context, puts []store.Put) ([]store.Status, error) {
	return e.put(ctx, puts)
}

func wrap(e store.Engine) *wrapped {
	p, _ := e.(store.Portable)
	return &wrapped{Engine: e, Portable: p, put: e.Put}
}

// ackBeforeDurable answers writes that only the node's memory has: with the node they are gone.
func ackBeforeDurable() *bug {
	unsynced := map[*node]map[store.Ref][2]store.Doc{} // before and after
	return &bug{
		name: "acknowledged before durable", promise: []string{"P1", "P3", "P4", "P6", "P7"},
		engine: func(w *world, n *node, e store.Engine) store.Engine {
			x := wrap(e)
			x.put = func(ctx context.Context, puts []store.Put) ([]store.Status, error) {
				before := map[store.Ref]store.Doc{}
				for _, p := range puts {
					before[p.Doc.Ref] = w.model.Doc(p.Doc.Ref)
				}
				st, err := e.Put(ctx, puts)
				if err == nil {
					for i, p := range puts {
						if st[i] == store.OK && !strings.HasPrefix(string(p.Doc.Kind), "_") {
							if unsynced[n] == nil {
								unsynced[n] = map[store.Ref][2]store.Doc{}
							}
							unsynced[n][p.Doc.Ref] = [2]store.Doc{before[p.Doc.Ref], p.Doc}
						}
					}
				}
				if w.chance(0.5) { // the disk has caught up
					unsynced[n] = nil
				}
				return st, err
			}
			return x
		},
		killed: func(w *world, n *node) {
			for ref, d := range unsynced[n] {
				if w.model.Doc(ref).Rev == d[1].Rev {
					w.model.Replace(ref, d[0])
				}
			}
			unsynced[n] = nil
		},
	}
}

// cursorBeforeData saves a page's cursor first and loses power before its data.
func cursorBeforeData() *bug {
	return &bug{
		name: "cursor saved before data", promise: []string{"P4"},
		page: func(w *world, t *tablet, answer []byte) []byte {
			var p fieldsync.PullResponse
			if !w.faults || w.chance(0.9) || json.Unmarshal(answer, &p) != nil {
				return answer
			}
			p.Changes = []fieldsync.PullChange{}
			b, err := json.Marshal(p)
			if err != nil {
				return answer
			}
			return b
		},
	}
}

// gapBetweenWriters publishes the highest number that was given out as the watermark.
func gapBetweenWriters() *bug {
	highest := map[store.WriterID]store.Seq{}
	return &bug{
		name: "gap between writers", promise: []string{"P4"},
		engine: func(w *world, n *node, e store.Engine) store.Engine {
			x := wrap(e)
			x.put = func(ctx context.Context, puts []store.Put) ([]store.Status, error) {
				puts = slices.Clone(puts)
				for i, p := range puts {
					if q := p.Doc.Position; q.Writer != "" {
						highest[q.Writer] = max(highest[q.Writer], q.Seq)
					}
					if p.Doc.Kind == "_writer" {
						var entry map[string]any
						if json.Unmarshal(p.Doc.Body, &entry) == nil {
							entry["watermark"] = highest[store.WriterID(p.Doc.ID)]
							if b, err := json.Marshal(entry); err == nil {
								puts[i].Doc.Body = b
							}
						}
					}
				}
				return e.Put(ctx, puts)
			}
			return x
		},
	}
}

// checkThenInsert keeps the memory of mutations apart from the documents, where it may be late.
func checkThenInsert() *bug {
	return &bug{
		name: "duplicate by check-then-insert", promise: []string{"P2", "P3"},
		engine: func(w *world, _ *node, e store.Engine) store.Engine {
			x := wrap(e)
			x.put = func(ctx context.Context, puts []store.Put) ([]store.Status, error) {
				puts = slices.Clone(puts)
				for i := range puts {
					if w.chance(0.3) {
						puts[i].Doc.Memory = nil
					}
				}
				return e.Put(ctx, puts)
			}
			return x
		},
	}
}

// absenceIsRemoval has the tablet drop what an answer does not name.
func absenceIsRemoval() *bug {
	return &bug{
		name: "removal inferred from absence", promise: []string{"P4"},
		page: func(_ *world, _ *tablet, answer []byte) []byte {
			var p fieldsync.PullResponse
			if json.Unmarshal(answer, &p) != nil || p.More || len(p.Changes) == 0 {
				return answer
			}
			p.Reset = true
			if b, err := json.Marshal(p); err == nil {
				return b
			}
			return answer
		},
	}
}

// stuckFIFO lets a mutation that is refused hold up everything behind it.
func stuckFIFO() *bug {
	return &bug{
		name: "stuck first-in-first-out queue", promise: []string{"P7"},
		push: func(_ *world, r *fieldsync.PushResponse) error {
			for i := range r.Results {
				if s := r.Results[i].Status; s == fieldsync.Rejected || s == fieldsync.Duplicate && r.Results[i].First == fieldsync.Rejected {
					for j := i; j < len(r.Results); j++ {
						r.Results[j].Status, r.Results[j].Next = fieldsync.Retry, fieldsync.Keep
					}
					return nil
				}
			}
			return nil
		},
	}
}

// timestampCursor pulls what was written after a time, by the clocks of the nodes.
func timestampCursor() *bug {
	type stamp struct {
		rev store.Rev
		at  time.Time
	}
	written := map[store.Ref]stamp{}
	return &bug{
		name: "timestamp cursor", promise: []string{"P4", "P5"},
		engine: func(w *world, n *node, e store.Engine) store.Engine {
			x := wrap(e)
			x.put = func(ctx context.Context, puts []store.Put) ([]store.Status, error) {
				at := w.now.Add(n.skew)
				st, err := e.Put(ctx, puts)
				for _, p := range puts {
					written[p.Doc.Ref] = stamp{p.Doc.Rev, at}
				}
				return st, err
			}
			return x
		},
		pull: func(w *world, n *node, t *tablet, in fieldsync.PullRequest) ([]byte, error) {
			since, _ := time.Parse(time.RFC3339Nano, in.Cursor)
			out := fieldsync.PullResponse{Changes: []fieldsync.PullChange{}, Cursor: n.svc.Now().Format(time.RFC3339Nano)}
			for ref, d := range w.model.Docs() {
				via, restricted := t.by.sees(n.svc.Now(), d)
				if len(via) == 0 || in.Cursor != "" && !written[ref].at.After(since) {
					continue
				}
				c := fieldsync.PullChange{Kind: ref.Kind, ID: ref.ID, Rev: d.Rev, Via: via, Body: d.Body}
				if restricted {
					c.Restricted = d.Restricted
				}
				out.Changes = append(out.Changes, c)
			}
			return json.Marshal(out)
		},
	}
}

// revokedScopeStays does not tell a tablet what it has to forget.
func revokedScopeStays() *bug {
	return &bug{
		name: "revoked scope left on the device", promise: []string{"P5", "P4"},
		page: func(_ *world, _ *tablet, answer []byte) []byte {
			var p fieldsync.PullResponse
			if json.Unmarshal(answer, &p) != nil || len(p.Forget) == 0 {
				return answer
			}
			p.Forget = nil
			if b, err := json.Marshal(p); err == nil {
				return b
			}
			return answer
		},
	}
}

// counterRestarts restores a backup as it is: the old epoch, and numbers that were given out before.
func counterRestarts() *bug {
	return &bug{
		name: "counter restarts after restore", promise: []string{"P1", "P2", "P3", "P4", "P5"},
		restore: func(w *world) {
			epoch := w.backup.history.Epoch
			b := &bug{}
			old := w.bug
			w.bug = b
			if err := w.arriveAs(epoch); err != nil {
				panic(err)
			}
			w.bug = old
		},
	}
}

// lostFinalChunk acknowledges a photo whose last bytes are in the node's memory only.
func lostFinalChunk() *bug {
	return &bug{
		name: "lost final chunk", promise: []string{"P6"},
		prepare: func(w *world) {
			w.depot.commit = func(media.SHA256, []byte) bool { return !w.faults || w.chance(0.7) }
		},
	}
}

// deletedWhenAcknowledged tells tablets that a backup covers what was only acknowledged.
func deletedWhenAcknowledged() *bug {
	return &bug{
		name: "deleted when acknowledged", promise: []string{"P1", "P6", "P7"},
		hello: func(w *world, h *fieldsync.HelloResponse) { h.KeptUntil = h.ServerTime.Add(time.Hour) },
	}
}

// viaIsIncremental sends only the tokens that are new.
func viaIsIncremental() *bug {
	return &bug{
		name: "incomplete via", promise: []string{"P4", "P5"},
		page: func(w *world, _ *tablet, answer []byte) []byte {
			var p fieldsync.PullResponse
			if json.Unmarshal(answer, &p) != nil {
				return answer
			}
			for i := range p.Changes {
				if c := &p.Changes[i]; len(c.Via) > 1 && c.Rev > 1 {
					c.Via = c.Via[:1]
				}
			}
			if b, err := json.Marshal(p); err == nil {
				return b
			}
			return answer
		},
	}
}

// resetForgetsOutbox has a tablet that begins anew throw its outbox away.
func resetForgetsOutbox() *bug {
	return &bug{
		name: "reset throws the outbox away", promise: []string{"P1"},
		synced: func(w *world, t *tablet) {
			if t.Tablet == nil || t.busy || !w.faults || t.Replica().Cursor() == "" || w.chance(0.97) {
				return
			}
			w.note("%s begins anew", t.name)
			for _, names := range []map[string]*inode{t.disk.names, t.disk.durable} {
				maps.DeleteFunc(names, func(name string, _ *inode) bool { return strings.HasPrefix(path.Base(name), "outbox") })
			}
			w.open(t)
		},
	}
}
