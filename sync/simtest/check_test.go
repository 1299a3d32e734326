package simtest

import (
	"context"
	"testing"

	"paicha/internal/store"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// TestDamagedReplicaIsRepaired damages replicas in each way that sums have to show: documents are missing, are of an old
// rev, are held though nothing shows them, or through other tokens. One check repairs it.
func TestDamagedReplicaIsRepaired(t *testing.T) {
	for name, damage := range map[string]func(p *fieldsync.PullResponse){
		"missing": func(p *fieldsync.PullResponse) { p.Changes = p.Changes[:len(p.Changes)/2] },
		"stale": func(p *fieldsync.PullResponse) {
			for i := range p.Changes {
				p.Changes[i].Rev--
			}
		},
		"extra": func(p *fieldsync.PullResponse) {
			if len(p.Changes) > 0 {
				c := p.Changes[0]
				c.ID = "018f0000-0000-7000-8000-00000000dead"
				p.Changes = append(p.Changes, c)
			}
		},
		"via": func(p *fieldsync.PullResponse) {
			for i := range p.Changes {
				p.Changes[i].Via = p.Changes[i].Via[:min(1, len(p.Changes[i].Via))]
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if c := recover(); c != nil {
					t.Fatal(c)
				}
			}()
			broken := false
			w := newWorld(7, &bug{page: func(_ *world, _ *tablet, answer []byte) []byte {
				var p fieldsync.PullResponse
				if !broken || json.Unmarshal(answer, &p) != nil {
					return answer
				}
				damage(&p)
				if b, err := json.Marshal(p); err == nil {
					return b
				}
				return answer
			}})
			w.faults = false
			for range 12 {
				w.act(w.tablets[0])
				w.syncTablet(w.tablets[0])
			}
			broken = true
			for _, tablet := range w.tablets[1:] {
				w.syncTablet(tablet)
			}
			broken = false
			for _, tablet := range w.tablets {
				if state, err := tablet.Check(context.Background()); err != nil || state != fieldsync.SumsEqual {
					t.Errorf("%s: %s, %v", tablet.name, state, err)
				}
			}
			w.judgeReplicas()
		})
	}
}

// TestCheckTellsOnlyTheOwn asks with sums of tokens that are not the reader's: nothing is said about them.
func TestCheckTellsOnlyTheOwn(t *testing.T) {
	w := newWorld(3, nil)
	w.faults = false
	boss := w.tablets[5]
	w.syncTablet(boss)
	answer, err := w.nodes[0].svc.Check(context.Background(), boss.by.session(boss), fieldsync.CheckRequest{
		Cursor: boss.Replica().Cursor(),
		Sums:   []fieldsync.TokenSum{{Token: store.Token("sup:5325"), Count: 7, Sum: "00000000000000aa"}, fieldsync.Sum{}.Of("ent:mine-1")},
	})
	if err != nil || answer.State != fieldsync.SumsEqual || answer.Differs != nil {
		t.Errorf("%+v, %v", answer, err)
	}
}
