package httpapi

import (
	"bufio"
	"time"

	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
)

// maxHello and maxPull bound their bodies, in bytes: a hello names the inspections whose photos the tablet holds, a
// cursor stays small over any number of restarts.
const (
	maxHello = 1 << 20
	maxPull  = 256 << 10
)

// heartbeat keeps proxies from closing a quiet stream, and finds out about clients that are gone.
const heartbeat = 25 * time.Second

func (a *api) hello(c *fiber.Ctx) error {
	body, err := jsonBody(c, maxHello)
	if err != nil {
		return err
	}
	in, err := fieldsync.DecodeHello(body)
	if err != nil {
		return err
	}
	out, err := a.Sync.Hello(c.UserContext(), sessionOf(c), in)
	if err != nil {
		return err
	}
	return respond(c, out)
}

func (a *api) pull(c *fiber.Ctx) error {
	body, err := jsonBody(c, maxPull)
	if err != nil {
		return err
	}
	in, err := fieldsync.DecodePull(body)
	if err != nil {
		return err
	}
	out, err := a.Sync.Pull(c.UserContext(), sessionOf(c), in)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	like, err := a.likeness(c, in.Like, out)
	if err != nil {
		return err
	}
	return respondRest(c, out, like, in.Got)
}

func (a *api) check(c *fiber.Ctx) error {
	body, err := jsonBody(c, maxPull)
	if err != nil {
		return err
	}
	in, err := fieldsync.DecodeCheck(body)
	if err != nil {
		return err
	}
	out, err := a.Sync.Check(c.UserContext(), sessionOf(c), in)
	if err != nil {
		return err
	}
	return respond(c, out)
}

func (a *api) push(c *fiber.Ctx) error {
	began := a.Now()
	body, err := jsonBody(c, a.Limits.Sync.PushBytes)
	if err != nil {
		return err
	}
	session := sessionOf(c)
	if byDeviceKey(c) {
		if session, err = a.signedSession(c, body); err != nil {
			return err
		}
	}
	in, err := fieldsync.DecodePush(body, a.Limits.Sync)
	if err != nil {
		return err
	}
	out, err := a.Sync.Push(c.UserContext(), session, in)
	if err != nil {
		return err
	}
	a.Metrics.Pushed(a.Now().Sub(began))
	return respond(c, out)
}

// events streams hints (server-sent events, WHATWG HTML 9.2): "pull" says that there may be something to pull. The
// first one comes at once, because what happened before the stream opened is not hinted again.
func (a *api) events(c *fiber.Ctx) error {
	select {
	case a.streams <- struct{}{}:
	default:
		return ErrStreams
	}
	hints, cancel := a.Sync.Subscribe(sessionOf(c))
	closed, leave := a.Metrics.StreamOpened(), lasting(c)
	c.Set(fiber.HeaderContentType, "text/event-stream; charset=utf-8")
	c.Set("X-Accel-Buffering", "no")
	// The writer runs after this handler has returned: nothing of c may be used in it.
	stopping, conn, patience := c.Context().Done(), c.Context().Conn(), 2*heartbeat
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			cancel()
			closed()
			leave()
			<-a.streams
		}()
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for line := "retry: 5000\nevent: pull\ndata: {}\n\n"; ; {
			if conn.SetWriteDeadline(time.Now().Add(patience)) != nil {
				return
			}
			if _, err := w.WriteString(line); err != nil {
				return
			}
			if w.Flush() != nil {
				return
			}
			select {
			case _, more := <-hints:
				if !more {
					return
				}
				line = "event: pull\ndata: {}\n\n"
			case <-beat.C:
				line = ": still here\n\n"
			case <-stopping:
				return
			}
		}
	})
	return nil
}
