package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressFrom is the size from which an answer is worth compressing, in bytes: a hello and the answer to a push, which a
// tablet gets all day, are some 600 and become less than half.
const compressFrom = 512

var (
	// The fastest level is half of gzip's size and a fraction of its time; the better one saves another tenth for three
	// times the work, which an answer that a weak line has to carry is worth, and a bulk of megabytes is not.
	zstdFast    = zstdLevel(zstd.SpeedFastest)
	zstdBetter  = zstdLevel(zstd.SpeedBetterCompression)
	gzipWriters sync.Pool
)

// bulk is the size from which the processor counts for more than the line, in bytes.
const bulk = 2 << 20

// zstdLevel makes an encoder whose EncodeAll may be called concurrently.
func zstdLevel(l zstd.EncoderLevel) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(l), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("httpapi: zstd options: " + err.Error()) // constants: cannot fail
	}
	return e
}

// respond answers with JSON, compressed if the client takes it.
func respond(c *fiber.Ctx, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return respondJSON(c, b)
}

// respondJSON answers with JSON that is encoded already; b is kept until it is sent.
func respondJSON(c *fiber.Ctx, b []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	return respondBytes(c, b)
}

// respondBytes answers with bytes, compressed if they are many and the client takes it. b is kept until it
// is sent.
func respondBytes(c *fiber.Ctx, b []byte) error {
	return respondRest(c, b, nil, fieldsync.Got{})
}

// respondRest answers as respondBytes does, compressed against like if there is one, and but for the beginning that the
// client has of the same answer. It says so as a range does (RFC 9110, 15.3.7), since that is what it is, of an encoded body.
func respondRest(c *fiber.Ctx, b, like []byte, got fieldsync.Got) error {
	b, err := encoded(c, b, like)
	if err != nil {
		return err
	}
	if skip := got.Skip(b); skip > 0 {
		c.Status(fiber.StatusPartialContent)
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", skip, len(b)-1, len(b)))
		b = b[skip:]
	}
	return send(c, b)
}

// encoded compresses bytes if they are many and the client takes it. b may be what it returns.
func encoded(c *fiber.Ctx, b, like []byte) ([]byte, error) {
	c.Vary(fiber.HeaderAcceptEncoding)
	if like != nil {
		c.Set(fiber.HeaderContentEncoding, "dcz")
		return dcz(b, like)
	}
	encoding := ""
	if len(b) >= compressFrom {
		encoding = acceptable(c.Get(fiber.HeaderAcceptEncoding))
	}
	switch encoding {
	case "zstd":
		c.Set(fiber.HeaderContentEncoding, "zstd")
		encoder := zstdBetter
		if len(b) > bulk {
			encoder = zstdFast
		}
		return encoder.EncodeAll(b, make([]byte, 0, len(b)/4)), nil
	case "gzip":
		z, _ := gzipWriters.Get().(*gzip.Writer)
		if z == nil {
			var err error
			if z, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
				return nil, err
			}
		}
		c.Set(fiber.HeaderContentEncoding, "gzip")
		out := bytes.NewBuffer(make([]byte, 0, len(b)/4))
		z.Reset(out)
		_, err := z.Write(b)
		if cerr := z.Close(); err == nil {
			err = cerr
		}
		gzipWriters.Put(z)
		return out.Bytes(), err
	}
	return b, nil
}

// longAnswer is the size from which an answer goes out piece by piece, in bytes.
const longAnswer = 64 << 10

// send answers with bytes that nobody changes until they are sent. A long answer counts as under way until it is sent.
func send(c *fiber.Ctx, b []byte) error {
	idle, ok := c.Locals(localIdle).(time.Duration)
	if len(b) < longAnswer || !ok {
		c.Response().SetBodyRaw(b)
		return nil
	}
	a := &outgoing{conn: c.Context().Conn(), patience: 2 * idle, done: lasting(c)}
	a.Reset(b)
	c.Context().SetBodyStream(a, len(b))
	return nil
}

// acceptable chooses zstd before gzip among what Accept-Encoding names with a weight that is not 0 (RFC 9110, 12.5.3).
func acceptable(header string) string {
	best := ""
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if q := strings.ReplaceAll(params, " ", ""); q == "q=0" || strings.HasPrefix(q, "q=0.") && strings.Trim(q[4:], "0") == "" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "zstd":
			return "zstd"
		case "gzip":
			best = "gzip"
		}
	}
	return best
}

// jsonFault points at what is wrong in a body.
func jsonFault(err error) error {
	var sem *json.SemanticError
	if errors.As(err, &sem) {
		return ErrJSON.At(string(sem.JSONPointer)).Because(err)
	}
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		return ErrJSON.At(string(syn.JSONPointer)).Because(err)
	}
	return ErrJSON.Because(err)
}

// bearer is the access token of a request (RFC 6750), "" if there is none.
func bearer(c *fiber.Ctx) string {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
