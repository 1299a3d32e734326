package httpapi

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/expfmt"
)

// landingPage tells a person who came here with a browser what this is.
//
//go:embed landing.html
var landingPage []byte

// openAPI is a copy of docs/openapi.yaml, because embedding reaches no other folder; a test holds the two together.
//
//go:generate cp ../../docs/openapi.yaml openapi.yaml
//go:embed openapi.yaml
var openAPI []byte

// readyWithin bounds what /readyz waits for.
const readyWithin = time.Second

// healthz answers as long as the process does.
func (a *api) healthz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString("ok\n")
}

// readyz answers when store and blobs do.
func (a *api) readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), readyWithin)
	defer cancel()
	_, err := a.Store.Get(ctx, store.Ref{Kind: directory.KindRegion, ID: string(directory.Honghe)})
	if a.Ready != nil {
		err = errors.Join(err, a.Ready(ctx))
	}
	if err != nil {
		return ErrNotReady.Because(err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString("ready\n")
}

// metrics writes what telemetry counts, in Prometheus' text format.
func (a *api) metrics() fiber.Handler {
	gatherer := a.Metrics.Gatherer()
	return func(c *fiber.Ctx) error {
		families, err := gatherer.Gather()
		if err != nil {
			return err
		}
		format := expfmt.NewFormat(expfmt.TypeTextPlain)
		c.Set(fiber.HeaderContentType, string(format))
		e := expfmt.NewEncoder(c.Response().BodyWriter(), format)
		for _, f := range families {
			if err := e.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
}

func (a *api) openapi(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	return respondBytes(c, openAPI)
}

func (a *api) landing(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy,
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	return c.Send(landingPage)
}
