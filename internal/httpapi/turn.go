package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// turn is a request's place among those that are worked on, and the time that its work may take. A request whose body is
// still on its way gives both back, so that whoever sends a byte now and then holds up nobody.
type turn struct {
	slots  chan struct{}
	limit  time.Duration // for the work; 0: none
	parent context.Context
	cancel context.CancelFunc
	held   bool
}

// take waits for nothing: without a free place the request is refused, and the client comes again.
func (t *turn) take(c *fiber.Ctx) error {
	select {
	case t.slots <- struct{}{}:
	default:
		return ErrCrowded
	}
	t.held = true
	if t.limit > 0 {
		var ctx context.Context
		ctx, t.cancel = context.WithTimeout(t.parent, t.limit)
		c.SetUserContext(ctx)
	}
	return nil
}

// leave gives the place back; again is harmless.
func (t *turn) leave(c *fiber.Ctx) {
	if !t.held {
		return
	}
	t.held = false
	if t.cancel != nil {
		t.cancel()
		c.SetUserContext(t.parent)
	}
	<-t.slots
}

// aside runs what waits for the client outside the request's turn.
func aside(c *fiber.Ctx, wait func() error) error {
	t, ok := c.Locals(localTurn).(*turn)
	if !ok {
		return wait()
	}
	t.leave(c)
	if err := wait(); err != nil {
		return err
	}
	return t.take(c)
}

// crowd bounds how much one device has under way at the same time, so that no device can use up what is there for all.
type crowd struct {
	most int
	mu   sync.Mutex
	of   map[string]int
}

func newCrowd(most int) *crowd { return &crowd{most: most, of: map[string]int{}} }

// join returns ErrDeviceBusy when the device has as much under way as it may. leave may be called again, from anywhere.
func (d *crowd) join(device string) (leave func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[device] >= d.most {
		return nil, ErrDeviceBusy
	}
	d.of[device]++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.of[device]--; d.of[device] == 0 {
			delete(d.of, device)
		}
	}), nil
}

// lasting takes over the end of the request's part in its device's crowd: what goes on after the handler calls it at its
// own end. Without a device it does nothing.
func lasting(c *fiber.Ctx) (leave func()) {
	leave, ok := c.Locals(localLeave).(func())
	if !ok {
		return func() {}
	}
	c.Locals(localLeave, nil)
	return leave
}
