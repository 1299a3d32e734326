package client

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Report is what one Sync came to.
type Report struct {
	Settled int // mutations that got a final verdict
	Waiting int // mutations that are still to be sent
	Asking  int // mutations that a person has to look at
	Photos  int // photos that arrived
	Changes int // changes pulled
}

const (
	firstBatch = 16        // mutations of the first push: something useful arrives before the line drops
	mostAsked  = 200       // inspections that one hello asks about
	pushMargin = 1024      // bytes of a push around its mutations
	batchBytes = 128 << 10 // bytes of a first batch
	firstPage  = 16        // documents of the first page
	longPage   = 512 << 10 // bytes, inflated: some 50 KB on the line
	leastPage  = 4         // documents: below it a page's own bytes outweigh them
)

// Sync does hello, push, photos and pull. Each part goes on though another failed, and everything that failed is in the
// error (errors.Is, errors.As); what was settled on the way is settled. Without any right left it hands in mutations
// and photos under the device key. ErrWiped: the server had the tablet wiped, after its outbox unless it was stolen.
func (t *Tablet) Sync(ctx context.Context) (Report, error) {
	if t.outbox == nil {
		return Report{}, ErrClosed
	}
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	var r Report
	before := len(t.outbox.Waiting())
	err := t.retry(ctx, func() (bool, error) { return false, t.greet(ctx) })
	switch {
	case stolen(err):
		return r, t.wipe()
	case err == nil:
		err = t.push(ctx, t.authorized)
		arrived, perr := t.sendPhotos(ctx)
		err = errors.Join(err, perr)
		r.Photos = arrived
		if !t.hello.Wipe {
			changes, perr := t.pull(ctx)
			if since := t.Now().Sub(t.replica.lastChecked()); perr == nil && err == nil && since.Abs() >= checkEvery {
				_, _ = t.check(ctx) // what fails of it the next Sync does again
			}
			err = errors.Join(err, perr)
			r.Changes = changes
		} else if t.outbox.empty() && err == nil {
			return r, t.wipe()
		}
	case loggedOut(err):
		arrived, wipe, perr := t.handIn(ctx)
		if wipe {
			return r, t.wipe()
		}
		r.Photos = arrived
		err = errors.Join(err, perr)
	}
	r.Waiting, r.Asking = len(t.outbox.Waiting()), len(t.outbox.Asking())
	r.Settled = max(0, before-r.Waiting)
	return r, err
}

func stolen(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Code == "auth.device_stolen"
}

// greet says hello and takes what it tells about what is safe.
func (t *Tablet) greet(ctx context.Context) error {
	state, inspections := t.outbox.State()
	if n := len(inspections); n > mostAsked { // in turn, so that each is asked about in time
		at := t.asked % n
		t.asked += mostAsked
		inspections = append(inspections[at:], inspections[:at]...)[:mostAsked]
	}
	_, device := t.Session()
	var h fieldsync.HelloResponse
	err := t.call(ctx, "/api/v1/sync/hello", fieldsync.HelloRequest{
		ProtocolMin: fieldsync.ProtocolMin, ProtocolMax: fieldsync.ProtocolMax, App: t.App, Device: device,
		DeviceTime: t.Now(), Outbox: state, Inspections: inspections,
	}, &h)
	if err != nil {
		return err
	}
	if h.Epoch == "" {
		return ErrAnswer.Because(errors.New("hello without epoch"))
	}
	if err := t.outbox.met(contact{Epoch: h.Epoch, Time: h.ServerTime, KeptUntil: h.KeptUntil, Missing: h.MissingMedia}); err != nil {
		return err
	}
	if h.Epoch != t.hello.Epoch {
		t.known, t.gaps = 0, nil
	}
	t.hello = h
	return t.replica.met(t.Now(), h.LockAfter)
}

// push sends what waits, in the order of its making, in batches that grow while they succeed. A batch that is refused as
// a whole is halved until the culprit is alone and set aside, so that one bad mutation stops no other. Blocked ones are
// sent again as long as others are settled meanwhile.
func (t *Tablet) push(ctx context.Context, send func(context.Context, string, []byte) ([]byte, error)) error {
	t.batch = firstBatch
	missed := false
	for {
		queue := t.first(t.outbox.Waiting())
		before := len(queue)
		for len(queue) > 0 {
			n := t.cut(queue)
			sent := 0
			err := t.retry(ctx, func() (bool, error) {
				err := t.pushBatch(ctx, send, queue[:n])
				if err == nil {
					sent = n
				} else if temporary(err) && n > 1 {
					n, t.batch = (n+1)/2, max(1, n/2)
				}
				return false, err
			})
			switch {
			case err == nil:
				queue = queue[sent:]
				t.batch = min(t.batch*2, 500)
			case refused(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity):
				if n > 1 {
					t.batch = n / 2
					continue
				}
				if err := t.setAside(queue[0], err); err != nil {
					return err
				}
				queue = queue[1:]
			default:
				return err
			}
		}
		after := len(t.outbox.Waiting())
		told := len(t.gaps) > 0 && !missed // what the server misses is named in the next push
		if after == 0 || after >= before && !told {
			return nil
		}
		missed = told
	}
}

