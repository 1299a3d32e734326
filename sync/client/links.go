package client

import (
	"slices"

	fieldsync "paicha/sync"
)

// untaken is the status, on the tablet alone, of a mutation that no server would take in, so that it is not known there.
const untaken fieldsync.Status = "untaken"

// links are the numbers of the chain that a push of these mutations has to name, because the server may not know them:
// what is sent later, what no server would take, and what the last answer missed.
func (t *Tablet) links(batch []Queued) []fieldsync.Link {
	last := batch[0].N
	carried := make(map[uint64]bool, len(batch))
	for _, m := range batch {
		last, carried[m.N] = max(last, m.N), true
	}
	var out []fieldsync.Link
	held := map[uint64]bool{}
	for _, m := range t.outbox.All() {
		held[m.N] = true
		unknown := !m.Done || m.Result != nil && m.Result.Status == untaken || slices.Contains(t.gaps, m.N)
		if unknown && m.N > t.known && m.N < last && !carried[m.N] {
			out = append(out, fieldsync.Link{N: m.N, ID: m.ID})
		}
	}
	for _, n := range t.gaps {
		if n < last && !held[n] { // settled, covered by a backup and deleted: nothing is left but its number
			out = append(out, fieldsync.Link{N: n})
		}
	}
	slices.SortFunc(out, func(a, b fieldsync.Link) int { return int(a.N) - int(b.N) }) //nolint:gosec // a tablet's counter
	most := t.hello.Limits.PushMutations
	if most == 0 {
		most = fieldsync.DefaultLimits.PushMutations
	}
	return out[:min(len(out), most)]
}

// linked takes what the server said of the chain: either it knows every number up to the last one that was sent, or
// which ones it misses.
func (t *Tablet) linked(batch []Queued, gaps []uint64) {
	t.gaps = gaps
	if len(gaps) > 0 {
		t.known = min(t.known, gaps[0]-1)
		return
	}
	for _, m := range batch {
		t.known = max(t.known, m.N)
	}
}
