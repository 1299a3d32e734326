package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"paicha/checklist"
	"paicha/internal/fault"
	"paicha/internal/telemetry"
	"paicha/media"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// Problem is what a refusal looks like (RFC 9457). Detail is Chinese and meant for the person; Code is for machines
// and listed in docs/errors.md. Instance is the request id, to be told to an administrator.
type Problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"`
	Code     string         `json:"code"`
	Errors   []ProblemField `json:"errors,omitempty"`
}

// ProblemField points at what is wrong: as a JSON pointer (RFC 6901) where JSON was sent, as sheet and cell or as path and
// line (Place) where a file was.
type ProblemField struct {
	Pointer string `json:"pointer,omitzero"`
	Place   string `json:"place,omitzero"`
	Code    string `json:"code,omitzero"`
	Detail  string `json:"detail"`
}

// mostErrors bounds how many things one refusal names.
const mostErrors = 200

// fieldsOf lists what a fault points at.
func fieldsOf(err error, f *fault.Error) []ProblemField {
	var many checklist.Problems
	if errors.As(err, &many) {
		var out []ProblemField
		for _, p := range many[:min(len(many), mostErrors)] {
			place := p.Path
			if p.Line > 0 {
				place = strings.TrimSpace(fmt.Sprintf("%s 第 %d 行", p.Path, p.Line))
			}
			out = append(out, ProblemField{Place: place, Code: p.Code, Detail: p.Message})
		}
		return out
	}
	if f.Field != "" {
		return []ProblemField{{Pointer: f.Field, Detail: f.Message}}
	}
	return nil
}

var kinds = map[fault.Kind]struct {
	status int
	title  string
}{
	fault.Internal:     {fiber.StatusInternalServerError, "系统内部错误"},
	fault.Invalid:      {fiber.StatusBadRequest, "请求不正确"},
	fault.Unauthorized: {fiber.StatusUnauthorized, "未登录"},
	fault.Forbidden:    {fiber.StatusForbidden, "没有权限"},
	fault.NotFound:     {fiber.StatusNotFound, "没有找到"},
	fault.Conflict:     {fiber.StatusConflict, "状态冲突"},
	fault.Gone:         {fiber.StatusGone, "已失效"},
	fault.TooLarge:     {fiber.StatusRequestEntityTooLarge, "内容过大"},
	fault.Unsupported:  {fiber.StatusUnsupportedMediaType, "不支持"},
	fault.TooMany:      {fiber.StatusTooManyRequests, "请求过多"},
	fault.Unavailable:  {fiber.StatusServiceUnavailable, "暂时不可用"},
}

// statuses are the faults for which HTTP or tus 1.0 has a more exact status than their kind.
var statuses = map[string]int{
	ErrMethod.Code:             fiber.StatusMethodNotAllowed,
	ErrHeaderLarge.Code:        fiber.StatusRequestHeaderFieldsTooLarge,
	ErrRange.Code:              fiber.StatusRequestedRangeNotSatisfiable,
	ErrTusVersion.Code:         fiber.StatusPreconditionFailed,
	media.ErrChecksum.Code:     460, // tus 1.0, checksum extension
	media.ErrNotReady.Code:     fiber.StatusNotFound,
	media.ErrHashMismatch.Code: 460, // the whole photo is the last chunk's checksum
}

// retryAfter is how many seconds a client waits by default, by status.
var retryAfter = map[int]string{
	fiber.StatusTooManyRequests:    "60",
	fiber.StatusServiceUnavailable: "5",
}

// faultOf finds what to tell: our own fault, or what Fiber and fasthttp say of a request that no handler saw.
func faultOf(err error) *fault.Error {
	var own *fault.Error
	if errors.As(err, &own) {
		return own
	}
	var theirs *fiber.Error
	if errors.As(err, &theirs) {
		switch theirs.Code {
		case fiber.StatusNotFound:
			return ErrRoute
		case fiber.StatusMethodNotAllowed:
			return ErrMethod
		case fiber.StatusRequestEntityTooLarge:
			return ErrBodyLarge
		case fiber.StatusRequestHeaderFieldsTooLarge:
			return ErrHeaderLarge
		case fiber.StatusUnsupportedMediaType:
			return ErrMediaType
		case fiber.StatusRequestTimeout, fiber.StatusBadGateway:
			return ErrSlow
		}
		if theirs.Code < fiber.StatusInternalServerError {
			return ErrRequest.Because(err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ErrCrowded.Because(err)
	}
	return fault.ErrInternal.Because(err)
}

// statusOf is the status of a fault.
func statusOf(f *fault.Error) int {
	if s, ok := statuses[f.Code]; ok {
		return s
	}
	return kinds[f.Kind].status
}

// problem answers a refusal. It is Fiber's ErrorHandler too, for what fails before any handler.
func (a *api) problem(c *fiber.Ctx, err error) error {
	f := faultOf(err)
	status := statusOf(f)
	id := requestID(c)
	if id == "" {
		id = a.NewID() // fasthttp refused the request before our middleware saw it
		c.Set(fiber.HeaderXRequestID, id)
		secure(c)
	}
	p := Problem{
		Type: "urn:paicha:problem:" + f.Code, Title: kinds[f.Kind].title, Status: status,
		Detail: f.Message, Instance: id, Code: f.Code,
	}
	if f.Kind == fault.Internal {
		p.Type, p.Code, p.Detail = "urn:paicha:problem:internal", fault.ErrInternal.Code, fault.ErrInternal.Message
	}
	p.Errors = fieldsOf(err, f)
	a.logFault(c, f, status)
	if status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="paicha"`)
	}
	if s := retryAfter[status]; s != "" && len(c.Response().Header.Peek(fiber.HeaderRetryAfter)) == 0 {
		c.Set(fiber.HeaderRetryAfter, s)
	}
	c.Response().ResetBody()
	c.Response().Header.Del(fiber.HeaderContentEncoding)
	c.Set(fiber.HeaderCacheControl, "no-store")
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json; charset=utf-8")
	return c.Status(status).Send(b)
}

// logFault writes what the person is not told. What is the client's own doing is in the access log already.
func (a *api) logFault(c *fiber.Ctx, f *fault.Error, status int) {
	if status < fiber.StatusInternalServerError {
		return
	}
	ctx := telemetry.WithRequestID(context.Background(), requestID(c))
	level := slog.LevelError
	if f.Kind == fault.Unavailable {
		level = slog.LevelWarn
	}
	a.Log.Log(ctx, level, "request failed", "code", f.Code, "error", f)
}