// cut returns how many mutations go into the next push: of one epoch, since a baseRev counts in its own only, of one
// urgency, so that what is urgent does not wait for the rest of its batch, and within the limits.
func (t *Tablet) cut(queue []Queued) int {
	l := t.hello.Limits
	if l.PushBytes == 0 {
		l = fieldsync.DefaultLimits
	}
	most, room := t.batch, l.PushBytes-pushMargin
	if l.PushMutations > 0 {
		most = min(most, l.PushMutations)
	}
	if most <= firstBatch {
		room = min(room, batchBytes)
	}
	for n, m := range queue {
		room -= len(m.Raw) + 1
		if n > 0 && (n >= most || room < 0 || m.Epoch != queue[0].Epoch || t.calm[m.ID] != t.calm[queue[0].ID]) {
			return n
		}
	}
	return len(queue)
}

func (t *Tablet) pushBatch(ctx context.Context, send func(context.Context, string, []byte) ([]byte, error), queue []Queued) error {
	_, device := t.Session()
	head, err := json.Marshal(fieldsync.PushRequest{Epoch: queue[0].Epoch, Device: device, DeviceTime: t.Now()})
	if err != nil {
		return ErrArgs.Because(err)
	}
	tail := []byte("]}")
	if links := t.links(queue); len(links) > 0 {
		b, err := json.Marshal(links)
		if err != nil {
			return ErrArgs.Because(err)
		}
		tail = slices.Concat([]byte(`],"links":`), b, []byte("}"))
	}
	// Put together by hand: a JSON encoder may write a string's escapes anew, and a retry must repeat every byte.
	end := bytes.LastIndex(head, []byte(`[]}`))
	if end < 0 {
		return ErrArgs.Because(errors.New("push without mutations"))
	}
	body := head[:end+1]
	for i, m := range queue {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m.Raw...)
	}
	answer, err := send(ctx, "/api/v1/sync/push", append(body, tail...))
	if err != nil {
		return err
	}
	var resp fieldsync.PushResponse
	if err := json.Unmarshal(answer, &resp); err != nil {
		return ErrAnswer.Because(err)
	}
	t.linked(queue, resp.Gaps)
	return t.outbox.judge(resp.Results)
}

// setAside keeps a mutation for a person that the server cannot even take in.
func (t *Tablet) setAside(m Queued, err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	p := fieldsync.Problem{Code: r.Code, Detail: r.Detail}
	if p.Detail == "" {
		p.Code, p.Detail = ErrOversize.Code, ErrOversize.Message
	}
	return t.outbox.judge([]fieldsync.Result{{ID: m.ID, Status: untaken, Problem: &p, Next: fieldsync.AskPerson}})
}

// pull takes pages until there are no more. Each is durable with its cursor before the next is asked for; an answer that
// comes twice changes nothing the second time.
//
// The packs held are named with every page: a snapshot, or a new grant that covers a pack too, then costs none of their bytes.
func (t *Tablet) pull(ctx context.Context) (int, error) {
	changes := 0
	have := t.replica.packs()
	if t.pages.size == 0 {
		t.pages.size, t.pages.after = firstPage, pagesBefore
	}
	for {
		more := false
		err := t.retry(ctx, func() (bool, error) {
			cursor := t.replica.Cursor()
			answer, moved, err := t.fetch(ctx, fieldsync.PullRequest{Cursor: cursor, Limit: int(t.pages.size), Have: have})
			if err != nil {
				if t.page == nil && (errors.Is(err, ErrOffline) || errors.Is(err, ErrAnswer)) {
					t.pages.failed(leastPage)
				}
				return moved, err
			}
			var keep []fieldsync.DocRef
			for _, m := range t.outbox.Waiting() {
				keep = append(keep, m.Doc)
			}
			resp, err := t.replica.apply(page{
				Epoch: t.hello.Epoch, Fresh: cursor == "", Keep: keep, Response: jsontext.Value(answer),
			})
			if err != nil {
				return false, err
			}
			if more = resp.More; more {
				t.pages.went(int64(t.hello.Limits.PullDocs), len(answer) > longPage)
			}
			changes += len(resp.Changes)
			return true, nil
		})
		if err != nil || !more {
			return changes, err
		}
	}
}
