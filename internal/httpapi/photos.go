package httpapi

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"paicha/media"

	"github.com/gofiber/fiber/v2"
)

// photo serves a photo's original bytes to who may see it through its inspection (or hazard).
func (a *api) photo(c *fiber.Ctx) error { return a.original(c, c.Params("id"), c.Params("sha256")) }

func (a *api) original(c *fiber.Ctx, subject, sha256 string) error {
	h, arrived, err := a.opened(c, subject, sha256)
	if err != nil {
		return err
	}
	f, size, err := a.Photos.Original(c.UserContext(), h)
	if err != nil {
		return err
	}
	return serve(c, f, size, string(arrived.Photo.Type), h.String())
}

// picture serves its thumbnail or preview, made from it once and off the request path.
func (a *api) picture(c *fiber.Ctx) error {
	return a.scaled(c, c.Params("id"), c.Params("sha256"), media.SizeName(c.Params("size")))
}

func (a *api) scaled(c *fiber.Ctx, subject, sha256 string, size media.SizeName) error {
	if !size.Valid() {
		return ErrRoute
	}
	h, _, err := a.opened(c, subject, sha256)
	if err != nil {
		return err
	}
	f, n, err := a.Photos.Picture(c.UserContext(), h, size)
	if err != nil {
		if errors.Is(err, media.ErrNotReady) {
			c.Set(fiber.HeaderRetryAfter, "2")
		}
		return err
	}
	return serve(c, f, n, string(media.JPEG), h.String()+"-"+string(size))
}

// opened decides whether the person may see that photo of that record. A hash gives nobody a right: what does not
// parse, does not exist or may not be seen is answered alike.
func (a *api) opened(c *fiber.Ctx, subject, sha256 string) (media.SHA256, media.Arrived, error) {
	h, err := media.ParseSHA256(sha256)
	if err != nil || len(subject) > maxID {
		return h, media.Arrived{}, media.ErrNotFound
	}
	if a.Evidence == nil {
		return h, media.Arrived{}, ErrNotReady
	}
	arrived, err := a.Evidence.MayOpen(c.UserContext(), sessionOf(c), subject, h)
	return h, arrived, err
}

// serve streams an immutable file with its tag, whole or one range of it (RFC 9110, 14). It closes f.
func serve(c *fiber.Ctx, f io.ReadSeekCloser, size int64, mediaType, tag string) error {
	if mediaType == "" {
		mediaType = fiber.MIMEOctetStream
	}
	tag = `"` + tag + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	c.Vary(fiber.HeaderAuthorization)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	// Whatever it is, it is opened where it can do nothing, and under no name that a stranger chose.
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox; frame-ancestors 'none'")
	c.Set(fiber.HeaderContentDisposition, disposition(mediaType))
	if match := c.Get(fiber.HeaderIfNoneMatch); match == "*" || strings.Contains(match, tag) {
		return errors.Join(f.Close(), c.SendStatus(fiber.StatusNotModified))
	}
	first, n := int64(0), size
	asked := c.Get(fiber.HeaderRange)
	if ir := c.Get(fiber.HeaderIfRange); asked != "" && (ir == "" || ir == tag) {
		from, length, some, err := byteRange(asked, size)
		if err != nil {
			c.Set(fiber.HeaderContentRange, "bytes */"+strconv.FormatInt(size, 10))
			return errors.Join(err, f.Close())
		}
		if some {
			first, n = from, length
			c.Set(fiber.HeaderContentRange, "bytes "+strconv.FormatInt(first, 10)+"-"+strconv.FormatInt(first+n-1, 10)+
				"/"+strconv.FormatInt(size, 10))
			c.Status(fiber.StatusPartialContent)
		}
	}
	if _, err := f.Seek(first, io.SeekStart); err != nil {
		return errors.Join(media.ErrStorage.Because(err), f.Close())
	}
	c.Set(fiber.HeaderContentType, mediaType)
	c.Context().SetBodyStream(part{io.LimitReader(f, n), f}, int(n)) // fasthttp closes it when it is sent
	return nil
}

// disposition has a browser show what it only paints or plays. A PDF is a program of its own: it is saved, and opened by
// who means to.
func disposition(mediaType string) string {
	switch media.Type(mediaType) {
	case media.JPEG, media.PNG, media.WebP, media.HEIC, media.MP4:
		return "inline"
	}
	return "attachment"
}

// part reads a part of a file and closes the whole.
type part struct {
	io.Reader
	io.Closer
}

// byteRange reads a Range header. some is false for what RFC 9110 lets a server ignore: another unit, several ranges,
// and what is no range at all. ErrRange is for one that lies outside the file.
func byteRange(header string, size int64) (first, length int64, some bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false, nil
	}
	if from == "" { // the last bytes
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false, nil
		}
		if n = min(n, size); n == 0 {
			return 0, 0, false, ErrRange
		}
		return size - n, n, true, nil
	}
	first, err = strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 {
		return 0, 0, false, nil
	}
	last := size - 1
	if to != "" {
		if last, err = strconv.ParseInt(to, 10, 64); err != nil || last < first {
			return 0, 0, false, nil
		}
	}
	if first >= size {
		return 0, 0, false, ErrRange
	}
	return first, min(last, size-1) - first + 1, true, nil
}
