package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paicha/internal/fault"
	"paicha/media"

	"github.com/gofiber/fiber/v2"
)

// The headers of tus 1.0.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,checksum,expiration,termination"

	headerTusResumable   = "Tus-Resumable"
	headerUploadOffset   = "Upload-Offset"
	headerUploadLength   = "Upload-Length"
	headerUploadMetadata = "Upload-Metadata"
	headerUploadChecksum = "Upload-Checksum"
	headerUploadExpires  = "Upload-Expires"
	mediaTypeOffset      = "application/offset+octet-stream"
)

// uploadOptions tells what this server can do (tus 1.0, OPTIONS).
func (a *api) uploadOptions(c *fiber.Ctx) error {
	c.Set(headerTusResumable, tusVersion)
	c.Set("Tus-Version", tusVersion)
	c.Set("Tus-Extension", tusExtensions)
	c.Set("Tus-Max-Size", strconv.FormatInt(a.Uploads.Limits.Photo, 10))
	c.Set("Tus-Checksum-Algorithm", strings.Join(media.ChecksumAlgorithms(), ","))
	return c.SendStatus(fiber.StatusNoContent)
}

// uploadCreate begins an upload, and takes its first bytes if they come along (creation-with-upload).
func (a *api) uploadCreate(c *fiber.Ctx) error {
	if err := tus(c); err != nil {
		return err
	}
	length, err := count(c, headerUploadLength)
	if err != nil {
		return err
	}
	meta, err := media.ParseMetadata(c.Get(headerUploadMetadata))
	if err != nil {
		return err
	}
	s := sessionOf(c)
	u, err := a.Uploads.Create(c.UserContext(), media.NewUpload{
		Owner: string(s.User.ID), Device: string(s.Device), Length: length, Metadata: meta,
	})
	if err != nil {
		return err
	}
	if c.Get(fiber.HeaderContentType) == mediaTypeOffset && c.Request().Header.ContentLength() != 0 {
		// The upload exists whatever becomes of its first bytes: a failure of the line is told by the offset.
		after, err := a.appendChunk(c, u.ID, 0)
		switch {
		case err == nil:
			u = after
		case lineBroke(err):
			u.Offset = after.Offset
		default:
			return err
		}
	}
	c.Set(fiber.HeaderLocation, "/api/v1/uploads/"+string(u.ID))
	progress(c, u)
	return c.SendStatus(fiber.StatusCreated)
}

// uploadInfo tells where an upload stands.
func (a *api) uploadInfo(c *fiber.Ctx) error {
	if err := tus(c); err != nil {
		return err
	}
	id, err := uploadID(c)
	if err != nil {
		return err
	}
	u, err := a.Uploads.Info(c.UserContext(), id, string(sessionOf(c).User.ID))
	if err != nil {
		return err
	}
	if u.Done {
		if err := a.attach(c, u); err != nil {
			return err
		}
	}
	c.Set(headerUploadLength, strconv.FormatInt(u.Length, 10))
	progress(c, u)
	return c.SendStatus(fiber.StatusOK)
}

// uploadAppend takes a chunk. 204 means that every byte up to Upload-Offset is safe; of the last chunk, that the photo
// is verified, durable and entered in its evidence.
func (a *api) uploadAppend(c *fiber.Ctx) error {
	if err := tus(c); err != nil {
		return err
	}
	if c.Get(fiber.HeaderContentType) != mediaTypeOffset {
		return ErrMediaType.Saying("分块上传的内容类型应为 %s", mediaTypeOffset)
	}
	id, err := uploadID(c)
	if err != nil {
		return err
	}
	offset, err := count(c, headerUploadOffset)
	if err != nil {
		return err
	}
	u, err := a.appendChunk(c, id, offset)
	if err != nil {
		if u.ID != "" {
			progress(c, u)
		}
		return err
	}
	progress(c, u)
	return c.SendStatus(fiber.StatusNoContent)
}

// uploadTerminate forgets an upload; a photo that was received stays.
func (a *api) uploadTerminate(c *fiber.Ctx) error {
	if err := tus(c); err != nil {
		return err
	}
	id, err := uploadID(c)
	if err != nil {
		return err
	}
	if err := a.Uploads.Terminate(c.UserContext(), id, string(sessionOf(c).User.ID)); err != nil {
		return err
	}
	a.Metrics.Upload("terminated")
	return c.SendStatus(fiber.StatusNoContent)
}

