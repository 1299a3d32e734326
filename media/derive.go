package media

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxQueue bounds the photos that wait for their pictures; the rest is made when somebody asks, or when their prints are
// looked for.
const maxQueue = 10_000

// workers is how many photos are decoded at once, as far as budget allows.
const workers = 2

// The budget of all workers together, and how long one photo may take. A photo that needs more memory than is free waits
// for the other one to end; none needs more than all.
const (
	budget  = maxMemory + 200<<20 // bytes
	longest = 60 * time.Second
)

// Deriver makes thumbnail and preview off the request path, and tells what a photo looks like. What it has not made when
// the process ends is made when it is asked for again: the queue is not kept.
type Deriver struct {
	Blobs   Blobs
	Derived Derivatives
	HEIC    Converter           // nil: no pictures of HEIC photos
	Busy    func() bool         // true while requests need the processor more; may be nil
	Pause   <-chan time.Time    // ticks at which Busy is asked again; needed with Busy
	Report  func(SHA256, error) // told how each photo ended; may be nil

	// Printed is told what each photo looks like, nil if that cannot be told or no picture can be made of it; may be nil.
	// Its error is reported, and the photo is printed again when it is made again.
	Printed func(context.Context, SHA256, *Print) error

	mu     sync.Mutex
	urgent []SHA256 // before all of queue
	queue  []SHA256
	state  map[SHA256]making
	failed map[SHA256]error // no picture can be made of these; bounded by maxQueue, forgotten with the process
	wake   chan struct{}
	memory gate
}

// making is how far a photo is.
type making uint8

const (
	asked making = iota + 1
	hurried
	inHand
)

func (d *Deriver) bell() chan struct{} {
	if d.wake == nil {
		d.wake, d.state = make(chan struct{}, workers), map[SHA256]making{}
	}
	return d.wake
}

// Enqueue asks for the pictures of a photo; a photo that waits already waits once. ErrQueueFull when too many wait,
// ErrNoPreview, saying why, if it was tried and no picture can be made.
func (d *Deriver) Enqueue(h SHA256) error { return d.enqueue(h, false) }

// Hurry asks for the pictures of a photo before those of others: somebody waits for them, or it shows a major hazard.
// Errors as Enqueue has.
func (d *Deriver) Hurry(h SHA256) error { return d.enqueue(h, true) }

func (d *Deriver) enqueue(h SHA256, first bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	bell := d.bell()
	if err := d.failed[h]; err != nil {
		return err
	}
	switch s := d.state[h]; {
	case s == inHand || s == hurried || s == asked && !first:
		return nil
	case len(d.urgent)+len(d.queue) >= maxQueue:
		return ErrQueueFull
	}
	if first {
		d.urgent, d.state[h] = append(d.urgent, h), hurried
	} else {
		d.queue, d.state[h] = append(d.queue, h), asked
	}
	select {
	case bell <- struct{}{}:
	default:
	}
	return nil
}

// Waiting returns how many photos wait.
func (d *Deriver) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, s := range d.state {
		if s != inHand {
			n++
		}
	}
	return n
}

// Run works until ctx ends. Call it once.
func (d *Deriver) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { d.work(ctx) })
	}
	wg.Wait()
}

func (d *Deriver) work(ctx context.Context) {
	d.mu.Lock()
	bell := d.bell()
	d.mu.Unlock()
	for ctx.Err() == nil {
		for d.Busy != nil && d.Busy() {
			select {
			case <-d.Pause:
			case <-ctx.Done():
				return
			}
		}
		h, ok := d.next()
		if !ok {
			select {
			case <-bell:
			case <-ctx.Done():
				return
			}
			continue
		}
		err := d.Make(ctx, h)
		d.mu.Lock()
		delete(d.state, h)
		if errors.Is(err, ErrNoPreview) {
			if d.failed == nil || len(d.failed) >= maxQueue {
				d.failed = map[SHA256]error{}
			}
			d.failed[h] = err
		}
		d.mu.Unlock()
		if d.Report != nil {
			d.Report(h, err)
		}
	}
}

// next takes the photo that is to be made next. One that was hurried stands in queue too, and is passed over there.
func (d *Deriver) next() (SHA256, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, from := range []*[]SHA256{&d.urgent, &d.queue} {
		for len(*from) > 0 {
			h := (*from)[0]
			*from = (*from)[1:]
			if s := d.state[h]; s == hurried && from == &d.urgent || s == asked {
				d.state[h] = inHand
				return h, true
			}
		}
	}
	return SHA256{}, false
}

// Make makes both pictures of a photo now. ErrNotFound without the photo, ErrNoPreview if it is no picture that can be
// decoded, or one of too many pixels or scans, or one that takes too long; ctx's error when it ends first, in the midst
// of decoding too.
func (d *Deriver) Make(ctx context.Context, h SHA256) (err error) {
	defer func() {
		if p := recover(); p != nil { // decoders of hostile pictures
			err = ErrNoPreview.Because(fmt.Errorf("panic: %v", p))
		}
	}()
	made, err := d.make(ctx, h)
	if (errors.Is(err, ErrNoPreview) || errors.Is(err, ErrNotFound)) && d.Printed != nil {
		return errors.Join(err, d.Printed(ctx, h, nil))
	}
	if err != nil {
		return err
	}
	for _, name := range SizeNames() {
		if err := d.Derived.PutDerived(ctx, h, name, made.jpegs[name]); err != nil {
			return err
		}
	}
	if d.Printed != nil {
		return d.Printed(ctx, h, made.print)
	}
	return nil
}

// make opens and renders a photo within the budget.
func (d *Deriver) make(ctx context.Context, h SHA256) (pictures, error) {
	f, size, err := d.Blobs.Open(ctx, h)
	if err != nil {
		return pictures{}, err
	}
	defer func() { _ = f.Close() }() // only read
	plan, err := survey(ctx, f, size, d.HEIC)
	if err != nil {
		return pictures{}, err
	}
	if err := d.memory.take(ctx, plan.memory); err != nil {
		return pictures{}, err
	}
	defer d.memory.give(plan.memory)
	return plan.render(ctx, f)
}

// gate lets work pass as long as it needs no more memory together than budget.
type gate struct {
	mu    sync.Mutex
	used  int64
	freed chan struct{} // closed and replaced when something was given back
}

func (g *gate) take(ctx context.Context, n int64) error {
	for {
		g.mu.Lock()
		if g.used == 0 || g.used+n <= budget {
			g.used += n
			g.mu.Unlock()
			return nil
		}
		if g.freed == nil {
			g.freed = make(chan struct{})
		}
		freed := g.freed
		g.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) give(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used -= n
	if g.freed != nil {
		close(g.freed)
		g.freed = nil
	}
}
