package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofiber/fiber/v2"
)

// serveEcho answers every body with itself: what the same HTTP library does when there is nothing else to do.
func serveEcho() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 16 << 20})
	app.Post("/*", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	fmt.Printf("http://%s\n", l.Addr())
	if err := app.Listener(l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// echoes sends the bodies of pushes and photos to the echo.
func (p *plan) echoes(t *table) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s, err := launch(exec.Command(self, "-echo"), filepath.Join(p.dir, "echo"))
	if err != nil {
		return err
	}
	defer s.stop()
	tablets := make([]*tablet, 32)
	for i := range tablets {
		tablets[i] = &tablet{}
		tablets[i].http.Addr = s.at
		tablets[i].http.MaxConns = 1
	}
	for _, c := range []struct{ batch, tablets int }{{1, 1}, {1, 8}, {1, 32}, {100, 1}, {100, 8}} {
		if err := t.loop(fmt.Sprintf("echo of %d C=%d", c.batch, c.tablets), s, c.batch, func() (run, error) {
			return closed(tablets[:c.tablets], p.span/3, func(tb *tablet) error {
				tb.begin()
				for range c.batch {
					tb.body = appendRecord(tb.body, freshID(), 1, nil)
				}
				tb.prepare("/push")
				return tb.send(tb.body)
			})
		}); err != nil {
			return err
		}
	}
	pool := photoPool()
	return t.loop("echo of a photo C=8", s, 1, func() (run, error) {
		return closed(tablets[:8], p.span/3, func(tb *tablet) error {
			tb.body = pool.appendPhoto(tb.body[:0], &photo{})
			tb.prepare("/photo")
			return tb.send(tb.body)
		})
	})
}