// appendChunk streams the request body into the upload. What completes the photo is entered in its evidence before
// anything is answered.
func (a *api) appendChunk(c *fiber.Ctx, id media.UploadID, offset int64) (media.Upload, error) {
	if int64(c.Request().Header.ContentLength()) > a.Uploads.Limits.Chunk {
		return media.Upload{}, media.ErrChunkTooLarge
	}
	if e := c.Get(fiber.HeaderContentEncoding); e != "" && e != "identity" {
		return media.Upload{}, ErrEncoding.Saying("照片分块不能压缩后上传")
	}
	sum, err := media.ParseChecksum(c.Get(headerUploadChecksum))
	if err != nil {
		return media.Upload{}, err
	}
	body := newPatient(rawBody(c), c.Context().Conn(), a.Limits.Idle)
	u, err := a.Uploads.Append(c.UserContext(), id, string(sessionOf(c).User.ID), media.Chunk{
		Offset: offset, Checksum: sum, Body: body, Interrupt: body.interrupt,
	})
	if u.ID != "" && u.Offset > offset {
		a.Metrics.UploadBytes(u.Offset - offset)
	}
	if errors.Is(err, media.ErrUploadDone) && u.Done {
		return u, errors.Join(a.attach(c, u), err) // the answer before was lost: the evidence may be too
	}
	if err != nil {
		a.countRefusal(err)
		return u, lineFault(err)
	}
	if u.Done {
		if err := a.attach(c, u); err != nil {
			return u, err
		}
		a.Metrics.Upload("received")
	}
	return u, nil
}

// attach enters a complete photo in the evidence of the inspection that it was uploaded for, and asks for its pictures.
func (a *api) attach(c *fiber.Ctx, u media.Upload) error {
	if a.Evidence == nil {
		return ErrNotReady
	}
	r := u.Received
	if r.Photo.Type == "" { // completed by an earlier request: only the stored bytes can tell now
		f, size, err := a.Photos.Original(c.UserContext(), r.SHA256)
		if err != nil {
			return err
		}
		r.Photo, err = media.Look(f, size)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if err := a.Evidence.Attach(c.UserContext(), sessionOf(c), r); err != nil {
		return err
	}
	if a.Photos.Deriver != nil {
		// Neither a full queue nor a file of which no picture can be made is the upload's failure: whoever asks for the
		// picture is told.
		_ = a.Photos.Deriver.Enqueue(r.SHA256)
	}
	return nil
}

func (a *api) countRefusal(err error) {
	for _, f := range []error{media.ErrHashMismatch, media.ErrTypeUnsupported} {
		if errors.Is(err, f) {
			a.Metrics.Upload("refused")
			return
		}
	}
	if errors.Is(err, media.ErrStorage) {
		a.Metrics.Upload("failed")
	}
}

// lineFault names a failure of the connection; faults of the upload stay what they are.
func lineFault(err error) error {
	var own *fault.Error
	if errors.As(err, &own) {
		return err
	}
	return bodyFault(err)
}

func lineBroke(err error) bool {
	return errors.Is(err, ErrIncomplete) || errors.Is(err, ErrSlow) || errors.Is(err, media.ErrEvicted)
}

// tus checks the protocol's version and promises ours.
func tus(c *fiber.Ctx) error {
	c.Set(headerTusResumable, tusVersion)
	if c.Get(headerTusResumable) != tusVersion {
		c.Set("Tus-Version", tusVersion)
		return ErrTusVersion
	}
	return nil
}

// progress tells where the upload stands and until when it may go on.
func progress(c *fiber.Ctx, u media.Upload) {
	c.Set(headerUploadOffset, strconv.FormatInt(u.Offset, 10))
	if !u.Done && !u.Expires.IsZero() {
		c.Set(headerUploadExpires, u.Expires.UTC().Format(http.TimeFormat))
	}
}

// count reads a header that is a whole number of bytes.
func count(c *fiber.Ctx, name string) (int64, error) {
	s := c.Get(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' || s[0] == '-' {
		return 0, ErrTusHeader.Saying("缺少 %s，或者它不是一个字节数", name)
	}
	return n, nil
}

// uploadID reads the id; what is no id is answered as an upload that does not exist.
func uploadID(c *fiber.Ctx) (media.UploadID, error) {
	id, err := media.ParseUploadID(c.Params("id"))
	if err != nil {
		return "", media.ErrUploadNotFound
	}
	return id, nil
}
