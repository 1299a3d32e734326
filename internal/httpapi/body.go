package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds the memory that one zstd frame can ask for (RFC 8878 advises 8 MiB for what travels on the net).
const zstdWindow = 8 << 20

var (
	gzipReaders sync.Pool
	zstdReaders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			panic("httpapi: zstd options: " + err.Error()) // constants: cannot fail
		}
		return d
	}}
	scratch = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// scratchKeep is the largest buffer that goes back to the pool: one huge push must not stay in memory for ever.
const scratchKeep = 1 << 20

// jsonBody reads a JSON request body as boundedBody does. The content type must be application/json in UTF-8.
func jsonBody(c *fiber.Ctx, limit int) ([]byte, error) {
	if err := wantJSON(c.Get(fiber.HeaderContentType)); err != nil {
		return nil, refuseBody(c, err)
	}
	return boundedBody(c, limit)
}

// wantJSON returns ErrMediaType unless the content type is JSON in UTF-8.
func wantJSON(header string) error {
	if header == fiber.MIMEApplicationJSON {
		return nil
	}
	t, params, err := mime.ParseMediaType(header)
	if err != nil || t != fiber.MIMEApplicationJSON && !(strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json")) {
		return ErrMediaType
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "utf8") {
		return ErrMediaType
	}
	return nil
}

// boundedBody reads the request body, inflated, into bytes of its own. More than limit bytes, before or after
// inflating, are ErrBodyLarge, and no more than that is ever held. c.Body() must never be used: it inflates without
// bound and, with streaming, knows no limit.
func boundedBody(c *fiber.Ctx, limit int) ([]byte, error) {
	if n := c.Request().Header.ContentLength(); n > limit {
		return nil, refuseBody(c, ErrBodyLarge)
	}
	var out []byte
	err := aside(c, func() (err error) {
		out, err = arriving(c, limit)
		return err
	})
	if err != nil {
		return nil, refuseBody(c, err)
	}
	return out, nil
}

// arriving reads the whole body, as slowly as it comes.
func arriving(c *fiber.Ctx, limit int) ([]byte, error) {
	raw := io.Reader(rawBody(c))
	if idle, ok := c.Locals(localIdle).(time.Duration); ok {
		raw = newPatient(raw, c.Context().Conn(), idle)
	}
	body, done, err := inflate(raw, c.Get(fiber.HeaderContentEncoding), int64(limit))
	if err != nil {
		return nil, err
	}
	defer done()
	buf, _ := scratch.Get().(*bytes.Buffer) // the pool holds nothing else
	buf.Reset()
	defer func() {
		if buf.Cap() <= scratchKeep {
			scratch.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(io.LimitReader(body, int64(limit)+1)); err != nil {
		return nil, bodyFault(err)
	}
	if buf.Len() > limit {
		return nil, ErrBodyLarge
	}
	return bytes.Clone(buf.Bytes()), nil
}

// rawBody is the body as it is on the wire. A line that breaks before the declared length is io.ErrUnexpectedEOF, which
// fasthttp does not tell from the end.
func rawBody(c *fiber.Ctx) io.Reader {
	w := &wire{want: int64(c.Request().Header.ContentLength())}
	if s := c.Context().RequestBodyStream(); s != nil {
		w.r = s
	} else {
		w.r = bytes.NewReader(c.Request().Body())
	}
	c.Locals(localBody, w)
	return w
}

type wire struct {
	r     io.Reader
	want  int64 // bytes declared; negative: not said
	got   int64
	ended bool
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.got += int64(n)
	if err == io.EOF {
		if w.got < w.want {
			return n, io.ErrUnexpectedEOF
		}
		w.ended = true
	}
	return n, err
}

// consumed reports whether nothing of the request is left on the connection.
func consumed(c *fiber.Ctx) bool {
	h := &c.Request().Header
	length := h.Peek(fiber.HeaderContentLength)
	if len(h.Peek(fiber.HeaderTransferEncoding)) == 0 && (len(length) == 0 || string(length) == "0") {
		return true
	}
	w, read := c.Locals(localBody).(*wire)
	return read && (w.ended || w.want >= 0 && w.got >= w.want)
}

// inflate undoes one Content-Encoding. wire bytes are bounded too: a stream that inflates to nothing must not run on.
func inflate(raw io.Reader, encoding string, limit int64) (io.Reader, func(), error) {
	none := func() {}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return raw, none, nil
	case "gzip", "x-gzip":
		raw = &bounded{raw, limit + 1024}
		z, _ := gzipReaders.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(raw); err != nil {
			return nil, nil, inflateFault(err)
		}
		return &inflating{z}, func() { gzipReaders.Put(z) }, nil
	case "zstd":
		z, _ := zstdReaders.Get().(*zstd.Decoder) // the pool holds nothing else
		if err := z.Reset(&bounded{raw, limit + 1024}); err != nil {
			return nil, nil, inflateFault(err)
		}
		return &inflating{z}, func() {
			_ = z.Reset(nil) // lets go of the connection; a reset to nothing cannot fail in a way that matters
			zstdReaders.Put(z)
		}, nil
	}
	return nil, nil, ErrEncoding
}

// bounded answers ErrBodyLarge past its limit.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrBodyLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// inflating tells damage of the compressed form from damage of the line.
type inflating struct{ r io.Reader }

func (i *inflating) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && err != io.EOF {
		err = inflateFault(err)
	}
	return n, err
}

func inflateFault(err error) error {
	var nerr net.Error
	switch {
	case errors.Is(err, ErrBodyLarge) || errors.As(err, &nerr):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return ErrBodyLarge.Because(err)
	}
	return ErrInflate.Because(err)
}

// bodyFault names what went wrong while a body came in.
func bodyFault(err error) error {
	var nerr net.Error
	if errors.As(err, &nerr) && nerr.Timeout() {
		return ErrSlow.Because(err)
	}
	if f := faultOf(err); f.Code != "internal" {
		return f
	}
	return ErrIncomplete.Because(err)
}

// refuseBody closes the connection after the answer: the rest of the body is not wanted, and reading it only to reuse
// the connection would let a client send for ever.
func refuseBody(c *fiber.Ctx, err error) error {
	c.Context().SetConnectionClose()
	return err
}
