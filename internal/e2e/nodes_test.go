package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestNodesShareOneStoreAndOneBucket plays a bad day of three nodes: tablets hand in at any of them, with cut lines and
// lost answers, while nodes are killed, one is paused until the others have declared it dead and then goes on with what
// was in it, and the lines to store and bucket break. When the faults stop everything is as if nothing had happened.
func TestNodesShareOneStoreAndOneBucket(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c := newCluster(t, 1)
	observer, victim := c.nodes[0], c.nodes[2]
	began := time.Now()
	tell := func(what string) { t.Logf("%4.0f s %s", time.Since(began).Seconds(), what) }

	// A storm on all nodes. What it kills is taken for dead a while later, together with the one that is paused next.
	for i := range 8 {
		c.during(ctx, i%2, 2, func() { c.fault(i) })
	}
	tell("the storm is over")

	writers := c.registry().Live
	c.restart(victim) // so that it is known under which name it writes
	fresh := slices.DeleteFunc(c.registry().Live, func(w string) bool { return slices.Contains(writers, w) })
	if len(fresh) != 1 {
		t.Fatalf("the node registered %v", fresh)
	}
	c.during(ctx, 0, 1, func() {
		c.busy(victim)
		c.pause(victim)
		for _, n := range c.nodes[:2] {
			c.pass(20)
			n.store.cut(2)
		}
	})
	tell(fmt.Sprintf("%d requests are in the paused node", victim.inside(c)))
	eventually(t, 4*time.Minute, "the paused node and all killed ones are sealed", func() string {
		if g := c.registry(); len(g.Live) > 2 || !g.sealed(fresh[0]) {
			return fmt.Sprintf("live are %v, paused is %s", g.Live, fresh[0])
		}
		return ""
	})
	tell("it is sealed")
	c.during(ctx, 0, 2, func() { c.resume(victim) })
	eventually(t, 2*time.Minute, "the node that was paused writes under a new name", func() string {
		if g := c.registry(); len(g.Live) < 3 {
			return fmt.Sprint("live are ", g.Live)
		}
		return ""
	})
	c.during(ctx, 1, 2, func() {
		for _, n := range c.nodes {
			c.pass(10)
			n.store.cut(2)
			n.bucket.cut(2)
		}
	})
	tell("it is back")

	c.calm()
	c.drain(ctx)
	for _, d := range c.desks {
		d.finish(t)
	}
	c.drain(ctx)
	tell("the queues are empty")
	eventually(t, 3*time.Minute, "every tablet holds what it may see", func() string {
		c.syncAll(ctx)
		return c.apart(c.stored())
	})
	tell("all tablets agree")
	if observer.store.losses() == 0 || victim.bucket.losses() == 0 {
		t.Error("the lines to the shared servers never broke")
	}
	c.judge(ctx)
	eventually(t, 2*time.Minute, "every line of every history is in the log once", c.unlogged)
	tell("the log is complete")
	c.mark(func() { t.Logf("requests: %v", c.door.fates) }) // the last answers' handlers may still be ending
}

// fault kills a node and starts it again, or cuts one of its lines, in the middle of the traffic.
func (c *cluster) fault(i int) {
	c.pass(5 + c.r.IntN(15))
	n := c.nodes[c.r.IntN(len(c.nodes))]
	switch i % 4 {
	case 0, 2:
		c.restart(n)
	case 1:
		n.store.cut(1 + c.r.IntN(3))
	case 3:
		n.bucket.cut(1 + c.r.IntN(3))
	}
}

func (c *cluster) pass(requests int) { c.door.passed(requests, c.idle) }

// busy waits until a request is in the node.
func (c *cluster) busy(n *node) {
	for n.inside(c) == 0 {
		select {
		case <-c.idle:
			return
		default:
			c.pass(1)
		}
	}
}

func (n *node) inside(c *cluster) int {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	return n.waiting
}

// calm ends all faults, and waits until nothing of them is on its way any more.
func (c *cluster) calm() {
	for _, n := range c.nodes {
		n.store.mend()
		n.bucket.mend()
	}
	c.mark(func() { c.door.calm = true })
	c.door.late.Wait()
}

func (c *cluster) syncAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, d := range c.desks {
		wg.Go(func() {
			if _, err := d.Sync(ctx); err != nil {
				c.t.Logf("%s: %v", d.user.Login, err)
			}
		})
	}
	wg.Wait()
}

// drain syncs until no tablet has anything to hand in: P7.
func (c *cluster) drain(ctx context.Context) {
	c.t.Helper()
	eventually(c.t, 2*time.Minute, "the queues are empty", func() string {
		c.syncAll(ctx)
		for i, d := range c.desks {
			if m, p := d.waits(); m+p > 0 {
				return fmt.Sprintf("tablet %d of %s has %d mutations and %d photos: %+v", i, d.user.Login, m, p, d.Outbox().Waiting())
			}
		}
		return ""
	})
}
